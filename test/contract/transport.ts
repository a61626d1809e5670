/** What every road must do, whatever it is made of; what it cannot is said by its abilities. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LIMITS } from '../../src/sealed/options.ts';
import { connect } from '../../src/transport/connect.ts';
import { listenAll } from '../../src/transport/listen.ts';
import type { MemoryHub } from '../../src/transport/memory.ts';
import type { Arrival, Link, Listener, ListenLimits } from '../../src/transport/transport.ts';

export interface Abilities {
  /** A URL to listen on, with a port of 0. */
  readonly url: string;
  readonly hub?: MemoryHub;
  /** The longest packet it takes under {@link SMALL}. */
  readonly longest: number;
  /** Whether a server learns that a client is gone. */
  readonly tellsGone: boolean;
  /** Whether the other end's address is proven. */
  readonly proven: boolean;
  /** Whether a send on a closed port fails. */
  readonly tellsUnreachable: boolean;
  /** Where each test is to run. Default here. */
  readonly play?: (body: () => Promise<void>) => Promise<unknown>;
}

const SMALL: ListenLimits = {
  ...LIMITS,
  maxPacket: 5000,
  maxDatagram: 1232,
  packetTimeout: 200,
  idleTimeout: 400,
};
const NEVER = new AbortController().signal;

/** A server and a client of it; all is closed when the test ends. */
class Road implements AsyncDisposable {
  readonly drops: string[] = [];
  readonly replies: Uint8Array[] = [];
  onArrival: (arrival: Arrival) => Promise<void> = async (arrival) => arrival.reply(arrival.packet);
  onReply: () => void = () => {};
  onCut: () => void = () => {};
  listeners: Listener[] = [];
  readonly #links: Link[] = [];
  readonly #abilities: Abilities;

  constructor(abilities: Abilities) {
    this.#abilities = abilities;
  }

  get address(): string {
    return this.listeners[0]?.address ?? assert.fail('not listening');
  }

  async listen(url: string = this.#abilities.url, limits: Partial<ListenLimits> = {}): Promise<void> {
    const { hub } = this.#abilities;
    this.listeners = await listenAll([url], {
      limits: { ...SMALL, ...limits },
      reusePort: false,
      onArrival: (arrival) => this.onArrival(arrival),
      onDrop: (reason) => this.drops.push(reason),
      ...(hub === undefined ? {} : { hub }),
    });
  }

  link(url: string = this.address): Link {
    const { hub } = this.#abilities;
    const link = connect(
      url,
      {
        onPacket: (packet) => {
          this.replies.push(packet);
          this.onReply();
        },
        onCut: () => this.onCut(),
      },
      { timeout: 2000, maxDatagram: 1232, maxPacket: 5000, ...(hub === undefined ? {} : { hub }) },
    );
    this.#links.push(link);
    return link;
  }

  /** Resolves once `count` replies are there. */
  async received(count: number): Promise<void> {
    while (this.replies.length < count) {
      await new Promise<void>((resolve) => {
        this.onReply = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
    await Promise.all(this.listeners.map((listener) => listener.close()));
  }
}

export function transportContract(abilities: Abilities): void {
  async function road(limits: Partial<ListenLimits> = {}): Promise<Road> {
    const made = new Road(abilities);
    await made.listen(abilities.url, limits);
    return made;
  }

  function check(name: string, body: () => Promise<void>): void {
    test(name, async () => void (await (abilities.play ? abilities.play(body) : body())));
  }

  describe(`the road ${abilities.url}`, () => {
    check('carries a packet there and back, and says where from', async () => {
      await using way = await road();
      const seen = Promise.withResolvers<Arrival>();
      way.onArrival = async (arrival) => {
        seen.resolve(arrival);
        arrival.reply(arrival.packet.toReversed());
      };
      await way.link().send(Uint8Array.of(1, 2, 3), NEVER);
      await way.received(1);
      assert.deepEqual(new Uint8Array(way.replies[0] ?? []), Uint8Array.of(3, 2, 1));
      const arrival = await seen.promise;
      assert.equal(arrival.addressProven, abilities.proven);
      assert.equal(arrival.transport, new URL(abilities.url).protocol.slice(0, -1));
      assert.equal(arrival.maxReply, abilities.longest);
      assert.ok(arrival.remote.length > 0 && arrival.host.length > 0);
    });

    check('carries many at once, answered in any order', async () => {
      await using way = await road();
      const held: Arrival[] = [];
      const answered = Promise.withResolvers<void>();
      way.onArrival = (arrival) => {
        held.push(arrival);
        if (held.length === 20) {
          for (const each of held.toReversed()) each.reply(each.packet);
          answered.resolve();
        }
        return answered.promise;
      };
      const link = way.link();
      const sends = Array.from({ length: 20 }, (_, index) => link.send(Uint8Array.of(index), NEVER));
      await Promise.all([way.received(20), ...sends]);
      assert.deepEqual(
        way.replies.map((reply) => reply[0]).sort((a = 0, b = 0) => a - b),
        Array.from({ length: 20 }, (_, i) => i),
      );
    });

    check('carries the longest packet, both ways', async () => {
      await using way = await road();
      const packet = new Uint8Array(abilities.longest).map((_, index) => index);
      await way.link().send(packet, NEVER);
      await way.received(1);
      assert.deepEqual(new Uint8Array(way.replies[0] ?? []), packet);
    });

    check('does without an answer, and without a word where a packet is no good', async () => {
      await using way = await road();
      way.onArrival = async (arrival) => {
        if (arrival.packet[0] === 1) arrival.done();
        else if (arrival.packet[0] === 2) arrival.refuse();
        else arrival.reply(arrival.packet);
      };
      const link = way.link();
      await link.send(Uint8Array.of(1), NEVER);
      await link
        .send(Uint8Array.of(2), NEVER)
        .catch((error: { code: string }) => assert.equal(error.code, 'refused'));
      await link.send(Uint8Array.of(3), NEVER);
      await way.received(1);
      assert.deepEqual(
        way.replies.map((reply) => reply[0]),
        [3],
      );
    });

    check('finds the server again after it restarted', async () => {
      await using way = await road();
      const link = way.link();
      await link.send(Uint8Array.of(1), NEVER);
      await way.received(1);
      const { address } = way;
      const cut = new Promise<void>((resolve) => {
        way.onCut = resolve;
      });
      await Promise.all(way.listeners.map((listener) => listener.close()));
      if (link.transport === 'tcp' || link.transport === 'ws') await cut;
      await way.listen(address);
      await link.send(Uint8Array.of(2), NEVER);
      await way.received(2);
      assert.equal(way.address, address);
    });

    check('stops taking packets, and still answers those it has', async () => {
      await using way = await road();
      const taken = Promise.withResolvers<Arrival>();
      way.onArrival = async (arrival) => {
        taken.resolve(arrival);
        await new Promise(() => {});
      };
      const link = way.link();
      void link.send(Uint8Array.of(1), NEVER);
      const arrival = await taken.promise;
      await Promise.all(way.listeners.map((listener) => listener.stop()));
      arrival.reply(Uint8Array.of(9));
      await way.received(1);
      assert.equal(way.replies[0]?.[0], 9);
    });

    if (abilities.tellsGone) {
      check('tells the server when the client is gone', async () => {
        await using way = await road();
        const gone = Promise.withResolvers<void>();
        const taken = Promise.withResolvers<void>();
        way.onArrival = (arrival) => {
          arrival.signal.addEventListener('abort', () => gone.resolve());
          taken.resolve();
          return gone.promise;
        };
        const link = way.link();
        link.send(Uint8Array.of(1), NEVER).catch(() => {});
        await taken.promise;
        await link.close();
        await gone.promise;
      });
    }

    if (abilities.tellsUnreachable) {
      check('says that nothing listens there', async () => {
        await using way = await road();
        const { address } = way;
        await Promise.all(way.listeners.map((listener) => listener.close()));
        const link = way.link(address);
        await assert.rejects(link.send(Uint8Array.of(1), NEVER), {
          code: 'unreachable',
          message: /cannot be reached/,
        });
        assert.match(link.lastError ?? '', /ECONNREFUSED|cannot be reached/);
      });
    }

    check('is not shared with another server', async () => {
      await using way = await road();
      await using second = new Road(abilities);
      await assert.rejects(second.listen(way.address), { code: 'address_in_use', message: /another/ });
    });
  });
}
