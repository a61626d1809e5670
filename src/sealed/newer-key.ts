/**
 * How a client hears that its server has a newer key than the one it knows: from the server, under the key it knows, on a
 * route that every server has.
 *
 * ```text
 * question   route "/sotto/key", no body
 * answer     {key: the current key, as text; until: when the key of the question ends, ms since 1970; null: it is the current}
 * ```
 *
 * A session that outlives a change of keys is told the same by a push of the server on that route, when keys are next made fresh.
 */

import { OK, type Reply } from '../app/message.ts';
import { SottoError } from '../errors.ts';
import { hybridPublicKey, looksHybrid } from '../keys/hybrid-key.ts';
import { PublicKey } from '../keys/public-key.ts';

/** Of the server itself: what an app has there is not reached. */
export const KEY_ROUTE = '/sotto/key';

/** The key that a client should use from now on. */
export interface NewerKey {
  /** As text, in the form of the key that the client has: what `serverKey` takes. */
  readonly key: string;
  /** When the server ends the key that the client has, ms since 1970. */
  readonly until: number;
}

/** What a caller does with it. It is not waited for. */
export type OnNewerKey = (newer: NewerKey) => void | Promise<void>;

/** @param until null where the question came under the current key. */
export function keyReply(key: string, until: number | null): Reply {
  return { status: OK, value: { key, until }, representation: 'j' };
}

/**
 * What the server has answered; null where the client has the current key.
 *
 * @throws SottoError `invalid_key`, `invalid_message`.
 */
export function newerKeyIn(answer: unknown): NewerKey | null {
  const { key, until } = (answer ?? {}) as Partial<Record<keyof NewerKey, unknown>>;
  if (until === null) return null;
  if (typeof key !== 'string' || !Number.isSafeInteger(until)) {
    throw new SottoError('invalid_message', 'The server does not say what its key is.');
  }
  if (looksHybrid(key)) hybridPublicKey(key);
  else PublicKey.from(key);
  return { key, until: Number(until) };
}
