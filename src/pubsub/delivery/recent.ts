import { type Link, LinkedList } from './linked-list.ts';

/** A map of so many, which forgets first what has not been asked for or set for longest. */
export class Recent<V> {
  readonly #most: number;
  readonly #links = new Map<string, Link<{ readonly key: string; readonly value: V }>>();
  readonly #order = new LinkedList<{ readonly key: string; readonly value: V }>();

  /** @param most at least 1. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#links.size;
  }

  get(key: string): V | undefined {
    const link = this.#links.get(key);
    if (!link) return undefined;
    this.#order.remove(link);
    this.#links.set(key, this.#order.push(link.value));
    return link.value.value;
  }

  set(key: string, value: V): void {
    this.delete(key);
    this.#links.set(key, this.#order.push({ key, value }));
    if (this.#links.size <= this.#most) return;
    const oldest = this.#order.shift();
    if (oldest) this.#links.delete(oldest.key);
  }

  delete(key: string): void {
    const link = this.#links.get(key);
    if (!link) return;
    this.#order.remove(link);
    this.#links.delete(key);
  }
}
