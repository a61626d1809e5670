/** What the owner of a receiver may choose. */

import { assertNumber } from '../../bytes/assert.ts';
import type { SottoError } from '../../errors.ts';
import type { Downloads } from '../../platform/types.ts';
import type { FileOffer } from './incoming.ts';

/** Yes, no, or yes and under another path: absolute, or as seen from the folder of downloads. Nothing is overwritten. */
export type Decision = boolean | { readonly path: string };

/** A file that is here, whole. */
export interface ReceivedFile extends FileOffer {
  readonly path: string;
}

export interface FileReceiverOptions {
  /** Where files go, and their beginnings as `.sotto-….part`; made when the first comes. */
  readonly folder: string;
  /** Decides; the signal aborts when the peer takes its offer back. Default: no file is taken. */
  readonly onOffer?: (offer: FileOffer, signal: AbortSignal) => Promise<Decision> | Decision;
  /** Like the two that follow: must not throw; what it throws is ignored. */
  readonly onProgress?: (offer: FileOffer, received: number) => void;
  /** Told once it is here, whole, and its hash is right. */
  readonly onReceived?: (file: ReceivedFile) => void;
  /** Of accepted files: refused with a status, ended by the peer (`caller_gone`) or not gone on with (`timeout`). */
  readonly onFailed?: (offer: FileOffer, error: SottoError) => void;
  /** Of a file, bytes. Default: what the disk holds. */
  readonly maxSize?: number;
  /** Files at a time, those that wait for a decision among them. Default 16; of one peer 4. */
  readonly maxTransfers?: number;
  readonly maxPerPeer?: number;
  /** After which a transfer that brings nothing is put aside, ms. Default 300 000. */
  readonly idle?: number;
  /** How long an offer is held for the decision before the peer has to ask again, ms. Default 10 000. */
  readonly hold?: number;
  /** Told why a stream was cut by us: what came on it did not open, or was out of place. */
  readonly onDrop?: (reason: string) => void;
  /** Default: the platform's. */
  readonly storage?: Downloads;
}

type Limit = 'maxSize' | 'maxTransfers' | 'maxPerPeer' | 'idle' | 'hold';
type ReceivingDefaults = Required<Pick<FileReceiverOptions, Limit>>;

const DEFAULTS: ReceivingDefaults = {
  maxSize: Number.MAX_SAFE_INTEGER,
  maxTransfers: 16,
  maxPerPeer: 4,
  idle: 300_000,
  hold: 10_000,
};

export type ResolvedReceiving = FileReceiverOptions & ReceivingDefaults;

/** @throws SottoError `invalid_option`. */
export function resolveReceiving(options: FileReceiverOptions): ResolvedReceiving {
  const full = { ...DEFAULTS, ...options };
  assertNumber(full.maxSize, 'maxSize', 0);
  assertNumber(full.maxTransfers, 'maxTransfers', 1);
  assertNumber(full.maxPerPeer, 'maxPerPeer', 1);
  assertNumber(full.idle, 'idle', 1);
  assertNumber(full.hold, 'hold', 0);
  return full;
}
