/** Between the wire and the app: routed messages and raw plaintexts as inbound messages, replies as bytes. */

import type { InboundMessage, Reply } from '../app/message.ts';
import { OK } from '../app/message.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { messageOf } from '../errors.ts';
import { PublicKey } from '../keys/public-key.ts';
import type { Arrival } from '../transport/transport.ts';
import { decodeBody, type EncodedBody, encodeBody, type Representation } from '../wire/representation.ts';
import { encodeRoutedReply, type RoutedRequest } from '../wire/routed.ts';
import { STATUS } from './status.ts';

/** What both payloads have in common. */
export interface Peer {
  readonly arrival: Arrival;
  /** As proven by the packet; null for an anonymous client. */
  readonly sender: PublicKey | null;
  /** Whether the handler is told when the caller is gone; not where its answer must be kept. */
  readonly abortable: boolean;
}

/** The sender that a packet proved. */
export function senderOf(clientPublicKey: Bytes | null): PublicKey | null {
  return clientPublicKey === null ? null : PublicKey.from(clientPublicKey);
}

/** `payload: 'routed'`. The body is decoded when the handler first asks for it. */
export function routedInbound(request: RoutedRequest, peer: Peer): InboundMessage {
  return new Inbound(request.route, request.body, request.representation, peer);
}

/** `payload: 'raw'`: the plaintext is the body, and there is one route. */
export function rawInbound(message: Bytes, peer: Peer): InboundMessage {
  return new Inbound('/', message, 'b', peer);
}

/** A reply as the plaintext of a routed reply. A value that cannot be written becomes a 500 that says so. */
export function fromReply(reply: Reply): Bytes {
  if (reply.status !== OK) return errorReplyBytes(reply.status, String(reply.value ?? ''));
  try {
    const { representation, bytes } = encodeReplyBody(reply);
    return encodeRoutedReply({ status: OK, representation, body: bytes });
  } catch (error) {
    return errorReplyBytes(STATUS.handlerFailed, `The handler's answer cannot be sent: ${messageOf(error)}`);
  }
}

/** A reply as the plaintext of a raw one; null where raw has no word for it. */
export function fromRawReply(reply: Reply): Bytes | null {
  try {
    return reply.status === OK ? encodeReplyBody(reply).bytes : null;
  } catch {
    return null;
  }
}

/** The plaintext of a reply that is not a value. */
export function errorReplyBytes(status: number, text: string): Bytes {
  return encodeRoutedReply({ representation: 't', status, body: encodeUtf8(text) });
}

function encodeReplyBody(reply: Reply): EncodedBody {
  // Pickle is spoken by the lookup job alone.
  return encodeBody(reply.value, reply.representation === 'p' ? 'auto' : reply.representation);
}

class Inbound implements InboundMessage {
  readonly route: string;
  readonly bytes: Bytes;
  readonly representation: Representation;
  readonly sender: PublicKey | null;
  readonly proof: 'packet' | 'none';
  readonly protocol = 'request' as const;
  readonly #peer: Peer;

  constructor(route: string, bytes: Bytes, representation: Representation, peer: Peer) {
    this.route = route;
    this.bytes = bytes;
    this.representation = representation;
    this.sender = peer.sender;
    this.proof = peer.sender === null ? 'none' : 'packet';
    this.#peer = peer;
  }

  get body(): unknown {
    return decodeBody(this.bytes, this.representation);
  }

  get transport(): string {
    return this.#peer.arrival.transport;
  }

  get remote(): string {
    return this.#peer.arrival.remote;
  }

  get signal(): AbortSignal {
    return this.#peer.abortable ? this.#peer.arrival.signal : NEVER;
  }
}

const NEVER: AbortSignal = new AbortController().signal;
