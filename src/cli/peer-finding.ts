/** Whom a person means who has typed a name: among the peers that are there, and the keys that were met. */

import { SottoError } from '../errors.ts';
import { nameOf } from '../node/peer-text.ts';
import type { PeerNode } from '../peers/node.ts';
import type { Peer, SealedPeer } from '../peers/peer.ts';
import type { PeerEvent } from '../peers/peer-event.ts';

export const EVENTS: readonly PeerEvent['type'][] = [
  ...(['join', 'leave', 'update', 'verified'] as const),
  ...(['address-changed', 'key-changed', 'key-succeeded', 'downgrade'] as const),
];

const LOOK_EVERY = 50;

/**
 * Waits until a peer is there and has proved its key.
 *
 * @param wait ms, at the most.
 * @throws SottoError `peer_unknown`, `peer_ambiguous`, `unreachable` for one that does not prove its key.
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
    // Either may change while others prove who they are.
    if (error instanceof SottoError && ['peer_unknown', 'peer_ambiguous'].includes(error.code)) return error;
    throw error;
  }
}

export function sealedOf(peers: readonly Peer[]): SealedPeer[] {
  return peers.filter((peer) => peer.kind === 'sealed');
}
