/** Requests that wait to be handled, in their order and within a bound of bytes. */

import { KEPT_HEAD_SIZE } from '../wire/session.ts';
import type { Opening } from './opening.ts';

export class RequestQueue {
  readonly #most: number;
  readonly #waiting = new Map<number, Opening>();
  #bytes = 0;

  /** @param most bytes of all that wait. */
  constructor(most: number) {
    this.#most = most;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  has(stream: number): boolean {
    return this.#waiting.has(stream);
  }

  /** @returns false where there is no room for it. */
  add(stream: number, opening: Opening): boolean {
    const size = sizeOf(opening);
    if (this.#bytes + size > this.#most) return false;
    this.#waiting.set(stream, opening);
    this.#bytes += size;
    return true;
  }

  /** @returns whether it waited. */
  remove(stream: number): boolean {
    const opening = this.#waiting.get(stream);
    if (!opening) return false;
    this.#waiting.delete(stream);
    this.#bytes -= sizeOf(opening);
    return true;
  }

  /** The one that has waited longest. */
  shift(): { readonly stream: number; readonly opening: Opening } | null {
    const [next] = this.#waiting;
    if (!next) return null;
    const [stream, opening] = next;
    this.remove(stream);
    return { stream, opening };
  }

  clear(): void {
    this.#waiting.clear();
  }
}

function sizeOf({ request }: Opening): number {
  return KEPT_HEAD_SIZE + request.route.length + request.body.length;
}
