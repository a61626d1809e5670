/** The golden vectors of lonelyps by their kinds, and how its recorded WebSocket sessions are read. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type Bytes, concat } from '../../src/bytes/bytes.ts';
import { decodeHex } from '../../src/bytes/text.ts';
import type { AuthConfig } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import {
  decodeToBroadcaster,
  decodeToSubscriber,
  type ToBroadcaster,
  type ToSubscriber,
} from '../../src/wire/lonelyps-stateful.ts';

export const lonelyps = JSON.parse(
  readFileSync(new URL('../../conformance/vectors/lonelyps.json', import.meta.url), 'utf8'),
) as {
  readonly counts: Readonly<Record<string, number>>;
  readonly fixed: {
    readonly time: number;
    readonly to_broadcaster_secret: string;
    readonly to_subscriber_secret: string;
    readonly to_broadcaster_token: string;
    readonly to_subscriber_token: string;
  };
  readonly vectors: readonly { readonly kind: string; readonly name: string }[];
};

/** When the original made them, ms since 1970. */
export const NOW: number = 1000 * lonelyps.fixed.time;

/** All of a kind; there must be some. */
export function vectorsOf<Vector>(kind: string): readonly (Vector & { readonly name: string })[] {
  const vectors = lonelyps.vectors.filter((vector) => vector.kind === kind);
  assert.ok(vectors.length > 0, kind);
  return vectors as unknown as (Vector & { readonly name: string })[];
}

interface RecordedEvent {
  readonly sender: 'subscriber' | 'broadcaster';
  readonly hex: string;
}

interface Transcript {
  readonly secrets: Readonly<Record<'to-broadcaster' | 'to-subscriber', string>>;
  readonly nonce_base64: string;
  readonly events: readonly RecordedEvent[];
}

/** One message of a recorded session. */
type Recorded =
  | { readonly sender: 'subscriber'; readonly bytes: Bytes; readonly message: ToBroadcaster }
  | { readonly sender: 'broadcaster'; readonly bytes: Bytes; readonly message: ToSubscriber };

/** A whole session between the original's subscriber and its broadcaster. */
export interface RecordedSession {
  readonly name: string;
  readonly isMinimal: boolean;
  readonly events: readonly Recorded[];
  readonly subscriberNonce: Bytes;
  readonly broadcasterNonce: Bytes;
  /** SHA-256 of both nonces, base64. */
  readonly connectionNonce: string;
  /** With the session's secrets, at its time; fresh, so that nothing counts as seen. */
  auth(): AuthConfig;
}

export const sessions: readonly RecordedSession[] = vectorsOf<Transcript>('transcript').map(
  ({ name, secrets, events, nonce_base64 }) => {
    const recorded = events.map(recordedOf);
    return {
      name,
      isMinimal: name.includes('minimal'),
      events: recorded,
      subscriberNonce: found(recorded, 'configure').subscriberNonce,
      broadcasterNonce: found(recorded, 'confirm-configure').broadcasterNonce,
      connectionNonce: nonce_base64,
      auth: () =>
        hmacAuth({
          toBroadcaster: secrets['to-broadcaster'],
          toSubscriber: secrets['to-subscriber'],
          now: () => NOW,
        }),
    };
  },
);

function recordedOf({ sender, hex }: RecordedEvent): Recorded {
  const bytes = decodeHex(hex);
  return sender === 'subscriber'
    ? { sender, bytes, message: decodeToBroadcaster(bytes) }
    : { sender, bytes, message: decodeToSubscriber(bytes) };
}

type AnyMessage = ToBroadcaster | ToSubscriber;

function found<Type extends AnyMessage['type']>(
  events: readonly Recorded[],
  type: Type,
): Extract<AnyMessage, { type: Type }> {
  const event = events.find(({ message }) => message.type === type);
  return (event ?? assert.fail(type)).message as Extract<AnyMessage, { type: Type }>;
}

/** The whole body that begins with this part 0. */
export function wholeBody(
  { events }: RecordedSession,
  { identifier, body }: { readonly identifier: Bytes; readonly body: Bytes },
): Bytes {
  const id = Buffer.from(identifier);
  const rest = events.flatMap(({ message }) =>
    message.type.endsWith('-stream-part') && 'body' in message && 'identifier' in message
      ? id.equals(message.identifier)
        ? [message.body]
        : []
      : [],
  );
  return concat(body, ...rest);
}

/** What the original drew at random for the header. */
export function nonceOf({ authorization }: { readonly authorization: string | null }): Bytes {
  const [, nonce] = (authorization ?? assert.fail('no authorization')).split(':');
  return new Uint8Array(Buffer.from(nonce ?? '', 'base64url'));
}
