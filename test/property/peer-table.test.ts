/** The table of peers under anything that strangers and time can do, against a model that knows who is who. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PublicKey } from '../../src/keys/public-key.ts';
import type { Announcement } from '../../src/peers/announcement.ts';
import { type Peer, type PeerId, parsePeerId, peerIdOf, placeKey } from '../../src/peers/peer.ts';
import type { Heard, PeerEvent, Probe } from '../../src/peers/peer-event.ts';
import { PeerTable } from '../../src/peers/peer-table.ts';
import { Pins } from '../../src/peers/pins.ts';

const TTL = 1000;
const LIMITS = { peers: 6, strangers: 4, strangersOfHost: 2, candidates: 2 };
const KEYS = Array.from({ length: 9 }, (_, number) => PublicKey.from(new Uint8Array(32).fill(number + 1)));
const MAX_VERIFIED_PLACES = 8;

const key = fc.nat({ max: KEYS.length - 1 });
const host = fc.integer({ min: 1, max: 6 }).map((number) => `10.0.0.${number}`);
const name = fc.constantFrom('ann', 'bob');
const frame = fc.record({
  key,
  /** Whose id it shows. */
  claims: fc.option(key, { nil: null, freq: 5 }),
  user: name,
  host,
  tcpport: fc.constantFrom(1, 2),
  session: fc.constantFrom('before', 'after'),
  seq: fc.nat({ max: 30 }),
  bye: fc.boolean(),
  stripped: fc.boolean(),
});

const step = fc.oneof(
  { weight: 10, arbitrary: frame.map((value) => ({ type: 'frame', ...value }) as const) },
  {
    weight: 5,
    arbitrary: fc
      .record({
        key,
        user: name,
        host,
        session: fc.constantFrom('before', 'after'),
        seq: fc.nat({ max: 30 }),
      })
      .map((value) => ({ type: 'proof', ...value }) as const),
  },
  { weight: 3, arbitrary: fc.nat({ max: TTL }).map((ms) => ({ type: 'time', ms }) as const) },
  { weight: 1, arbitrary: fc.record({ key, host }).map((value) => ({ type: 'silence', ...value }) as const) },
  { weight: 1, arbitrary: key.map((number) => ({ type: 'trust', key: number }) as const) },
  { weight: 1, arbitrary: key.map((number) => ({ type: 'block', key: number }) as const) },
  { weight: 1, arbitrary: key.map((number) => ({ type: 'unblock', key: number }) as const) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function keyOf(number: number): PublicKey {
  const found = KEYS[number];
  assert.ok(found);
  return found;
}

/** What a step may do is judged by what was listed before it, and by what was ever proved. */
class Model {
  now = 1_795_000_000_000;
  readonly pins: Pins = Pins.memory({ now: () => this.now });
  readonly table: PeerTable = new PeerTable({
    pins: this.pins,
    ttl: TTL,
    probeInterval: 10,
    legacy: true,
    limits: LIMITS,
    now: () => this.now,
  });
  /** Every place that a key has proved to be at. */
  readonly proved = new Map<PeerId, Set<string>>();
  /** From where each was heard first. */
  readonly sources = new Map<string, string>();
  /** By the events alone. */
  readonly listed = new Map<string, Peer>();

  run(action: Step): void {
    const before = new Map(this.table.list().map((peer) => [listKey(peer), peer]));
    const events = this.#do(action);
    for (const event of events) this.#follow(event);
    this.#checkBounds();
    this.#checkPlaces();
    this.#checkLosses(action, events);
    this.#checkChanges(action, before);
    assert.deepEqual(
      new Set(this.table.list().map(listKey)),
      new Set(this.listed.keys()),
      'join and leave tell who is listed',
    );
  }

  #do(action: Step): readonly PeerEvent[] {
    switch (action.type) {
      case 'frame':
        return this.#hear(action);
      case 'proof':
        return this.#prove(action);
      case 'time':
        this.now += action.ms;
        this.#checkProbes(this.table.quiet());
        return this.table.expire();
      case 'silence':
        this.table.unanswered(peerIdOf(keyOf(action.key)), { host: action.host, udpPort: 1, tcpPort: 1 });
        return [];
      case 'trust':
        this.pins.trust({ publicKey: keyOf(action.key), user: 'ann', hostname: 'desk' });
        return [];
      case 'block':
        this.pins.block(peerIdOf(keyOf(action.key)));
        return this.table.expire();
      case 'unblock':
        if (this.pins.get(peerIdOf(keyOf(action.key)))) this.pins.unblock(peerIdOf(keyOf(action.key)));
        return [];
    }
  }

  #hear(action: Extract<Step, { type: 'frame' }>): readonly PeerEvent[] {
    const { user, tcpport, session, seq, bye, host: from, stripped } = action;
    const shown = keyOf(action.key);
    const id = peerIdOf(keyOf(action.claims ?? action.key));
    const ours = stripped ? {} : { id, x25519: Buffer.from(shown.bytes).toString('hex'), v: 2, seq, bye };
    const fields: Announcement = { user, hostname: 'desk', udpport: 1, tcpport, session, ...ours };
    const heard = this.table.heard({ fields, from: { host: from }, road: 'multicast' });
    this.#checkHeard(action, heard);
    return heard.events;
  }

  #prove(action: Extract<Step, { type: 'proof' }>): readonly PeerEvent[] {
    const { user, host: from, session, seq } = action;
    const publicKey = keyOf(action.key);
    const place = { host: from, udpPort: 1, tcpPort: 1 };
    const places = this.proved.get(peerIdOf(publicKey)) ?? new Set();
    this.proved.set(peerIdOf(publicKey), places.add(placeKey(place)));
    return this.table.verified(publicKey, { place, user, hostname: 'desk', numbered: { session, seq } });
  }

  #follow(event: PeerEvent): void {
    if (event.type === 'join') {
      assert.ok(!this.listed.has(listKey(event.peer)));
      this.listed.set(listKey(event.peer), event.peer);
      this.sources.set(listKey(event.peer), event.peer.addresses[0]?.host ?? '');
    }
    if (event.type === 'leave') assert.ok(this.listed.delete(listKey(event.peer)));
    if (event.type === 'key-changed') assert.notEqual(event.pinnedId, event.peer.id);
  }

  #checkHeard(action: Extract<Step, { type: 'frame' }>, { dropped, probe, events }: Heard): void {
    const isForged = !action.stripped && action.claims !== null && action.claims !== action.key;
    assert.equal(dropped === 'forged-id', isForged);
    if (isForged || action.stripped) assert.equal(probe, null);
    if (isForged) assert.deepEqual(events, []);
    this.#checkProbes(probe ? [probe] : []);
    assert.ok(events.every(({ type }) => type !== 'verified' && type !== 'address-changed'));
  }

  #checkProbes(probes: readonly Probe[]): void {
    for (const { id, publicKey } of probes) {
      assert.equal(id, peerIdOf(publicKey));
      assert.notEqual(this.pins.get(id)?.isBlocked, true);
    }
  }

  #checkBounds(): void {
    const peers = this.table.list();
    const strangers = peers.filter((peer) => peer.kind === 'plain' || !peer.isVerified);
    assert.ok(peers.length <= LIMITS.peers && strangers.length <= LIMITS.strangers);
    for (const source of this.sources.values()) {
      const ofHost = strangers.filter((peer) => this.sources.get(listKey(peer)) === source);
      assert.ok(ofHost.length <= LIMITS.strangersOfHost);
    }
    for (const peer of peers) {
      const verified = peer.addresses.filter(({ isVerified }) => isVerified).length;
      assert.ok(peer.kind === 'plain' || peer.addresses.length - verified <= LIMITS.candidates);
      assert.ok(verified <= MAX_VERIFIED_PLACES);
    }
  }

  /** No place is believed that was not proved, no two peers are believed at one, and an id is the hash of its key. */
  #checkPlaces(): void {
    const taken = new Set<string>();
    for (const peer of this.table.list()) {
      for (const address of peer.addresses.filter(({ isVerified }) => isVerified)) {
        assert.ok(peer.kind === 'sealed' && this.proved.get(peer.id)?.has(placeKey(address)));
        assert.ok(!taken.has(placeKey(address)));
        taken.add(placeKey(address));
      }
      if (peer.kind === 'plain') continue;
      assert.equal(peer.id, peerIdOf(PublicKey.from(peer.publicKey.bytes)));
      assert.equal(parsePeerId(peer.id), peer.id);
      if (peer.isVerified) assert.ok(this.proved.has(peer.id));
    }
  }

  /** A verified peer is lost to time, a block or its own bye, and to room only for one that is trusted. */
  #checkLosses(action: Step, events: readonly PeerEvent[]): void {
    for (const event of events) {
      if (event.type !== 'leave' || event.peer.kind === 'plain' || !event.peer.isVerified) continue;
      const { id, isTrusted } = event.peer;
      if (event.reason === 'evicted') {
        assert.ok(action.type === 'proof' && !isTrusted);
        assert.ok(this.pins.get(peerIdOf(keyOf(action.key)))?.isTrusted);
      } else if (event.reason === 'bye') {
        assert.ok(
          action.type === 'frame' && action.bye && !action.stripped && id === peerIdOf(keyOf(action.key)),
        );
        assert.ok(this.proved.get(id)?.has(`${action.host}|${action.tcpport}`));
      } else assert.ok(event.reason === 'silent' || event.reason === 'blocked');
    }
  }

  /** A frame changes of a verified peer no name and no verified place, and keeps it only from such a place. */
  #checkChanges(action: Step, before: ReadonlyMap<string, Peer>): void {
    if (action.type !== 'frame') return;
    for (const peer of this.table.list()) {
      const former = before.get(listKey(peer));
      if (peer.kind === 'plain' || former?.kind !== 'sealed' || !former.isVerified) continue;
      const places = (each: Peer): string[] =>
        each.addresses
          .filter(({ isVerified }) => isVerified)
          .map(placeKey)
          .sort();
      assert.deepEqual([peer.user, peer.hostname, peer.isVerified], [former.user, former.hostname, true]);
      assert.deepEqual(places(peer), places(former));
      if (peer.lastHeard === former.lastHeard) continue;
      assert.equal(peer.id, peerIdOf(keyOf(action.key)));
      assert.ok(places(former).includes(`${action.host}|${action.tcpport}`));
    }
  }
}

function listKey(peer: Peer): string {
  const [address] = peer.addresses;
  return peer.kind === 'sealed' || !address
    ? JSON.stringify(peer.kind === 'sealed' && peer.id)
    : placeKey(address);
}

test('whatever comes: bounds hold, strangers push out nobody verified, and nothing is believed that was not proved', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const model = new Model();
      for (const action of steps) model.run(action);
    }),
    { numRuns: 2000 },
  );
});

test('a frame that was heard once never keeps its peer again', () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 40 }), fc.boolean(), (frames, isProved) => {
      const model = new Model();
      const sealed = frames.map(
        (each) => ({ type: 'frame', ...each, claims: null, stripped: false }) as const,
      );
      const latest = new Map<string, number>();
      for (const each of sealed) {
        model.run(each);
        const { user, host: at, session } = each;
        const seq = Math.max(each.seq, latest.get(`${each.key} ${session}`) ?? 0);
        latest.set(`${each.key} ${session}`, seq);
        if (isProved) model.run({ type: 'proof', key: each.key, user, host: at, session, seq });
      }
      const before = new Map(model.table.list().map((peer) => [listKey(peer), peer.lastHeard]));
      model.now += 1;
      for (const each of sealed) {
        model.run(each);
        const id = peerIdOf(keyOf(each.key));
        const peer = model.table.get(id);
        if (peer && before.has(JSON.stringify(id)))
          assert.equal(peer.lastHeard, before.get(JSON.stringify(id)));
      }
    }),
    { numRuns: 1000 },
  );
});
