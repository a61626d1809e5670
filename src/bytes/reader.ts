import { SottoError } from '../errors.ts';
import type { Bytes } from './bytes.ts';
import { decodeUtf8 } from './text.ts';

/** Reads big-endian fields from bytes, front to back; never past the end. Byte strings are views, not copies. */
export class Reader {
  readonly #bytes: Bytes;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** An unsigned 64-bit number that JavaScript can hold exactly. */
  u64(): number {
    const value = this.#view.getBigUint64(this.#take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new SottoError('out_of_bounds', `The number ${value} is larger than 2^53 - 1.`);
    }
    return Number(value);
  }

  bytes(length: number): Bytes {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** `length` bytes of strict UTF-8. */
  text(length: number): string {
    return decodeUtf8(this.bytes(length));
  }

  rest(): Bytes {
    return this.bytes(this.remaining);
  }

  #take(length: number): number {
    if (length > this.remaining) {
      throw new SottoError('out_of_bounds', `${length} bytes are needed where ${this.remaining} are left.`);
    }
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}
