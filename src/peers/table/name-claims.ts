/**
 * What to make of the name that a peer bears which has proved its key. Pins are by key; this is about names.
 *
 * A name with no other pinned key is the peer's (first use). A name with **one** other pinned key is in doubt:
 *
 * - that key proved itself since this peer was first heard: both are there, so they are two machines, and both are pinned;
 * - that key is listed but has not proved itself since: it is asked, and until it answers or leaves nothing is decided;
 * - that key is not there: the alarm. A person decides, or both are there at once some day.
 *
 * A name with several other pinned keys is known to be shared and never alarms again; nobody is found by it alone
 * (see finder.ts), so that what it lacks in alarm it also lacks in use.
 */

import { type PeerId, sameName } from '../peer.ts';
import type { Pin, Pins } from '../pins.ts';
import type { SealedRecord } from './records.ts';

export type NameClaim =
  /** Its key is to be pinned with this name, unless it is. */
  { readonly verdict: 'fine' } | { readonly verdict: 'wait' | 'alarm'; readonly rival: Pin };

/** @param verified finds a peer that has proved its key and is still there. */
export function judgeName(
  record: SealedRecord,
  pins: Pins,
  verified: (id: PeerId) => SealedRecord | undefined,
): NameClaim {
  const own = pins.get(record.id);
  if (own?.publicKey && sameName(own, record)) return { verdict: 'fine' };
  const [rival, ...more] = pins.named(record).filter(({ id }) => id !== record.id);
  if (!rival || more.length > 0) return { verdict: 'fine' };
  const present = verified(rival.id);
  if (!present) return { verdict: 'alarm', rival };
  const isSeenBeside = (present.provedAt ?? 0) >= record.firstHeard;
  return isSeenBeside ? { verdict: 'fine' } : { verdict: 'wait', rival };
}
