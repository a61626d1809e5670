/** The table of peers: what is believed, what only hints, what a flood can do. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PublicKey } from '../../src/keys/public-key.ts';
import type { Announcement } from '../../src/peers/announcement.ts';
import {
  type Peer,
  type PeerId,
  type Place,
  peerIdOf,
  placeIn,
  type SealedPeer,
} from '../../src/peers/peer.ts';
import type { Heard, PeerEvent } from '../../src/peers/peer-event.ts';
import { PeerTable, type PeerTableOptions } from '../../src/peers/peer-table.ts';
import { Pins } from '../../src/peers/pins.ts';
import { Seen } from '../../src/peers/seen.ts';
import { findKnown } from '../../src/peers/table/finder.ts';

const START = 1_795_000_000_000;
const TTL = 240_000;

/** A key, and what its owner says of itself. */
interface Someone {
  readonly key: PublicKey;
  readonly id: PeerId;
  readonly user: string;
  readonly hostname: string;
  readonly host: string;
  readonly session: string;
  seq: number;
}

function someone(number: number, about: Partial<Someone> = {}): Someone {
  const bytes = new Uint8Array(32).fill(7);
  new DataView(bytes.buffer).setUint32(0, number);
  const key = PublicKey.from(bytes);
  const name = { user: `user${number}`, hostname: 'host', host: `10.0.${number >> 8}.${number & 255}` };
  return { key, id: peerIdOf(key), ...name, session: `session ${number}`, seq: 0, ...about };
}

function place(who: Pick<Someone, 'host'>): Place {
  return { host: who.host, udpPort: 57000, tcpPort: 57001 };
}

function header(who: Someone, more: Partial<Announcement> = {}): Announcement {
  const { user, hostname, session, id, key } = who;
  who.seq += 1;
  const ports = { udpport: 57000, tcpport: 57001 };
  return { user, hostname, ...ports, session, seq: who.seq, v: 2, id, x25519: hexOf(key), ...more };
}

function hexOf(key: PublicKey): string {
  return Buffer.from(key.bytes).toString('hex');
}

class World {
  now = START;
  readonly pins: Pins;
  readonly table: PeerTable;

  constructor(options: Partial<PeerTableOptions> = {}) {
    this.pins = options.pins ?? Pins.memory({ now: () => this.now });
    this.table = new PeerTable({ now: () => this.now, ...options, pins: this.pins });
  }

  hears(fields: Announcement, host: string): Heard {
    return this.table.heard({ fields, from: { host }, road: 'multicast' });
  }

  announces(who: Someone, more: Partial<Announcement> = {}, host: string = who.host): Heard {
    return this.hears(header(who, more), host);
  }

  proves(who: Someone, host: string = who.host): PeerEvent[] {
    const { user, hostname, session, seq } = who;
    return this.table.verified(who.key, {
      place: place({ host }),
      user,
      hostname,
      numbered: { session, seq },
    });
  }

  meets(who: Someone): PeerEvent[] {
    return [...this.announces(who).events, ...this.proves(who)];
  }

  peer(who: Someone): SealedPeer {
    const peer = this.table.get(who.id);
    assert.ok(peer?.kind === 'sealed');
    return peer;
  }

  get names(): string[] {
    return this.table.list().map((peer) => peer.user);
  }
}

const types = (events: readonly PeerEvent[]): string[] => events.map(({ type }) => type);
const hosts = (peer: Peer, isVerified: boolean): string[] =>
  peer.addresses.filter((each) => each.isVerified === isVerified).map(({ host }) => host);

describe('joining', () => {
  test('a stranger is listed and to be asked; a proof makes it verified, and pins its key', () => {
    const world = new World();
    const ann = someone(1, { user: 'ann' });
    const { events, probe, dropped } = world.announces(ann);
    assert.deepEqual([types(events), dropped], [['join'], null]);
    assert.deepEqual(probe, { id: ann.id, publicKey: probe?.publicKey, place: place(ann) });
    assert.ok(probe?.publicKey.equals(ann.key));
    assert.deepEqual([world.peer(ann).isVerified, hosts(world.peer(ann), false)], [false, [ann.host]]);
    assert.equal(world.pins.list().length, 0);

    assert.deepEqual(types(world.proves(ann)), ['verified']);
    const peer = world.peer(ann);
    assert.deepEqual(hosts(peer, true), [ann.host]);
    assert.deepEqual([peer.isVerified, peer.isTrusted, peer.replaces], [true, false, null]);
    assert.deepEqual([peer.words, peer.protocolVersion, peer.lastHeard], [ann.key.words, 2, START]);
    assert.equal(world.pins.get(ann.id)?.user, 'ann');
    assert.deepEqual(types(world.proves(ann)), [], 'another proof is no news');
    world.pins.trust(ann.id);
    assert.equal(world.peer(ann).isTrusted, true);
  });

  test('what a proof tells of one that nobody announced is listed at once', () => {
    const world = new World();
    assert.deepEqual(types(world.proves(someone(1))), ['join', 'verified']);
  });

  test('an id that is not the hash of the key is dropped, as is what no program sends', () => {
    const world = new World();
    const [ann, eve] = [someone(1), someone(2)];
    const drop = (more: Partial<Announcement>): string | null => world.announces(ann, more).dropped;
    assert.equal(drop({ x25519: hexOf(eve.key) }), 'forged-id');
    assert.equal(drop({ id: eve.id }), 'forged-id');
    assert.equal(drop({ id: ann.id.toUpperCase() }), 'forged-id');
    assert.equal(drop({ x25519: `${hexOf(ann.key)}00` }), 'forged-id');
    assert.equal(drop({ x25519: 5 }), 'forged-id');
    assert.equal(drop({ user: '' }), 'malformed');
    assert.equal(drop({ user: '\u202e\u0007 ' }), 'malformed');
    assert.equal(drop({ user: 'a'.repeat(256) }), 'malformed');
    assert.equal(drop({ hostname: null }), 'malformed');
    assert.equal(drop({ tcpport: undefined }), 'malformed');
    assert.equal(drop({ tcpport: 65_536 }), 'malformed');
    assert.equal(drop({ id: undefined, x25519: undefined }), 'incomplete');
    assert.equal(drop({ x25519: undefined }), 'incomplete');
    assert.equal(world.table.size, 0);
  });

  test('our own id is not listed', () => {
    const ann = someone(1);
    const world = new World({ self: ann.id });
    assert.equal(world.announces(ann).dropped, 'self');
    assert.deepEqual(world.proves(ann), []);
    assert.equal(world.table.size, 0);
  });

  test('names lose what cannot be seen, so that none commands a terminal or hides another', () => {
    const world = new World();
    const ann = someone(1, { user: '\u001b[31man\u200bn\u202e', hostname: 'e\u0301te\u0301' });
    world.announces(ann);
    assert.deepEqual([world.peer(ann).user, world.peer(ann).hostname], ['[31mann', 'été']);
  });

  test('two machines of one name are both listed', () => {
    const world = new World();
    const [one, two] = [someone(1, { user: 'ann' }), someone(2, { user: 'ann' })];
    world.meets(one);
    world.meets(two);
    assert.deepEqual(world.names, ['ann', 'ann']);
  });

  test('IPv4 inside IPv6 is the same host', () => {
    const world = new World();
    const ann = someone(1);
    world.meets(ann);
    world.announces(ann, {}, `::FFFF:${ann.host}`);
    assert.deepEqual(hosts(world.peer(ann), false), []);
  });
});

describe('staying and leaving', () => {
  test('announcements keep a peer; silence for longer than the TTL takes it off', () => {
    const world = new World();
    const ann = someone(1);
    world.meets(ann);
    world.now += TTL;
    assert.deepEqual(world.table.expire(), []);
    world.announces(ann);
    world.now += TTL;
    assert.deepEqual(world.table.expire(), []);
    world.now += 1;
    const [event, ...more] = world.table.expire();
    assert.ok(event?.type === 'leave' && event.reason === 'silent' && more.length === 0);
    assert.equal(world.table.size, 0);
  });

  test('the TTL can be set', () => {
    const world = new World({ ttl: 1000 });
    world.announces(someone(1));
    world.now += 1001;
    assert.deepEqual(types(world.table.expire()), ['leave']);
    assert.throws(() => new World({ ttl: 999 }), { code: 'invalid_option' });
  });

  test('who is quiet for half the TTL is asked, once an interval', () => {
    const world = new World();
    const ann = someone(1);
    world.meets(ann);
    world.now += TTL / 2;
    assert.deepEqual(world.table.quiet(), []);
    world.now += 1;
    assert.deepEqual(
      world.table.quiet().map(({ id, place: { host } }) => [id, host]),
      [[ann.id, ann.host]],
    );
    assert.deepEqual(world.table.quiet(), []);
    world.now += 10_000;
    assert.equal(world.table.quiet().length, 1);
    world.proves(ann);
    world.now += 10_000;
    assert.deepEqual(world.table.quiet(), []);
  });

  test('frames that bear its address do not keep a peer for ever: it must prove itself now and then', () => {
    const world = new World();
    const ann = someone(1);
    world.meets(ann);
    const asked: number[] = [];
    while (world.now < START + 5 * TTL) {
      world.now += TTL / 4;
      assert.equal(world.announces(ann).dropped, null);
      if (world.table.quiet().length > 0) asked.push(world.now - START);
      assert.deepEqual(world.table.expire(), []);
    }
    assert.equal(asked[0], 4.25 * TTL);
    world.now += 1;
    assert.deepEqual(types(world.table.expire()), ['leave']);
  });

  test('a copy of an old frame keeps nobody, though it be from the right place', () => {
    const world = new World();
    const ann = someone(1);
    world.announces(ann);
    const old = header(ann);
    ann.seq += 100;
    world.proves(ann);
    world.now += 5000;
    assert.equal(world.hears(old, ann.host).dropped, 'replay');
    assert.equal(world.peer(ann).lastHeard, START);
    world.now += 1;
    world.announces(ann);
    assert.equal(world.peer(ann).lastHeard, START + 5001);
  });

  test('nor does one of a stranger', () => {
    const world = new World();
    const ann = someone(1);
    const old = header(ann);
    world.hears(old, ann.host);
    world.now += TTL + 1;
    assert.equal(world.hears(old, ann.host).dropped, null, 'it may have come by two ways');
    assert.deepEqual(types(world.table.expire()), ['leave']);
    assert.equal(world.hears(old, ann.host).dropped, 'replay');
    assert.equal(world.table.size, 0);
  });

  test('nor does one from elsewhere name a place', () => {
    const world = new World();
    const ann = someone(1);
    const old = header(ann);
    ann.seq += 100;
    world.announces(ann);
    assert.equal(world.hears(old, '10.6.6.6').dropped, 'replay');
    world.proves(ann);
    assert.equal(world.hears(old, '10.6.6.6').dropped, 'replay');
    assert.deepEqual(hosts(world.peer(ann), false), []);
  });

  test('bye is believed from a verified place, with a new number of the proved session', () => {
    const world = new World();
    const ann = someone(1);
    world.meets(ann);
    const bye = header(ann, { bye: true });
    const { events } = world.hears(bye, ann.host);
    assert.ok(events[0]?.type === 'leave' && events[0].reason === 'bye');
    assert.equal(world.table.size, 0);
    assert.equal(world.hears(bye, ann.host).dropped, 'replay');
    const { dropped, probe } = world.hears({ ...bye, bye: false, seq: 1 }, ann.host);
    assert.deepEqual([dropped, probe?.id], ['replay', ann.id], 'a copy lists nobody, but the peer is asked');
    assert.deepEqual(types(world.announces(ann).events), ['join'], 'it did not go after all');
  });

  test('any other bye only leads to a probe, at the place that is known', () => {
    const world = new World({ probeInterval: 0 });
    const ann = someone(1);
    world.meets(ann);
    for (const [more, host] of [
      [{}, '10.6.6.6'],
      [{ session: 'another' }, ann.host],
      [{ seq: 1 }, ann.host],
      [{ seq: undefined }, ann.host],
      [{ tcpport: 57002 }, ann.host],
    ] as const) {
      world.now += 1;
      const { events, probe } = world.announces(ann, { bye: true, ...more }, host);
      assert.deepEqual([events, probe?.place.host], [[], ann.host]);
    }
    assert.deepEqual(hosts(world.peer(ann), false), []);
    const bob = someone(2);
    world.announces(bob);
    assert.deepEqual(world.announces(bob, { bye: true }).events, [], 'of a stranger nobody can say bye');
    assert.equal(world.table.size, 2);
  });

  test('a forged number shuts nobody out: the next proof sets it right', () => {
    const world = new World();
    const ann = someone(1);
    world.meets(ann);
    world.announces(ann, { seq: Number.MAX_SAFE_INTEGER });
    world.now += TTL / 2 + 1;
    assert.equal(world.announces(ann).dropped, 'replay');
    assert.equal(world.table.quiet().length, 1, 'so it is asked');
    world.proves(ann);
    world.now += 1000;
    world.announces(ann);
    assert.equal(world.peer(ann).lastHeard, world.now);
  });

  test('a forged bye with a forged number: the true peer is asked, and back when it answers', () => {
    const world = new World();
    const ann = someone(1);
    world.meets(ann);
    world.announces(ann, { seq: Number.MAX_SAFE_INTEGER, bye: true });
    const { dropped, probe } = world.announces(ann);
    assert.deepEqual([dropped, probe?.place], ['replay', place(ann)]);
    assert.deepEqual(types(world.proves(ann)), ['join', 'verified']);
    assert.equal(world.announces(ann).dropped, null);
  });
});

describe('restarts, moves and names', () => {
  test('a new session is believed once it is proved', () => {
    const world = new World({ probeInterval: 0 });
    const before = someone(1);
    world.meets(before);
    const after = { ...before, session: 'after the restart', seq: 0 };
    world.now += 1000;
    const { probe, events } = world.announces(after);
    assert.deepEqual([probe?.place, events], [place(after), []]);
    assert.equal(world.peer(after).lastHeard, START);
    world.proves(after);
    world.now += 1000;
    world.announces(after);
    assert.equal(world.peer(after).lastHeard, world.now);
    world.now += 1000;
    assert.notEqual(world.announces(before).probe, null, 'the session of before is one that is not proved');
    assert.equal(world.peer(after).lastHeard, world.now - 1000);
  });

  test('who comes up again just after it was asked is asked again, though not for each of its frames', () => {
    const world = new World();
    const before = someone(1);
    world.meets(before);
    const after = { ...before, session: 'after the restart', seq: 0 };
    world.now += 999;
    assert.equal(world.announces(after).probe, null);
    world.now += 1;
    assert.deepEqual(world.announces(after).probe?.place, place(after));
    world.now += 250;
    assert.equal(world.announces(after).probe, null);
  });

  test('a new place is a candidate until the peer has proved to be there; then it is told', () => {
    const world = new World();
    const ann = someone(1);
    world.meets(ann);
    world.now += 1000;
    const { probe, events } = world.announces(ann, {}, '10.9.9.9');
    assert.deepEqual([probe?.place.host, events], ['10.9.9.9', []]);
    assert.deepEqual(
      [hosts(world.peer(ann), true), hosts(world.peer(ann), false)],
      [[ann.host], ['10.9.9.9']],
    );
    assert.equal(world.peer(ann).lastHeard, START, 'nothing was proved by that');
    const moved = world.proves(ann, '10.9.9.9');
    assert.deepEqual(types(moved), ['address-changed']);
    assert.deepEqual(hosts(world.peer(ann), true), ['10.9.9.9', ann.host]);
    assert.deepEqual(world.proves(ann), [], 'both are known now');
    world.table.unanswered(ann.id, place(ann));
    assert.deepEqual(hosts(world.peer(ann), true), ['10.9.9.9']);
    world.table.unanswered(ann.id, place({ host: '10.9.9.9' }));
    assert.deepEqual(hosts(world.peer(ann), true), ['10.9.9.9'], 'the last stays');
  });

  test('old places are forgotten, candidates are four at most, and one that does not answer goes', () => {
    const world = new World();
    const ann = someone(1);
    world.meets(ann);
    for (let i = 0; i < 20; i++) world.announces(ann, {}, `10.66.0.${i}`);
    const four = ['10.66.0.19', '10.66.0.18', '10.66.0.17', '10.66.0.16'];
    assert.deepEqual(hosts(world.peer(ann), false), four);
    world.table.unanswered(ann.id, place({ host: '10.66.0.18' }));
    assert.deepEqual(hosts(world.peer(ann), false), four.toSpliced(1, 1));
    world.now += TTL;
    world.announces(ann);
    world.now += 1;
    world.table.expire();
    assert.deepEqual([hosts(world.peer(ann), false), hosts(world.peer(ann), true)], [[], [ann.host]]);
  });

  test('at most eight verified places, the latest', () => {
    const world = new World();
    const ann = someone(1);
    for (let i = 0; i < 20; i++) world.proves(ann, `10.66.0.${i}`);
    assert.deepEqual(hosts(world.peer(ann), true).slice(0, 2), ['10.66.0.19', '10.66.0.18']);
    assert.equal(world.peer(ann).addresses.length, 8);
  });

  test('who proves to be at a place takes it over', () => {
    const world = new World();
    const [ann, bob] = [someone(1), someone(2, { host: '10.0.0.1' })];
    world.meets(ann);
    world.meets(bob);
    assert.deepEqual([hosts(world.peer(ann), true), hosts(world.peer(bob), true)], [[], ['10.0.0.1']]);
  });

  test('a verified peer has the name that it proved; another one in an announcement leads to a probe', () => {
    const world = new World();
    const ann = someone(1, { user: 'ann' });
    world.meets(ann);
    world.now += 10_000;
    const { events, probe } = world.announces(ann, { user: 'root' });
    assert.deepEqual([events, probe?.id, world.peer(ann).user], [[], ann.id, 'ann']);
    const renamed = { ...ann, user: 'anna' };
    assert.deepEqual(types(world.proves(renamed)), ['update']);
    assert.deepEqual([world.peer(ann).user, world.pins.get(ann.id)?.user], ['anna', 'anna']);
  });

  test('a stranger has the name that it said last', () => {
    const world = new World();
    const ann = someone(1, { user: 'ann' });
    world.announces(ann);
    assert.deepEqual(types(world.announces(ann, { user: 'anna' }).events), ['update']);
    assert.equal(world.peer(ann).user, 'anna');
  });
});

describe('bounds', () => {
  test('a flood of 10 000 fakes leaves the verified ones as they are', () => {
    const world = new World();
    const friends = Array.from({ length: 50 }, (_, i) => someone(i));
    for (const friend of friends) world.meets(friend);
    const before = friends.map((friend) => world.peer(friend));
    for (let i = 0; i < 10_000; i++) world.announces(someone(1000 + i));
    assert.equal(world.table.size, 50 + 256);
    assert.deepEqual(
      friends.map((friend) => world.peer(friend)),
      before,
    );
    assert.equal(world.pins.list().length, 50);
  });

  test('from one host come 16 strangers at most; the newest stay', () => {
    const world = new World();
    const gone: PeerEvent[] = [];
    for (let i = 0; i < 100; i++) gone.push(...world.announces(someone(i, { host: '10.6.6.6' })).events);
    assert.deepEqual(
      world.names,
      Array.from({ length: 16 }, (_, i) => `user${84 + i}`),
    );
    assert.equal(gone.filter((event) => event.type === 'leave' && event.reason === 'evicted').length, 84);
    world.announces(someone(500));
    assert.equal(world.table.size, 17);
  });

  test('of strangers the one that was heard longest ago goes first', () => {
    const world = new World({ limits: { strangers: 2 } });
    const [ann, bob] = [someone(1), someone(2)];
    for (const who of [ann, bob, ann, someone(3)]) world.announces(who);
    assert.deepEqual(world.names, ['user1', 'user3']);
  });

  test('strangers whose key is pinned stay longer than those of whom nothing is known', () => {
    const world = new World({ limits: { strangers: 3 } });
    const ann = someone(1);
    world.pins.pin(ann && { publicKey: ann.key, user: 'ann', hostname: '' });
    world.announces(ann);
    for (let i = 0; i < 10; i++) world.announces(someone(100 + i));
    assert.deepEqual(world.names, ['user1', 'user108', 'user109']);
  });

  test('a full table takes no stranger; a trusted peer that proves itself takes the place of one that nobody trusts', () => {
    const world = new World({ limits: { peers: 3 } });
    const [ann, bob] = [someone(1), someone(2)];
    world.meets(ann);
    world.pins.trust(ann.id);
    world.meets(someone(10));
    world.meets(someone(11));
    assert.deepEqual([world.announces(bob).dropped, world.announces(bob).probe], ['full', null]);
    assert.deepEqual(world.proves(bob), []);
    world.pins.trust({ publicKey: bob.key, user: 'user2', hostname: 'host' });
    assert.deepEqual([world.announces(bob).dropped, world.announces(bob).probe?.id], ['full', bob.id]);
    assert.deepEqual(types(world.proves(bob)), ['join', 'verified', 'leave']);
    assert.deepEqual(world.names, ['user1', 'user11', 'user2']);
  });

  test('a peer that proves itself takes the place of a stranger', () => {
    const world = new World({ limits: { peers: 2 } });
    world.announces(someone(1));
    world.announces(someone(2));
    world.proves(someone(3));
    assert.deepEqual(world.names, ['user3', 'user2']);
  });
});

describe('downgrade', () => {
  const stripped: Partial<Announcement> = {
    id: undefined,
    x25519: undefined,
    v: undefined,
    seq: undefined,
    bye: undefined,
  };

  test('a frame without a key from where a verified peer lives is told once a TTL, and lists nobody', () => {
    const world = new World({ legacy: true });
    const ann = someone(1);
    world.announces(ann);
    assert.deepEqual(types(world.announces(ann, { ...stripped, tcpport: 57003 }).events), ['join']);
    world.proves(ann);
    const { events, dropped } = world.announces(ann, { ...stripped, user: 'other' });
    assert.deepEqual(events, [
      {
        type: 'downgrade',
        id: ann.id,
        by: 'address',
        user: 'other',
        hostname: 'host',
        from: place(ann),
        road: 'multicast',
      },
    ]);
    assert.equal(dropped, 'downgrade');
    assert.deepEqual(world.announces(ann, { ...stripped, user: 'other' }).events, []);
    world.now += TTL;
    assert.equal(world.announces(ann, { ...stripped, user: 'other' }).events.length, 1);
    assert.equal(world.table.size, 2);
  });

  test('so is one in the name of a pinned peer, wherever from, with legacy or without', () => {
    for (const legacy of [true, false]) {
      const world = new World({ legacy });
      const ann = someone(1);
      world.pins.pin({ publicKey: ann.key, user: 'ann', hostname: 'host' });
      const { events, dropped } = world.announces(someone(2, { user: 'ann' }), stripped);
      assert.ok(events[0]?.type === 'downgrade' && events[0].by === 'name' && events[0].id === ann.id);
      assert.equal(dropped, 'downgrade');
      const partly = world.announces(someone(2, { user: 'ann' }), { id: undefined });
      assert.equal(partly.dropped, 'downgrade', 'half stripped is stripped');
    }
  });

  test('originals are listed where legacy is on, and only there', () => {
    const world = new World();
    const bob = someone(2, { user: 'bob' });
    assert.equal(world.announces(bob, stripped).dropped, 'legacy-off');
    const old = new World({ legacy: true });
    assert.deepEqual(types(old.announces(bob, stripped).events), ['join']);
    assert.deepEqual(types(old.announces(bob, stripped).events), []);
    assert.deepEqual(types(old.announces(bob, { ...stripped, user: 'robert' }).events), ['update']);
    assert.deepEqual(old.table.list(), [
      {
        kind: 'plain',
        user: 'robert',
        hostname: 'host',
        addresses: [{ ...place(bob), lastHeard: START, isVerified: false }],
        lastHeard: START,
        protocolVersion: 1,
      },
    ]);
    old.now += TTL + 1;
    assert.deepEqual(types(old.table.expire()), ['leave']);
  });

  test('an original whose place a sealed peer proves to have is gone', () => {
    const world = new World({ legacy: true });
    const bob = someone(2);
    world.announces(bob, stripped);
    world.announces(bob);
    const events = world.proves(bob);
    assert.deepEqual(types(events), ['verified', 'leave']);
    assert.equal(world.table.size, 1);
  });
});

describe('changed keys', () => {
  const name = { user: 'ann', hostname: 'desk' };

  test('the name of one pinned key that is not there, with another key: the alarm, once, and nothing is pinned', () => {
    const world = new World();
    const [old, young] = [someone(1, name), someone(2, name)];
    world.pins.trust({ publicKey: old.key, ...name });
    assert.deepEqual(types(world.announces(young).events), ['join'], 'a claim alone alarms nobody');
    const events = world.proves(young);
    assert.deepEqual(types(events), ['verified', 'key-changed']);
    const [, alarm] = events;
    assert.ok(alarm?.type === 'key-changed');
    assert.deepEqual(
      [alarm.words, alarm.pinnedWords, alarm.pinnedId, alarm.wasTrusted],
      [young.key.words, old.key.words, old.id, true],
    );
    assert.equal(world.peer(young).replaces, old.id);
    assert.equal(world.pins.get(young.id), undefined);
    assert.deepEqual(world.proves(young), []);
    assert.throws(() => world.table.find('ann@desk'), { code: 'peer_ambiguous' });

    world.pins.accept(world.peer(young), old.id);
    assert.equal(world.peer(young).replaces, null);
    assert.equal(world.table.find('ann@desk')?.user, 'ann');
    assert.deepEqual(types(world.proves(old)), ['join', 'verified'], 'the new one is there: another machine');
  });

  test('a person may also say that it is a second machine', () => {
    const world = new World();
    const [old, young] = [someone(1, name), someone(2, name)];
    world.pins.pin({ publicKey: old.key, ...name });
    world.meets(young);
    world.pins.pin(world.peer(young));
    assert.equal(world.peer(young).replaces, null);
    assert.deepEqual(
      types(world.meets(someone(3, name))),
      ['join', 'verified'],
      'a shared name alarms no more',
    );
  });

  test('both there at once are two machines, for ever', () => {
    const world = new World();
    const [one, two] = [someone(1, name), someone(2, name)];
    world.meets(one);
    world.now += 10_000;
    assert.deepEqual(types(world.meets(two)), ['join', 'verified'], 'not decided: is the first still there?');
    assert.equal(world.peer(two).replaces, one.id);
    assert.equal(world.pins.get(two.id), undefined);
    assert.deepEqual(
      world.table.quiet().map(({ id }) => id),
      [one.id],
    );
    world.proves(one);
    assert.equal(world.peer(two).replaces, null);
    assert.ok(world.pins.get(two.id));
    world.now += TTL + 1;
    world.table.expire();
    assert.deepEqual(types(world.meets({ ...two, seq: 50 })), ['join', 'verified'], 'alone, and no alarm');
    assert.throws(() => world.table.find('ann@desk'), /not here/);
  });

  test('where the first leaves before it has proved itself again, the alarm comes then', () => {
    const world = new World();
    const [one, two] = [someone(1, name), someone(2, name)];
    world.meets(one);
    world.now += TTL;
    world.meets(two);
    world.now += 1;
    assert.deepEqual(types(world.table.expire()), ['leave', 'key-changed']);
    assert.deepEqual(types(world.meets({ ...one, seq: 50 })), ['join', 'verified'], 'it comes back');
    assert.equal(world.peer(two).replaces, null, 'so they are two');
  });

  test('a known key that takes the name of another alarms as well', () => {
    const world = new World();
    const [ann, eve] = [someone(1, name), someone(2, { user: 'eve' })];
    world.pins.pin({ publicKey: ann.key, ...name });
    world.meets(eve);
    assert.deepEqual(types(world.proves({ ...eve, ...name })), ['update', 'key-changed']);
    assert.equal(world.pins.get(eve.id)?.user, 'eve');
  });
});

describe('blocking', () => {
  test('a blocked key is not heard, and goes', () => {
    const world = new World();
    const [ann, bob] = [someone(1), someone(2)];
    world.meets(ann);
    world.meets(bob);
    world.pins.block(ann.id);
    const { events, dropped } = world.announces(ann);
    assert.deepEqual([types(events), dropped], [['leave'], 'blocked']);
    assert.deepEqual(world.proves(ann), []);
    world.pins.block(bob.id);
    const [gone] = world.table.expire();
    assert.ok(gone?.type === 'leave' && gone.reason === 'blocked');
    world.pins.unblock(ann.id);
    assert.deepEqual(types(world.meets(ann)), ['join', 'verified']);
    assert.deepEqual(types(world.table.remove(ann.id)), ['leave']);
  });
});

describe('finding', () => {
  const world = new World({ legacy: true });
  const ann = someone(1, { user: 'ann', hostname: 'desk' });
  const ben = someone(2, { user: 'ben', hostname: 'desk' });
  const twin = someone(3, { user: 'ben', hostname: 'sofa', host: 'fe80::1%eth0' });
  for (const who of [ann, ben, twin]) world.meets(who);
  const found = (text: string): string | undefined => {
    const peer = world.table.find(text);
    return peer?.kind === 'sealed' ? peer.id : undefined;
  };

  test('by id, its beginning, key, words, name and address', () => {
    assert.equal(found(ann.id), ann.id);
    assert.equal(found(ann.id.slice(0, 8).toUpperCase()), ann.id);
    assert.equal(found(ann.id.slice(0, 5)), undefined);
    assert.equal(found(ann.key.toString()), ann.id);
    assert.equal(found(` ${ann.key.words.toUpperCase()} `), ann.id);
    assert.equal(found(ann.key.words.replaceAll(' ', '-')), ann.id);
    assert.equal(found('ann'), ann.id);
    assert.equal(found('ben@sofa'), twin.id);
    assert.equal(found(ann.host), ann.id);
    assert.equal(found(`${ann.host}:57001`), ann.id);
    assert.equal(found('FE80::1%eth0'), twin.id);
    assert.equal(found('[fe80::1%eth0]:57001'), twin.id);
    for (const nobody of ['', 'carl', '10.9.9.9', `${ann.host}:1`, 'f'.repeat(64)])
      assert.equal(found(nobody), undefined);
  });

  test('several are listed in the error', () => {
    assert.throws(
      () => found('ben'),
      (error: Error) =>
        error.message.includes(`ben@desk ${ben.id.slice(0, 12)}, ben@sofa ${twin.id.slice(0, 12)}`),
    );
  });

  test('originals too, by their addresses', () => {
    const old = new World({ legacy: true });
    for (const host of ['10.1.1.1', 'fe80::2%eth0']) {
      old.hears({ user: 'carl', hostname: 'attic', udpport: 57000, tcpport: 57001 }, host);
    }
    assert.equal(old.table.find('10.1.1.1')?.kind, 'plain');
    assert.throws(
      () => old.table.find('carl'),
      /carl@attic at 10\.1\.1\.1:57001, carl@attic at \[fe80::2%eth0\]:57001/,
    );
  });

  test('fakes of a name or an address do not get in the way of a verified peer', () => {
    world.announces(someone(66, { user: 'ann', hostname: 'desk', host: '10.6.6.6' }));
    world.announces(someone(67, { host: ann.host }));
    world.announces(ben, {}, ann.host);
    assert.equal(found('ann@desk'), ann.id);
    assert.equal(found(ann.host), ann.id);
  });

  test('a trusted key is the one of its name; while it is away nobody else is found by it', () => {
    const friends = new World();
    const [true_, false_] = [someone(1, { user: 'ann' }), someone(2, { user: 'ann', hostname: 'elsewhere' })];
    friends.meets(true_);
    friends.meets(false_);
    assert.throws(() => friends.table.find('ann'), { code: 'peer_ambiguous' });
    friends.pins.trust(true_.id);
    const chosen = friends.table.find('ann');
    assert.ok(chosen?.kind === 'sealed' && chosen.id === true_.id);
    friends.table.remove(true_.id);
    assert.throws(() => friends.table.find('ann'), /not here/);
    assert.ok(friends.table.find('ann@elsewhere'));
  });

  test('to decide about a key nobody is preferred: several are told by their ids, and an id is exact', () => {
    const all = new World();
    const twins = [someone(1, { user: 'ann' }), someone(2, { user: 'ann', hostname: 'elsewhere' })] as const;
    for (const twin of twins) all.meets(twin);
    all.pins.trust(twins[0].id);
    const known = all.pins.list();
    const named = someone(3, { user: twins[0].id }); // who calls itself by another's id
    all.meets(named);
    assert.throws(
      () => findKnown('ann', known),
      (error: Error & { code?: string }) =>
        error.code === 'peer_ambiguous' && twins.every(({ id }) => error.message.includes(id.slice(0, 12))),
    );
    for (const { id, key } of twins) {
      for (const text of [id, key.toString(), key.words, id.slice(0, 12)]) {
        assert.equal(findKnown(text, all.pins.list())?.id, id);
      }
    }
    assert.equal(findKnown('ann@elsewhere', known)?.id, twins[1].id);
    for (const text of ['bob', '', twins[0].id.slice(0, 5)]) assert.equal(findKnown(text, known), null);
  });
});

describe('seen numbers', () => {
  test('they must grow within a session, and so many sessions are remembered', () => {
    const seen = new Seen(2);
    assert.deepEqual(
      [seen.advance('a', 5), seen.advance('a', 5), seen.advance('a', 4), seen.advance('a', 6)],
      [true, false, false, true],
    );
    seen.advance('b', 1);
    seen.advance('a', 1);
    seen.advance('c', 1);
    assert.deepEqual([seen.size, seen.highest('a'), seen.highest('b'), seen.highest('c')], [2, 6, null, 1]);
    seen.set('a', 3);
    assert.equal(seen.advance('a', 4), true);
  });
});

test('a place as people write it', () => {
  const places = {
    '10.0.0.2': ['10.0.0.2', null],
    '10.0.0.2:57002': ['10.0.0.2', 57_002],
    'bea.local:1': ['bea.local', 1],
    'fe80::1%eth0': ['fe80::1%eth0', null],
    '[fd77::2]': ['fd77::2', null],
    '[fd77::2]:57002': ['fd77::2', 57_002],
  } as const;
  for (const [text, [host, tcpPort]] of Object.entries(places)) {
    assert.deepEqual(placeIn(text), { host, tcpPort }, text);
  }
});
