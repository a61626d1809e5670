/** Who sent a message, and how sure that is. */

import type { Context } from '../app/context.ts';
import type { PeerNode } from '../peers/node.ts';
import type { Peer } from '../peers/peer.ts';
import { type Mark, markOf } from './peer-text.ts';

/** `sealed` is proof; `group` says that a member sent it, but not which; `plain` says nothing. */
export type Seal = 'sealed' | 'group' | 'plain';

export interface PeerSender {
  readonly seal: Seal;
  /** Null where nothing is proved. */
  readonly id: string | null;
  /** Empty where nothing is known. Without a proof no more than a guess by the address. */
  readonly user: string;
  readonly hostname: string;
  readonly mark: Mark | null;
  readonly remote: string | null;
}

export function senderOf(
  { sender, remote, isSealed }: Pick<Context, 'sender' | 'remote' | 'isSealed'>,
  node: PeerNode | null,
): PeerSender {
  const peers = node?.peers ?? [];
  if (sender) {
    const id = sender.fingerprint;
    const peer = peers.find((each) => each.kind === 'sealed' && each.id === id);
    const known = peer ?? { user: id.slice(0, 12), hostname: '' };
    return { seal: 'sealed', id, ...namesOf(known), mark: peer ? markOf(peer) : 'verified', remote };
  }
  const seal = isSealed ? 'group' : 'plain';
  const there = peers.filter((peer) => isAt(peer, remote));
  const guess = (there.length === 1 && there[0]) || { user: '', hostname: '' };
  return { seal, id: null, ...namesOf(guess), mark: null, remote };
}

function namesOf({ user, hostname }: Pick<Peer, 'user' | 'hostname'>): Pick<Peer, 'user' | 'hostname'> {
  return { user, hostname };
}

/** Broadcasts come from another port than the one that is announced, so the host must do. */
function isAt({ addresses }: Peer, remote: string | null): boolean {
  const host = remote?.slice(0, remote.lastIndexOf(':'));
  return addresses.some((each) => each.host === host);
}
