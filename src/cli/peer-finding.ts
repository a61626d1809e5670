/** Whom a person means who has typed a name: among the peers that are there, and the keys that were met. */

import { codeOf, SottoError } from '../errors.ts';
import type { PublicKey } from '../keys/public-key.ts';
import type { PeerNode } from '../peers/node.ts';
import { fullName, type Peer, type PeerId, type SealedPeer } from '../peers/peer.ts';
import type { PeerEvent } from '../peers/peer-event.ts';
import { nameOf } from './peer-text.ts';

/** A peer or a pin. */
export interface Known {
  readonly id: PeerId;
  /** Null for an id that was blocked without its key ever being seen. */
  readonly publicKey: PublicKey | null;
  readonly user: string;
  readonly hostname: string;
}

export const EVENTS: readonly PeerEvent['type'][] = [
  ...(['join', 'leave', 'update', 'verified'] as const),
  ...(['address-changed', 'key-changed', 'downgrade'] as const),
];

const MIN_PREFIX = 6;
const LOOK_EVERY = 50;

/**
 * Waits until a peer is there and has proved its key.
 *
 * @param wait ms, at the most.
 * @throws SottoError `invalid_argument` where nobody, or several, may be meant.
 */
export async function findPeer(node: PeerNode, text: string, wait: number): Promise<Peer> {
  const until = performance.now() + wait;
  for (;;) {
    const found = tryFind(node, text);
    const isReady = !(found instanceof SottoError) && (found.kind === 'plain' || found.isVerified);
    if (isReady) return found;
    if (performance.now() >= until) {
      if (found instanceof SottoError) throw found;
      throw new SottoError('unreachable', `${nameOf(found)} says it is there, but does not answer.`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}

function tryFind(node: PeerNode, text: string): Peer | SottoError {
  try {
    return node.find(text);
  } catch (error) {
    if (error instanceof SottoError && codeOf(error) === 'invalid_argument') return error;
    throw error;
  }
}

/**
 * The one that is meant, if there is one: by id or its beginning, key, words, `user` or `user@hostname`.
 *
 * @throws SottoError `invalid_argument` where several may be meant.
 */
export function meant(text: string, known: Iterable<Known>): Known | null {
  const fitting = new Map<PeerId, Known>();
  for (const each of known) if (fits(each, text)) fitting.set(each.id, each);
  const [first = null, ...others] = fitting.values();
  if (others.length === 0) return first;
  const all = [...fitting.values()].map((each) => `${nameOf(each)} ${each.id.slice(0, 12)}`);
  const list = all.slice(0, 8).join(', ');
  throw new SottoError('invalid_argument', `"${text}" may mean any of these; give an id: ${list}.`);
}

/** What nobody else can have. */
export function isExact({ id, publicKey }: Known, text: string): boolean {
  const lower = text.trim().toLowerCase();
  const words = lower.split(/[\s-]+/).join(' ');
  return (
    lower === id || (publicKey !== null && (words === publicKey.words || lower === publicKey.toString()))
  );
}

export function sealedOf(peers: readonly Peer[]): SealedPeer[] {
  return peers.filter((peer) => peer.kind === 'sealed');
}

function fits(known: Known, text: string): boolean {
  const lower = text.trim().toLowerCase();
  const isPrefix = lower.length >= MIN_PREFIX && known.id.startsWith(lower);
  return isExact(known, text) || isPrefix || known.user === text || fullName(known) === text;
}
