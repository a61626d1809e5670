/** What a node answers to sealed messages: its own routes, and everything else by the program's app. */

import type { Dispatcher } from '../app/app.ts';
import { type InboundMessage, OK, type Reply } from '../app/message.ts';
import { mapKey } from '../bytes/bytes.ts';
import { messageOf, StatusError } from '../errors.ts';
import { PublicKey } from '../keys/public-key.ts';
import { STATUS } from '../sealed/status.ts';
import { decodeBody } from '../wire/representation.ts';
import { isTriedAgain, LETTER_ROUTE, letterIn } from './messages.ts';
import { type PeerId, peerIdOf } from './peer.ts';

/** Answers one of the node's own routes; what it throws is a status. */
export type OwnHandler = (body: unknown, from: PeerId, remote: string, key: PublicKey) => unknown;

const OWN_ROUTES = '/sotto/';
/** Letters that are known again. */
const MOST_LETTERS = 10_000;
const NOT_FOUND = 404;

export class NodeApp implements Dispatcher {
  readonly #app: Dispatcher;
  readonly #own: ReadonlyMap<string, OwnHandler>;
  /** Answers to letters, by sender and id: a letter that comes again is not handled again, unless that failed. */
  readonly #letters = new Map<string, Promise<Reply>>();

  constructor(app: Dispatcher, own: ReadonlyMap<string, OwnHandler>) {
    this.#app = app;
    this.#own = own;
  }

  isOnce(route: string): boolean {
    return !route.startsWith(OWN_ROUTES) && this.#app.isOnce(route);
  }

  dispatch(message: InboundMessage): Promise<Reply> {
    const { route, sender } = message;
    if (!sender) return Promise.resolve(refusal(STATUS.notAllowed, 'A peer says who it is.'));
    const key = PublicKey.from(sender.bytes);
    if (route === LETTER_ROUTE) return this.#takeLetter(message, peerIdOf(key));
    if (route.startsWith(OWN_ROUTES)) return this.#answer(message, key);
    return this.#app.dispatch(provenByPeer(message));
  }

  async #answer({ route, body, remote }: InboundMessage, key: PublicKey): Promise<Reply> {
    const handler = this.#own.get(route);
    if (!handler) return refusal(NOT_FOUND, 'There is no such route.');
    try {
      const value = await handler(body, peerIdOf(key), remote ?? '', key);
      return { status: OK, value, representation: 'auto' };
    } catch (error) {
      const status = error instanceof StatusError ? error.status : STATUS.handlerFailed;
      return refusal(status, messageOf(error));
    }
  }

  async #takeLetter(message: InboundMessage, from: PeerId): Promise<Reply> {
    const letter = letterIn(message.body);
    if (!letter || letter.route.startsWith(OWN_ROUTES))
      return refusal(STATUS.badRequest, 'That is no letter.');
    const name = `${from} ${mapKey(letter.id.subarray(0, 64))}`;
    const known = this.#letters.get(name);
    if (known) return known;
    const { route, representation, body: bytes } = letter;
    const answer = this.#app.dispatch(
      provenByPeer({
        ...{ route, bytes, representation, body: decodeBody(bytes, representation) },
        ...{ sender: message.sender ?? null, protocol: 'peers', transport: message.transport ?? 'tcp' },
        remote: message.remote ?? null,
      }),
    );
    this.#letters.set(name, answer);
    const [oldest] = this.#letters.keys();
    if (this.#letters.size > MOST_LETTERS && oldest !== undefined) this.#letters.delete(oldest);
    const reply = await answer;
    if (isTriedAgain(reply.status)) this.#letters.delete(name);
    return reply;
  }
}

/** The same, of a peer. The body is still decoded when it is first asked for. */
function provenByPeer(message: InboundMessage): InboundMessage {
  const { route, bytes, representation, sender, protocol, transport, remote, signal } = message;
  return {
    route,
    proof: 'peer',
    isSealed: true,
    get body() {
      return message.body;
    },
    ...(bytes === undefined ? {} : { bytes }),
    ...(representation === undefined ? {} : { representation }),
    ...(sender === undefined ? {} : { sender }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(transport === undefined ? {} : { transport }),
    ...(remote === undefined ? {} : { remote }),
    ...(signal === undefined ? {} : { signal }),
  };
}

function refusal(status: number, text: string): Reply {
  return { status, value: text, representation: 't' };
}
