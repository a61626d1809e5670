/** Options of the table of peers: units, defaults and ranges, checked once at the door. */

import { assertNumber } from '../../bytes/assert.ts';
import type { PeerId } from '../peer.ts';
import type { Pins } from '../pins.ts';

/** Bounds, so that a flood takes no more memory than a crowd. */
interface PeerTableLimits {
  /** Peers in all. Default 1000. */
  readonly peers: number;
  /** Of these not verified, originals among them. Default 256. */
  readonly strangers: number;
  /** Of these first heard from one host. Default 16. */
  readonly strangersOfHost: number;
  /** Places of one peer that it has not proved to be at. Default 4. */
  readonly candidates: number;
}

export interface PeerTableOptions {
  readonly pins: Pins;
  /** This node's own id, which is not listed. Default none. */
  readonly self?: PeerId | null;
  /** Whether originals of STP are listed. Default false. */
  readonly legacy?: boolean;
  /** A peer is gone after so long without being heard, ms: 1000 to 86 400 000. Default 240 000. */
  readonly ttl?: number;
  /** One place of one peer is not asked more often than that, ms: 0 to 600 000. Default 10 000. */
  readonly probeInterval?: number;
  readonly limits?: Partial<PeerTableLimits>;
  /** ms since 1970. Default the system's clock at the start, carried on by one that nobody sets. */
  readonly now?: () => number;
}

export interface CheckedTableOptions extends Required<Omit<PeerTableOptions, 'limits'>> {
  readonly limits: PeerTableLimits;
}

const LIMITS: PeerTableLimits = { peers: 1000, strangers: 256, strangersOfHost: 16, candidates: 4 };

/** @throws SottoError `invalid_option`. */
export function checkTableOptions(options: PeerTableOptions): CheckedTableOptions {
  const checked = {
    self: null,
    legacy: false,
    ttl: 240_000,
    probeInterval: 10_000,
    now: () => performance.timeOrigin + performance.now(),
    ...options,
    limits: { ...LIMITS, ...options.limits },
  };
  assertNumber(checked.ttl, 'ttl', 1000, 86_400_000);
  assertNumber(checked.probeInterval, 'probeInterval', 0, 600_000);
  for (const [name, value] of Object.entries(checked.limits)) {
    assertNumber(value, `limits.${name}`, 1, 100_000);
  }
  return checked;
}
