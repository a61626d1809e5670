/** Who hears of a topic: every subscription in memory, so that no notification waits for a database. */

import { type Bytes, mapKey } from '../../bytes/bytes.ts';
import type { Subscription } from '../stores/store.ts';
import { GlobIndex } from './glob-index.ts';

export class TopicIndex {
  /** By topic: one, as most topics have, or several. */
  readonly #exacts = new Map<string, Subscription | Subscription[]>();
  readonly #globs = new GlobIndex<number>();
  readonly #byGlobId = new Map<number, Subscription>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(subscription: Subscription): void {
    const { pattern, id } = subscription;
    if (pattern.kind === 'glob') {
      if (this.#byGlobId.has(id)) return;
      this.#byGlobId.set(id, subscription);
      this.#globs.add(pattern.glob, id);
    } else if (!this.#addExact(mapKey(pattern.topic), subscription)) return;
    this.#size += 1;
  }

  remove({ pattern, id }: Subscription): void {
    if (pattern.kind === 'glob') {
      if (!this.#byGlobId.delete(id)) return;
      this.#globs.remove(pattern.glob, id);
    } else if (!this.#removeExact(mapKey(pattern.topic), id)) return;
    this.#size -= 1;
  }

  /** Exact ones first; a url with several patterns that fit comes once for each. */
  match(topic: Bytes): readonly Subscription[] {
    const found = listOf(this.#exacts.get(mapKey(topic)));
    const byGlob = this.#globs.match(topic).flatMap((id) => this.#byGlobId.get(id) ?? []);
    return byGlob.length === 0 ? found : [...found, ...byGlob];
  }

  #addExact(name: string, subscription: Subscription): boolean {
    const known = this.#exacts.get(name);
    if (known === undefined) this.#exacts.set(name, subscription);
    else if (listOf(known).some(({ id }) => id === subscription.id)) return false;
    else if (Array.isArray(known)) known.push(subscription);
    else this.#exacts.set(name, [known, subscription]);
    return true;
  }

  #removeExact(name: string, id: number): boolean {
    const known = listOf(this.#exacts.get(name));
    const left = known.filter((each) => each.id !== id);
    if (left.length === known.length) return false;
    const [only] = left;
    if (only === undefined) this.#exacts.delete(name);
    else this.#exacts.set(name, left.length === 1 ? only : left);
    return true;
  }
}

function listOf(known: Subscription | Subscription[] | undefined): readonly Subscription[] {
  if (known === undefined) return [];
  return Array.isArray(known) ? known : [known];
}
