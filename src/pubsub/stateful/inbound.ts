/** The messages of a connection, handled one after the other; too many that wait hold the connection back. */

import type { Bytes } from '../../bytes/bytes.ts';
import type { Pipe } from '../../platform/types.ts';
import { Fifo } from '../fifo.ts';

interface InboundEvents {
  /** Takes the next message once this is done with the one before. A rejection ends the connection. */
  onMessage(data: Bytes): void | Promise<void>;
  /** Called once, after the last message was handled; `why` is what ended it, null for a plain end. */
  onEnd(why: unknown): void;
}

/** That may wait before the connection is held back: messages, and bytes of them. */
const MOST_WAITING = 64;
const MOST_BYTES = 4 * 1024 * 1024;

export class Inbound {
  readonly #pipe: Pipe;
  readonly #events: InboundEvents;
  readonly #waiting = new Fifo<Bytes>();
  #waitingBytes = 0;
  #handling = false;
  #paused = false;
  #closed: { readonly why: string | null } | null = null;
  #ended = false;

  constructor(pipe: Pipe, events: InboundEvents) {
    this.#pipe = pipe;
    this.#events = events;
    pipe.start({
      onData: (data) => this.#take(data),
      onDrain: () => {},
      onClose: (why) => {
        this.#closed = { why };
        if (!this.#handling) this.#end(why);
      },
    });
  }

  #take(data: Bytes): void {
    if (this.#ended) return;
    this.#waiting.push(data);
    this.#waitingBytes += data.length;
    const isFull = this.#waiting.size >= MOST_WAITING || this.#waitingBytes >= MOST_BYTES;
    if (!this.#handling) this.#handle();
    else if (isFull && !this.#paused) {
      this.#paused = true;
      this.#pipe.pause();
    }
  }

  /** Within the turn in which they came, as long as nothing has to be waited for. */
  #handle(): void {
    this.#handling = true;
    try {
      for (let data = this.#waiting.shift(); data; data = this.#waiting.shift()) {
        this.#waitingBytes -= data.length;
        const done = this.#events.onMessage(data);
        if (done) {
          done.then(
            () => this.#handle(),
            (error: unknown) => this.#fail(error),
          );
          return;
        }
      }
    } catch (error) {
      return this.#fail(error);
    }
    this.#handling = false;
    if (this.#paused) {
      this.#paused = false;
      this.#pipe.resume();
    }
    if (this.#closed) this.#end(this.#closed.why);
  }

  #fail(error: unknown): void {
    this.#waiting.drain();
    this.#pipe.end();
    this.#end(error);
  }

  #end(why: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.onEnd(why);
  }
}
