/** What every door of a node leads to: who may, then whoever takes messages out on the way, then the app. */

import type { App, Dispatcher } from '../app/app.ts';
import { errorReply, type InboundMessage, type Logger, type Reply } from '../app/message.ts';
import { StatusError } from '../errors.ts';
import { type Access, notAllowed } from './access.ts';

/** Takes a message in place of the app, or leaves it (null). What it throws is answered as a handler's error is. */
export type Taker = (message: InboundMessage) => Promise<Reply> | null;

/** Who is asked first stays so, whichever part was started anew: bridges come before the chat. */
export type TakerPlace = 'first' | 'last';

const PLACES: readonly TakerPlace[] = ['first', 'last'];

/** The app and the rules may be changed while messages come. */
export class Front implements Dispatcher {
  app: App;
  access: Access;
  readonly #log: Logger;
  readonly #takers: Readonly<Record<TakerPlace, Set<Taker>>> = { first: new Set(), last: new Set() };

  constructor(app: App, access: Access, log: Logger) {
    this.app = app;
    this.access = access;
    this.#log = log;
  }

  /** @returns what ends it. */
  take(taker: Taker, place: TakerPlace = 'last'): () => void {
    const takers = this.#takers[place];
    takers.add(taker);
    return () => void takers.delete(taker);
  }

  isOnce(route: string): boolean {
    return this.app.isOnce(route);
  }

  /** What has a door of its own, under the same rules. */
  guarding(behind: Dispatcher): Dispatcher {
    return {
      isOnce: (route) => behind.isOnce(route),
      dispatch: async (message) => this.#refusal(message) ?? behind.dispatch(message),
    };
  }

  async dispatch(message: InboundMessage): Promise<Reply> {
    const refusal = this.#refusal(message);
    if (refusal) return refusal;
    try {
      const taken = this.#taken(message);
      if (taken) return await taken;
    } catch (error) {
      this.#log.error({ error, route: message.route }, 'what took a message failed');
      return errorReply(new StatusError(500, 'The message could not be taken.', { code: 'handler_failed' }));
    }
    return this.app.dispatch(message);
  }

  #taken(message: InboundMessage): Promise<Reply> | null {
    for (const place of PLACES) {
      for (const taker of this.#takers[place]) {
        const taken = taker(message);
        if (taken) return taken;
      }
    }
    return null;
  }

  #refusal({ route, sender = null }: InboundMessage): Reply | null {
    return this.access(route, sender) ? null : errorReply(notAllowed());
  }
}
