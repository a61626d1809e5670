/** Peers and what happens to them, in words. */

import { fullName, type Peer, type SealedPeer } from '../peers/peer.ts';
import type { PeerEvent } from '../peers/peer-event.ts';
import { cleanLine } from './clean-text.ts';

/**
 * How far a peer is to be believed: a person has compared its words; it has proved its key; it only says so; it came
 * with another key than the one known by its name; nothing is heard of it; or it is an original of STP.
 */
export type Mark = 'trusted' | 'verified' | 'claimed' | 'NEW KEY' | 'blocked' | 'plain';

export function markOf(peer: Peer): Mark {
  if (peer.kind === 'plain') return 'plain';
  if (peer.replaces !== null) return 'NEW KEY';
  if (!peer.isVerified) return 'claimed';
  return peer.isTrusted ? 'trusted' : 'verified';
}

export function nameOf(peer: Pick<Peer, 'user' | 'hostname'>): string {
  return cleanLine(fullName(peer));
}

export function firstWords({ words }: Pick<SealedPeer, 'words'>): string {
  return words.split(' ').slice(0, 3).join(' ');
}

/** One line. */
export function textOfEvent(event: PeerEvent): string {
  if (event.type === 'downgrade') {
    return `somebody at ${event.from.host} speaks without a key in the place of ${nameOf(event)}: not believed`;
  }
  if (event.type === 'key-succeeded') {
    const trust = event.isTrusted ? 'trusted as before' : 'its old key says so';
    return `${nameOf(event)} has a new key: ${event.words} (${trust})`;
  }
  const who = nameOf(event.peer);
  if (event.type === 'join') return `${who} is there (${markOf(event.peer)})`;
  if (event.type === 'leave') return `${who} is gone (${event.reason})`;
  if (event.type === 'update') return `${nameOf(event.previous)} is now ${who}`;
  if (event.type === 'verified') return `${who} has proved its key: ${firstWords(event.peer)} …`;
  if (event.type === 'address-changed') return `${who} is now at ${event.address.host}`;
  const warning = event.wasTrusted ? 'WARNING, you trusted the old one' : 'compare the words';
  return `${who} HAS ANOTHER KEY: ${event.words} (${warning})`;
}
