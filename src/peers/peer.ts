/** Who a peer is: a key, or, for an original of STP, no more than an address. */

import type { PublicKey } from '../keys/public-key.ts';

declare const PEER_ID: unique symbol;

/** SHA-256 of a peer's public key as 64 hex digits: nobody can have it who has not the key. */
export type PeerId = string & { readonly [PEER_ID]: true };

/** Where a peer can be reached. */
export interface Place {
  /** An IP address as text, with its scope where it is link-local. */
  readonly host: string;
  /** 0 where the peer did not say. */
  readonly udpPort: number;
  readonly tcpPort: number;
}

/** A place, and what is known of it. */
export interface PeerAddress extends Place {
  /** ms since 1970. */
  readonly lastHeard: number;
  /** The peer has proved its key there. Until then somebody else may have named the place, and nothing is sent there. */
  readonly isVerified: boolean;
}

interface PeerCommon {
  readonly user: string;
  /** Empty where the peer did not say. */
  readonly hostname: string;
  /** Verified ones first, then newest first; at most 8 verified and 4 others. */
  readonly addresses: readonly PeerAddress[];
  /** ms since 1970. */
  readonly lastHeard: number;
  /** 1 for an original, 2 for Sotto. */
  readonly protocolVersion: number;
}

/** A Sotto node. Name and addresses are what it says of itself; only the key is it. */
export interface SealedPeer extends PeerCommon {
  readonly kind: 'sealed';
  readonly id: PeerId;
  readonly publicKey: PublicKey;
  /** Eight words, to compare aloud. */
  readonly words: string;
  /** It has answered a sealed request to this key since it was last heard to come; else it may be a fake. */
  readonly isVerified: boolean;
  /** A person has compared the words. It says nothing of who is there now: see `isVerified`. */
  readonly isTrusted: boolean;
  /**
   * The pinned key of the same name which this peer has come in place of: a person decides before anything is sent to
   * it ({@link Pins.accept}, or {@link Pins.pin} for a second machine of that name). Null: nothing is in doubt.
   */
  readonly replaces: PeerId | null;
}

/** A node of the original programs, which proves nothing. */
export interface PlainPeer extends PeerCommon {
  readonly kind: 'plain';
}

/** A copy, of one moment. */
export type Peer = SealedPeer | PlainPeer;

export function peerIdOf(key: PublicKey): PeerId {
  return key.fingerprint as PeerId;
}

/** Null for a text that is no id. */
export function parsePeerId(text: string): PeerId | null {
  const id = text.trim().toLowerCase();
  return /^[0-9a-f]{64}$/.test(id) ? (id as PeerId) : null;
}

/** `user@hostname`, as people call a peer. */
export function fullName({ user, hostname }: Pick<PeerCommon, 'user' | 'hostname'>): string {
  return hostname === '' ? user : `${user}@${hostname}`;
}

/** Whether two peers go by the same name on the same host. */
export function sameName(
  left: Pick<PeerCommon, 'user' | 'hostname'>,
  right: Pick<PeerCommon, 'user' | 'hostname'>,
): boolean {
  return left.user === right.user && left.hostname === right.hostname;
}

/** What tells places apart: no two programs take TCP connections at one. */
export function placeKey({ host, tcpPort }: Pick<Place, 'host' | 'tcpPort'>): string {
  return `${host}|${tcpPort}`;
}

/** `host` or `host:port` as people write them, an IPv6 address in brackets where a port follows; null for no port. */
export function placeIn(text: string): { readonly host: string; readonly tcpPort: number | null } {
  const at = text.lastIndexOf(':');
  const isIpv6 = text.includes(':') && text.indexOf(':') !== at && !/^\[.*\]:\d+$/.test(text);
  const hasPort = at > 0 && !isIpv6;
  const host = (hasPort ? text.slice(0, at) : text).replace(/^\[|\]$/g, '');
  return { host, tcpPort: hasPort ? Number(text.slice(at + 1)) : null };
}
