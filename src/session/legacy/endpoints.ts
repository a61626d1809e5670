/** The endpoints of a server: who answers there, and who is connected. */

import { SottoError } from '../../errors.ts';
import { REKEY } from '../../wire/sickserv.ts';
import type { Conversation } from './conversation.ts';
import type { SickservHandler } from './handler.ts';
import { requireEndpoint } from './options.ts';

/** The longest sysid, characters. */
const MAX_SYSID = 128;

/** Where a message is to, and whose it is. */
export interface Place {
  readonly endpoint: string;
  /** Empty where a path has none, as 0.0.1 has it. */
  readonly sysid: string;
}

interface Endpoint {
  /** Null for the one that changes keys. */
  readonly handler: SickservHandler | null;
  /** Open WebSockets by sysid. */
  readonly conversations: Map<string, Set<Conversation>>;
}

export class Endpoints {
  readonly #known = new Map<string, Endpoint>([[REKEY, { handler: null, conversations: new Map() }]]);

  /** @throws SottoError `invalid_argument`. */
  add(endpoint: string, handler: SickservHandler): void {
    requireEndpoint(endpoint);
    if (!this.#known.has(endpoint)) {
      this.#known.set(endpoint, { handler, conversations: new Map() });
      return;
    }
    const why = endpoint === REKEY ? 'changes keys' : 'has a handler';
    throw new SottoError('invalid_argument', `The endpoint "${endpoint}" ${why} already.`);
  }

  handlerOf({ endpoint }: Place): SickservHandler | null {
    return this.#known.get(endpoint)?.handler ?? null;
  }

  /** Of `/endpoint/sysid` or `/endpoint`; null for what is nobody's. */
  find(path: string): Place | null {
    const cut = path.lastIndexOf('/');
    const endpoint = decoded(path.slice(1, cut));
    const sysid = decoded(path.slice(cut + 1));
    const isSysid = sysid !== '' && sysid.length <= MAX_SYSID;
    if (isSysid && this.#known.has(endpoint)) return { endpoint, sysid };
    const whole = decoded(path.slice(1));
    return this.#known.has(whole) ? { endpoint: whole, sysid: '' } : null;
  }

  conversationsOf({ endpoint, sysid }: Place): Iterable<Conversation> {
    return this.#known.get(endpoint)?.conversations.get(sysid) ?? [];
  }

  *conversations(): Iterable<Conversation> {
    for (const { conversations } of this.#known.values()) {
      for (const own of conversations.values()) yield* own;
    }
  }

  enter({ endpoint, sysid }: Place, conversation: Conversation): void {
    const conversations = this.#known.get(endpoint)?.conversations;
    const own = conversations?.get(sysid) ?? new Set();
    conversations?.set(sysid, own.add(conversation));
  }

  leave({ endpoint, sysid }: Place, conversation: Conversation): void {
    const conversations = this.#known.get(endpoint)?.conversations;
    const own = conversations?.get(sysid);
    own?.delete(conversation);
    if (own?.size === 0) conversations?.delete(sysid);
  }
}

/** A part of a path as it was meant; what nobody can have meant stays as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
