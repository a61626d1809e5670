/** Requests that wait to be handled, in their order and within a bound of bytes. */

import type { Bytes } from '../bytes/bytes.ts';
import type { RoutedRequest } from '../wire/routed.ts';
import { KEPT_HEAD_SIZE } from '../wire/session.ts';

export interface Waiting {
  readonly request: RoutedRequest;
  /** Of what is to be handled once; else null. */
  readonly id: Bytes | null;
}

export class RequestQueue {
  readonly #most: number;
  readonly #waiting = new Map<number, Waiting>();
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
  add(stream: number, waiting: Waiting): boolean {
    const size = sizeOf(waiting);
    if (this.#bytes + size > this.#most) return false;
    this.#waiting.set(stream, waiting);
    this.#bytes += size;
    return true;
  }

  /** @returns whether it waited. */
  remove(stream: number): boolean {
    const waiting = this.#waiting.get(stream);
    if (!waiting) return false;
    this.#waiting.delete(stream);
    this.#bytes -= sizeOf(waiting);
    return true;
  }

  /** The one that has waited longest. */
  shift(): { readonly stream: number; readonly waiting: Waiting } | null {
    const [next] = this.#waiting;
    if (!next) return null;
    const [stream, waiting] = next;
    this.remove(stream);
    return { stream, waiting };
  }

  clear(): void {
    this.#waiting.clear();
  }
}

function sizeOf({ request }: Waiting): number {
  return KEPT_HEAD_SIZE + request.route.length + request.body.length;
}
