/** What two nodes say of themselves inside a seal: by this a peer proves its key, its place and its name. */

import { SottoError } from '../errors.ts';
import type { OwnFrames } from './own-frames.ts';
import type { Place } from './peer.ts';
import type { PeerProof } from './peer-table.ts';

export const HELLO_ROUTE = '/sotto/peers/hello';

interface Hello {
  readonly user: string;
  readonly hostname: string;
  readonly session: string;
  /** Of the last frame that it sent. */
  readonly seq: number;
  readonly v: number;
}

const VERSION = 2;

export function ownHello({ user, hostname }: { user: string; hostname: string }, frames: OwnFrames): Hello {
  return { user, hostname, session: frames.session, seq: frames.seq, v: VERSION };
}

/**
 * What an answer proves of who was asked at a place.
 *
 * @throws SottoError `invalid_message`.
 */
export function proofIn(answer: unknown, place: Place): PeerProof {
  const { user, hostname, session, seq, v } = (answer ?? {}) as Partial<Record<keyof Hello, unknown>>;
  const isRight = typeof user === 'string' && typeof hostname === 'string' && typeof session === 'string';
  if (!isRight || !Number.isSafeInteger(seq)) {
    throw new SottoError('invalid_message', 'A peer does not say who it is.');
  }
  const numbered = { session, seq: Number(seq) };
  return {
    place,
    user,
    hostname,
    numbered,
    ...(Number.isSafeInteger(v) ? { protocolVersion: Number(v) } : {}),
  };
}
