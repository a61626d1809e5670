/** Between the wire and the app: routed messages and raw plaintexts as inbound messages, replies as bytes. */

import type { InboundMessage, Protocol, Reply } from '../app/message.ts';
import { OK } from '../app/message.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { cutUtf8, encodeUtf8 } from '../bytes/text.ts';
import { messageOf } from '../errors.ts';
import { PublicKey } from '../keys/public-key.ts';
import type { Arrival } from '../transport/transport.ts';
import { decodeBody, type EncodedBody, encodeBody, type Representation } from '../wire/representation.ts';
import { encodeRoutedReply, REPLY_FIXED_SIZE, type RoutedRequest } from '../wire/routed.ts';
import { STATUS } from './status.ts';

/** What both payloads have in common. */
export interface Peer {
  /** The job that the packet came by. */
  readonly protocol: Protocol;
  readonly arrival: Arrival;
  /** As proven by the packet; null for an anonymous client. */
  readonly sender: PublicKey | null;
  /** When the handler should stop: the caller is gone, or, where the answer is kept for others, the server is. */
  readonly signal: AbortSignal;
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

/**
 * A reply as the plaintext of a routed reply. A value that cannot be written becomes a 500 that says so.
 *
 * @param room bytes that a refusal may have; its text is cut to them. Default no limit.
 */
export function fromReply(reply: Reply, room: number = Number.POSITIVE_INFINITY): Bytes {
  if (reply.status !== OK) return errorReplyBytes(reply.status, String(reply.value ?? ''), room);
  try {
    const { representation, bytes } = encodeReplyBody(reply);
    return encodeRoutedReply({ status: OK, representation, body: bytes });
  } catch (error) {
    const text = `The handler's answer cannot be sent: ${messageOf(error)}`;
    return errorReplyBytes(STATUS.handlerFailed, text, room);
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

/** The plaintext of a reply that is not a value: at most `room` bytes, so that it always fits its road. */
export function errorReplyBytes(
  status: number,
  text: string,
  room: number = Number.POSITIVE_INFINITY,
): Bytes {
  const body = cutUtf8(encodeUtf8(text), Math.max(0, room - REPLY_FIXED_SIZE));
  return encodeRoutedReply({ representation: 't', status, body });
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
  readonly isSealed: true = true;
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

  get protocol(): Protocol {
    return this.#peer.protocol;
  }

  get transport(): string {
    return this.#peer.arrival.transport;
  }

  get remote(): string {
    return this.#peer.arrival.remote;
  }

  get signal(): AbortSignal {
    return this.#peer.signal;
  }
}
