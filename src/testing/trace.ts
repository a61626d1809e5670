/** What happened, for people (the last of it) and for comparing two runs (a hash of all). */

import { hashOf } from './random.ts';

/** Events that are kept. */
const KEPT = 400;
/** The bits of a number. */
const TIME = new Float64Array(1);
const WORDS = new Uint32Array(TIME.buffer);

export class Trace {
  readonly #kept: string[] = [];
  #next = 0;
  #count = 0;
  #low = 1;
  #high = 1;

  /** @param at ms since the start. */
  add(at: number, host: string, event: string): void {
    const line = `${at.toFixed(3)} ${host} ${event}`;
    this.#kept[this.#next] = line;
    this.#next = (this.#next + 1) % KEPT;
    this.#count += 1;
    this.#low = hashOf(line, this.#low);
    this.#high = (Math.imul(this.#high, 0x01000193) + this.#low) >>> 0;
  }

  /** That something happens at this time goes into the hash alone. */
  mix(at: number): void {
    TIME[0] = at;
    this.#low = Math.imul(this.#low ^ (WORDS[0] ?? 0), 0x85ebca6b);
    this.#high = Math.imul(this.#high ^ (WORDS[1] ?? 0), 0xc2b2ae35) + (this.#low >>> 15);
  }

  get count(): number {
    return this.#count;
  }

  /** The same for the same events in the same order. */
  get digest(): string {
    const hex = (part: number): string => (part >>> 0).toString(16).padStart(8, '0');
    return `${hex(this.#high)}${hex(this.#low)}`;
  }

  /** The last events, the newest at the end. */
  tail(count: number): string[] {
    const inOrder = [...this.#kept.slice(this.#next), ...this.#kept.slice(0, this.#next)];
    return inOrder.slice(-count);
  }
}
