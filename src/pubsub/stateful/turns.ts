/**
 * Work that is done one after the other: at once where nothing is under way, else in its turn. Once a piece has failed no
 * other is begun; whoever waits for one is told by the end that the failure brings.
 */

import { Fifo } from '../fifo.ts';

type Work = () => void | Promise<void>;

export class Turns {
  readonly #waiting = new Fifo<Work>();
  readonly #onFailure: (why: unknown) => void;
  #working = false;

  /** @param onFailure called with what a piece of work threw; nothing more is done then. */
  constructor(onFailure: (why: unknown) => void) {
    this.#onFailure = onFailure;
  }

  take(work: Work): void {
    this.#waiting.push(work);
    if (!this.#working) this.#work();
  }

  #work(): void {
    this.#working = true;
    try {
      for (let work = this.#waiting.shift(); work; work = this.#waiting.shift()) {
        const done = work();
        if (done) {
          done.then(
            () => this.#work(),
            (error: unknown) => this.#onFailure(error),
          );
          return;
        }
      }
      this.#working = false;
    } catch (error) {
      this.#onFailure(error);
    }
  }
}
