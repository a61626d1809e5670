/**
 * What the original has compressed (python-zstandard), read by ours. Ours is not compared with it byte for byte: releases
 * of zstd choose different matches, we choose others for short messages with a dictionary, and our frames with a
 * dictionary end in a checksum, which its decoders verify.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Bytes } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { zstd } from '../../src/platform/node/zstd.ts';
import { Compressors } from '../../src/pubsub/compression/compressors.ts';
import { compressMessage, decompressMessage } from '../../src/pubsub/compression/messages.ts';
import { messageInMemory } from '../../src/pubsub/delivery/message.ts';

interface Vector {
  readonly kind: string;
  readonly name: string;
  readonly compressor_id: number;
  readonly level: number;
  /** The name of the one there is, or null. */
  readonly dictionary: string | null;
  readonly data?: string;
  readonly recipe?: string;
  readonly data_sha512?: string;
  readonly hex: string;
}

const { vectors } = JSON.parse(readFileSync(new URL('../../conformance/vectors/lonelyps.json', import.meta.url), 'utf8')) as {
  vectors: Vector[];
};
const frames = vectors.filter(({ kind }) => kind === 'zstd');
const dictionaries = vectors.filter(({ kind }) => kind === 'zstd-dictionary').map(({ hex }) => decodeHex(hex));

/** The only recipe: `data is TEXT repeated N times`. */
function dataOf({ name, data, recipe, data_sha512: sha512 }: Vector): Bytes {
  if (data !== undefined) return decodeHex(data);
  const [, text, times] = /^data is (\S+) repeated (\d+) times$/.exec(recipe ?? '') ?? assert.fail(name);
  const made = encodeUtf8((text ?? '').repeat(Number(times)));
  assert.equal(createHash('sha512').update(made).digest('hex'), sha512, name);
  return made;
}

function dictionaryOf({ dictionary }: Vector): Bytes | null {
  return dictionary === null ? null : (dictionaries[0] ?? assert.fail('there is no dictionary'));
}

test('there are frames, and one dictionary in the format of zstd', () => {
  assert.ok(frames.length >= 5);
  assert.equal(dictionaries.length, 1);
  assert.equal(encodeHex((dictionaries[0] ?? assert.fail()).subarray(0, 4)), '37a430ec');
});

for (const vector of frames) {
  const content = dataOf(vector);
  const dictionary = dictionaryOf(vector);
  const frame = decodeHex(vector.hex);

  test(`read: ${vector.name}`, async () => {
    assert.deepEqual(zstd.decompress(frame, { dictionary, length: content.length }), content);
    const pieces = [frame.subarray(0, 7), frame.subarray(7)];
    const read: number[] = [];
    for await (const chunk of zstd.decompressStream(pieces, { dictionary, length: content.length })) {
      read.push(...chunk);
    }
    assert.deepEqual(Uint8Array.from(read), content);
  });

  test(`made: ${vector.name}`, async () => {
    const compressors = new Compressors('newest');
    const { compressor_id: id, level } = vector;
    compressors.enable({ id: BigInt(id), level, minSize: 0, maxSize: 2n ** 64n - 1n, dictionary });
    const compressor = compressors.choose(content.length) ?? assert.fail();
    const { body } = await compressMessage(messageInMemory(content), compressor, 1_000_000);
    const back = await decompressMessage(body, compressors.get(BigInt(id)), content.length, 1_000_000);
    assert.deepEqual([...back.body.chunks() as Iterable<Bytes>], [content]);
    // Beside the checksum not much longer than what the original makes.
    const checksum = dictionary ? 4 : 0;
    assert.ok(body.length <= frame.length + checksum + 8, `${body.length} bytes, the original ${frame.length}`);
  });
}
