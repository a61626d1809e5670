/** Requests handled once: by UDP and TCP at the same time, repeated, and over restarts of the server. */

import assert from 'node:assert/strict';
import type { App } from '../../../src/app/app.ts';
import { Identity } from '../../../src/keys/identity.ts';
import { RequestClient, RequestServer } from '../../../src/request/index.ts';
import type { Host } from '../../../src/testing/index.ts';
import { attempt, type Hosts, nowAndThen, type Part } from './part.ts';

const FAILURES = ['timeout', 'unreachable', 'outcome_unknown', 'unavailable', 'too_early', 'caller_gone'];

export class Requests implements Part {
  readonly #hosts: Hosts;
  readonly #app: App;
  readonly #identity: Identity;
  readonly #runs = new Map<string, number>();
  #client: RequestClient | null = null;

  constructor(hosts: Hosts, app: App) {
    this.#hosts = hosts;
    this.#identity = hosts.home.run(() => Identity.generate());
    this.#app = app.on(
      '/buy/:id',
      async ({ params: { id } }) => {
        this.#runs.set(id, (this.#runs.get(id) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, 5)); // the host may stop here
        return `bought ${id}`;
      },
      { once: true },
    );
  }

  async boot(host: Host): Promise<void> {
    const { home, desk } = this.#hosts;
    if (host === home) {
      const listen = ['udp://home:7878', 'tcp://home:7878'];
      const onceWindow = { store: 'sqlite:/once.db' } as const;
      await home.start(() =>
        RequestServer.start(this.#app, { identity: this.#identity, listen, onceWindow }),
      );
    }
    if (host === desk) {
      const serverKey = this.#identity.publicKey;
      const urls = ['udp://home:7878', 'tcp://home:7878'];
      this.#client = await desk.start(() => RequestClient.connect(urls, { serverKey, retries: 8 }));
    }
  }

  async act(): Promise<void> {
    await nowAndThen(this.#hosts, 2, 2500, async (index) => {
      const answer = await attempt(FAILURES, async () => this.#buy(String(index)));
      if (answer) this.#assertBought(String(index), answer.value);
    });
  }

  async check(): Promise<void> {
    this.#assertBought('calm', await this.#buy('calm'));
    for (const [id, runs] of this.#runs) assert.equal(runs, 1, `/buy/${id} was handled ${runs} times`);
  }

  async #buy(id: string): Promise<unknown> {
    return this.#client?.request(`/buy/${id}`, null, { once: true, timeout: 10_000 });
  }

  #assertBought(id: string, answer: unknown): void {
    assert.equal(answer, `bought ${id}`);
    assert.equal(this.#runs.get(id), 1, `/buy/${id} was answered`);
  }
}
