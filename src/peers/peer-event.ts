/** What can happen to the table of peers. */

import type { PublicKey } from '../keys/public-key.ts';
import type { Peer, PeerId, Place, SealedPeer } from './peer.ts';

/**
 * Why a peer is gone: it said `bye`; nothing was heard of it; newer or better known ones took its room; it was blocked;
 * the program removed it; or, of an original, a sealed peer has proved to live at its address.
 */
export type LeaveReason = 'bye' | 'silent' | 'evicted' | 'blocked' | 'removed' | 'sealed';

/** How a frame came. None of these proves who sent it. */
export type PeerRoad = 'multicast' | 'unicast' | 'tcp' | 'static';

/** What happens among neighbours. */
export type PeerEvent =
  /** `isVerified` says whether it is more than a claim. */
  | { readonly type: 'join'; readonly peer: Peer }
  /** The peer as it was last. */
  | { readonly type: 'leave'; readonly peer: Peer; readonly reason: LeaveReason }
  /** Another name or version. */
  | { readonly type: 'update'; readonly peer: Peer; readonly previous: Peer }
  /** It has proved its key, the first time since it joined. */
  | { readonly type: 'verified'; readonly peer: SealedPeer }
  /** A verified peer has proved its key at a place where it was not known to be. */
  | { readonly type: 'address-changed'; readonly peer: SealedPeer; readonly address: Place }
  | KeyChanged
  | KeySucceeded
  | Downgrade;

/** Who bears a pinned name has proved another key, and the pinned one is not there. A new machine, or an impostor. */
export interface KeyChanged {
  readonly type: 'key-changed';
  /** The one with the new key. */
  readonly peer: SealedPeer;
  /** Its words. */
  readonly words: string;
  readonly pinnedId: PeerId;
  readonly pinnedWords: string;
  /** A person has compared the words of the pinned key. */
  readonly wasTrusted: boolean;
}

/** A peer has a new key, and has proved the old one with it: the pin is moved, trusted as it was, and the old key refused. */
export interface KeySucceeded {
  readonly type: 'key-succeeded';
  /** By the new key. */
  readonly id: PeerId;
  readonly words: string;
  readonly previousId: PeerId;
  readonly previousWords: string;
  readonly user: string;
  readonly hostname: string;
  /** A person has compared the words of the old key, or of one before it. */
  readonly isTrusted: boolean;
}

/** A frame without our fields came from where, or in the name of whom, we have known better. Nothing was believed of it. */
export interface Downgrade {
  readonly type: 'downgrade';
  /** The sealed peer which it pushes back. */
  readonly id: PeerId;
  /** What it has in common with that peer. */
  readonly by: 'address' | 'name';
  readonly user: string;
  readonly hostname: string;
  readonly from: Place;
  readonly road: PeerRoad;
}

/** A sealed request to be sent; if it is answered, a proof for the table. */
export interface Probe {
  readonly id: PeerId;
  readonly publicKey: PublicKey;
  readonly place: Place;
}

/**
 * Why nothing was learnt of a frame's sender; whether its message is handed on is another question (a `replay` may only
 * have been overtaken). `self`: our own id, from this node or another with the same key. `replay`: a copy of
 * what was heard, or the farewell of somebody who is not listed. `full`: no room for a stranger.
 */
export type DropReason =
  | 'malformed'
  | 'forged-id'
  | 'incomplete'
  | 'self'
  | 'blocked'
  | 'downgrade'
  | 'legacy-off'
  | 'replay'
  | 'full';

/** What became of a frame. */
export interface Heard {
  readonly events: readonly PeerEvent[];
  /** Whom to ask now, and where; the caller bounds how often it asks, by host and in all. */
  readonly probe: Probe | null;
  readonly dropped: DropReason | null;
}

export const DROPPED: Readonly<Record<DropReason, Heard>> = {
  malformed: dropped('malformed'),
  'forged-id': dropped('forged-id'),
  incomplete: dropped('incomplete'),
  self: dropped('self'),
  blocked: dropped('blocked'),
  downgrade: dropped('downgrade'),
  'legacy-off': dropped('legacy-off'),
  replay: dropped('replay'),
  full: dropped('full'),
};

function dropped(reason: DropReason): Heard {
  return { events: [], probe: null, dropped: reason };
}
