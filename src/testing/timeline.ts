/** What is to happen, in the order of its time; at one time, in the order in which it was asked for. */

export interface Planned {
  /** ms since the start. */
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** A binary heap and a clock that moves only from event to event. */
export class Timeline {
  readonly #heap: Planned[] = [];
  #now = 0;
  #order = 0;

  /** ms since the start. */
  get now(): number {
    return this.#now;
  }

  /** The time of the next event; null where there is none. */
  get next(): number | null {
    this.#skipCancelled();
    return this.#heap[0]?.at ?? null;
  }

  /** @param after ms from now. */
  plan(after: number, run: () => void): Planned {
    this.#order += 1;
    const planned = { at: this.#now + Math.max(0, after), order: this.#order, run, isCancelled: false };
    this.#heap.push(planned);
    this.#rise(this.#heap.length - 1);
    return planned;
  }

  /** Takes the next event off, and makes it now; null where there is none. */
  take(): Planned | null {
    this.#skipCancelled();
    const first = this.#heap[0];
    if (!first) return null;
    this.#removeFirst();
    this.#now = first.at;
    return first;
  }

  #skipCancelled(): void {
    while (this.#heap[0]?.isCancelled) this.#removeFirst();
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfLater(parent, at)) return;
      at = parent;
    }
  }

  #sink(): void {
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const child = this.#isEarlier(right, left) ? right : left;
      if (!this.#swapIfLater(at, child)) return;
      at = child;
    }
  }

  #isEarlier(left: number, right: number): boolean {
    const [a, b] = [this.#heap[left], this.#heap[right]];
    if (!a || !b) return a !== undefined;
    return a.at !== b.at ? a.at < b.at : a.order < b.order;
  }

  #swapIfLater(upper: number, lower: number): boolean {
    const [a, b] = [this.#heap[upper], this.#heap[lower]];
    if (!a || !b || this.#isEarlier(upper, lower)) return false;
    this.#heap[upper] = b;
    this.#heap[lower] = a;
    return true;
  }
}
