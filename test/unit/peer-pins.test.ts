/** Pins: what people decide about keys, and the private file it is kept in. */

import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, mock, test } from 'node:test';
import type { Logger } from '../../src/app/message.ts';
import { PublicKey } from '../../src/keys/public-key.ts';
import { peerIdOf } from '../../src/peers/peer.ts';
import { decodePinFile, encodePinFile, MAX_PIN_FILE, MAX_PINS } from '../../src/peers/pin-file.ts';
import { type Pinnable, Pins } from '../../src/peers/pins.ts';

const START = 1_795_000_000_000;

function key(number: number): PublicKey {
  const bytes = new Uint8Array(32).fill(9);
  new DataView(bytes.buffer).setUint32(0, number);
  return PublicKey.from(bytes);
}

function peer(number: number, about: Partial<Pinnable> = {}): Pinnable {
  return { publicKey: key(number), user: `user${number}`, hostname: 'host', ...about };
}

const id = (number: number): ReturnType<typeof peerIdOf> => peerIdOf(key(number));

describe('decisions', () => {
  test('a key is pinned once, with the name it has now and the day it was first seen', () => {
    let now = START;
    const pins = Pins.memory({ now: () => now });
    pins.pin(peer(1, { user: 'ann' }));
    pins.trust(id(1));
    now += 5000;
    pins.pin(peer(1, { user: 'anna' }));
    assert.deepEqual(pins.list(), [
      {
        id: id(1),
        publicKey: key(1),
        user: 'anna',
        hostname: 'host',
        firstSeen: START,
        isTrusted: true,
        isBlocked: false,
      },
    ]);
    assert.deepEqual(
      [pins.named(peer(1, { user: 'ann' })).length, pins.named(peer(1, { user: 'anna' })).length],
      [0, 1],
    );
  });

  test('trust, block, unblock and forget', () => {
    const pins = Pins.memory();
    pins.pin(peer(1));
    assert.throws(() => pins.trust(id(2)), { code: 'invalid_argument' });
    assert.throws(() => pins.unblock(id(2)), { code: 'invalid_argument' });
    pins.trust(peer(2));
    pins.block(id(1));
    assert.deepEqual(
      pins.list().map(({ isTrusted, isBlocked }) => [isTrusted, isBlocked]),
      [
        [false, true],
        [true, false],
      ],
    );
    pins.unblock(id(1));
    assert.equal(pins.get(id(1))?.isBlocked, false);
    assert.deepEqual([pins.forget(id(1)), pins.forget(id(1)), pins.list().length], [true, false, 1]);
  });

  test('an id may be blocked that was never seen; it has no name, and no trace is left when it is unblocked', () => {
    const pins = Pins.memory();
    pins.block(id(3));
    assert.equal(pins.get(id(3))?.isBlocked, true);
    assert.deepEqual(pins.named({ user: '', hostname: '' }), []);
    assert.throws(() => pins.trust(id(3)), { code: 'invalid_argument' });
    pins.pin(peer(3));
    assert.deepEqual(
      [pins.get(id(3))?.isBlocked, pins.get(id(3))?.user],
      [true, 'user3'],
      'named, and blocked still',
    );
    pins.forget(id(3));
    pins.block(id(3));
    pins.unblock(id(3));
    assert.equal(pins.get(id(3)), undefined);
  });

  test('a new key in place of an old one is pinned, and not trusted for that', () => {
    const pins = Pins.memory();
    pins.trust(peer(1, { user: 'ann' }));
    pins.accept(peer(2, { user: 'ann' }), id(1));
    assert.deepEqual(
      pins.named(peer(2, { user: 'ann' })).map((pin) => [pin.id, pin.isTrusted]),
      [[id(2), false]],
    );
    assert.throws(() => pins.accept(peer(3), id(1)), { code: 'invalid_argument' });
    assert.throws(() => pins.accept(peer(2), id(2)), { code: 'invalid_argument' });
  });

  test('bounded: the oldest goes that nobody decided about, and of many decisions trusted ones before blocks', () => {
    const pins = Pins.memory({ maxPins: 4 });
    pins.trust(peer(1));
    pins.block(peer(2));
    for (let i = 3; i < 20; i++) pins.pin(peer(i));
    assert.deepEqual(
      pins.list().map((pin) => pin.user),
      ['user1', 'user2', 'user18', 'user19'],
    );
    pins.trust(id(18));
    pins.trust(id(19));
    pins.trust(peer(20));
    assert.deepEqual(
      new Set(pins.list().map((pin) => pin.user)),
      new Set(['user2', 'user18', 'user19', 'user20']),
    );
    assert.throws(() => Pins.memory({ maxPins: 10_001 }), { code: 'invalid_option' });
  });
});

describe('the file', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sotto-pins-'));
  });
  after(() => rm(folder, { recursive: true }));

  test('need not be there; what changed is in it after close, for its owner alone', async () => {
    const path = join(folder, 'new', 'pins.json');
    {
      await using pins = await Pins.load(path);
      pins.pin(peer(1, { user: 'änn' }));
      pins.trust(id(1));
      pins.block(id(2));
    }
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(folder, 'new')), ['pins.json']);
    const again = await Pins.load(path);
    assert.deepEqual([again.get(id(1))?.isTrusted, again.get(id(1))?.user], [true, 'änn']);
    assert.equal(again.get(id(2))?.isBlocked, true);
    assert.ok(again.get(id(1))?.publicKey?.equals(key(1)));
  });

  test('is written soon after a change, once for many', async () => {
    const path = join(folder, 'soon.json');
    mock.timers.enable({ apis: ['setTimeout'] });
    const pins = await Pins.load(path, { writeDelay: 500 });
    for (let i = 0; i < 5; i++) pins.pin(peer(i));
    mock.timers.tick(499);
    await pins.refresh();
    await assert.rejects(stat(path), { code: 'ENOENT' });
    mock.timers.tick(1);
    mock.timers.reset();
    await pins.refresh(); // comes after what was begun
    assert.equal(decodePinFile(await readFile(path, 'utf8')).length, 5);
  });

  test('programs that share it lose nothing of each other', async () => {
    const path = join(folder, 'shared.json');
    const [node, person] = [await Pins.load(path), await Pins.load(path)];
    node.pin(peer(1));
    await node.flush();
    await person.refresh();
    person.trust(id(1));
    person.block(id(2));
    await person.flush();
    node.pin(peer(1, { user: 'renamed' }));
    await Promise.all([node.flush(), node.flush()]);
    assert.deepEqual(
      [node.get(id(1))?.isTrusted, node.get(id(1))?.user, node.get(id(2))?.isBlocked],
      [true, 'renamed', true],
    );
    person.forget(id(1));
    node.trust(id(1));
    await person.flush();
    await node.flush();
    assert.ok(node.get(id(1))?.publicKey, 'who decides last decides, and the key is not lost');
    await rm(path);
    node.pin(peer(3));
    await node.close();
    assert.deepEqual((await Pins.load(path)).list().length, 3, 'a file that was lost is written anew');
  });

  test('what changes while it is being written is neither lost nor left out of the next writing', async () => {
    const path = join(folder, 'busy.json');
    const pins = await Pins.load(path);
    pins.pin(peer(0));
    await pins.flush();
    pins.pin(peer(1));
    const writing = pins.flush();
    for (let i = 0; i < 50; i++) await Promise.resolve();
    pins.pin(peer(2));
    await writing;
    assert.ok(pins.get(id(2)));
    await pins.close();
    assert.equal((await Pins.load(path)).list().length, 3);
  });

  test('is right after any number of changes', async () => {
    const path = join(folder, 'many.json');
    const pins = await Pins.load(path, { writeDelay: 60_000 });
    pins.pin(peer(5));
    await pins.flush();
    for (let i = 0; i < 10_001; i++) pins.pin(peer(i % 3, { user: `user${i}` }));
    pins.forget(id(0));
    await pins.close();
    assert.deepEqual((await Pins.load(path)).list(), pins.list());
    assert.equal(pins.list().length, 3);
  });

  test('is refused where others can read it', { skip: process.platform === 'win32' }, async () => {
    const path = join(folder, 'open.json');
    await writeFile(path, encodePinFile([]));
    await chmod(path, 0o644);
    await assert.rejects(Pins.load(path), { code: 'key_file_exposed' });
  });

  test('that is broken is never overwritten; the changes wait until it is mended', async () => {
    const path = join(folder, 'broken.json');
    const errors: object[] = [];
    const log: Logger = { debug() {}, info() {}, warn() {}, error: (fields) => void errors.push(fields) };
    const pins = await Pins.load(path, { log, writeDelay: 0 });
    pins.pin(peer(1));
    await pins.flush();
    const good = await readFile(path, 'utf8');
    await writeFile(path, 'oops', { mode: 0o600 });
    pins.pin(peer(2));
    await assert.rejects(pins.flush(), { code: 'key_file_invalid' });
    assert.equal(await readFile(path, 'utf8'), 'oops');
    pins.pin(peer(3));
    while (errors.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await writeFile(path, good);
    await pins.close();
    assert.equal((await Pins.load(path)).list().length, 3);
  });

  test('says what is wrong with it, and what to do', async () => {
    const good = JSON.parse(encodePinFile([]));
    const pin = { key: key(1).toString(), user: 'ann', hostname: '', firstSeen: 1 };
    const cases: [unknown, RegExp][] = [
      ['[', /not JSON/],
      [[], /no object/],
      [{}, /does not say \{"sotto": "peer-pins"\}/],
      [{ ...good, version: 2 }, /version is 2, and this program knows 1 alone/],
      [{ ...good, pins: {} }, /no list of pins/],
      [{ ...good, pins: [pin, 5] }, /pin 2 is no object/],
      [{ ...good, pins: [{ ...pin, key: undefined }] }, /pin 1 has neither a key nor an id/],
      [
        { ...good, pins: [{ ...pin, key: `${pin.key}x` }] },
        /pin 1 has a key that cannot be used.*typing error/,
      ],
      [{ ...good, pins: [{ ...pin, user: 5 }] }, /pin 1 has no user/],
      [{ ...good, pins: [{ ...pin, firstSeen: 'today' }] }, /pin 1 has no firstSeen/],
      [{ ...good, pins: [{ ...pin, blocked: 'yes' }] }, /blocked is neither true nor false/],
      [{ ...good, pins: [pin, pin] }, /two pins for/],
    ];
    for (const [content, expected] of cases) {
      const path = join(folder, 'wrong.json');
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      await writeFile(path, text, { mode: 0o600 });
      await assert.rejects(Pins.load(path), (error: Error & { code?: string }) => {
        assert.match(error.message, expected);
        assert.match(error.message, /wrong\.json.*move it away/);
        return error.code === 'key_file_invalid';
      });
    }
    const unknown = [{ ...pin, colour: 'blue' }];
    assert.equal(decodePinFile(JSON.stringify({ ...good, pins: unknown })).length, 1);
  });

  test('holds all that may be pinned, with the longest names, through a restart; strangers evict no decision', async () => {
    const path = join(folder, 'large.json');
    const longest = '界'.repeat(251);
    const long = (number: number): Pinnable => {
      const name = `${longest}${number.toString(36).padStart(4, '0')}`;
      return peer(number, { user: name, hostname: name });
    };
    {
      await using pins = await Pins.load(path);
      for (let i = 0; i < MAX_PINS; i++) pins.pin(long(i));
      pins.trust(id(0));
      pins.block(id(1));
      assert.equal(pins.list().length, MAX_PINS);
    }
    assert.ok((await stat(path)).size > 0.75 * MAX_PIN_FILE, 'names are as long as they may be');
    await using again = await Pins.load(path);
    assert.deepEqual(
      again.list().map((pin) => pin.id),
      Array.from({ length: MAX_PINS }, (_, number) => id(number)),
    );
    for (let i = 0; i < 3000; i++) again.pin(long(MAX_PINS + i));
    await again.flush();
    const third = await Pins.load(path);
    assert.equal(third.list().length, MAX_PINS);
    assert.deepEqual([third.get(id(0))?.isTrusted, third.get(id(1))?.isBlocked], [true, true]);
    assert.deepEqual(
      [third.get(id(2)), third.get(id(MAX_PINS + 2999))?.user],
      [undefined, long(12_999).user],
    );
  });

  test('takes no more than that', async () => {
    const path = join(folder, 'too-large.json');
    await writeFile(path, ' '.repeat(MAX_PIN_FILE + 1), { mode: 0o600 });
    await assert.rejects(Pins.load(path), { code: 'key_file_invalid', message: /too large/ });
  });
});
