/** What a connection sends: all of one turn in one write. */

import { sockets } from '#sockets';
import type { Bytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { Pipe } from '../../platform/types.ts';

/** Bytes that have not left: who takes no more, and yet goes on asking, is no partner. */
const MOST_UNSENT = 16 * 1024 * 1024;

export class Outgoing {
  readonly #pipe: Pipe;
  readonly #onOverflow: (why: SottoError) => void;
  #waiting: Bytes[] = [];

  /** @param onOverflow the other end does not take what it is sent. */
  constructor(pipe: Pipe, onOverflow: (why: SottoError) => void) {
    this.#pipe = pipe;
    this.#onOverflow = onOverflow;
  }

  push(message: Bytes): void {
    this.#waiting.push(message);
    if (this.#waiting.length === 1) sockets.soon(() => this.flush());
  }

  flush(): void {
    if (this.#waiting.length === 0) return;
    const messages = this.#waiting;
    this.#waiting = [];
    this.#pipe.send(messages);
    if (this.#pipe.buffered <= MOST_UNSENT) return;
    this.#onOverflow(new SottoError('too_many_requests', 'The other end does not take what it is sent.'));
  }
}
