/** How long a POST may take: its time runs while nothing moves, and an answer to what was long may take longer. */

import type { Bytes } from '../../bytes/bytes.ts';
import type { MessageBody } from './poster.ts';

/** Whoever takes a message may have to pass it on before it answers: so slowly at the least, bytes/ms. */
const SLOWEST_PASSING = 1024;

/** How long to wait for the answer to a message that has been sent, ms: its `timeout`, and longer for a long one. */
export function patienceFor(length: number, timeout: number): number {
  return Math.min(timeout + length / SLOWEST_PASSING, 2 ** 31 - 1);
}

export class Deadline {
  readonly #controller = new AbortController();
  readonly #timeout: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param timeout without a byte sent, ms. */
  constructor(timeout: number) {
    this.#timeout = timeout;
    this.#restart(timeout);
  }

  /** Aborted when it is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The same body; the time begins anew with each chunk that is taken. */
  watching(body: MessageBody): MessageBody {
    const { length } = body;
    if (Array.isArray(body.chunks())) return body; // what is in memory is short
    return { length, chunks: () => this.#chunksOf(body) };
  }

  /** It is over now. */
  giveUp(): void {
    this.#controller.abort(new DOMException('It was given up.', 'AbortError'));
  }

  /** It is done. */
  end(): void {
    clearTimeout(this.#timer);
  }

  async *#chunksOf(body: MessageBody): AsyncGenerator<Bytes, void, void> {
    for await (const chunk of body.chunks()) {
      yield chunk;
      this.#restart(this.#timeout);
    }
    this.#restart(patienceFor(body.length, this.#timeout));
  }

  #restart(ms: number): void {
    clearTimeout(this.#timer);
    const over = (): void => this.#controller.abort(new DOMException('It took too long.', 'TimeoutError'));
    this.#timer = setTimeout(over, ms);
  }
}
