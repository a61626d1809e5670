/** zstd as the pub/sub job uses it: what is refused, which compressor is taken, messages there and back. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bytes, concat, EMPTY } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { SottoError } from '../../src/errors.ts';
import { primitives } from '../../src/platform/node/crypto.ts';
import { sha512Of } from '../../src/platform/node/sha512.ts';
import { zstd } from '../../src/platform/node/zstd.ts';
import { zstd as webZstd } from '../../src/platform/web/zstd.ts';
import { type Compressor, Compressors, PLAIN } from '../../src/pubsub/compression/compressors.ts';
import { compressMessage, decompressMessage } from '../../src/pubsub/compression/messages.ts';
import { collectAny, type HashedMessage, messageInMemory } from '../../src/pubsub/delivery/message.ts';
import type { MessageBody } from '../../src/pubsub/delivery/poster.ts';
import { dice, sensorMessage } from '../support/sensors.ts';

const MEBIBYTE = 1024 * 1024;
const roll = dice(1);
const message = sensorMessage(roll, 'climate');
const dictionary = concat(...Array.from({ length: 100 }, () => sensorMessage(roll, 'climate')));
const other = concat(...Array.from({ length: 100 }, () => sensorMessage(roll, 'power'))).subarray(
  0,
  dictionary.length,
);
const refused = { code: 'invalid_message' };

async function whole(chunks: Iterable<Bytes> | AsyncIterable<Bytes>): Promise<Bytes> {
  const all: Bytes[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return concat(...all);
}

/** Both ways of decompressing must refuse it. */
async function assertRefused(
  frame: Bytes,
  content: { dictionary: Bytes | null; length: number },
): Promise<void> {
  assert.throws(() => zstd.decompress(frame, content), refused);
  await assert.rejects(whole(zstd.decompressStream([frame], content)), refused);
  const bytes = Array.from(frame, (byte) => Uint8Array.of(byte));
  await assert.rejects(whole(zstd.decompressStream(bytes, content)), refused);
}

/** A gibibyte of zeros in 32 KiB: blocks that say how often to repeat a byte. */
function bomb(): Bytes {
  const blockSize = 128 * 1024;
  const block = (isLast: boolean): Bytes => {
    const header = (blockSize << 3) | (1 << 1) | (isLast ? 1 : 0);
    return Uint8Array.of(header & 255, (header >> 8) & 255, header >> 16, 0);
  };
  return concat(
    decodeHex('28b52ffd0058'),
    ...Array.from({ length: 8192 }, (_none, index) => block(index === 8191)),
  );
}

describe('zstd', () => {
  test('frames have no content size and no id; a checksum where there is a dictionary', () => {
    const [plain, withDictionary] = [null, dictionary].map((each) =>
      zstd.compress(message, { level: 3, dictionary: each }),
    ) as [Bytes, Bytes];
    assert.equal(plain[4], 0);
    assert.equal(withDictionary[4], 0x04);
    assert.ok(withDictionary.length < plain.length / 2, `${withDictionary.length} of ${plain.length} bytes`);
  });

  test('what is compressed comes back, whole and in pieces, whatever the level', async () => {
    const long = concat(...Array.from({ length: 400 }, () => sensorMessage(roll, 'door')));
    for (const content of [EMPTY, message, long.subarray(0, 16384), long.subarray(0, 16385), long]) {
      for (const options of [-5, 0, 3, 10, 20].flatMap((level) => [
        { level, dictionary: null },
        { level, dictionary },
      ])) {
        const expected = { dictionary: options.dictionary, length: content.length };
        assert.deepEqual(zstd.decompress(zstd.compress(content, options), expected), content);
        const pieces = [content.subarray(0, 100), EMPTY, content.subarray(100)];
        for (const length of [undefined, content.length]) {
          const streamed = await whole(zstd.compressStream(pieces, options, length));
          assert.deepEqual(await whole(zstd.decompressStream([streamed], expected)), content);
        }
      }
    }
  });

  test('another dictionary is an error, never other bytes', async () => {
    const altered = dictionary.map((byte, index) => (index % 3 === 0 ? byte ^ 1 : byte));
    for (const level of [1, 3, 10, 19]) {
      const frame = zstd.compress(message, { level, dictionary });
      const streamed = await whole(zstd.compressStream([message], { level, dictionary }));
      for (const wrong of [other, altered, null]) {
        await assertRefused(frame, { dictionary: wrong, length: message.length });
        await assertRefused(streamed, { dictionary: wrong, length: message.length });
      }
    }
  });

  test('what is cut short, or goes on, or is of another length, is refused', async () => {
    for (const each of [null, dictionary]) {
      const frame = zstd.compress(message, { level: 3, dictionary: each });
      const content = { dictionary: each, length: message.length };
      for (let end = 0; end < frame.length; end++) await assertRefused(frame.subarray(0, end), content);
      const skippable = decodeHex('502a4d1803000000616263');
      for (const more of [Uint8Array.of(0), skippable, frame])
        await assertRefused(concat(frame, more), content);
      await assertRefused(concat(skippable, frame), content);
      for (const length of [0, message.length - 1, message.length + 1, 2 ** 40]) {
        await assertRefused(frame, { dictionary: each, length });
      }
    }
    await assertRefused(encodeUtf8('not compressed at all'), { dictionary: null, length: 5 });
  });

  test('a bomb is refused before it goes off', async () => {
    const frame = bomb();
    const before = process.memoryUsage().arrayBuffers;
    assert.throws(() => zstd.decompress(frame, { dictionary: null, length: 1000 }), refused);
    assert.ok(process.memoryUsage().arrayBuffers - before < MEBIBYTE, 'no more than what was asked for');
    let taken = 0;
    const pieces = function* (): Generator<Bytes> {
      for (let at = 0; at < frame.length; at += 64) {
        taken += 1;
        yield frame.subarray(at, at + 64);
      }
    };
    await assert.rejects(whole(zstd.decompressStream(pieces(), { dictionary: null, length: 1000 })), refused);
    assert.ok(taken < 512 / 2, `${taken} of 512 pieces were read`);
  });

  test('a window of 8 MiB is taken, of 16 MiB not', async () => {
    const content = { dictionary: null, length: 5 };
    const [taken, large] = ['68', '70'].map((window) => decodeHex(`28b52ffd00${window}29000068656c6c6f`)) as [
      Bytes,
      Bytes,
    ];
    assert.deepEqual(zstd.decompress(taken, content), encodeUtf8('hello'));
    assert.deepEqual(await whole(zstd.decompressStream([taken], content)), encodeUtf8('hello'));
    await assertRefused(large, content);
  });

  test('what the source throws comes through, and a reader that leaves ends the source', async () => {
    const failing = async function* (): AsyncGenerator<Bytes> {
      yield zstd.compress(message, { level: 3, dictionary: null }).subarray(0, 20);
      throw new SottoError('file_unreadable', 'gone');
    };
    const content = { dictionary: null, length: message.length };
    await assert.rejects(whole(zstd.decompressStream(failing(), content)), { code: 'file_unreadable' });
    await assert.rejects(whole(zstd.compressStream(failing(), { level: 3, dictionary: null })), {
      code: 'file_unreadable',
    });
    let isEnded = false;
    const endless = async function* (): AsyncGenerator<Bytes> {
      try {
        for (;;) yield primitives.randomBytes(64 * 1024);
      } finally {
        isEnded = true;
      }
    };
    for await (const _chunk of zstd.compressStream(endless(), { level: 1, dictionary: null })) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(isEnded);
  });

  test('a length that is announced must be right', async () => {
    const options = { level: 3, dictionary: null };
    for (const length of [0, message.length - 1, message.length + 1]) {
      await assert.rejects(whole(zstd.compressStream([message], options, length)), {
        code: 'invalid_argument',
      });
    }
  });

  test('a dictionary that only looks like one of zstd is refused', () => {
    const broken = concat(decodeHex('37a430ec'), message);
    assert.throws(() => zstd.compress(message, { level: 3, dictionary: broken }), {
      code: 'invalid_argument',
    });
  });

  test('a browser says that it has none', () => {
    assert.equal(webZstd.available, false);
    const options = { level: 3, dictionary: null };
    assert.throws(() => webZstd.compress(message, options), { code: 'unsupported_platform' });
    assert.throws(() => webZstd.decompressStream([], { dictionary: null, length: 0 }), {
      code: 'unsupported_platform',
    });
  });
});

const UNLIMITED = 2n ** 64n - 1n;
const WITHOUT: Compressor = { id: PLAIN, level: 3, minSize: 16384, maxSize: UNLIMITED, dictionary: null };
const PRESET: Compressor = { id: 7n, level: 3, minSize: 64, maxSize: UNLIMITED, dictionary };
const trained = (id: bigint): Compressor => ({ id, level: 3, minSize: 32, maxSize: 16384n, dictionary });

describe('the compressors of a connection', () => {
  function enabled(choice: 'newest' | 'smallest-minimum'): Compressors {
    const compressors = new Compressors(choice);
    for (const each of [WITHOUT, PRESET, trained(65536n), trained(65537n)]) compressors.enable(each);
    return compressors;
  }
  const idsFor = (compressors: Compressors, lengths: readonly number[]): (bigint | undefined)[] =>
    lengths.map((length) => compressors.choose(length)?.id);

  test('a broadcaster takes the newest that fits, a subscriber the one for the shortest messages', () => {
    const lengths = [31, 32, 63, 64, 16383, 16384, 2 ** 40];
    const [none, last] = [undefined, 65537n];
    assert.deepEqual(idsFor(enabled('newest'), lengths), [none, last, last, last, last, 7n, 7n]);
    assert.deepEqual(idsFor(enabled('smallest-minimum'), lengths), [none, last, last, last, last, 7n, 7n]);
    const compressors = new Compressors('smallest-minimum');
    for (const each of [PRESET, WITHOUT]) compressors.enable(each);
    assert.deepEqual(idsFor(compressors, [100, 20000]), [7n, 7n]);
    const newest = new Compressors('newest');
    for (const each of [PRESET, WITHOUT]) newest.enable(each);
    assert.deepEqual(idsFor(newest, [100, 20000]), [7n, 1n]);
  });

  test('what is disabled is not chosen, but read until another is', () => {
    const compressors = enabled('newest');
    compressors.disable(65537n);
    assert.equal(compressors.choose(100)?.id, 65536n);
    assert.equal(compressors.has(65537n), false);
    assert.equal(compressors.get(65537n).id, 65537n);
    compressors.disable(65536n);
    assert.equal(compressors.get(65536n).id, 65536n);
    assert.throws(() => compressors.get(65537n), refused);
    compressors.enable(trained(65536n));
    assert.equal(compressors.has(65536n), true);
  });

  test('what cannot be is refused', () => {
    const compressors = enabled('newest');
    assert.throws(() => compressors.enable(WITHOUT), refused);
    assert.throws(() => compressors.disable(9n), refused);
    assert.throws(() => compressors.get(9n), refused);
    assert.throws(() => compressors.get(0n), refused);
    assert.throws(() => compressors.enable({ ...WITHOUT, id: 0n }), refused);
    assert.throws(() => compressors.enable({ ...WITHOUT, id: 2n, level: 23 }), refused);
    const broken = concat(decodeHex('37a430ec'), message);
    assert.throws(() => compressors.enable({ ...PRESET, id: 2n, dictionary: broken }), refused);
    assert.throws(
      () => compressors.enable({ ...PRESET, id: 2n, dictionary: new Uint8Array(2 * MEBIBYTE) }),
      refused,
    );
    const flood = (): void => {
      for (let id = 100n; id < 200n; id++) compressors.enable(trained(id));
    };
    assert.throws(flood, refused);
  });
});

describe('messages', () => {
  async function there(
    body: MessageBody,
    compressor: Compressor,
    inMemory = MEBIBYTE,
  ): Promise<HashedMessage> {
    const { body: packed, sha512 } = await compressMessage(body, compressor, inMemory);
    const bytes = await whole(packed.chunks());
    assert.equal(bytes.length, packed.length);
    assert.deepEqual(sha512Of(bytes), sha512);
    return { body: packed, sha512 };
  }
  /** In memory, but more than one piece. */
  const bodyOf = (bytes: Bytes): MessageBody => ({
    length: bytes.length,
    chunks: () => [bytes.subarray(0, 5), bytes.subarray(5)],
  });

  test('come back as they were: at once, as a stream, in memory and on disk', async () => {
    const noise = primitives.randomBytes(300_000);
    for (const compressor of [WITHOUT, PRESET, { ...WITHOUT, level: 19 }]) {
      for (const bytes of [EMPTY, message, noise.subarray(0, 20_000), noise]) {
        for (const inMemory of [0, 100_000, MEBIBYTE]) {
          const { body } = await there(bodyOf(bytes), compressor, inMemory);
          const back = await decompressMessage(body, compressor, bytes.length, inMemory);
          assert.deepEqual(await whole(back.body.chunks()), bytes);
          assert.deepEqual(back.sha512, sha512Of(bytes));
          assert.equal(back.body.length, bytes.length);
          await back.body.remove();
        }
      }
    }
  });

  test('a short one is compressed within the turn', () => {
    assert.ok(!(compressMessage(bodyOf(message), PRESET, MEBIBYTE) instanceof Promise));
  });

  test('the compressed one is removed, also where it cannot be read', async () => {
    for (const length of [message.length, message.length + 1, 2 ** 40]) {
      const { body } = await there(messageInMemory(message), PRESET);
      let removals = 0;
      const counted = {
        length: body.length,
        chunks: () => body.chunks(),
        remove: async () => {
          removals += 1;
        },
      };
      const back = decompressMessage(counted, PRESET, length, MEBIBYTE);
      if (length === message.length) await back;
      else await assert.rejects(back, refused);
      assert.equal(removals, 1);
    }
  });
});

describe('a message of unknown length', () => {
  test('may come in pieces of any size from one buffer, and goes to disk where it is long', async () => {
    const content = primitives.randomBytes(100_000);
    for (const [size, inMemory] of [
      [1, 0],
      [7, MEBIBYTE],
      [1000, 50_000],
      [100_000, 1000],
    ] as const) {
      const buffer = new Uint8Array(size);
      const pieces = function* (): Generator<Bytes> {
        for (let at = 0; at < content.length; at += size) {
          const piece = content.subarray(at, at + size);
          buffer.set(piece);
          yield buffer.subarray(0, piece.length);
        }
      };
      const { body, sha512 } = await collectAny(pieces(), inMemory);
      assert.equal(Array.isArray(body.chunks()), inMemory === MEBIBYTE);
      assert.equal(body.length, content.length);
      assert.deepEqual(sha512, sha512Of(content));
      for (let reader = 0; reader < 2; reader++) assert.deepEqual(await whole(body.chunks()), content);
      await body.remove();
    }
  });

  test('is none where its pieces fail', async () => {
    const failing = function* (): Generator<Bytes> {
      yield message;
      throw new SottoError('aborted', 'no more');
    };
    await assert.rejects(collectAny(failing(), 0), { code: 'aborted' });
    assert.equal((await collectAny([], 0)).body.length, 0);
  });
});
