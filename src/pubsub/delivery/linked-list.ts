/** A queue that can be left from anywhere; each step costs the same however long it is. */

/** A value's place in its list. */
export interface Link<T> {
  readonly value: T;
  before: Link<T> | null;
  after: Link<T> | null;
}

export class LinkedList<T> {
  #first: Link<T> | null = null;
  #last: Link<T> | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Puts a value at the end. */
  push(value: T): Link<T> {
    const link = { value, before: this.#last, after: null };
    if (this.#last) this.#last.after = link;
    else this.#first = link;
    this.#last = link;
    this.#size += 1;
    return link;
  }

  /** Takes the first out; undefined where there is none. */
  shift(): T | undefined {
    const first = this.#first;
    if (first === null) return undefined;
    this.remove(first);
    return first.value;
  }

  /** @param link of this list, and still in it. */
  remove(link: Link<T>): void {
    if (link.before) link.before.after = link.after;
    else this.#first = link.after;
    if (link.after) link.after.before = link.before;
    else this.#last = link.before;
    link.before = null; // so that whoever still holds the link does not hold its neighbours
    link.after = null;
    this.#size -= 1;
  }
}
