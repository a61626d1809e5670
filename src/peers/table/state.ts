/** What the table knows, and the few ways in which it changes. */

import { type Peer, type PeerId, type Place, placeKey, type SealedPeer } from '../peer.ts';
import type { LeaveReason, PeerEvent, Probe } from '../peer-event.ts';
import { Seen } from '../seen.ts';
import { judgeName } from './name-claims.ts';
import type { CheckedTableOptions } from './options.ts';
import type { SealedRecord } from './records.ts';
import { type PeerRecord, Roster } from './roster.ts';

/** Sessions of peers that left: of all that may be listed, twice. */
const MAX_LEFT = 2048;

export class TableState {
  readonly options: CheckedTableOptions;
  readonly roster: Roster;
  /** The last numbers of verified peers that left, which strangers cannot push out. */
  readonly left: Seen = new Seen(MAX_LEFT);
  /** Who has proved to be at a place; it may have gone since. */
  readonly #homes = new Map<string, PeerId>();
  #latest = 0;

  constructor(options: CheckedTableOptions) {
    this.options = options;
    const { pins, limits } = options;
    this.roster = new Roster(limits, (id) => {
      const pin = pins.get(id);
      if (!pin) return 'unknown';
      return pin.isTrusted ? 'trusted' : 'pinned';
    });
  }

  /** ms since 1970, never going back. */
  get now(): number {
    this.#latest = Math.max(this.#latest, Math.floor(this.options.now()));
    return this.#latest;
  }

  snapshot(record: SealedRecord): SealedPeer;
  snapshot(record: PeerRecord): Peer;
  snapshot(record: PeerRecord): Peer {
    return record.kind === 'sealed' ? record.snapshot(this.options.pins) : record.snapshot();
  }

  /** A listed peer that has proved its key. */
  verified(id: PeerId): SealedRecord | undefined {
    const record = this.roster.sealed(id);
    return record && record.provedAt !== null ? record : undefined;
  }

  /** The peer that has proved to be at a place. */
  livingAt(place: Place): SealedRecord | undefined {
    const id = this.#homes.get(placeKey(place));
    const record = id === undefined ? undefined : this.verified(id);
    return record?.places.isVerified(place) ? record : undefined;
  }

  /**
   * A peer has proved to be at a place, so that no other is there any more.
   *
   * @returns whether that is news of this peer.
   */
  house(record: SealedRecord, place: Place): boolean {
    const former = this.livingAt(place);
    if (former && former !== record) former.places.remove(place);
    this.#homes.set(placeKey(place), record.id);
    return record.places.verify(place, this.now);
  }

  /** Forgets the places of those that have gone. */
  tidyHomes(): void {
    for (const [key, id] of this.#homes) {
      const isLivedIn = this.verified(id)
        ?.places.list()
        .some((each) => each.isVerified && placeKey(each) === key);
      if (!isLivedIn) this.#homes.delete(key);
    }
  }

  /**
   * Whom to ask, and where: a place, or the best one. Null where it was asked just now.
   *
   * @param interval ms. Default that of the options.
   */
  ask(record: SealedRecord, place?: Place, interval: number = this.options.probeInterval): Probe | null {
    const { now } = this;
    const where = record.places.ask(now, now - interval, place);
    return where && { id: record.id, publicKey: record.publicKey, place: where };
  }

  /** Takes a peer off the list, and decides what only waited for it. */
  leave(record: PeerRecord, reason: LeaveReason): PeerEvent[] {
    this.roster.delete(record);
    const events: PeerEvent[] = [{ type: 'leave', peer: this.snapshot(record), reason }];
    if (record.kind === 'plain' || record.provedAt === null) return events;
    if (record.session !== null) this.left.set(`${record.id}/${record.session}`, record.highest);
    return [...events, ...this.settleRivals(record)];
  }

  evict(records: readonly PeerRecord[]): PeerEvent[] {
    return records.flatMap((record) => this.leave(record, 'evicted'));
  }

  /** Pins a verified peer, or says why not. */
  settleName(record: SealedRecord): PeerEvent[] {
    const { pins } = this.options;
    const claim = judgeName(record, pins, (id) => this.verified(id));
    record.rival = claim.verdict === 'fine' ? null : claim.rival.id;
    if (claim.verdict === 'fine') {
      record.isAlarmed = false;
      pins.pin(record);
      return [];
    }
    if (claim.verdict === 'wait' || record.isAlarmed) return [];
    record.isAlarmed = true;
    const { rival } = claim;
    const peer = this.snapshot(record);
    const pinnedWords = rival.publicKey?.words ?? '';
    const { id: pinnedId, isTrusted: wasTrusted } = rival;
    return [{ type: 'key-changed', peer, words: peer.words, pinnedId, pinnedWords, wasTrusted }];
  }

  /** Those whose name was pinned to this peer, now that it has proved its key or left. */
  settleRivals({ id }: SealedRecord): PeerEvent[] {
    return this.roster
      .verified()
      .filter(({ rival }) => rival === id)
      .flatMap((record) => this.settleName(record));
  }
}
