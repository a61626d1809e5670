/** Randomness that a seed repeats: sfc32 by Chris Doty-Humphrey (PractRand), 128 bits of state. Not for secrets. */

import type { Bytes } from '../bytes/bytes.ts';

/** Rounds after which nothing of the seed can be recognised, as PractRand has it. */
const WARM_UP = 15;

/**
 * Draws that are the same for the same seed. A scenario's own are at `world.random`.
 *
 * @example
 * ```ts
 * import { Random } from 'sotto/testing';
 * const random = new Random('seed 7');
 * console.log(random.below(6) + 1, random.pick(['head', 'tail']), random.chance(0.1));
 * ```
 */
export class Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    this.#seed = seed;
    [this.#a, this.#b, this.#c] = [hashOf(seed, 0), hashOf(seed, 1), hashOf(seed, 2)];
    for (let round = 0; round < WARM_UP; round++) this.#draw();
  }

  /** Another sequence, by a name: what is drawn there changes nothing here. */
  fork(name: string): Random {
    return new Random(`${this.#seed}/${name}`);
  }

  /** From 0 to 1, without 1. */
  next(): number {
    return this.#draw() / 2 ** 32;
  }

  /** A whole number from 0 to `limit`, without `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** From `least` to `most`. */
  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  /** True with this probability, 0 to 1. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  /** One of them; there must be one. */
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }

  bytes(length: number): Bytes {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      let word = this.#draw();
      for (const end = Math.min(length, at + 4); at < end; at++, word >>>= 8) bytes[at] = word;
    }
    return bytes;
  }

  #draw(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }
}

/** 32 bits of a text (FNV-1a, then MurmurHash3's last steps), another for each `salt`. */
export function hashOf(text: string, salt: number): number {
  let hash = 0x811c9dc5 ^ Math.imul(salt, 0x9e3779b1);
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
