import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { concat } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import {
  decodePacket,
  encodeHeader,
  encodePacket,
  replyOverhead,
  requestOverhead,
} from '../../src/wire/pssst.ts';
import { decodeBody, encodeBody, representationFor } from '../../src/wire/representation.ts';
import {
  decodeRoutedReply,
  decodeRoutedRequest,
  encodeRoutedReply,
  encodeRoutedRequest,
  withNewerKey,
} from '../../src/wire/routed.ts';

describe('PSSST packets', () => {
  test('sizes are those of the specification', () => {
    assert.deepEqual([requestOverhead(1, false), requestOverhead(1, true), replyOverhead(1)], [52, 116, 52]);
    assert.deepEqual(
      [requestOverhead(0x5300, false), requestOverhead(0x5300, true), replyOverhead(0x5300)],
      [52, 116, 64],
    );
    assert.deepEqual(
      [requestOverhead(0x5301, false), requestOverhead(0x5301, true), replyOverhead(0x5301)],
      [1140, 1204, 64],
    );
  });

  test('what decodes encodes to the same bytes, unknown flag bits too', () => {
    for (const suite of [1, 0x5300, 0x5301] as const) {
      for (const reply of [false, true]) {
        const header = encodeHeader(suite, reply, true);
        header[1] = 0x01;
        const bytes = concat(
          header,
          new Uint8Array(1200).map((_, index) => index),
        );
        assert.deepEqual(encodePacket(decodePacket(bytes)), bytes);
      }
    }
  });

  test('too short and unknown suites are told apart', () => {
    assert.throws(() => decodePacket(new Uint8Array(3)), { code: 'packet_too_short' });
    assert.throws(() => decodePacket(concat(encodeHeader(1, false, false), new Uint8Array(31))), {
      code: 'packet_too_short',
    });
    assert.throws(() => decodePacket(decodeHex('00000002')), { code: 'unsupported_cipher' });
    assert.throws(() => decodePacket(decodeHex('00000000')), { code: 'unsupported_cipher' });
  });
});

describe('routed messages', () => {
  const request = {
    representation: 't' as const,
    once: true,
    oneWay: false,
    sentAt: 1_795_218_158_067,
    route: '/écho',
    body: encodeUtf8('hi'),
  };

  test('a request lies as the table says', () => {
    assert.equal(encodeHex(encodeRoutedRequest(request)), '017401000001a1fb5731f300062fc3a963686f6869');
    assert.deepEqual(decodeRoutedRequest(encodeRoutedRequest(request)), request);
  });

  test('padding is zeros and its length, and is taken off again', () => {
    const bare = encodeRoutedRequest(request).length;
    for (const size of [bare + 1, bare + 2, bare + 3, 100, 1232]) {
      const padded = encodeRoutedRequest(request, size);
      assert.equal(padded.length, Math.max(size, bare + 2));
      assert.deepEqual(decodeRoutedRequest(padded), request);
      assert.ok(padded.subarray(bare, -2).every((byte) => byte === 0));
    }
    assert.deepEqual(encodeRoutedRequest(request, bare), encodeRoutedRequest(request));
  });

  test('padding that is not zero, or longer than what is there, is refused', () => {
    const padded = encodeRoutedRequest(request, 60);
    for (const [at, value] of [
      [-3, 1],
      [-1, 1],
      [-1, 255],
      [-2, 255],
    ] as const) {
      const altered = padded.slice();
      altered[altered.length + at] = value;
      assert.throws(() => decodeRoutedRequest(altered), { code: 'invalid_message' });
    }
  });

  test('a reply lies as the table says', () => {
    const reply = { representation: 'j' as const, status: 404, body: encodeUtf8('{}') };
    assert.equal(encodeHex(encodeRoutedReply(reply)), '016a01947b7d');
    assert.deepEqual(decodeRoutedReply(encodeRoutedReply(reply)), reply);
    const telling = encodeRoutedReply({ ...reply, newerKey: true });
    assert.equal(encodeHex(telling), '016a81947b7d');
    assert.deepEqual(withNewerKey(encodeRoutedReply(reply)), telling);
    assert.deepEqual(decodeRoutedReply(telling), { ...reply, newerKey: true });
  });

  test('anything else is refused with a sentence', () => {
    const good = encodeRoutedRequest(request);
    const wrong: [number, number][] = [
      [0, 2],
      [1, 0x70],
      [2, 8],
      [3, 0x20],
      [11, 0xff],
      [13, 0x61],
      [14, 0xff],
    ];
    for (const [at, value] of wrong) {
      const altered = good.slice();
      altered[at] = value;
      assert.throws(() => decodeRoutedRequest(altered), {
        code: 'invalid_message',
        message: /routed request/,
      });
    }
    assert.throws(() => decodeRoutedReply(Uint8Array.of(1, 0x74, 0)), { code: 'invalid_message' });
    assert.throws(() => encodeRoutedRequest({ ...request, route: 'echo' }), { code: 'invalid_route' });
  });
});

describe('representations', () => {
  test('auto keeps every value whole at the least cost', () => {
    const values: [unknown, string][] = [
      ['text', 't'],
      [Uint8Array.of(1, 2), 'b'],
      [{ a: [1, 'two', null, true] }, 'j'],
      [42, 'j'],
      [{ when: new Date(0) }, 'c'],
      [new Map([[1, 2]]), 'c'],
      [new Set(['a']), 'c'],
      [123_456_789_012_345_678_901n, 'c'],
      [Number.NaN, 'c'],
      [-0, 'c'],
      [[undefined], 'c'],
      [{ bytes: Uint8Array.of(1) }, 'c'],
    ];
    for (const [value, letter] of values) {
      const encoded = encodeBody(value);
      assert.equal(encoded.representation, letter, String(value));
      assert.deepEqual(decodeBody(encoded.bytes, encoded.representation), value);
    }
    assert.equal(decodeBody(encodeBody(undefined).bytes, representationFor(undefined)), undefined);
  });

  test('a body that its representation cannot hold is refused, both ways', () => {
    assert.throws(() => encodeBody({}, 't'), { code: 'invalid_body' });
    assert.throws(() => encodeBody(1n, 'j'), { code: 'invalid_body' });
    assert.throws(() => encodeBody(() => 1), { code: 'invalid_body' });
    const circular: { self?: unknown } = {};
    circular.self = circular;
    assert.throws(() => encodeBody(circular), { code: 'invalid_body' });
    assert.throws(() => decodeBody(encodeUtf8('{'), 'j'), {
      code: 'invalid_body',
      message: 'The body is not JSON.',
    });
    assert.throws(() => decodeBody(new Uint8Array(5000).fill(0x81), 'c'), { code: 'invalid_body' });
    assert.throws(() => decodeBody(decodeHex('5b00000000ffffffff'), 'c'), { code: 'invalid_body' });
    assert.throws(() => decodeBody(decodeHex('ff'), 't'), { code: 'invalid_body' });
  });

  test('of CBOR tags only dates, big integers and sets are decoded', () => {
    const regularExpression = decodeBody(decodeHex('d823632e2a78'), 'c');
    assert.ok(!(regularExpression instanceof RegExp));
    for (const wrong of ['c161 61', 'c201', 'd90102 01']) {
      assert.throws(() => decodeBody(decodeHex(wrong), 'c'), { code: 'invalid_body' });
    }
  });

  test('a hostile name does not reach a prototype', () => {
    const value = decodeBody(encodeUtf8('{"__proto__":{"admin":true}}'), 'j') as Record<string, unknown>;
    assert.equal(value.admin, undefined);
    const cbor = decodeBody(decodeHex('a1695f5f70726f746f5f5fa16561646d696ef5'), 'c') as Record<
      string,
      unknown
    >;
    assert.equal(cbor.admin, undefined);
  });
});
