/** Peers that find each other again, and messages that are kept for who is away. */

import assert from 'node:assert/strict';
import { createApp } from '../../../src/app/app.ts';
import { Identity } from '../../../src/keys/identity.ts';
import { PeerNode } from '../../../src/peers/index.ts';
import type { Host } from '../../../src/testing/index.ts';
import { assertIncreasing, attempt, type Hosts, nowAndThen, type Part } from './part.ts';

const ANNOUNCE_EVERY = 10_000;
/** A question and its answer, after the announcement. */
const GRACE = 5000;
const KEPT_FOR = 3_600_000;
const FAILURES = ['peer_unknown', 'unreachable', 'timeout', 'refused'];

export class Neighbours implements Part {
  readonly #hosts: Hosts;
  readonly #nodes = new Map<Host, PeerNode>();
  readonly #identities: ReadonlyMap<Host, Identity>;
  /** By who was told, what was taken to be delivered, and what was handled. */
  readonly #sent: number[] = [];
  readonly #handled: number[] = [];

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
    const both = [hosts.desk, hosts.phone];
    this.#identities = new Map(both.map((host) => [host, host.run(() => Identity.generate())]));
  }

  async boot(host: Host): Promise<void> {
    const identity = this.#identities.get(host);
    if (!identity) return;
    const app = createApp().on('/note', ({ body }) => void this.#handled.push(Number(body)));
    const files = { pinFile: '/pins.json', outboxFile: '/outbox.db' };
    const times = { ttl: 4 * ANNOUNCE_EVERY, announceEvery: ANNOUNCE_EVERY };
    const options = { identity, user: host.name, ...files, ...times };
    this.#nodes.set(host, await host.start(() => PeerNode.start(app, options)));
  }

  async act(): Promise<void> {
    const { desk } = this.#hosts;
    await nowAndThen(this.#hosts, 2, 2000, async (index) => {
      const telling = async (): Promise<unknown> =>
        this.#nodes.get(desk)?.tell('phone', '/note', index, { keep: KEPT_FOR });
      if (await attempt(FAILURES, telling)) this.#sent.push(index);
    });
  }

  async check(): Promise<void> {
    const { world, desk } = this.#hosts;
    const within = ANNOUNCE_EVERY + GRACE;
    await world.runUntil(() => this.#haveFoundEachOther(), {
      within,
      what: 'the peers have found each other',
    });
    await world.runUntil(() => this.#sent.every((each) => this.#handled.includes(each)), {
      within: 120_000,
      what: 'what was kept is delivered',
    });
    assertIncreasing(this.#handled, 'messages come in order, and once');
    await this.#nodes.get(desk)?.tell('phone', '/note', Number.MAX_SAFE_INTEGER);
    assert.equal(this.#handled.at(-1), Number.MAX_SAFE_INTEGER);
  }

  #haveFoundEachOther(): boolean {
    return [...this.#nodes.values()].every((node) => {
      const verified = node.peers.filter((peer) => peer.kind === 'sealed' && peer.isVerified);
      return verified.length === this.#nodes.size - 1;
    });
  }
}
