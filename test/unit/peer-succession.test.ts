/** A key that names another in its place: what counts as its word, and what becomes of pins. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { PssstClient } from '../../src/envelope/pssst.ts';
import { Identity } from '../../src/keys/identity.ts';
import { IdentityRing } from '../../src/keys/identity-ring.ts';
import type { PublicKey } from '../../src/keys/public-key.ts';
import { peerIdOf } from '../../src/peers/peer.ts';
import { decodePinFile, encodePinFile } from '../../src/peers/pin-file.ts';
import { Pins } from '../../src/peers/pins.ts';
import { StatementReader, statementsFor } from '../../src/peers/succession.ts';
import { CipherSuite } from '../../src/wire/pssst.ts';
import { encodeRoutedRequest } from '../../src/wire/routed.ts';

const UNTIL = 1000;
const [old, current, asker, other] = Array.from({ length: 4 }, () => Identity.generate()) as [
  Identity,
  Identity,
  Identity,
  Identity,
];
const id = ({ publicKey }: Identity): ReturnType<typeof peerIdOf> => peerIdOf(publicKey);
const ring = new IdentityRing(current, { previous: [{ identity: old, until: UNTIL }], now: () => 0 });

describe('the word of an old key', () => {
  const reader = new StatementReader(asker);
  const heard = (successions: unknown, successor: PublicKey = current.publicKey): string[] =>
    reader.predecessors({ successions }, successor).map(({ fingerprint }) => fingerprint);

  test('counts for whom it was made, and for the key that it names', () => {
    const statements = statementsFor(asker.publicKey, ring);
    assert.equal(statements.length, 1);
    assert.deepEqual(heard(statements), [id(old)]);
    assert.deepEqual(heard(statements, other.publicKey), [], 'another key answers with it');
    const elsewhere = new StatementReader(other).predecessors({ successions: statements }, current.publicKey);
    assert.deepEqual(elsewhere, [], 'handed on to somebody else');
    assert.deepEqual(statementsFor(asker.publicKey, new IdentityRing(current)), []);
    const ended = new IdentityRing(current, {
      previous: [{ identity: old, until: UNTIL }],
      now: () => UNTIL,
    });
    assert.deepEqual(statementsFor(asker.publicKey, ended), []);
  });

  test('is nothing else that such a key has sealed, and nothing that anybody could', () => {
    const options = { cipherSuite: CipherSuite.X25519_AESGCM256, clientPrivateKey: old.privateKey };
    const [statement = new Uint8Array()] = statementsFor(asker.publicKey, ring);
    const asked = { representation: 't', once: false, oneWay: false, sentAt: 0, route: '/x' } as const;
    const routed = encodeRoutedRequest({ ...asked, body: current.publicKey.bytes });
    const label = new TextEncoder().encode('sotto/peers/succession/1');
    const anonymous = new PssstClient(asker.publicKey, { cipherSuite: CipherSuite.X25519_AESGCM256 });
    const unproved = anonymous.packRequest(new Uint8Array([...label, ...current.publicKey.bytes])).packet;
    const longer = new Uint8Array([...label, ...current.publicKey.bytes, 0]);
    const wrong = [
      unproved,
      new PssstClient(asker.publicKey, options).packRequest(routed).packet,
      new PssstClient(asker.publicKey, options).packRequest(longer).packet,
      statement.with(-1, (statement.at(-1) ?? 0) ^ 1),
      statement.subarray(0, 50),
      new Uint8Array(),
      'text',
      null,
    ];
    assert.deepEqual(heard(wrong.slice(0, 3)), []);
    assert.deepEqual(heard(wrong.slice(3, 6)), []);
    assert.deepEqual(heard(wrong.slice(5)), []);
    for (const answer of [null, 5, {}, { successions: 'x' }, { successions: { length: 1 } }]) {
      assert.deepEqual(reader.predecessors(answer, current.publicKey), []);
    }
    assert.deepEqual(heard([...wrong.slice(0, 3), statement]), [], 'three are read and no more');
    const own = statementsFor(asker.publicKey, { current: old, previous: [{ identity: old, until: 1 }] });
    assert.deepEqual(heard(own, old.publicKey), [], 'no key succeeds itself');
  });
});

describe('pins', () => {
  const named = (identity: Identity, user: string) => ({
    publicKey: identity.publicKey,
    user,
    hostname: 'h',
  });

  test('trust moves, and the old key is refused', () => {
    const pins = Pins.memory({ now: () => 7 });
    pins.trust(named(old, 'bea'));
    assert.equal(pins.succeed(current.publicKey, id(old)), 'moved');
    const [pinned] = pins.named({ user: 'bea', hostname: 'h' });
    assert.deepEqual([pinned?.id, pinned?.isTrusted, pinned?.isBlocked], [id(current), true, false]);
    assert.equal(pins.named({ user: 'bea', hostname: 'h' }).length, 1);
    assert.deepEqual([pins.get(id(old))?.isBlocked, pins.get(id(old))?.successor], [true, id(current)]);
    assert.equal(pins.succeed(current.publicKey, id(old)), 'known');
    assert.equal(pins.succeed(other.publicKey, id(old)), 'refused', 'a second heir');
    assert.equal(pins.succeed(old.publicKey, id(current)), 'refused', 'back again');
    assert.equal(pins.get(id(other)), undefined);
    assert.equal(pins.get(id(current))?.isBlocked, false);
    assert.deepEqual(decodePinFile(encodePinFile(pins.list())), pins.list());
  });

  test('who was only met is no more than that; nobody is nobody', () => {
    const pins = Pins.memory();
    pins.pin(named(old, 'bea'));
    pins.trust(named(asker, 'ada'));
    assert.equal(pins.succeed(current.publicKey, id(other)), 'unknown');
    assert.equal(pins.get(id(current)), undefined);
    assert.equal(pins.succeed(current.publicKey, id(old)), 'moved');
    assert.equal(pins.get(id(current))?.isTrusted, false);
    assert.equal(pins.succeed(asker.publicKey, id(current)), 'moved');
    assert.deepEqual([pins.get(id(asker))?.isTrusted, pins.get(id(asker))?.user], [true, 'ada']);
    assert.equal(pins.get(id(old))?.successor, id(asker), 'the first is still known as one before');
  });

  test('a block stays a block, whichever of the two has it, until a person takes it back', () => {
    const pins = Pins.memory();
    pins.pin(named(old, 'bea'));
    pins.block(id(old));
    assert.equal(pins.succeed(current.publicKey, id(old)), 'blocked');
    assert.equal(pins.get(id(current))?.isBlocked, true);
    pins.unblock(id(current));
    assert.equal(pins.succeed(current.publicKey, id(old)), 'known');
    assert.equal(pins.get(id(current))?.isBlocked, false);
    pins.trust(named(asker, 'ada'));
    pins.block(id(other));
    assert.equal(pins.succeed(other.publicKey, id(asker)), 'refused');
    assert.deepEqual([pins.get(id(asker))?.isTrusted, pins.get(id(other))?.isBlocked], [true, true]);
  });

  test('who has moved is found by its new key; its old one is not unblocked by mistake', () => {
    const pins = Pins.memory();
    pins.pin(named(old, 'bea'));
    assert.equal(pins.currentId(id(old)), id(old));
    pins.succeed(current.publicKey, id(old));
    assert.throws(() => pins.unblock(id(old)), {
      code: 'invalid_argument',
      message: new RegExp(`moved to ${id(current)}`),
    });
    assert.equal(pins.get(id(old))?.isBlocked, true);
    pins.succeed(asker.publicKey, id(current));
    assert.deepEqual(
      [old, current, other].map(id).map((each) => pins.currentId(each)),
      [id(asker), id(asker), id(other)],
    );
  });

  test('programs that share a file come to the same', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'sotto-succession-'));
    t.after(() => rm(folder, { recursive: true }));
    const file = join(folder, 'pins.json');
    const first = await Pins.load(file);
    first.trust(named(old, 'bea'));
    await first.flush();
    const second = await Pins.load(file);
    second.block(id(old));
    await second.close();
    assert.equal(first.succeed(current.publicKey, id(old)), 'moved');
    await first.close();
    const pins = await Pins.load(file);
    assert.equal(pins.get(id(current))?.isBlocked, true, 'the block was there first');
    await pins.close();
  });

  test('a long row of keys drives nobody out', () => {
    const pins = Pins.memory({ maxPins: 12 });
    pins.trust(named(asker, 'ada'));
    pins.block(id(other));
    let last = old;
    pins.trust(named(last, 'mallory'));
    for (let count = 0; count < 20; count++) {
      const next = Identity.generate();
      assert.equal(pins.succeed(next.publicKey, id(last)), 'moved');
      last = next;
    }
    assert.equal(pins.get(id(asker))?.isTrusted, true);
    assert.equal(pins.get(id(other))?.isBlocked, true);
    assert.equal(pins.list().length, 7, 'two others, the last, and four before it');
  });
});
