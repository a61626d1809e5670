/** The golden vectors of the tracing that the Python broadcaster sends, read and written. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { concat, EMPTY } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeHex } from '../../src/bytes/text.ts';
import { decodeSimpleTracing, encodeSimpleTracing } from '../../src/wire/lonelyps-tracing.ts';
import { decodeTraceContext } from '../../src/wire/trace-context.ts';

interface Vector {
  readonly kind: string;
  readonly name: string;
  readonly hex: string;
  /** What the Python reader does with it. */
  readonly result: string;
  readonly traces: readonly {
    readonly name: string;
    readonly extra_json: string;
    readonly occurred_at: string;
  }[];
}

const { vectors } = JSON.parse(readFileSync('conformance/vectors/lonelyps.json', 'utf8')) as {
  vectors: readonly Vector[];
};
const made = vectors.filter(({ kind }) => kind === 'tracing');
const read = vectors.filter(({ kind }) => kind === 'tracing-read');

describe('simple tracing as the original writes it', () => {
  assert.ok(made.length > 0);
  for (const { name, hex, traces } of made) {
    test(name, () => {
      const tracing = decodeSimpleTracing(decodeHex(hex));
      assert.equal(tracing.truncated, false);
      assert.deepEqual(
        tracing.traces,
        traces.map((trace) => ({
          name: trace.name,
          extra: trace.extra_json,
          at: Number(trace.occurred_at),
        })),
      );
      assert.ok(tracing.receivedAt <= tracing.sentAt);
      assert.equal(encodeHex(encodeSimpleTracing(tracing)), hex);
    });

    test(`${name}: in pieces, and with more after it, it is refused`, () => {
      const bytes = decodeHex(hex);
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeSimpleTracing(bytes.subarray(0, length)), { code: 'invalid_message' });
      }
      assert.throws(() => decodeSimpleTracing(concat(bytes, new Uint8Array(1))), { code: 'invalid_message' });
    });
  }
});

describe('simple tracing as the original reads it', () => {
  assert.equal(read.length, 4);
  for (const { name, hex, result } of read) {
    test(name, () => {
      const bytes = decodeHex(hex);
      // The original fails without a trace; we fail without any tracing.
      if (bytes.length === 0) assert.throws(() => decodeSimpleTracing(bytes), { code: 'invalid_message' });
      else {
        const tracing = decodeSimpleTracing(bytes);
        assert.equal(tracing.traces.length > 0, result === 'ok');
        assert.equal(encodeHex(encodeSimpleTracing(tracing)), hex);
      }
      assert.equal(decodeTraceContext(bytes), null, 'it is not taken for a trace context');
    });
  }
});

test('what begins with neither 0 nor 1 is refused', () => {
  for (const first of [2, 0x74, 0xff]) {
    const bytes = concat(Uint8Array.of(first), new Uint8Array(18));
    assert.throws(() => decodeSimpleTracing(bytes), { code: 'invalid_message' });
  }
  assert.throws(() => decodeSimpleTracing(EMPTY), { code: 'invalid_message' });
});

test('what decodes encodes to the same bytes', () => {
  const plain = { noNullPrototype: true };
  const text = fc.string({ unit: 'grapheme', maxLength: 20 });
  const at = fc.double({ noNaN: true });
  const trace = fc.record({ name: text, extra: fc.json({ maxDepth: 1 }), at }, plain);
  const time = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const traces = fc.array(trace, { maxLength: 5 });
  const tracing = fc.record({ truncated: fc.boolean(), traces, receivedAt: time, sentAt: time }, plain);
  fc.assert(
    fc.property(tracing, (given) => {
      const bytes = encodeSimpleTracing(given);
      assert.deepEqual(decodeSimpleTracing(bytes), given);
      assert.deepEqual(encodeSimpleTracing(decodeSimpleTracing(bytes)), bytes);
    }),
  );
});
