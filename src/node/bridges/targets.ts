/** Where bridges lead to. */

import type { InboundMessage } from '../../app/message.ts';
import { type Bytes, EMPTY } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';
import { SottoError, StatusError } from '../../errors.ts';
import type { Identity } from '../../keys/identity.ts';
import { Subscriber } from '../../pubsub/subscriber/subscriber.ts';
import { RequestClient } from '../../request/client.ts';
import type { Node, RunningBroadcaster } from '../node.ts';
import { reachable } from '../reachable.ts';
import type { Bridge, BridgeTarget } from './config.ts';
import { Kept } from './kept.ts';
import { fingerprintOf, type LoopGuard, type LoopWire } from './loop-guard.ts';
import { named } from './naming.ts';

/** A message on its way, with what the star of the source stood for. */
export interface Carried {
  readonly message: InboundMessage;
  readonly star: string;
}

/** Told before a message is put on a wire. */
type Sends = (wire: LoopWire, name: string, message: InboundMessage) => void;

export interface Target {
  /** @returns what the other end answers, where it does. @throws what keeps it from being carried. */
  deliver(carried: Carried): Promise<unknown>;
  close(): Promise<void>;
}

/** For an answer of another server, ms. */
const TIMEOUT = 10_000;

/** Nothing is connected before the first message. */
export function openTarget(
  { from, to: target }: Pick<Bridge, 'from' | 'to'>,
  node: Node,
  guard: LoopGuard,
): Target {
  // What a webhook has brought goes on over other bridges: nothing carries it back to there.
  const sends: Sends =
    'webhook' in from ? () => {} : (wire, name, message) => guard.sends(wire, name, fingerprintOf(message));
  if ('topic' in target) return new TopicTarget(target.topic, node, sends);
  if ('lan' in target) return lanTarget(target.lan, node, sends);
  if ('sessions' in target) return sessionsTarget(target, node);
  return new RequestTarget(target, node);
}

export function textOfTarget(target: BridgeTarget): string {
  if ('topic' in target) return `topic ${target.topic}`;
  if ('lan' in target) return `LAN ${target.lan}`;
  if ('sessions' in target)
    return `sessions ${target.sessions}${target.room === undefined ? '' : ` in ${target.room}`}`;
  return `${target.request}${target.route ?? ''}`;
}

class TopicTarget implements Target {
  readonly #topic: string;
  readonly #node: Node;
  readonly #sends: Sends;
  /** The broadcaster may have been started anew since, elsewhere or with other secrets. */
  readonly #publisher = new Kept(({ server, auth }: RunningBroadcaster) =>
    Subscriber.connect({ broadcasters: reachable(server.address), auth }),
  );

  constructor(topic: string, node: Node, sends: Sends) {
    this.#topic = topic;
    this.#node = node;
    this.#sends = sends;
  }

  async deliver({ message, star }: Carried): Promise<unknown> {
    const running = this.#node.running.broadcaster;
    if (!running) throw notThere('broadcaster');
    const subscriber = await this.#publisher.connectionTo(running);
    const topic = named(this.#topic, star);
    this.#sends('topic', `/${topic}`, message);
    await subscriber.notify(topic, bytesOf(message));
    return undefined;
  }

  close(): Promise<void> {
    return this.#publisher.close();
  }
}

function lanTarget(route: string, node: Node, sends: Sends): Target {
  return {
    async deliver({ message, star }) {
      const { peers } = node.running;
      if (!peers) throw notThere('peers');
      if (message.body instanceof Uint8Array) {
        throw new StatusError(400, 'A broadcast on the LAN carries text and JSON, no other bytes.');
      }
      const name = named(route, star);
      sends('lan', name, message);
      peers.broadcast(name, message.body ?? '');
      return undefined;
    },
    close: async () => {},
  };
}

function sessionsTarget(
  { sessions: route, room }: Extract<BridgeTarget, { readonly sessions: string }>,
  node: Node,
): Target {
  return {
    async deliver({ message, star }) {
      const { sessions } = node.running;
      if (!sessions) throw notThere('sessions');
      const name = named(route, star);
      if (room !== undefined) sessions.room(room).push(name, message.body);
      else for (const session of sessions.sessions) session.push(name, message.body);
      return undefined;
    },
    close: async () => {},
  };
}

class RequestTarget implements Target {
  readonly #target: Extract<BridgeTarget, { readonly request: string }>;
  readonly #node: Node;
  /** Null asks anonymously; the node's own may follow one another while it runs. */
  readonly #client: Kept<Identity | null, RequestClient>;

  constructor(target: Extract<BridgeTarget, { readonly request: string }>, node: Node) {
    const { request, serverKey } = target;
    this.#target = target;
    this.#node = node;
    this.#client = new Kept((identity) =>
      RequestClient.connect(request, { serverKey, timeout: TIMEOUT, ...(identity ? { identity } : {}) }),
    );
  }

  async deliver({ message, star }: Carried): Promise<unknown> {
    const { route, as } = this.#target;
    const client = await this.#client.connectionTo(as === 'node' ? this.#node.identity : null);
    return client.request(route === undefined ? message.route : named(route, star), message.body);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

function bytesOf({ body, bytes, representation }: InboundMessage): Bytes {
  if (body instanceof Uint8Array) return body;
  if (typeof body === 'string') return encodeUtf8(body);
  return representation === 'j' && bytes ? bytes : encodeUtf8(JSON.stringify(body) ?? '') || EMPTY;
}

function notThere(part: string): SottoError {
  return new SottoError('unavailable', `This node's ${part} part is not up.`);
}
