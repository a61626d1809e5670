/** What is made of a frame that names a key: rules 2 to 6 of peer-table.ts. */

import type { SealedClaims } from '../announcement.ts';
import { sameName } from '../peer.ts';
import { DROPPED, type Heard, type Probe } from '../peer-event.ts';
import { Seen } from '../seen.ts';
import { freshnessOf, SealedRecord } from './records.ts';
import type { TableState } from './state.ts';

/** Sessions of strangers: far more than may be listed, so that their old frames stay known for a while. */
const MAX_SESSIONS = 2048;

/**
 * Between two questions to a place from which another session is heard, ms. Who has just come up again there knows
 * nobody, and should not wait for ours long after its first announcements.
 */
const RESTART_INTERVAL = 1000;

type Numbered = NonNullable<SealedClaims['numbered']>;

export class SealedFrames {
  readonly #state: TableState;
  readonly #sessions = new Seen(MAX_SESSIONS);

  constructor(state: TableState) {
    this.#state = state;
  }

  hear(claims: SealedClaims): Heard {
    const record = this.#state.roster.sealed(claims.id);
    if (!record) return this.#hearNewcomer(claims);
    return record.provedAt === null ? this.#hearStranger(record, claims) : this.#hearVerified(record, claims);
  }

  #hearNewcomer(claims: SealedClaims): Heard {
    const { id, publicKey, place, isBye } = claims;
    const { roster, options, now } = this.#state;
    if (isBye) return DROPPED.replay;
    // It may be a copy, or the last number was forged: who answers is there.
    const probe = { id, publicKey, place };
    if (this.#freshness(claims) !== 'fresh') return { ...DROPPED.replay, probe };
    this.#remember(claims);
    const record = new SealedRecord(claims, now, options.limits.candidates);
    record.places.hear(place, now);
    const gone = roster.admitStranger(record);
    if (!gone) return { ...DROPPED.full, probe: options.pins.get(id) ? probe : null };
    const peer = this.#state.snapshot(record);
    const events = [...this.#state.evict(gone), { type: 'join', peer } as const];
    return { events, probe: this.#state.ask(record, place), dropped: null };
  }

  #hearStranger(record: SealedRecord, claims: SealedClaims): Heard {
    const { now } = this.#state;
    const freshness = this.#freshness(claims);
    if (claims.isBye) return hint(this.#state.ask(record));
    if (freshness === 'stale') return { ...DROPPED.replay, probe: this.#state.ask(record) };
    record.places.hear(claims.place, now);
    const isFirst = freshness === 'fresh' && claims.numbered !== null;
    const previous = this.#state.snapshot(record);
    const isChanged = isFirst && rename(record, claims);
    if (isFirst) {
      this.#remember(claims);
      record.lastHeard = now;
      this.#state.roster.admitStranger(record);
    }
    const peer = this.#state.snapshot(record);
    return {
      events: isChanged ? [{ type: 'update', peer, previous }] : [],
      probe: this.#state.ask(record, claims.place),
      dropped: null,
    };
  }

  #hearVerified(record: SealedRecord, claims: SealedClaims): Heard {
    const { numbered, place, isBye } = claims;
    const freshness = record.freshness(claims);
    if (freshness === 'stale') return DROPPED.replay;
    if (!record.places.isVerified(place)) return this.#hearElsewhere(record, claims);
    if (freshness === 'fresh' && numbered) return this.#believe(record, claims, numbered);
    if (freshness === 'other-session') return hint(this.#state.ask(record, place, this.#restartInterval));
    if (isBye) return hint(this.#state.ask(record, place));
    return freshness === 'near' ? DROPPED.replay : NOTHING;
  }

  #believe(record: SealedRecord, claims: SealedClaims, { session, seq }: Numbered): Heard {
    record.session = session;
    record.highest = seq;
    if (claims.isBye) return { ...NOTHING, events: this.#state.leave(record, 'bye') };
    const { now } = this.#state;
    record.lastHeard = now;
    record.places.hear(claims.place, now);
    return isAsListed(record, claims) ? NOTHING : hint(this.#state.ask(record, claims.place));
  }

  /** The peer has moved, or somebody repeats its frames. */
  #hearElsewhere(record: SealedRecord, { place, isBye }: SealedClaims): Heard {
    if (isBye) return hint(this.#state.ask(record));
    record.places.hear(place, this.#state.now);
    return hint(this.#state.ask(record, place));
  }

  #freshness({ id, numbered }: SealedClaims): 'fresh' | 'near' | 'stale' {
    if (numbered === null) return 'fresh';
    const key = `${id}/${numbered.session}`;
    const highest = Math.max(this.#sessions.highest(key) ?? -1, this.#state.left.highest(key) ?? -1);
    return freshnessOf(numbered.seq, highest);
  }

  get #restartInterval(): number {
    return Math.min(RESTART_INTERVAL, this.#state.options.probeInterval);
  }

  #remember({ id, numbered }: SealedClaims): void {
    if (numbered) this.#sessions.advance(`${id}/${numbered.session}`, numbered.seq);
  }
}

const NOTHING: Heard = { events: [], probe: null, dropped: null };

function hint(probe: Probe | null): Heard {
  return { ...NOTHING, probe };
}

function isAsListed(record: SealedRecord, claims: SealedClaims): boolean {
  return sameName(record, claims) && record.protocolVersion === claims.protocolVersion;
}

/** Returns whether that changed anything. */
function rename(record: SealedRecord, claims: SealedClaims): boolean {
  const isChanged = !isAsListed(record, claims);
  record.user = claims.user;
  record.hostname = claims.hostname;
  record.protocolVersion = claims.protocolVersion;
  return isChanged;
}
