/** Bytes that come in pieces of any size, copied together: many small ones cost no more than a few large ones. */

import type { Bytes } from '../../bytes/bytes.ts';

/** Bytes of the first block, and of the largest: each is twice as long as the one before. */
const FIRST = 1024;
const LARGEST = 64 * 1024;

export class Blocks {
  #full: Bytes[] = [];
  #block: Bytes = new Uint8Array(0);
  #filled = 0;

  /** The piece may be used for something else afterwards. */
  add(piece: Bytes): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#filled === this.#block.length) this.#startBlock();
      const part = piece.subarray(at, at + this.#block.length - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
    }
  }

  /** Takes the blocks to which nothing will be added. */
  takeFull(): Bytes[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** Takes all that is left. */
  takeAll(): Bytes[] {
    const all = this.takeFull();
    if (this.#filled > 0) all.push(this.#block.subarray(0, this.#filled));
    this.#block = new Uint8Array(0);
    this.#filled = 0;
    return all;
  }

  #startBlock(): void {
    if (this.#filled > 0) this.#full.push(this.#block);
    this.#block = new Uint8Array(Math.min(Math.max(FIRST, 2 * this.#block.length), LARGEST));
    this.#filled = 0;
  }
}
