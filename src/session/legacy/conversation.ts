/** The server's end of one WebSocket: messages are handled one after the other, and a slow reader is not waited for. */

import type { Bytes } from '../../bytes/bytes.ts';
import type { Pipe } from '../../platform/types.ts';

/** Messages that may wait for their turn before the connection is read on. */
const MOST_WAITING = 16;

export interface ConversationEvents {
  /** Rejects where the connection is to be ended. */
  onMessage(message: Bytes): Promise<void>;
  /** Called once. */
  onEnd(): void;
}

export class Conversation {
  readonly #pipe: Pipe;
  readonly #events: ConversationEvents;
  readonly #maxUnread: number;
  readonly #waiting: Bytes[] = [];
  readonly #gone = new AbortController();
  #isBusy = false;
  #isOver = false;

  /** @param maxUnread bytes that may wait for the other end to read. */
  constructor(pipe: Pipe, maxUnread: number, events: ConversationEvents) {
    this.#pipe = pipe;
    this.#maxUnread = maxUnread;
    this.#events = events;
  }

  /** Aborted when the connection ends. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  start(): void {
    this.#pipe.start({
      onData: (message) => {
        if (this.#isOver) return;
        this.#waiting.push(message);
        if (this.#waiting.length >= MOST_WAITING) this.#pipe.pause();
        if (!this.#isBusy) void this.#work();
      },
      onDrain: () => {},
      onClose: () => {
        this.#stop();
        this.#gone.abort();
        this.#events.onEnd();
      },
    });
  }

  /** Whether it was taken; a connection whose other end does not read is closed. */
  send(message: Bytes): boolean {
    if (this.#gone.signal.aborted) return false;
    if (this.#pipe.buffered + message.length > this.#maxUnread) {
      this.#pipe.destroy();
      return false;
    }
    this.#pipe.send([message]);
    return true;
  }

  end(): void {
    this.#pipe.end();
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
        await this.#events.onMessage(next);
        if (this.#waiting.length === 0) this.#pipe.resume();
      }
    } catch {
      this.#stop();
      this.end();
    }
    this.#isBusy = false;
  }

  /** Nothing more is handled. */
  #stop(): void {
    this.#isOver = true;
    this.#waiting.length = 0;
  }
}
