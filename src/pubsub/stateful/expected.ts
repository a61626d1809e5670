/** Answers that must come, in the order in which they were asked for; and how much may be unanswered at one time. */

import { SottoError } from '../../errors.ts';
import { Fifo } from '../fifo.ts';

/** An answer that must come next. */
export interface Expectation<Answer> {
  readonly fits: (answer: Answer) => boolean;
  /** Whatever it proves has been checked. */
  readonly resolve: (answer: Answer) => void;
  readonly reject: (why: unknown) => void;
  /** Bytes that were sent for it. */
  readonly size: number;
}

interface Bounds {
  readonly most: number;
  readonly mostBytes: number;
}

export class Expected<Answer extends { readonly type: string }, E extends Expectation<Answer>> {
  readonly #bounds: Bounds;
  readonly #waiting = new Fifo<E>();
  #bytes = 0;
  #onRoom: (() => void) | null = null;
  #ended = false;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  push(expectation: E): void {
    this.#waiting.push(expectation);
    this.#bytes += expectation.size;
  }

  /** The one that this answers. @throws SottoError `invalid_message` for one that comes unasked, or out of turn. */
  next(answer: Answer): E {
    const expectation = this.#waiting.peek();
    if (expectation?.fits(answer)) return expectation;
    throw new SottoError('invalid_message', `${answer.type} came unasked, or out of turn.`);
  }

  /** The next has been answered. */
  settle(answer: Answer): void {
    const expectation = this.#waiting.shift();
    if (!expectation) return;
    this.#bytes -= expectation.size;
    expectation.resolve(answer);
    this.#onRoom?.();
  }

  /** Resolves once another may be asked; for one who waits at a time. */
  async room(): Promise<void> {
    while (this.#isFull && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve;
      });
    }
  }

  /** Nothing more comes. */
  end(why: unknown): void {
    this.#ended = true;
    for (const { reject } of this.#waiting.drain()) reject(why);
    this.#onRoom?.();
  }

  get #isFull(): boolean {
    return this.#waiting.size >= this.#bounds.most || this.#bytes >= this.#bounds.mostBytes;
  }
}
