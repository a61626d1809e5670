/** Whatever samples and messages there are: dictionaries that zstd takes, and messages that come back. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concat } from '../../src/bytes/bytes.ts';
import { SottoError } from '../../src/errors.ts';
import { zstd } from '../../src/platform/node/zstd.ts';
import { trainDictionary } from '../../src/pubsub/compression/dictionary-trainer.ts';

const bytes = fc.uint8Array({ maxLength: 200 });
/** Of few parts, so that there is something to learn. */
const repetitive = fc
  .array(fc.constantFrom('{"device":"', 'temperature', '","humidity":', '12', '7', '\u0000'), {
    maxLength: 30,
  })
  .map((parts) => new TextEncoder().encode(parts.join('')));
const samples = fc.array(fc.oneof(bytes, repetitive), { maxLength: 60 });

test('any samples give a dictionary that is not too long, and that zstd takes', () => {
  fc.assert(
    fc.property(
      samples,
      fc.integer({ min: 0, max: 3000 }),
      fc.oneof(bytes, repetitive),
      (given, size, message) => {
        const dictionary = trainDictionary(given, size);
        fc.pre(dictionary !== null);
        assert.ok(dictionary.length >= 8 && dictionary.length <= size);
        const options = { level: 3, dictionary };
        const content = { dictionary, length: message.length };
        assert.deepEqual(zstd.decompress(zstd.compress(message, options), content), message);
      },
    ),
    { numRuns: 100 },
  );
});

test('what comes in pieces is what comes at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(bytes, { maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      async (pieces, size) => {
        const message = concat(...pieces);
        const frame: Uint8Array[] = [];
        for await (const chunk of zstd.compressStream(pieces, { level: 3, dictionary: null }))
          frame.push(chunk);
        const whole = concat(...frame);
        const content = { dictionary: null, length: message.length };
        assert.deepEqual(zstd.decompress(whole, content), message);
        const cut = Array.from({ length: Math.ceil(whole.length / size) }, (_none, at) =>
          whole.subarray(at * size, (at + 1) * size),
        );
        const back: Uint8Array[] = [];
        for await (const chunk of zstd.decompressStream(cut, content)) back.push(chunk);
        assert.deepEqual(concat(...back), message);
      },
    ),
    { numRuns: 100 },
  );
});

test('a damaged frame with a checksum is refused, or the message is the same', () => {
  const dictionary = new TextEncoder().encode('{"device":"sensor","temperature":12,"humidity":30}');
  fc.assert(
    fc.property(repetitive, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, place, change) => {
      const frame = zstd.compress(message, { level: 3, dictionary });
      const at = place % frame.length;
      frame[at] = (frame[at] ?? 0) ^ change;
      try {
        assert.deepEqual(zstd.decompress(frame, { dictionary, length: message.length }), message);
      } catch (error) {
        assert.ok(error instanceof SottoError && error.code === 'invalid_message', String(error));
      }
    }),
    { numRuns: 300 },
  );
});
