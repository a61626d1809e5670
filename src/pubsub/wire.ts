/** `sotto/pubsub/wire`: what goes between broadcasters and subscribers, as bytes: no sockets, no keys. */

import { startSha512 } from '#sha512';
import type { Bytes } from '../bytes/bytes.ts';
import {
  decodeToBroadcaster,
  decodeToSubscriber,
  encodeToBroadcaster,
  encodeToSubscriber,
  type LonelypsRevision,
  type ToBroadcaster,
  type ToSubscriber,
} from '../wire/lonelyps-stateful.ts';
import { type ExactSubscription, etagDocument, type GlobSubscription } from '../wire/lonelyps-stateless.ts';

export { StreamReader } from '../bytes/stream-reader.ts';
export { SottoError } from '../errors.ts';
export type { LonelypsRevision, ToBroadcaster, ToSubscriber } from '../wire/lonelyps-stateful.ts';
/** The bodies of HTTP requests and of their answers: each kind is written by an `encode…`, and read by its `read…` or `decode…`. */
export * as statelessBodies from '../wire/lonelyps-stateless.ts';
export { globMatches } from './topics/glob.ts';

/** A message over a WebSocket, either way. */
export type Message = ToBroadcaster | ToSubscriber;

/** Subscriber to broadcaster, or broadcaster to subscriber: types are numbered anew in each. */
export type Direction = 's2b' | 'b2s';

/** How a message is written. */
export interface EncodeOptions {
  /** Headers without their names, as both ends must be able to read them. Default true. */
  readonly minimalHeaders?: boolean;
  /** Nothing in a message tells: the other end must have the same. Default 0.0.46. */
  readonly revision?: LonelypsRevision;
}

/** What nothing in a message tells. */
export interface DecodeOptions<Way extends Direction = Direction> {
  /** Who has sent it. */
  readonly direction: Way;
  /** Default 0.0.46. */
  readonly revision?: LonelypsRevision;
}

const TO_BROADCASTER: Readonly<Record<ToBroadcaster['type'], true>> = {
  configure: true,
  'subscribe-exact': true,
  'subscribe-glob': true,
  'unsubscribe-exact': true,
  'unsubscribe-glob': true,
  notify: true,
  'notify-stream-start': true,
  'notify-stream-part': true,
  'continue-receive': true,
  'confirm-receive': true,
  serve: true,
};

/**
 * A message as one binary WebSocket message has it.
 *
 * @throws SottoError `invalid_message` for a field that its header cannot hold.
 * @example
 * ```ts
 * import { encode } from 'sotto/pubsub/wire';
 * const topic = new TextEncoder().encode('foo/bar');
 * const none = { authorization: null, tracing: new Uint8Array(0) };
 * console.log(encode({ type: 'subscribe-exact', topic, ...none }, { minimalHeaders: true }));
 * ```
 */
export function encode(
  message: Message,
  { minimalHeaders: minimal = true, revision = '0.0.46' }: EncodeOptions = {},
): Bytes {
  return isToBroadcaster(message)
    ? encodeToBroadcaster(message, { minimal, revision })
    : encodeToSubscriber(message, { minimal, revision });
}

/**
 * Headers may have their names or not: the message says so.
 *
 * @throws SottoError `invalid_message`.
 * @example
 * ```ts
 * import { decode } from 'sotto/pubsub/wire';
 * const bytes = Uint8Array.of(0, 1, 0, 2, 0, 0, 0, 0, 0, 1, 0x61);
 * const message = decode(bytes, { direction: 's2b' });
 * if (message.type === 'subscribe-exact') console.log(new TextDecoder().decode(message.topic)); // a
 * ```
 */
export function decode(bytes: Bytes, options: DecodeOptions<'s2b'>): ToBroadcaster;
export function decode(bytes: Bytes, options: DecodeOptions<'b2s'>): ToSubscriber;
export function decode(bytes: Bytes, options: DecodeOptions): Message;
export function decode(bytes: Bytes, { direction, revision = '0.0.46' }: DecodeOptions): Message {
  return direction === 's2b'
    ? decodeToBroadcaster(bytes, { revision })
    : decodeToSubscriber(bytes, { revision });
}

/**
 * By which both ends know that they mean the same subscriptions of a url. 64 bytes.
 *
 * @param exact ascending by their bytes.
 * @param globs ascending by their UTF-8.
 * @throws SottoError `invalid_message` for lists in another order, or with something twice.
 */
export function strongEtag(
  url: string,
  exact: readonly ExactSubscription[],
  globs: readonly GlobSubscription[],
): Bytes {
  const hash = startSha512();
  for (const part of etagDocument(url, exact, globs)) hash.update(part);
  return hash.digest();
}

function isToBroadcaster(message: Message): message is ToBroadcaster {
  return message.type in TO_BROADCASTER;
}
