/** Answers from a file that is written while it is asked: never a torn row, never an old one. */

import assert from 'node:assert/strict';
import { Identity } from '../../../src/keys/identity.ts';
import { LookupClient, LookupServer } from '../../../src/lookup/index.ts';
import type { Host } from '../../../src/testing/index.ts';
import { attempt, type Hosts, nowAndThen, type Part } from './part.ts';

const PATH = '/data/stock.csv';
const FAILURES = ['timeout', 'unreachable'];
/** A change is seen at the latest after so long, ms: looks at a file that was unfinished are 50 ms apart. */
const SEEN_AFTER = 150;
/** Above it versions have digits enough that a torn one is another number. */
const FIRST = 1000;

export class Lookups implements Part {
  readonly #hosts: Hosts;
  readonly #identity: Identity;
  /** When each version was whole on the disk, in their order. */
  readonly #wholeAt: number[] = [];
  #isWhole = true;
  #client: LookupClient | null = null;

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
    this.#identity = hosts.home.run(() => Identity.generate());
    hosts.home.files.write(PATH, this.#newVersion());
  }

  async boot(host: Host): Promise<void> {
    const { home, phone, world } = this.#hosts;
    if (host === home) {
      await world.runUntil(() => this.#isWhole); // a server that starts on half a file has nothing to compare it with
      const options = { host: 'home', identity: this.#identity, files: { [PATH]: 'name' } };
      await home.start(() => LookupServer.start(options));
    }
    if (host === phone) {
      const options = { host: 'home', serverKey: this.#identity.publicKey };
      this.#client = await phone.start(() => LookupClient.connect(options));
    }
  }

  async act(): Promise<void> {
    await Promise.all([
      nowAndThen(this.#hosts, 3, 2000, () => this.#write()),
      nowAndThen(this.#hosts, 3, 2000, () => this.#ask()),
    ]);
  }

  async check(): Promise<void> {
    await this.#hosts.world.advance(SEEN_AFTER);
    const answer = await this.#client?.query('tea');
    assert.deepEqual(answer, { name: 'tea', count: String(FIRST + this.#wholeAt.length - 1) });
  }

  async #ask(): Promise<void> {
    const { world } = this.#hosts;
    const least = this.#wholeAt.filter((at) => at <= world.now - SEEN_AFTER).length - 1;
    const answer = await attempt(FAILURES, async () => this.#client?.query('tea', { timeout: 3000 }));
    if (!answer) return;
    const { count } = answer.value as { count: string };
    const version = Number(count) - FIRST;
    const isRight = version >= Math.max(0, least) && version < this.#wholeAt.length;
    assert.ok(
      isRight,
      `the answer is ${count}: there are ${this.#wholeAt.length} versions, ${least} was long there`,
    );
  }

  async #write(): Promise<void> {
    const { world, home } = this.#hosts;
    const [tearing, pause] = [world.random.chance(0.5), world.random.between(0, 400)];
    const content = `name,count\nmilk,1\ntea,${FIRST + this.#wholeAt.length}\n`;
    if (!tearing) {
      home.files.replace(PATH, this.#newVersion());
      return;
    }
    // What was whole for a moment alone need never have been seen.
    const seenAt = (this.#wholeAt.at(-1) ?? 0) + SEEN_AFTER;
    await world.advance(Math.max(0, seenAt - world.now));
    this.#isWhole = false;
    home.files.write(PATH, content.slice(0, -2)); // in the middle of the number
    await world.advance(pause);
    home.files.write(PATH, this.#newVersion());
    this.#isWhole = true;
  }

  #newVersion(): string {
    const content = `name,count\nmilk,1\ntea,${FIRST + this.#wholeAt.length}\n`;
    this.#wholeAt.push(this.#hosts.world.now);
    return content;
  }
}
