/**
 * Who is there. Announcements can be forged and repeated by anybody, so they only ever hint; what is believed was proved
 * by a sealed answer. The rules, with what each is for:
 *
 * 1. An id is the SHA-256 of the announced key, or the frame is dropped.
 * 2. A new id is listed as a stranger, bounded (roster.ts), and should be asked at once ({@link Heard.probe}).
 * 3. `verified` alone makes a peer verified, a place its own, a session its present one, and a name a verified peer's.
 * 4. Of a verified peer an announcement is believed that comes from a verified place, in the proved session, with a
 *    number above all before: it keeps the peer listed, or takes it off (`bye`). Nothing else of it is believed.
 * 5. Other places, other sessions (a restart, or a copy from before one), other names, and any other `bye` lead to a
 *    probe. A number too high to be true costs no more than probes: the next proof sets it right.
 * 6. Copies of old frames do nothing. Of a peer that left they lead to a probe: the number it left with may be forged.
 * 7. Announcements keep a verified peer for at most five times the TTL after its last proof, so that nobody can keep a
 *    dead one listed by writing its address on frames.
 * 8. A frame without a key from the place, or in the name, of a key that is known is a downgrade: told, and no more.
 */

import type { PublicKey } from '../keys/public-key.ts';
import { type Announcement, cleanHost, cleanName, readAnnouncement } from './announcement.ts';
import { type Peer, type PeerId, type Place, peerIdOf } from './peer.ts';
import { DROPPED, type Heard, type PeerEvent, type PeerRoad, type Probe } from './peer-event.ts';
import { findPeer } from './table/finder.ts';
import { checkTableOptions, type PeerTableOptions } from './table/options.ts';
import { PlainFrames } from './table/plain-frames.ts';
import { prove } from './table/proofs.ts';
import type { PeerRecord } from './table/roster.ts';
import { SealedFrames } from './table/sealed-frames.ts';
import { TableState } from './table/state.ts';

export type { Heard, PeerTableOptions, Probe };

/** TTLs since the last proof, after which announcements alone do not keep a peer; one earlier it is asked. */
const PROOF_TTLS = 5;

/** A frame's header, and how it came. */
export interface HeardFrame {
  readonly fields: Announcement;
  readonly from: { readonly host: string };
  readonly road: PeerRoad;
}

/** What a sealed answer has proved: who answers at this place, and what it says of itself inside the seal. */
export interface PeerProof {
  /** Where the question was sent that was answered; never what only a header named. */
  readonly place: Place;
  readonly user: string;
  readonly hostname: string;
  /** The present session and its latest number. Without them the next announcement from that place sets both. */
  readonly numbered?: { readonly session: string; readonly seq: number } | null;
  /** Default 2. */
  readonly protocolVersion?: number;
}

/** Pure: no sockets and no timers. Every call returns what happened, for the caller to tell. */
export class PeerTable {
  readonly #state: TableState;
  readonly #sealed: SealedFrames;
  readonly #plain: PlainFrames;

  /** @throws SottoError `invalid_option`. */
  constructor(options: PeerTableOptions) {
    this.#state = new TableState(checkTableOptions(options));
    this.#sealed = new SealedFrames(this.#state);
    this.#plain = new PlainFrames(this.#state);
  }

  /** Peers listed. */
  get size(): number {
    return this.#state.roster.size;
  }

  /** A frame came, of any namespace, with or without a body. */
  heard({ fields, from, road }: HeardFrame): Heard {
    const claims = readAnnouncement(fields, from.host);
    if (typeof claims === 'string') return DROPPED[claims];
    if (claims.kind === 'plain') return this.#plain.hear(claims, road);
    if (claims.id === this.#state.options.self) return DROPPED.self;
    if (this.#isBlocked(claims.id)) return { ...DROPPED.blocked, events: this.remove(claims.id, 'blocked') };
    return this.#sealed.hear(claims);
  }

  /** A sealed request to this key was answered. Nothing comes of it for a blocked key, or where the table is full. */
  verified(publicKey: PublicKey, proof: PeerProof): PeerEvent[] {
    const id = peerIdOf(publicKey);
    const user = cleanName(proof.user);
    const hostname = cleanName(proof.hostname);
    if (this.#isBlocked(id)) return this.remove(id, 'blocked');
    if (id === this.#state.options.self || !user || hostname === null) return [];
    const place = { ...proof.place, host: cleanHost(proof.place.host) };
    const { protocolVersion = 2, numbered = null } = proof;
    return prove(this.#state, { id, publicKey, user, hostname, place, protocolVersion, numbered });
  }

  /** A probe got no answer there. */
  unanswered(id: PeerId, place: Place): void {
    this.#state.roster.sealed(id)?.places.fail({ ...place, host: cleanHost(place.host) });
  }

  /**
   * Whom to ask whether they are still there: those quiet for half the TTL, or long without a proof, and those on whom
   * the judgement of a name waits. To be called every few seconds.
   */
  quiet(now: number = this.#state.now): Probe[] {
    const { roster, options } = this.#state;
    const waitedFor = new Set(roster.verified().map(({ rival, isAlarmed }) => (isAlarmed ? null : rival)));
    return roster.list().flatMap((record) => {
      if (record.kind === 'plain') return [];
      const isQuiet = now - record.lastHeard > options.ttl / 2;
      const isDue = now - (record.provedAt ?? now) > (PROOF_TTLS - 1) * options.ttl;
      const isAsked = isQuiet || isDue || waitedFor.has(record.id);
      return (isAsked && this.#state.ask(record)) || [];
    });
  }

  /** Takes off who was silent for too long, or was blocked. To be called every few seconds. */
  expire(now: number = this.#state.now): PeerEvent[] {
    const { ttl } = this.#state.options;
    const events: PeerEvent[] = [];
    for (const record of this.#state.roster.list()) {
      if (record.kind === 'sealed') record.places.prune(now - ttl);
      if (record.kind === 'sealed' && this.#isBlocked(record.id)) {
        events.push(...this.#state.leave(record, 'blocked'));
      } else if (isSilent(record, now, ttl)) events.push(...this.#state.leave(record, 'silent'));
    }
    this.#state.tidyHomes();
    return events;
  }

  /** Takes a peer off at once; its next frame brings it back unless it is blocked. */
  remove(id: PeerId, reason: 'blocked' | 'removed' = 'removed'): PeerEvent[] {
    const record = this.#state.roster.sealed(id);
    return record ? this.#state.leave(record, reason) : [];
  }

  get(id: PeerId): Peer | null {
    const record = this.#state.roster.sealed(id);
    return record ? this.#state.snapshot(record) : null;
  }

  /**
   * By id or its beginning (6 digits or more), key, words, `user`, `user@hostname`, `host` or `host:port` of TCP.
   *
   * @returns null where nobody is meant that is there.
   * @throws SottoError `peer_ambiguous` where several may be meant; the text lists them.
   */
  find(text: string): Peer | null {
    return findPeer(text, this.list(), this.#state.options.pins);
  }

  /** Verified ones first. */
  list(): Peer[] {
    return this.#state.roster.list().map((record) => this.#state.snapshot(record));
  }

  #isBlocked(id: PeerId): boolean {
    return this.#state.options.pins.get(id)?.isBlocked ?? false;
  }
}

function isSilent(record: PeerRecord, now: number, ttl: number): boolean {
  if (now - record.lastHeard > ttl) return true;
  return record.kind === 'sealed' && now - (record.provedAt ?? now) > PROOF_TTLS * ttl;
}
