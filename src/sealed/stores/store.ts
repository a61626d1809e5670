/** What a once-window remembers by: who may run a request, and what it was answered. */

import type { Bytes } from '../../bytes/bytes.ts';

/** What a store says to whoever wants to run the request of an exchange. */
export type Claim =
  /** Nobody has run it: the caller must, and must `answer` afterwards. */
  | { readonly state: 'claimed' }
  | { readonly state: 'answered'; readonly packet: Bytes }
  /** Another process is running it; ask again. */
  | { readonly state: 'running' }
  /** Whoever ran it stopped before it had an answer: it may have run or not. */
  | { readonly state: 'abandoned' }
  /** No room: better refused than forgotten. */
  | { readonly state: 'full' };

/** Remembers which `once` requests have begun, and their answers. */
export interface OnceStore {
  /** Whether what was claimed is still known after a crash and a restart. */
  readonly persistent: boolean;
  /** The latest time (ms since 1970) that anything here was claimed at, so that a clock set back is noticed. */
  readonly latestClaim: number;
  /**
   * Atomic over all processes that share the store; when it resolves with `claimed`, the claim is as durable as the
   * store can make it.
   *
   * @param exchange 32 bytes.
   * @param now ms since 1970.
   * @param expiresAt ms since 1970, until which the answer must be kept.
   */
  claim(exchange: Bytes, now: number, expiresAt: number): Promise<Claim>;
  answer(exchange: Bytes, packet: Bytes): Promise<void>;
  close(): Promise<void>;
}

/** Bounds of a store. */
export interface StoreLimits {
  /** Default 1 000 000. */
  readonly maxEntries: number;
  /** Bytes of reply packets, with about 200 for each entry. Default 256 MiB. */
  readonly maxBytes: number;
}

export const STORE_LIMITS: StoreLimits = { maxEntries: 1_000_000, maxBytes: 256 * 1024 * 1024 };

/** What an entry costs besides its packet: key, map and bookkeeping. */
export const ENTRY_OVERHEAD = 200;
