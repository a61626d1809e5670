/**
 * Between topics and an app: a message on `x/y` is one for the route `/x/y`. A slash at a topic's start stays, so that no
 * two topics have one route.
 *
 * A topic message does not say what its body is. Unless it is told, `auto` looks: a JSON object or array is JSON, other
 * UTF-8 is text (also `7` and `true`: what somebody typed does not change its type by chance), the rest is bytes. The
 * bytes are always there as they came.
 */

import type { InboundMessage, Proof, Protocol } from '../app/message.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { cutUtf8, encodeHex, utf8OrNull } from '../bytes/text.ts';
import { decodeBody, type Representation } from '../wire/representation.ts';

/** What all messages of one subscription have in common. */
export interface Road {
  readonly transport: 'http' | 'ws';
  readonly representation: Representation | 'auto';
  /** Aborted when handlers should stop. */
  readonly signal: AbortSignal | null;
}

/** A message's body, with the route of its topic and what stands behind it. */
export interface Delivered {
  readonly route: string;
  readonly bytes: Bytes;
  /** `token` for what only holders of a topic's secret can have sent. */
  readonly proof: Extract<Proof, 'token' | 'none'>;
}

// Chosen: longer ones no router matches, in UTF-16 code units.
const MAX_ROUTE = 4096;
const SHOWN = 100;

/** The route of a topic; null where it can have none: not UTF-8, too long, or with a zero, where globs stop reading. */
export function routeOf(topic: Bytes): string | null {
  if (topic.includes(0)) return null;
  const text = utf8OrNull(topic);
  return text === null || text.length >= MAX_ROUTE ? null : `/${text}`;
}

/** A delivered message as the app takes it; its body is decoded when somebody first asks. */
export function toInbound(delivered: Delivered, road: Road): InboundMessage {
  return new Inbound(delivered, road);
}

/** A topic for a log: its beginning, as hex where it is not text. */
export function shownTopic(topic: Bytes): string {
  const start = cutUtf8(topic, SHOWN);
  const text = utf8OrNull(start) ?? `0x${encodeHex(start)}`;
  return topic.length > SHOWN ? `${text}…` : text;
}

class Inbound implements InboundMessage {
  readonly route: string;
  readonly bytes: Bytes;
  readonly sender: null = null;
  readonly proof: Proof;
  readonly isSealed: boolean;
  readonly protocol: Protocol = 'pubsub';
  readonly transport: string;
  readonly signal?: AbortSignal;
  readonly #given: Representation | 'auto';
  #seen: { readonly representation: Representation; readonly body: unknown } | null = null;

  constructor({ route, bytes, proof }: Delivered, { transport, representation, signal }: Road) {
    this.route = route;
    this.bytes = bytes;
    this.proof = proof;
    this.isSealed = proof === 'token';
    this.transport = transport;
    if (signal) this.signal = signal;
    this.#given = representation;
  }

  get representation(): Representation {
    return this.#given === 'auto' ? this.#look().representation : this.#given;
  }

  get body(): unknown {
    return this.#given === 'auto' ? this.#look().body : decodeBody(this.bytes, this.#given);
  }

  #look(): { readonly representation: Representation; readonly body: unknown } {
    this.#seen ??= seen(this.bytes);
    return this.#seen;
  }
}

function seen(bytes: Bytes): { representation: Representation; body: unknown } {
  const text = utf8OrNull(bytes);
  if (text === null) return { representation: 'b', body: bytes };
  if (!/^\s*[[{]/.test(text)) return { representation: 't', body: text };
  try {
    return { representation: 'j', body: JSON.parse(text) };
  } catch {
    return { representation: 't', body: text };
  }
}
