/** What is made of a frame that names no key: rule 8 of peer-table.ts, and the originals of STP. */

import type { PlainClaims } from '../announcement.ts';
import { placeKey, sameName } from '../peer.ts';
import { type Downgrade, DROPPED, type Heard, type PeerEvent, type PeerRoad } from '../peer-event.ts';
import { Seen } from '../seen.ts';
import { PlainRecord } from './records.ts';
import type { TableState } from './state.ts';

const MAX_TOLD = 256;

export class PlainFrames {
  readonly #state: TableState;
  /** In which TTL a downgrade of whom was told last. */
  readonly #told = new Seen(MAX_TOLD);

  constructor(state: TableState) {
    this.#state = state;
  }

  hear(claims: PlainClaims, road: PeerRoad): Heard {
    const downgrade = this.#downgrade(claims, road);
    if (downgrade) return { ...DROPPED.downgrade, events: this.#isTold(downgrade) ? [] : [downgrade] };
    if (claims.isPartial) return DROPPED.incomplete;
    return this.#state.options.legacy ? this.#hearOriginal(claims) : DROPPED['legacy-off'];
  }

  #hearOriginal(claims: PlainClaims): Heard {
    const { now, roster } = this.#state;
    const known = roster.get(placeKey(claims.place));
    const record = known?.kind === 'plain' ? known : new PlainRecord(claims, now);
    const previous = record.snapshot();
    record.user = claims.user;
    record.hostname = claims.hostname;
    record.lastHeard = now;
    const gone = roster.admitStranger(record);
    if (!gone) return DROPPED.full;
    const peer = record.snapshot();
    const events: PeerEvent[] = this.#state.evict(gone);
    if (!known) events.push({ type: 'join', peer });
    else if (!sameName(peer, previous)) events.push({ type: 'update', peer, previous });
    return { events, probe: null, dropped: null };
  }

  #downgrade({ user, hostname, place }: PlainClaims, road: PeerRoad): Downgrade | null {
    const dweller = this.#state.livingAt(place);
    const [namesake] = this.#state.options.pins.named({ user, hostname });
    const id = dweller?.id ?? namesake?.id;
    if (id === undefined) return null;
    return { type: 'downgrade', id, by: dweller ? 'address' : 'name', user, hostname, from: place, road };
  }

  /** Once a TTL for each peer, however many frames there are. */
  #isTold({ by, id }: Downgrade): boolean {
    return !this.#told.advance(`${by}/${id}`, Math.floor(this.#state.now / this.#state.options.ttl));
  }
}
