/** Payloads that have come and that nobody has read yet. */

import type { SickservPayload } from '../../wire/sickserv.ts';

/** Above this a connection is not read on until half of them have been taken. */
const MOST_WAITING = 256;

interface Reader {
  resolve(payload: SickservPayload | null): void;
  reject(why: Error): void;
}

export class Inbox {
  readonly #waiting: SickservPayload[] = [];
  readonly #readers: Reader[] = [];
  readonly #flow: { pause(): void; resume(): void };
  #end: { readonly why: Error | null } | null = null;
  #isPaused = false;

  /** @param flow what is paused where nobody reads. */
  constructor(flow: { pause(): void; resume(): void }) {
    this.#flow = flow;
  }

  /** Whether nothing more comes. */
  get isOver(): boolean {
    return this.#end !== null;
  }

  put(payload: SickservPayload): void {
    if (this.#end) return;
    const reader = this.#readers.shift();
    if (reader) return reader.resolve(payload);
    this.#waiting.push(payload);
    if (this.#isPaused || this.#waiting.length < MOST_WAITING) return;
    this.#isPaused = true;
    this.#flow.pause();
  }

  /** The next; null once it has ended and all was taken. Rejects then where the end was none of ours. */
  take(): Promise<SickservPayload | null> {
    const payload = this.#waiting.shift();
    if (this.#isPaused && this.#waiting.length <= MOST_WAITING / 2) {
      this.#isPaused = false;
      this.#flow.resume();
    }
    if (payload) return Promise.resolve(payload);
    if (this.#end) return this.#end.why ? Promise.reject(this.#end.why) : Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
    });
  }

  /** Nothing more comes. @param why null where it was wanted. */
  end(why: Error | null): void {
    if (this.#end) return;
    this.#end = { why };
    for (const reader of this.#readers.splice(0)) {
      if (why) reader.reject(why);
      else reader.resolve(null);
    }
  }
}
