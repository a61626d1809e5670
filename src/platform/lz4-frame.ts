/**
 * How long an LZ4 frame is, and how long what it holds, told without decompressing anything.
 *
 * Source: LZ4 frame format 1.6.3 and block format. lz4-napi takes no bound for what comes out, ignores what a frame says
 * of its length, and takes one that is cut off between two blocks; this does not. Checksums are left to it.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';

const MAGIC = 0x184d2204;
/** Magic number, flags, block sizes, checksum of the header. */
const SMALLEST_HEADER = 7;
const CONTENT_SIZE_SIZE = 8;
const CHECKSUM_SIZE = 4;
const BLOCK_SIZE_SIZE = 4;
const OFFSET_SIZE = 2;
const MIN_MATCH = 4;
/** A length of four bits goes on in bytes where it is this, and those where they are 255. */
const LONG = 15;
const LONGER = 255;

const VERSION_BITS = 0xc0;
const VERSION_1 = 0x40;
const HAS_BLOCK_CHECKSUMS = 0x10;
const HAS_CONTENT_SIZE = 0x08;
const HAS_CONTENT_CHECKSUM = 0x04;
const RESERVED_OR_DICTIONARY = 0x03;
const RESERVED_OF_BLOCKS = 0x8f;
const IS_STORED = 0x8000_0000;
/** By three bits of the header: 64 KiB to 4 MiB. */
const MOST_IN_BLOCK: Readonly<Record<number, number>> = {
  4: 65_536,
  5: 262_144,
  6: 1_048_576,
  7: 4_194_304,
};

/** Bytes. */
export interface Lz4FrameSizes {
  /** Of the frame; what follows it is no part of it. */
  readonly frame: number;
  /** Of what is in it. */
  readonly content: number;
}

/**
 * @param maxContent the most that may be in it, bytes.
 * @throws SottoError `invalid_message` for what is not a whole frame, or one that needs a dictionary; `frame_too_large`.
 */
export function lz4FrameSizes(bytes: Bytes, maxContent: number): Lz4FrameSizes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < SMALLEST_HEADER) throw cut();
  if (view.getUint32(0, true) !== MAGIC) throw invalid('it begins with something else');
  const flags = view.getUint8(4);
  const blockFlags = view.getUint8(5);
  const mostInBlock = MOST_IN_BLOCK[blockFlags >> 4];
  const isKnown = (flags & VERSION_BITS) === VERSION_1 && (flags & RESERVED_OR_DICTIONARY) === 0;
  if (!isKnown || (blockFlags & RESERVED_OF_BLOCKS) !== 0 || mostInBlock === undefined) {
    throw invalid('its header is of no known kind');
  }
  let at = SMALLEST_HEADER + ((flags & HAS_CONTENT_SIZE) === 0 ? 0 : CONTENT_SIZE_SIZE);
  let content = 0;
  for (;;) {
    if (at + BLOCK_SIZE_SIZE > bytes.length) throw cut();
    const word = view.getUint32(at, true);
    at += BLOCK_SIZE_SIZE;
    if (word === 0) break;
    const size = word & ~IS_STORED;
    const end = at + size;
    if (end > bytes.length) throw cut();
    const inside = word >= IS_STORED ? size : blockContent(bytes.subarray(at, end));
    if (inside > mostInBlock) throw invalid('a block is longer than it says');
    content += inside;
    if (content > maxContent) {
      throw new SottoError(
        'frame_too_large',
        `An LZ4 frame holds more than the limit of ${maxContent} bytes.`,
      );
    }
    at = end + ((flags & HAS_BLOCK_CHECKSUMS) === 0 ? 0 : CHECKSUM_SIZE);
  }
  if ((flags & HAS_CONTENT_CHECKSUM) !== 0) at += CHECKSUM_SIZE;
  if (at > bytes.length) throw cut();
  const saysOtherwise = (flags & HAS_CONTENT_SIZE) !== 0 && view.getBigUint64(6, true) !== BigInt(content);
  if (saysOtherwise) throw invalid('it holds another length than it says');
  return { frame: at, content };
}

/** What a compressed block holds: literals and matches, of which only the lengths are read. */
function blockContent(block: Bytes): number {
  let content = 0;
  let at = 0;
  const length = (start: number): number => {
    let sum = start;
    if (start !== LONG) return sum;
    for (let more = LONGER; more === LONGER; ) {
      more = block[at++] ?? 0; // past the end: told below
      sum += more;
    }
    return sum;
  };
  for (;;) {
    const token = block[at++] ?? 0;
    const literals = length(token >> 4);
    content += literals;
    at += literals;
    if (at === block.length) return content; // only literals are left at the end
    if (at + OFFSET_SIZE > block.length) throw cut();
    at += OFFSET_SIZE;
    content += MIN_MATCH + length(token & LONG);
    if (at >= block.length) throw cut();
  }
}

function cut(): SottoError {
  return invalid('it is cut short');
}

function invalid(why: string): SottoError {
  return new SottoError('invalid_message', `This is not one LZ4 frame: ${why}.`);
}
