/** Samples of all that went by, each as likely to be kept as any other, in memory that does not grow. */

import type { Bytes } from '../../bytes/bytes.ts';

export class Reservoir {
  readonly #size: number;
  readonly #random: () => number;
  #samples: Bytes[] = [];
  #length = 0;
  /** How many of those that come are kept, halved each time that it is full. */
  #share = 1;

  /**
   * @param size bytes at the most; a full one is half as full afterwards.
   * @param random 0 to 1.
   */
  constructor(size: number, random: () => number) {
    this.#size = size;
    this.#random = random;
  }

  /** @param sample asked for only where it is kept, and copied: it may be a part of something much larger. */
  offer(sample: () => Bytes | null): void {
    if (this.#random() >= this.#share) return;
    const kept = sample()?.slice();
    if (!kept || kept.length > this.#size) return;
    this.#samples.push(kept);
    this.#length += kept.length;
    while (this.#length > this.#size) this.#halve();
  }

  /** In the order in which they came. */
  all(): Bytes[] {
    return [...this.#samples];
  }

  clear(): void {
    this.#samples = [];
    this.#length = 0;
    this.#share = 1;
  }

  #halve(): void {
    this.#share /= 2;
    this.#samples = this.#samples.filter(() => this.#random() < 0.5);
    this.#length = 0;
    for (const { length } of this.#samples) this.#length += length;
  }
}
