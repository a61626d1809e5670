/** In how many samples each run of 8 bytes is found. */

import { type Bytes, concatAll } from '../../bytes/bytes.ts';

const GRAM = 8;
/** Of the table: runs share a place by chance, which makes rare ones look less rare. */
const BITS = 20;
/** What is in fewer of so many samples is not worth its room: such numbers also come about by chance. */
const RARE = 1 / 2000;
const LEAST = 2;

export class GramCounts {
  /** All samples, one after the other. */
  readonly text: Bytes;
  /** The place in the table of the run that begins there; -1 where none does within one sample. */
  readonly #places: Int32Array;
  readonly #counts: Uint32Array = new Uint32Array(1 << BITS);
  /** Who counted a run last, so that nobody counts it twice. */
  readonly #counters: Int32Array = new Int32Array(1 << BITS);
  #counter = 0;

  constructor(samples: readonly Bytes[]) {
    this.text = concatAll(samples);
    this.#places = new Int32Array(this.text.length).fill(-1);
    let start = 0;
    for (const { length } of samples) {
      this.#count(start, start + length);
      start += length;
    }
    const least = Math.max(LEAST, samples.length * RARE);
    for (let place = 0; place < this.#counts.length; place++) {
      if ((this.#counts[place] ?? 0) < least) this.#counts[place] = 0;
    }
  }

  /** The counts of all runs between two places, each run once. */
  sum(from: number, to: number): number {
    this.#counter += 1;
    let sum = 0;
    for (let at = from; at <= to - GRAM; at++) {
      const place = this.#places[at] ?? -1;
      if (place < 0 || this.#counters[place] === this.#counter) continue;
      this.#counters[place] = this.#counter;
      sum += this.#counts[place] ?? 0;
    }
    return sum;
  }

  /** Counts none of those runs any more. */
  forget(from: number, to: number): void {
    for (let at = from; at <= to - GRAM; at++) {
      const place = this.#places[at] ?? -1;
      if (place >= 0) this.#counts[place] = 0;
    }
  }

  #count(from: number, to: number): void {
    this.#counter += 1;
    for (let at = from; at <= to - GRAM; at++) {
      const place = placeOf(this.text, at);
      this.#places[at] = place;
      if (this.#counters[place] === this.#counter) continue;
      this.#counters[place] = this.#counter;
      this.#counts[place] = (this.#counts[place] ?? 0) + 1;
    }
  }
}

function placeOf(text: Bytes, at: number): number {
  const mixed = Math.imul(Math.imul(wordAt(text, at), 0x9e3779b1) ^ wordAt(text, at + 4), 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> (32 - BITS);
}

function wordAt(text: Bytes, at: number): number {
  return (
    (text[at] ?? 0) | ((text[at + 1] ?? 0) << 8) | ((text[at + 2] ?? 0) << 16) | ((text[at + 3] ?? 0) << 24)
  );
}
