/** Pushes over a session that is cut, goes on, and is lost with its server. */

import assert from 'node:assert/strict';
import type { App } from '../../../src/app/app.ts';
import { SessionClient, SessionServer } from '../../../src/session/index.ts';
import type { Host } from '../../../src/testing/index.ts';
import { assertIncreasing, attempt, type Hosts, nowAndThen, type Part } from './part.ts';

const SECRET = new Uint8Array(32).fill(5);

interface Push {
  readonly session: string;
  readonly number: number;
}

export class Sessions implements Part {
  readonly #hosts: Hosts;
  readonly #app: App;
  readonly #url: string;
  readonly #pushed: Push[] = [];
  readonly #received: Push[] = [];
  /** So many as were announced; infinitely many where a session was lost. */
  #gaps = 0;
  #server: SessionServer | null = null;
  #client: SessionClient | null = null;

  constructor(hosts: Hosts, app: App) {
    this.#hosts = hosts;
    this.#app = app;
    this.#url = `${hosts.world.random.pick(['ws', 'http'])}://home:7880`;
  }

  async boot(host: Host): Promise<void> {
    const { home, phone } = this.#hosts;
    if (host === home) {
      const options = { listen: this.#url, secret: SECRET, resumeWithin: 20_000 };
      this.#server = await home.start(() => SessionServer.start(this.#app, options));
    }
    if (host === phone) {
      this.#client = await phone.start(() =>
        SessionClient.connect(this.#url, { secret: SECRET, timeout: 20_000 }),
      );
      this.#client.on('/news', ({ body }) => void this.#received.push(body as Push));
      this.#client.on('gap', ({ missed }) => {
        this.#gaps += missed ?? Number.POSITIVE_INFINITY;
      });
    }
  }

  async act(): Promise<void> {
    await nowAndThen(this.#hosts, 6, 1200, async (number) => this.#push(number));
  }

  async check(): Promise<void> {
    // A session that was lost with its server says so to the first who asks.
    const first = await attempt(['unreachable'], () => this.#echo());
    if (!first) assert.equal(await this.#echo(), 'calm');
    this.#push(Number.MAX_SAFE_INTEGER);
    const isOver = (): boolean => this.#received.at(-1)?.number === Number.MAX_SAFE_INTEGER;
    await this.#hosts.world.runUntil(isOver, { what: 'the last push has come' });
    for (const session of new Set(this.#received.map((push) => push.session))) {
      assertIncreasing(numbersOf(session, this.#received), 'pushes come in order, and once');
    }
    const missing = this.#pushed.length - this.#received.length;
    assert.ok(missing <= this.#gaps, `${missing} pushes are missing, ${this.#gaps} were announced`);
  }

  async #echo(): Promise<unknown> {
    return this.#client?.request('/echo', 'calm');
  }

  #push(number: number): void {
    if (!this.#hosts.home.isRunning) return;
    for (const session of this.#server?.sessions ?? []) {
      const push = { session: session.id, number };
      this.#pushed.push(push);
      this.#hosts.home.run(() => session.push('/news', push));
    }
  }
}

function numbersOf(session: string, pushes: readonly Push[]): number[] {
  return pushes.filter((push) => push.session === session).map(({ number }) => number);
}
