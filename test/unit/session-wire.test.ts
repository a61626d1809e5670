/** What the two ends of a session say, byte by byte, and its limits. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bytes, concat } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { Assembly } from '../../src/session/assembly.ts';
import { Sender } from '../../src/session/sender.ts';
import {
  costOfItem,
  decodeClientHello,
  decodeCompressed,
  decodeCount,
  decodeFailure,
  decodeGreeting,
  decodeServerHello,
  decodeSessionMessage,
  encodeClientHello,
  encodeCompressed,
  encodeCount,
  encodeFailure,
  encodeGreeting,
  encodeKept,
  encodePassing,
  encodeServerHello,
  type KeptKind,
  type KeptMessage,
  MAX_CONTENT,
  type PassingMessage,
  prologueOf,
} from '../../src/wire/session.ts';

const CONTENT = Uint8Array.of(0xaa, 0xbb);
const refusal = { code: 'invalid_message' };

const KEPT: readonly (readonly [KeptKind, number])[] = [
  ['data', 0],
  ['error', 5],
  ['item', 6],
  ['end', 7],
  ['credit', 8],
  ['cancel', 9],
  ['once', 10],
  ['open', 11],
  ['skipped', 12],
];

const COMPRESSIBLE: readonly KeptKind[] = ['data', 'item', 'once', 'open'];
/** Goes on, is compressed. */
const FLAGS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

describe('kept messages', () => {
  for (const [kind, byte] of KEPT) {
    test(kind, () => {
      const stream = kind === 'skipped' ? 0 : 0x01020304;
      for (const [more, compressed] of FLAGS) {
        const message = { kind, stream, number: 0x0102030405, more, compressed, content: CONTENT };
        const bytes = encodeKept(message);
        if (compressed && !COMPRESSIBLE.includes(kind)) {
          assert.throws(() => decodeSessionMessage(bytes), refusal);
          continue;
        }
        const head = (byte + (more ? 128 : 0) + (compressed ? 64 : 0)).toString(16).padStart(2, '0');
        assert.equal(encodeHex(bytes), `${head}${stream.toString(16).padStart(8, '0')}0000000102030405aabb`);
        assert.deepEqual(decodeSessionMessage(bytes), message);
      }
    });
  }

  test('the longest fits into one Noise message', () => {
    const content = new Uint8Array(MAX_CONTENT);
    const bytes = encodeKept({ kind: 'data', stream: 1, number: 0, more: false, compressed: false, content });
    assert.equal(bytes.length + 16, 65_535);
  });

  test('belong to a stream, but for what was skipped', () => {
    for (const [kind] of KEPT) {
      const stream = kind === 'skipped' ? 1 : 0;
      const bytes = encodeKept({ kind, stream, number: 0, more: false, compressed: false, content: CONTENT });
      assert.throws(() => decodeSessionMessage(bytes), refusal);
    }
  });

  test('with a number that is none', () => {
    const bytes = encodeKept({
      kind: 'data',
      stream: 1,
      number: 0,
      more: false,
      compressed: false,
      content: CONTENT,
    });
    bytes.fill(0xff, 5, 13);
    assert.throws(() => decodeSessionMessage(bytes), { code: 'out_of_bounds' });
    assert.throws(() => decodeSessionMessage(bytes.subarray(0, 12)), { code: 'out_of_bounds' });
  });
});

describe('messages of a connection', () => {
  const publicKey = new Uint8Array(32).fill(7);
  const messages: readonly (readonly [PassingMessage, string])[] = [
    [{ kind: 'rekey', type: 'ask', epoch: 1, publicKey }, `01000000000000000001${'07'.repeat(32)}`],
    [{ kind: 'rekey', type: 'answer', epoch: 258, publicKey }, `01000000000100000102${'07'.repeat(32)}`],
    [{ kind: 'ping', received: 3 }, '02000000000000000000000003'],
    [{ kind: 'pong', received: 0 }, '03000000000000000000000000'],
    [{ kind: 'close', status: 503, why: 'é' }, '040000000001f7c3a9'],
  ];
  for (const [message, hex] of messages) {
    test(`${message.kind} ${hex.slice(0, 14)}`, () => {
      assert.equal(encodeHex(encodePassing(message)), hex);
      assert.deepEqual(decodeSessionMessage(decodeHex(hex)), message);
      const bytes = decodeHex(hex);
      const changed = (at: number, value: number): Bytes => bytes.with(at, value);
      assert.throws(() => decodeSessionMessage(changed(4, 1)), refusal, 'no stream');
      assert.throws(() => decodeSessionMessage(changed(0, (bytes[0] ?? 0) | 128)), refusal, 'no parts');
      assert.throws(() => decodeSessionMessage(changed(0, (bytes[0] ?? 0) | 64)), refusal, 'not compressed');
      assert.throws(() => decodeSessionMessage(bytes.subarray(0, 6)), { code: 'out_of_bounds' });
      if (message.kind === 'close') return;
      assert.throws(() => decodeSessionMessage(concat(bytes, CONTENT)), refusal, 'nothing follows');
    });
  }

  test('of no kind, or a rekey of no type', () => {
    for (const kind of [13, 127, 255]) {
      assert.throws(() => decodeSessionMessage(concat(Uint8Array.of(kind), new Uint8Array(20))), refusal);
    }
    const rekey = decodeHex(messages[0]?.[1] ?? '').with(5, 2);
    assert.throws(() => decodeSessionMessage(rekey), refusal);
  });
});

test('why something failed is cut to 1 KiB, between characters', () => {
  const { status, why } = decodeFailure(encodeFailure(599, 'é'.repeat(1000)));
  assert.deepEqual([status, why], [599, 'é'.repeat(512)]);
  assert.throws(() => decodeFailure(Uint8Array.of(1, 2, 0xff)), { code: 'invalid_text' });
});

test('compressed contents: how long they are, then a frame', () => {
  const content = encodeCompressed(0x01020304, CONTENT);
  assert.equal(encodeHex(content), '01020304aabb');
  assert.deepEqual(decodeCompressed(content), { length: 0x01020304, frame: CONTENT });
  assert.throws(() => decodeCompressed(content.subarray(0, 3)), { code: 'out_of_bounds' });
});

test('counts, and what an item costs', () => {
  assert.equal(decodeCount(encodeCount(2 ** 32 - 1)), 2 ** 32 - 1);
  assert.throws(() => decodeCount(CONTENT), { code: 'out_of_bounds' });
  const costs = [0, 1, 8192, 8193, 1024 * 1024].map((size) => costOfItem(new Uint8Array(size)));
  assert.deepEqual(costs, [1, 1, 1, 2, 128]);
});

test('hellos; what follows is for later versions', () => {
  const session = new Uint8Array(16).fill(9);
  for (const readsCompressed of [false, true]) {
    const hello = { received: 1, session, readsCompressed };
    const client = encodeClientHello(hello);
    const flags = readsCompressed ? '01' : '00';
    assert.equal(encodeHex(client), `010000000000000001${'09'.repeat(16)}${flags}`);
    assert.deepEqual(decodeClientHello(concat(client, CONTENT)), hello);
    const later = client.with(25, (client[25] ?? 0) | 0xfe);
    assert.deepEqual(decodeClientHello(later), hello, 'other flags are for later versions');
    for (const resumed of [true, false]) {
      const server = encodeServerHello({ ...hello, resumed });
      assert.equal(encodeHex(server), `${encodeHex(client)}${resumed ? '01' : '00'}`);
      assert.deepEqual(decodeServerHello(concat(server, CONTENT)), { ...hello, resumed });
      const telling = encodeServerHello({ ...hello, resumed, newerKey: true });
      assert.equal(telling[25], (server[25] ?? 0) | 2);
      assert.deepEqual(decodeServerHello(telling), { ...hello, resumed, newerKey: true });
    }
  }
  const client = encodeClientHello({ received: 1, session, readsCompressed: false });
  assert.throws(() => decodeClientHello(client.subarray(0, 25)), { code: 'out_of_bounds' });
  assert.throws(() => decodeServerHello(client), { code: 'out_of_bounds' });
  assert.throws(() => decodeClientHello(client.with(0, 2)), refusal);
});

test('greetings', () => {
  for (const [at, protocol] of (['NNpsk0', 'IK', 'NK'] as const).entries()) {
    const greeting = encodeGreeting(protocol, 'höst');
    assert.equal(encodeHex(greeting), `0${at + 1}0568c3b67374`);
    const prologue = concat(encodeUtf8('sotto/session/1'), greeting);
    assert.deepEqual(prologueOf(greeting), prologue);
    const decoded = decodeGreeting(concat(greeting, CONTENT));
    assert.deepEqual(decoded, { protocol, host: 'höst', message: CONTENT, prologue });
  }
  for (const hex of ['0000', '0400', '01026', '0102ff'].map((each) => each.padEnd(6, '0'))) {
    assert.throws(() => decodeGreeting(decodeHex(hex)));
  }
  assert.throws(() => encodeGreeting('IK', 'x'.repeat(256)), 'a name over 255 bytes');
});

describe('parts', () => {
  const part = (length: number, more: boolean, number = 0): KeptMessage => ({
    ...{ kind: 'data', stream: 1, number, more, compressed: false },
    content: new Uint8Array(length),
  });

  test('are put together, and none but the last may be short: else there could be ever more of them', () => {
    const assembly = new Assembly(2 * MAX_CONTENT);
    assert.equal(assembly.take(part(MAX_CONTENT, true)), null);
    const whole = assembly.take(part(7, false, 1));
    assert.deepEqual([whole?.content.length, whole?.isTooLong], [MAX_CONTENT + 7, false]);
    for (const length of [0, 1, MAX_CONTENT - 1]) {
      const again = new Assembly(2 * MAX_CONTENT);
      assert.throws(() => again.take(part(length, true)), { code: 'invalid_message' });
    }
  });
});

describe('what waits for room', () => {
  test('is let go where it is not wanted any more; what cannot wait has an end', async () => {
    const broken: string[] = [];
    const options = {
      maxMessage: 1000,
      maxOutbox: 100,
      onSlow() {},
      onBroken: (why: string) => broken.push(why),
    };
    const sender = new Sender(options);
    sender.send('data', 2, new Uint8Array(200));
    let isWanted = true;
    const waiting = sender.sendInTurn('data', 4, new Uint8Array(200), {
      compress: false,
      isWanted: () => isWanted,
    });
    isWanted = false;
    sender.wake();
    await waiting;
    assert.ok(sender.unconfirmed < 300, 'it was not sent');
    for (let count = 0; count < 100_000 && broken.length === 0; count++) {
      sender.sendAtOnce('credit', 1, new Uint8Array(4));
    }
    assert.deepEqual(broken, ['nothing is confirmed']);
  });
});
