/** What every door of a node leads to: who may, then whoever takes messages out on the way, then the app. */

import type { Dispatcher } from '../app/app.ts';
import { errorReply, type InboundMessage, type Reply } from '../app/message.ts';
import { type Access, notAllowed } from './access.ts';

/** Takes a message in place of the app, or leaves it (null). Must not throw, and must not reject. */
export type Taker = (message: InboundMessage) => Promise<Reply> | null;

/** The app and the rules may be changed while messages come. */
export class Front implements Dispatcher {
  app: Dispatcher;
  access: Access;
  readonly #takers = new Set<Taker>();

  constructor(app: Dispatcher, access: Access) {
    this.app = app;
    this.access = access;
  }

  /** @returns what ends it. */
  take(taker: Taker): () => void {
    this.#takers.add(taker);
    return () => void this.#takers.delete(taker);
  }

  isOnce(route: string): boolean {
    return this.app.isOnce(route);
  }

  async dispatch(message: InboundMessage): Promise<Reply> {
    if (!this.access(message.route, message.sender ?? null)) return errorReply(notAllowed());
    for (const taker of this.#takers) {
      const taken = taker(message);
      if (taken) return taken;
    }
    return this.app.dispatch(message);
  }
}
