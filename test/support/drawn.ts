/** Randomness that a test has chosen. */

import type { TestContext } from 'node:test';
import type { Bytes } from '../../src/bytes/bytes.ts';
import { primitives } from '../../src/platform/node/crypto.ts';

/** What comes out where ours draws at random: what the original drew, as long as there is some of that length. */
export class Drawn {
  readonly #next: Bytes[];
  readonly #random = primitives.randomBytes;

  constructor({ mock }: TestContext, next: readonly Bytes[]) {
    this.#next = [...next];
    mock.method(primitives, 'randomBytes', (length: number) =>
      this.#next[0]?.length === length ? this.#next.shift() : this.#random(length),
    );
  }

  /** For what the original did not send. */
  another(length: number, times: number): void {
    for (let time = 0; time < times; time++) this.#next.unshift(this.#random(length));
  }
}
