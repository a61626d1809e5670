/** sickserv for any payload and any bytes: what is sealed opens, and what is not is refused in the one way. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { lz4 } from '#lz4';
import { codeOf, SottoError } from '../../src/errors.ts';
import { lz4FrameSizes } from '../../src/platform/lz4-frame.ts';
import { codecs, processPayload, unprocessPayload } from '../../src/session/legacy/payload.ts';
import type { SickservDialect, SickservPayload, SickservValue } from '../../src/wire/sickserv.ts';
import { encryptSickserv } from '../../src/wire/sickserv.ts';

const DIALECTS: readonly SickservDialect[] = ['lz4', 'plain'];
const KEY = 'yellow-submarine';
const MOST = 100_000;

const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((each) => each.isWellFormed());
const bytes = fc.uint8Array({ maxLength: 120 });
/** Bytes that are no UTF-8, and so come back as they are. */
const noText = bytes.map((each) => Uint8Array.of(...each, 0xff));
const scalar = fc.oneof(text, noText);
const name = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'toString', '0', '7'));

function payloads(dialect: SickservDialect): fc.Arbitrary<SickservPayload> {
  if (dialect === 'lz4') return fc.dictionary(name, scalar, { maxKeys: 5, noNullPrototype: true });
  return fc.letrec<{ value: SickservValue; dict: SickservPayload }>((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, scalar, fc.array(scalar, { maxLength: 4 }), tie('dict')),
    dict: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  })).dict;
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    assert.ok(error instanceof SottoError, `not one of ours: ${String(error)}`);
    return undefined;
  }
}

for (const dialect of DIALECTS) {
  const as = { dialect, legacy: true, maxPayload: MOST } as const;
  describe(dialect, () => {
    test('what is sealed opens under its key, in either case of its digits', () => {
      fc.assert(
        fc.property(
          payloads(dialect),
          text.filter((each) => each !== ''),
          (payload, key) => {
            const wire = processPayload(key, payload, as);
            assert.match(wire, /^(?:[0-9A-F]{2})+$/);
            assert.deepEqual(unprocessPayload(key, wire, as), payload);
            assert.deepEqual(unprocessPayload(key, wire.toLowerCase(), as), payload);
          },
        ),
      );
    });

    test('any text is refused or opens', () => {
      const digits = bytes.map((each) => Buffer.from(each).toString('hex'));
      fc.assert(
        fc.property(fc.oneof(text, digits), text, (wire, key) => {
          attempt(() => unprocessPayload(key, wire, as));
        }),
      );
    });

    test('any text under the right key is refused or opens', () => {
      const json = fc.oneof(
        fc.json(),
        text,
        fc.json().map((each) => `{"a": ${each}}`),
      );
      const plaintext = dialect === 'plain' ? json : json.map(framed);
      fc.assert(
        fc.property(fc.oneof(plaintext, text), (each) => {
          attempt(() => unprocessPayload(KEY, encryptSickserv(each, KEY, codecs), as));
        }),
      );
    });

    test('a message with a byte changed is refused or opens, whatever it then says', () => {
      fc.assert(
        fc.property(payloads(dialect), fc.nat(), fc.integer({ min: 1, max: 255 }), (payload, at, change) => {
          const wire = Buffer.from(processPayload(KEY, payload, as), 'hex');
          const index = at % wire.length;
          wire[index] = (wire[index] ?? 0) ^ change;
          attempt(() => unprocessPayload(KEY, wire.toString('hex'), as));
        }),
      );
    });
  });
}

function framed(json: string): string {
  return Buffer.from(lz4.compress(Buffer.from(json))).toString('base64');
}

describe('LZ4 frames', () => {
  /** Text that compresses, in frames of several blocks. */
  const content = fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 0, max: 5000 }), bytes)
    .map(([part, times, rest]) => new Uint8Array(Buffer.concat([...Array(times).fill(part), rest])));

  test('the sizes are told before anything is decompressed, and are right', () => {
    fc.assert(
      fc.property(content, bytes, (plain, after) => {
        const frame = lz4.compress(plain);
        const joined = Buffer.concat([frame, after]);
        assert.deepEqual(lz4FrameSizes(joined, plain.length), { frame: frame.length, content: plain.length });
        assert.deepEqual(lz4.decompress(joined, plain.length), plain);
        if (plain.length === 0) return;
        const refused = attempt(() => lz4.decompress(joined, plain.length - 1));
        assert.equal(refused, undefined);
      }),
      { numRuns: 50 },
    );
  });

  test('a frame that is cut is refused wherever it is cut', () => {
    fc.assert(
      fc.property(content, fc.nat(), (plain, at) => {
        const frame = lz4.compress(plain);
        const cut = frame.subarray(0, at % frame.length);
        assert.throws(
          () => lz4.decompress(cut, MOST * 10),
          (error) => codeOf(error) === 'invalid_message',
        );
      }),
      { numRuns: 50 },
    );
  });

  test('any bytes, and any frame with bytes changed, are refused or open within bounds', () => {
    const start = fc.constantFrom([0x60, 0x40], [0x68, 0x40], [0x7c, 0x70], [0x64, 0x50]);
    const madeUp = fc
      .tuple(start, fc.uint8Array({ maxLength: 60 }))
      .map(([flags, rest]) => Uint8Array.of(0x04, 0x22, 0x4d, 0x18, ...flags, ...rest));
    const changed = fc.tuple(content, fc.nat(), fc.nat({ max: 255 })).map(([plain, at, byte]) => {
      const frame = Uint8Array.from(lz4.compress(plain));
      frame[at % frame.length] = byte;
      return frame;
    });
    fc.assert(
      fc.property(fc.oneof(bytes, madeUp, changed), (frame) => {
        const opened = attempt(() => lz4.decompress(frame, 10_000));
        assert.ok(opened === undefined || opened.length <= 10_000);
      }),
      { numRuns: 500 },
    );
  });
});
