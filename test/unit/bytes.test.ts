import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeFrames, FrameDecoder, FrameReader } from '../../src/bytes/framing.ts';
import { Reader } from '../../src/bytes/reader.ts';
import { decodeHex, decodeUtf8, encodeHex } from '../../src/bytes/text.ts';
import { Writer } from '../../src/bytes/writer.ts';

describe('reader and writer', () => {
  test('fields come back as they went in, big-endian', () => {
    const bytes = new Writer(1 + 2 + 4 + 8 + 3)
      .u8(0xab)
      .u16(0x1234)
      .u32(0xdeadbeef)
      .u64(1_795_218_158_067)
      .bytes(Uint8Array.of(1, 2, 3))
      .finish();
    assert.equal(encodeHex(bytes.subarray(0, 7)), 'ab1234deadbeef');
    const reader = new Reader(bytes);
    assert.deepEqual(
      [reader.u8(), reader.u16(), reader.u32(), reader.u64(), reader.rest()],
      [0xab, 0x1234, 0xdeadbeef, 1_795_218_158_067, Uint8Array.of(1, 2, 3)],
    );
  });

  test('nothing is read past the end, and a number JavaScript cannot hold is refused', () => {
    assert.throws(() => new Reader(Uint8Array.of(1)).u16(), { code: 'out_of_bounds' });
    assert.throws(() => new Reader(new Uint8Array(8).fill(255)).u64(), { code: 'out_of_bounds' });
  });

  test('nothing is written past the end, out of range, or left out', () => {
    assert.throws(() => new Writer(1).u16(1), { code: 'out_of_bounds' });
    assert.throws(() => new Writer(1).u8(256), { code: 'out_of_bounds' });
    assert.throws(() => new Writer(2).u8(1).finish(), { code: 'out_of_bounds' });
  });

  test('views read a part of a larger buffer', () => {
    assert.equal(new Reader(Uint8Array.of(9, 9, 0, 7).subarray(2)).u16(), 7);
  });
});

describe('text', () => {
  test('hex allows blanks between bytes and nothing else', () => {
    assert.deepEqual(decodeHex(' 01 ff\nAb '), Uint8Array.of(1, 255, 0xab));
    for (const wrong of ['0', '0 1', 'zz', '0x01']) {
      assert.throws(() => decodeHex(wrong), { code: 'invalid_text' });
    }
  });

  test('UTF-8 is strict and keeps a byte order mark', () => {
    assert.equal(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), '\ufeffa');
    for (const wrong of ['ff', 'c080', 'eda080', 'f4908080']) {
      assert.throws(() => decodeUtf8(decodeHex(wrong)), { code: 'invalid_text' });
    }
  });
});

describe('frames', () => {
  const packets = [Uint8Array.of(1), new Uint8Array(0), new Uint8Array(300).fill(7), Uint8Array.of(2, 3)];
  const stream = encodeFrames(packets);

  test('come out whole, in pieces of any size', () => {
    for (let size = 1; size <= stream.length; size++) {
      const decoder = new FrameDecoder(1000);
      const frames = [];
      for (let at = 0; at < stream.length; at += size)
        frames.push(...decoder.push(stream.subarray(at, at + size)));
      assert.deepEqual(frames, packets, `in pieces of ${size}`);
      assert.equal(decoder.midFrame, false);
    }
  });

  test('come out one by one, in one buffer', () => {
    for (let size = 1; size <= stream.length; size++) {
      const reader = new FrameReader(300);
      const frames: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size) {
        reader.push(stream.subarray(at, at + size), (frame) => frames.push(Uint8Array.from(frame)));
      }
      assert.deepEqual(frames, packets, `in pieces of ${size}`);
    }
    const none = (): void => assert.fail('nothing is handed on');
    assert.throws(() => new FrameReader(300).push(Uint8Array.of(0, 0, 1, 45), none), {
      code: 'frame_too_large',
    });
  });

  test('a frame that has begun is known to have', () => {
    const decoder = new FrameDecoder(10);
    decoder.push(Uint8Array.of(0));
    assert.equal(decoder.midFrame, true);
  });

  test('a length above the limit is refused before anything is kept for it', () => {
    const decoder = new FrameDecoder(300);
    assert.equal(decoder.push(encodeFrames([new Uint8Array(300)])).length, 1);
    assert.throws(() => decoder.push(Uint8Array.of(0, 0, 1, 45)), { code: 'frame_too_large' });
    assert.throws(() => new FrameDecoder(300).push(Uint8Array.of(255, 255, 255, 255)), {
      code: 'frame_too_large',
    });
  });
});
