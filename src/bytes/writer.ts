import { SottoError } from '../errors.ts';
import type { Bytes } from './bytes.ts';

/** Writes big-endian fields into an array of a size known beforehand; refuses what does not fit. */
export class Writer {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #offset = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u8(value: number): this {
    this.#view.setUint8(this.#take(1), inRange(value, 0xff));
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#take(2), inRange(value, 0xffff));
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#take(4), inRange(value, 0xffff_ffff));
    return this;
  }

  u64(value: number): this {
    this.#view.setBigUint64(this.#take(8), BigInt(inRange(value, Number.MAX_SAFE_INTEGER)));
    return this;
  }

  bytes(value: Bytes): this {
    this.#bytes.set(value, this.#take(value.length));
    return this;
  }

  /** The whole array; every byte of it must have been written. */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.#offset !== this.#bytes.length) {
      throw new SottoError(
        'out_of_bounds',
        `${this.#bytes.length - this.#offset} bytes were left unwritten.`,
      );
    }
    return this.#bytes;
  }

  #take(length: number): number {
    const left = this.#bytes.length - this.#offset;
    if (length > left) {
      throw new SottoError('out_of_bounds', `${length} bytes do not fit where ${left} are left.`);
    }
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}

function inRange(value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new SottoError('out_of_bounds', `${value} is not a whole number from 0 to ${max}.`);
}
