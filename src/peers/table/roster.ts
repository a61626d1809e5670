/** Who is listed, and who makes room: strangers for strangers, never a verified peer for one. */

import type { PeerId } from '../peer.ts';
import type { PlainRecord, SealedRecord } from './records.ts';

export type PeerRecord = SealedRecord | PlainRecord;

export interface RosterLimits {
  /** Peers in all. */
  readonly peers: number;
  /** Of these not verified, originals among them. */
  readonly strangers: number;
  /** Of these first heard from one host; exactly one, for a LAN is one network even in IPv6. */
  readonly strangersOfHost: number;
}

/** What people and the past say for a key. */
export type Standing = 'unknown' | 'pinned' | 'trusted';

export class Roster {
  readonly #limits: RosterLimits;
  readonly #standing: (id: PeerId) => Standing;
  readonly #verified = new Map<PeerId, SealedRecord>();
  /** By id, or by place; the one heard of longest ago first. */
  readonly #strangers = new Map<string, PeerRecord>();

  constructor(limits: RosterLimits, standing: (id: PeerId) => Standing) {
    this.#limits = limits;
    this.#standing = standing;
  }

  get size(): number {
    return this.#verified.size + this.#strangers.size;
  }

  get(key: string): PeerRecord | undefined {
    return this.#verified.get(key as PeerId) ?? this.#strangers.get(key);
  }

  sealed(id: PeerId): SealedRecord | undefined {
    const record = this.get(id);
    return record?.kind === 'sealed' ? record : undefined;
  }

  verified(): SealedRecord[] {
    return [...this.#verified.values()];
  }

  list(): PeerRecord[] {
    return [...this.#verified.values(), ...this.#strangers.values()];
  }

  /**
   * Lists a stranger, or makes one that is listed the newest.
   *
   * @returns who had to go for it; null where there is no room.
   */
  admitStranger(record: PeerRecord): PeerRecord[] | null {
    if (this.#strangers.delete(record.key)) {
      this.#strangers.set(record.key, record);
      return [];
    }
    const { peers, strangers, strangersOfHost } = this.#limits;
    const gone: PeerRecord[] = [];
    const sameHost = [...this.#strangers.values()].filter(({ source }) => source === record.source);
    if (sameHost.length >= strangersOfHost) gone.push(...this.#evict(sameHost));
    if (this.#strangers.size >= strangers || this.size >= peers) {
      gone.push(...this.#evict([...this.#strangers.values()]));
    }
    if (this.size >= peers) return null; // then there was nobody to evict
    this.#strangers.set(record.key, record);
    return gone;
  }

  /**
   * Lists a peer that has proved its key. For one that a person trusts, a verified one that nobody trusts makes room.
   *
   * @returns who had to go for it; null where there is no room.
   */
  admitVerified(record: SealedRecord): PeerRecord[] | null {
    this.#strangers.delete(record.key);
    const gone: PeerRecord[] = [];
    const isListed = this.#verified.has(record.id);
    if (!isListed && this.size >= this.#limits.peers) gone.push(...this.#evict(this.#lesserThan(record)));
    if (!isListed && this.size >= this.#limits.peers) return null;
    this.#verified.set(record.id, record);
    return gone;
  }

  delete(record: PeerRecord): void {
    if (record.kind === 'sealed') this.#verified.delete(record.id);
    this.#strangers.delete(record.key);
  }

  #lesserThan(record: SealedRecord): PeerRecord[] {
    if (this.#strangers.size > 0) return [...this.#strangers.values()];
    if (this.#standing(record.id) !== 'trusted') return [];
    return this.verified().filter(({ id }) => this.#standing(id) !== 'trusted');
  }

  /** The oldest that nobody knows, else the oldest. */
  #evict(records: readonly PeerRecord[]): PeerRecord[] {
    const isUnknown = (each: PeerRecord): boolean =>
      each.kind === 'plain' || this.#standing(each.id) === 'unknown';
    const victim = records.find(isUnknown) ?? records[0];
    if (!victim) return [];
    this.delete(victim);
    return [victim];
  }
}
