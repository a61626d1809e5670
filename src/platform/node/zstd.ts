/** zstd by node:zlib, whose handling of dictionaries decides how they are used here. */

import type { Transform } from 'node:stream';
import {
  createZstdCompress,
  createZstdDecompress,
  type ZstdOptions as NodeOptions,
  constants as zlib,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import { type Bytes, concatAll } from '../../bytes/bytes.ts';
import { messageOf, SottoError } from '../../errors.ts';
import type { Zstd, ZstdContent, ZstdOptions } from '../types.ts';
import { ZstdFrame } from '../zstd-frame.ts';
import { simulated } from './simulated.ts';

/** 8 MiB: what a decoder must hold, and what the original's takes. */
const MAX_WINDOW_LOG = 23;
/** Levels above this choose a larger window by themselves. */
const LAST_LEVEL_WITHIN_WINDOW = 19;

/** Bytes of a message that is short beside its dictionary. */
const SHORT = 16 * 1024;
/**
 * How a short message meets its dictionary. node:zlib reads the dictionary again for each message, which costs more than
 * all the rest, and least with these match finders; a window above 2^14 makes them look past most of it. Measured with
 * 64 KiB and 100 bytes of JSON: level 3 gives 37.9 bytes in 105 µs, 10 gives 41.9 in 115, 19 gives 31.6 in 4700; so
 * level 3 gives 34.0 in 72, and 10 gives 32.4 in 74.
 */
const SHORT_PARAMETERS = { [zlib.ZSTD_c_windowLog]: 14, [zlib.ZSTD_c_strategy]: zlib.ZSTD_lazy2 } as const;
const SHORT_LEVELS = { min: 6, max: 12 } as const;

/** Of a stream, bytes; also the most that one call for a whole gives beyond what was asked. */
const PIECE = 64 * 1024;
/** node:zlib takes no less. */
const LEAST_PIECE = 64;

export const zstd: Zstd = {
  available: true,

  compress(bytes, options) {
    try {
      // All at once, as nothing grows by more than this.
      const chunkSize = Math.min(bytes.length + (bytes.length >> 7) + LEAST_PIECE, PIECE);
      return plain(zstdCompressSync(bytes, { ...compressing(options, bytes.length), chunkSize }));
    } catch (cause) {
      throw compressionError(cause);
    }
  },

  decompress(bytes, content) {
    const frame = new ZstdFrame();
    frame.take(bytes);
    frame.finish();
    const { length } = content;
    // Room for a byte too many, so that this is seen without asking for more.
    const chunkSize = Math.min(length + LEAST_PIECE, PIECE);
    const maxOutputLength = Math.max(1, length);
    try {
      const whole = plain(
        zstdDecompressSync(bytes, { ...decompressing(content), chunkSize, maxOutputLength }),
      );
      if (whole.length !== length) throw invalid(`it holds ${whole.length} bytes instead of ${length}`);
      return whole;
    } catch (cause) {
      throw decompressionError(cause);
    }
  },

  async *compressStream(chunks, options, length) {
    if (simulated()) return yield zstd.compress(await joined(chunks), options);
    const pledge = length === undefined ? {} : { pledgedSrcSize: length };
    try {
      const encoder = createZstdCompress({ ...compressing(options, length), ...pledge, chunkSize: PIECE });
      yield* through(encoder, chunks);
    } catch (cause) {
      throw compressionError(cause);
    }
  },

  async *decompressStream(chunks, content) {
    if (simulated()) return yield zstd.decompress(await joined(chunks), content);
    const frame = new ZstdFrame();
    let length = 0;
    try {
      const decoder = createZstdDecompress({ ...decompressing(content), chunkSize: PIECE });
      for await (const chunk of through(decoder, watched(chunks, frame))) {
        length += chunk.length;
        if (length > content.length) throw invalid(`it holds more than ${content.length} bytes`);
        yield chunk;
      }
    } catch (cause) {
      throw decompressionError(cause);
    }
    frame.finish();
    if (length < content.length) throw invalid(`it holds ${length} bytes instead of ${content.length}`);
  },
};

/** @param length where it is known. */
function compressing({ level, dictionary }: ZstdOptions, length: number | undefined): NodeOptions {
  const frame = {
    [zlib.ZSTD_c_contentSizeFlag]: 0,
    [zlib.ZSTD_c_dictIDFlag]: 0,
    // With another dictionary of the same shape a decoder would give wrong bytes and not know it.
    [zlib.ZSTD_c_checksumFlag]: dictionary ? 1 : 0,
  };
  if (!dictionary) return { params: { ...frame, ...parametersOf(level) } };
  const isShort = length !== undefined && length <= SHORT;
  return { params: { ...frame, ...(isShort ? shortParametersOf(level) : parametersOf(level)) }, dictionary };
}

function parametersOf(level: number): Record<number, number> {
  if (level <= LAST_LEVEL_WITHIN_WINDOW) return { [zlib.ZSTD_c_compressionLevel]: level };
  return { [zlib.ZSTD_c_compressionLevel]: level, [zlib.ZSTD_c_windowLog]: MAX_WINDOW_LOG };
}

function shortParametersOf(level: number): Record<number, number> {
  const within = Math.min(Math.max(level, SHORT_LEVELS.min), SHORT_LEVELS.max);
  return { [zlib.ZSTD_c_compressionLevel]: within, ...SHORT_PARAMETERS };
}

function decompressing({ dictionary }: ZstdContent): NodeOptions {
  const params = { [zlib.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG };
  return dictionary ? { params, dictionary } : { params };
}

/** What comes out of it for what goes in; what fails on the way in comes out too. */
async function* through(
  transform: Transform,
  chunks: Iterable<Bytes> | AsyncIterable<Bytes>,
): AsyncGenerator<Bytes, void, void> {
  feed(transform, chunks).catch((error: Error) => transform.destroy(error));
  for await (const chunk of transform) yield plain(chunk as Buffer);
}

/**
 * One chunk after the other, each once the one before is done: where the end is announced while a chunk waits, node:zlib
 * ends the frame twice, which adds an empty one.
 */
async function feed(transform: Transform, chunks: Iterable<Bytes> | AsyncIterable<Bytes>): Promise<void> {
  let goOn: () => void = () => {};
  transform.once('close', () => goOn()); // then what is being written is never done
  for await (const chunk of chunks) {
    await new Promise<void>((resolve) => {
      goOn = resolve;
      transform.write(chunk, () => resolve());
    });
    if (transform.destroyed) return;
  }
  transform.end();
}

/** Threads of zlib keep no simulated clock: there all is done at once. */
async function joined(chunks: Iterable<Bytes> | AsyncIterable<Bytes>): Promise<Bytes> {
  const parts: Bytes[] = [];
  for await (const part of chunks) parts.push(part);
  return concatAll(parts);
}

async function* watched(
  chunks: Iterable<Bytes> | AsyncIterable<Bytes>,
  frame: ZstdFrame,
): AsyncGenerator<Bytes, void, void> {
  for await (const chunk of chunks) {
    frame.take(chunk);
    yield chunk;
  }
}

/** The same bytes without Buffer's own methods. */
function plain({ buffer, byteOffset, byteLength }: Buffer): Bytes {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function isOfZlib(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('ZSTD_') || code.startsWith('Z_') || code === 'ERR_BUFFER_TOO_LARGE';
}

function compressionError(cause: unknown): unknown {
  if (!isOfZlib(cause)) return cause;
  const text = `zstd cannot compress this, with this dictionary and level: ${messageOf(cause)}`;
  return new SottoError('invalid_argument', text, { cause });
}

function decompressionError(cause: unknown): unknown {
  return isOfZlib(cause) ? invalid(messageOf(cause), cause) : cause;
}

function invalid(why: string, cause?: unknown): SottoError {
  return new SottoError('invalid_message', `This zstd frame cannot be read: ${why}`, { cause });
}
