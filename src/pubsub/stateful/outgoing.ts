/** What a connection sends: all of one turn in one write. */

import { sockets } from '#sockets';
import type { Bytes } from '../../bytes/bytes.ts';
import type { Pipe } from '../../platform/types.ts';

export class Outgoing {
  readonly #pipe: Pipe;
  #waiting: Bytes[] = [];

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
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
  }
}
