/** What is made of a proof: rule 3 of peer-table.ts. */

import type { SealedClaims } from '../announcement.ts';
import { placeKey, sameName } from '../peer.ts';
import type { PeerEvent } from '../peer-event.ts';
import { SealedRecord } from './records.ts';
import type { TableState } from './state.ts';

/** What a peer has said of itself inside a seal. */
export type Proved = Omit<SealedClaims, 'kind' | 'isBye'>;

/** Lists a peer as verified, or keeps it so. Empty where there is no room, too. */
export function prove(state: TableState, proved: Proved): PeerEvent[] {
  const { roster, options, now } = state;
  const known = roster.sealed(proved.id);
  const record = known ?? new SealedRecord(proved, now, options.limits.candidates);
  const gone = roster.admitVerified(record);
  if (!gone) return [];
  const previous = state.snapshot(record);
  take(record, proved, now);
  const isNewPlace = state.house(record, proved.place);
  const events = state.evict(gone);
  const original = roster.get(placeKey(proved.place));
  if (original) events.push(...state.leave(original, 'sealed'));
  events.push(...state.settleName(record));
  events.push(...state.settleRivals(record));

  const peer = state.snapshot(record);
  const news: PeerEvent[] = [];
  if (!known) news.push({ type: 'join', peer });
  const isSame = sameName(peer, previous) && peer.protocolVersion === previous.protocolVersion;
  if (!isSame) news.push({ type: 'update', peer, previous });
  if (!previous.isVerified) news.push({ type: 'verified', peer });
  else if (isNewPlace) news.push({ type: 'address-changed', peer, address: proved.place });
  return [...news, ...events];
}

function take(record: SealedRecord, proved: Proved, now: number): void {
  record.user = proved.user;
  record.hostname = proved.hostname;
  record.protocolVersion = proved.protocolVersion;
  record.provedAt = now;
  record.lastHeard = now;
  record.session = proved.numbered?.session ?? null;
  record.highest = proved.numbered?.seq ?? -1;
}
