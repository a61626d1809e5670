/** What the table keeps of one peer. */

import type { PublicKey } from '../../keys/public-key.ts';
import type { PlainClaims, SealedClaims } from '../announcement.ts';
import { type PeerId, type Place, type PlainPeer, placeKey, type SealedPeer, sameName } from '../peer.ts';
import type { Pins } from '../pins.ts';
import { Places } from './places.ts';

/** Frames that came by several interfaces may overtake each other by so many numbers. */
const OVERTAKING = 16;

/** How a frame stands to those heard before: `near` may be the same by another way, `stale` is a copy of an old one. */
export type Freshness = 'fresh' | 'near' | 'stale' | 'other-session' | 'unnumbered';

export class SealedRecord {
  readonly kind = 'sealed';
  readonly id: PeerId;
  readonly publicKey: PublicKey;
  /** The host that it was first heard from. */
  readonly source: string;
  readonly firstHeard: number;
  readonly places: Places;
  user: string;
  hostname: string;
  protocolVersion: number;
  /** The sender's present start, as proved; null where that is not known. */
  session: string | null = null;
  highest = -1;
  lastHeard: number;
  /** When it last proved its key; null for a stranger. */
  provedAt: number | null = null;
  /** The pinned key whose name it has without being it. */
  rival: PeerId | null = null;
  /** Whether the alarm for that was raised. */
  isAlarmed = false;
  #words: string | undefined;

  constructor(
    claims: Pick<SealedClaims, 'id' | 'publicKey' | 'user' | 'hostname' | 'place' | 'protocolVersion'>,
    now: number,
    maxCandidates: number,
  ) {
    this.id = claims.id;
    this.publicKey = claims.publicKey;
    this.user = claims.user;
    this.hostname = claims.hostname;
    this.protocolVersion = claims.protocolVersion;
    this.source = claims.place.host;
    this.firstHeard = now;
    this.lastHeard = now;
    this.places = new Places(maxCandidates);
  }

  get key(): string {
    return this.id;
  }

  freshness({ numbered }: SealedClaims): Freshness {
    if (numbered === null) return 'unnumbered';
    if (this.session === null) return 'fresh';
    if (numbered.session !== this.session) return 'other-session';
    return freshnessOf(numbered.seq, this.highest);
  }

  snapshot(pins: Pins): SealedPeer {
    const { kind, id, publicKey, user, hostname, protocolVersion, lastHeard } = this;
    this.#words ??= publicKey.words;
    return {
      kind,
      id,
      publicKey,
      words: this.#words,
      user,
      hostname,
      isVerified: this.provedAt !== null,
      isTrusted: pins.get(id)?.isTrusted ?? false,
      replaces: this.#replaces(pins),
      addresses: this.places.list(),
      lastHeard,
      protocolVersion,
    };
  }

  /** By what is pinned now: a person may have decided since. */
  #replaces(pins: Pins): PeerId | null {
    const own = pins.get(this.id);
    const isSettled = this.rival === null || !pins.get(this.rival) || (own && sameName(own, this));
    return isSettled ? null : this.rival;
  }
}

export function freshnessOf(seq: number, highest: number): 'fresh' | 'near' | 'stale' {
  if (seq > highest) return 'fresh';
  return seq > highest - OVERTAKING ? 'near' : 'stale';
}

export class PlainRecord {
  readonly kind = 'plain';
  readonly key: string;
  readonly place: Place;
  user: string;
  hostname: string;
  lastHeard: number;

  constructor({ user, hostname, place }: PlainClaims, now: number) {
    this.key = placeKey(place);
    this.place = place;
    this.user = user;
    this.hostname = hostname;
    this.lastHeard = now;
  }

  get source(): string {
    return this.place.host;
  }

  snapshot(): PlainPeer {
    const { kind, user, hostname, lastHeard, place } = this;
    const addresses = [{ ...place, lastHeard, isVerified: false }];
    return { kind, user, hostname, addresses, lastHeard, protocolVersion: 1 };
  }
}
