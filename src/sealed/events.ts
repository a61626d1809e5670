/** Who listens to what happens, by the type of the event. */

import type { Logger } from '../app/message.ts';

type Listener = (event: never) => void;

export class Events<Event extends { readonly type: string }> {
  readonly #listeners = new Map<Event['type'], Set<Listener>>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @returns what ends it. */
  on<Type extends Event['type']>(
    type: Type,
    listener: (event: Extract<Event, { readonly type: Type }>) => void,
  ): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    listeners.add(listener as Listener);
    return () => void listeners.delete(listener as Listener);
  }

  /** What a listener throws is logged: it ends nothing. */
  emit(event: Event): void {
    const type: Event['type'] = event.type;
    for (const listener of this.#listeners.get(type) ?? []) {
      try {
        listener(event as never);
      } catch (error) {
        this.#log.error({ error, event: type }, 'a listener failed');
      }
    }
  }
}
