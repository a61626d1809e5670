/** Who listens to what happens among the peers. */

import type { Logger } from '../app/message.ts';
import type { PeerEvent } from './peer-event.ts';

type EventOf<Type extends PeerEvent['type']> = Extract<PeerEvent, { type: Type }>;
type Listener = (event: never) => void;

export class PeerEvents {
  readonly #listeners = new Map<PeerEvent['type'], Set<Listener>>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @returns what ends it. */
  on<Type extends PeerEvent['type']>(type: Type, listener: (event: EventOf<Type>) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    listeners.add(listener as Listener);
    return () => void listeners.delete(listener as Listener);
  }

  /** What a listener throws is logged: it ends nothing. */
  emit(event: PeerEvent): void {
    for (const listener of this.#listeners.get(event.type) ?? []) {
      try {
        listener(event as never);
      } catch (error) {
        this.#log.error({ error, event: event.type }, 'a listener failed');
      }
    }
  }
}
