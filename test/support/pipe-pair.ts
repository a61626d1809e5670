/** Two ends of a byte stream in memory, with the network's faults on demand. */

import { type Bytes, concatAll } from '../../src/bytes/bytes.ts';
import type { Pipe, PipeEvents } from '../../src/platform/types.ts';

/** What arrives of each write to the far end; null cuts the connection. */
export type Carry = (chunk: Bytes) => Promise<Bytes | null> | Bytes | null;

/** @returns the near end, whose writes are carried, and the far end, whose writes arrive. */
export function pipePair(carry: Carry = (chunk) => chunk): readonly [near: Pipe, far: Pipe] {
  const [near, far] = [new MemoryPipe(carry), new MemoryPipe((chunk) => chunk)];
  near.other = far;
  far.other = near;
  return [near, far];
}

class MemoryPipe implements Pipe {
  readonly remote = { host: 'memory', port: 1 };
  other: MemoryPipe | null = null;
  buffered = 0;
  readonly #carry: Carry;
  readonly #inbox: Bytes[] = [];
  #events: PipeEvents | null = null;
  #isPaused = false;
  #isClosed = false;
  #sending: Promise<void> = Promise.resolve();

  constructor(carry: Carry) {
    this.#carry = carry;
  }

  start(events: PipeEvents): void {
    this.#events = events;
    if (this.#isClosed) events.onClose(null);
    else this.#deliver();
  }

  send(data: readonly Bytes[]): void {
    if (this.#isClosed) return;
    const chunk = Uint8Array.from(concatAll(data));
    this.buffered += chunk.length;
    this.#sending = this.#sending.then(async () => {
      const arrives = await this.#carry(chunk);
      this.buffered -= chunk.length;
      if (arrives === null) this.destroy();
      else this.other?.receive(arrives);
      if (this.buffered === 0 && !this.#isClosed) this.#events?.onDrain();
    });
  }

  receive(chunk: Bytes): void {
    if (this.#isClosed) return;
    this.#inbox.push(chunk);
    this.#deliver();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliver();
  }

  end(): void {
    this.#sending = this.#sending.then(() => this.destroy());
  }

  destroy(): void {
    this.#close();
    if (this.other) this.other.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events?.onClose(null);
  }

  #deliver(): void {
    while (this.#events && !this.#isPaused && !this.#isClosed) {
      const chunk = this.#inbox.shift();
      if (!chunk) return;
      this.#events.onData(chunk);
    }
  }
}
