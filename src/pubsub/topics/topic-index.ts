/** Who hears of a topic: every subscription in memory, so that no notification waits for a database. */

import { type Bytes, mapKey } from '../../bytes/bytes.ts';
import type { Pattern } from '../stores/store.ts';
import { GlobIndex } from './glob-index.ts';

interface Indexed {
  /** Of this kind of pattern. */
  readonly id: number;
  readonly pattern: Pattern;
}

export class TopicIndex<T extends Indexed> {
  /** By topic: one, as most topics have, or several by their ids. */
  readonly #exacts = new Map<string, T | Map<number, T>>();
  readonly #globs = new GlobIndex<number>();
  readonly #byGlobId = new Map<number, T>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(subscription: T): void {
    const { pattern, id } = subscription;
    if (pattern.kind === 'glob') {
      if (this.#byGlobId.has(id)) return;
      this.#byGlobId.set(id, subscription);
      this.#globs.add(pattern.glob, id);
    } else if (!this.#addExact(mapKey(pattern.topic), subscription)) return;
    this.#size += 1;
  }

  remove({ pattern, id }: T): void {
    if (pattern.kind === 'glob') {
      if (!this.#byGlobId.delete(id)) return;
      this.#globs.remove(pattern.glob, id);
    } else if (!this.#removeExact(mapKey(pattern.topic), id)) return;
    this.#size -= 1;
  }

  /** Exact ones first. */
  match(topic: Bytes): readonly T[] {
    const known = this.#exacts.get(mapKey(topic));
    const found = known === undefined ? [] : known instanceof Map ? [...known.values()] : [known];
    for (const id of this.#globs.match(topic)) {
      const byGlob = this.#byGlobId.get(id);
      if (byGlob) found.push(byGlob);
    }
    return found;
  }

  #addExact(name: string, subscription: T): boolean {
    const known = this.#exacts.get(name);
    if (known === undefined) this.#exacts.set(name, subscription);
    else if (known instanceof Map) {
      if (known.has(subscription.id)) return false;
      known.set(subscription.id, subscription);
    } else if (known.id === subscription.id) return false;
    else
      this.#exacts.set(
        name,
        new Map([
          [known.id, known],
          [subscription.id, subscription],
        ]),
      );
    return true;
  }

  #removeExact(name: string, id: number): boolean {
    const known = this.#exacts.get(name);
    if (known instanceof Map) {
      if (!known.delete(id)) return false;
      const [only] = known.values();
      if (known.size === 1 && only) this.#exacts.set(name, only);
      return true;
    }
    return known?.id === id && this.#exacts.delete(name);
  }
}
