/**
 * Where a zstd frame ends: what comes after it is told from it without decompressing anything.
 *
 * Source: RFC 8878, section 3.1.1. Decoders differ in what they do with a frame that is cut short, or followed by
 * something else; this does not.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';

const MAGIC = 0xfd2fb528;
/** Magic number and descriptor. */
const START_SIZE = 5;
const BLOCK_HEADER_SIZE = 3;
const CHECKSUM_SIZE = 4;
/** By the two bits of the descriptor. */
const DICTIONARY_ID_SIZES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_SIZES = [0, 2, 4, 8] as const;
const RLE = 1;
const RESERVED = 3;

type Part = 'start' | 'block' | 'end';

/** Follows one frame through the pieces in which it comes. */
export class ZstdFrame {
  /** What must be read next, once what is skipped has come. */
  #part: Part = 'start';
  #skipped = 0;
  readonly #header: number[] = [];
  #hasChecksum = false;

  /** @throws SottoError `invalid_message` for what is no frame, and for what follows one. */
  take(piece: Bytes): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#skipped > 0) {
        const there = Math.min(this.#skipped, piece.length - at);
        this.#skipped -= there;
        at += there;
      } else if (this.#part === 'end') {
        throw invalid('something follows it');
      } else {
        this.#header.push(piece[at] ?? 0);
        at += 1;
        this.#read();
      }
    }
  }

  /** @throws SottoError `invalid_message` where it has not all come. */
  finish(): void {
    if (this.#part !== 'end' || this.#skipped > 0) throw invalid('it is cut short');
  }

  #read(): void {
    const size = this.#part === 'start' ? START_SIZE : BLOCK_HEADER_SIZE;
    if (this.#header.length < size) return;
    if (this.#part === 'start') this.#readStart();
    else this.#readBlock();
    this.#header.length = 0;
  }

  #readStart(): void {
    const [first = 0, second = 0, third = 0, fourth = 0, descriptor = 0] = this.#header;
    const magic = (first | (second << 8) | (third << 16) | (fourth << 24)) >>> 0;
    if (magic !== MAGIC) throw invalid('it begins with something else');
    const isSingleSegment = (descriptor & 0x20) !== 0;
    this.#hasChecksum = (descriptor & 0x04) !== 0;
    const dictionaryId = DICTIONARY_ID_SIZES[(descriptor & 3) as 0 | 1 | 2 | 3];
    const contentSize = CONTENT_SIZE_SIZES[(descriptor >> 6) as 0 | 1 | 2 | 3];
    // A single segment has its content's size in the place of the window's, if only in one byte.
    this.#skipped = dictionaryId + (isSingleSegment ? Math.max(1, contentSize) : 1 + contentSize);
    this.#part = 'block';
  }

  #readBlock(): void {
    const [first = 0, second = 0, third = 0] = this.#header;
    const type = (first >> 1) & 3;
    if (type === RESERVED) throw invalid('it has a block of no known type');
    this.#skipped = type === RLE ? 1 : (first >> 3) | (second << 5) | (third << 13);
    if ((first & 1) === 0) return;
    this.#part = 'end';
    if (this.#hasChecksum) this.#skipped += CHECKSUM_SIZE;
  }
}

function invalid(why: string): SottoError {
  return new SottoError('invalid_message', `This is not one zstd frame: ${why}.`);
}
