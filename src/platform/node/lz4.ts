/** LZ4 frames by lz4-napi, which is loaded when first needed: not every machine has its binary. */

import { createRequire } from 'node:module';
import { messageOf, SottoError } from '../../errors.ts';
import { lz4FrameSizes } from '../lz4-frame.ts';
import type { Lz4 } from '../types.ts';

type Library = typeof import('lz4-napi');

let loaded: Library | null = null;

export const lz4: Lz4 = {
  compress: (bytes) => plain(library().compressFrameSync(Buffer.from(bytes))),
  decompress(bytes, maxContent) {
    const { frame, content } = lz4FrameSizes(bytes, maxContent);
    const found = opened(bytes.subarray(0, frame));
    if (found.length === content) return found;
    throw new SottoError('invalid_message', 'An LZ4 frame holds another length than its blocks say.');
  },
};

function opened(frame: Uint8Array): Uint8Array {
  try {
    return plain(library().decompressFrameSync(Buffer.from(frame)));
  } catch (cause) {
    if (cause instanceof SottoError) throw cause;
    throw new SottoError('invalid_message', `This LZ4 frame does not open: ${messageOf(cause)}`, { cause });
  }
}

function library(): Library {
  try {
    loaded ??= createRequire(import.meta.url)('lz4-napi') as Library;
    return loaded;
  } catch (cause) {
    const text = `lz4-napi does not load here, so there is no LZ4: ${messageOf(cause)}`;
    throw new SottoError('unsupported_platform', text, { cause });
  }
}

function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
