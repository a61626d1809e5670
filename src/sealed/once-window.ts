/**
 * The at-most-once window: a request is refused unless it is fresh, and a fresh one is handled once.
 *
 * Source: specs/native.md, section 3. Two additions, told in docs/request.md: only requests flagged `once` pass, so
 * that an unflagged copy of one can never run later; and the time that a refusal names is the earliest that will be
 * accepted, so that a server need not rest after its start.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { delay } from '../transport/backoff.ts';
import type { Claim, OnceStore } from './stores/store.ts';

// Specified, ms.
export const MAX_AGE = 120_000;
export const MAX_AHEAD = 5_000;
// Chosen, ms: servers that share a store may disagree on the time by this much.
const CLOCK_MARGIN = 30_000;
const FIRST_POLL = 10;
const LAST_POLL = 200;

/** What became of a request in the window. */
export type Outcome =
  | { readonly state: 'answered'; readonly packet: Bytes }
  /** No room to remember it: refused rather than risk a second run. */
  | { readonly state: 'full' }
  /** It was begun by a process that stopped: it may have run or not. */
  | { readonly state: 'unknown' };

export interface WindowOptions {
  /** ms since 1970. */
  readonly clock: () => number;
  /** How long to wait for another process that is running the same request, ms. */
  readonly patience: number;
  readonly onStoreError: (error: unknown) => void;
}

export class OnceWindow {
  readonly #store: OnceStore;
  readonly #clock: () => number;
  readonly #bootedAt: number;
  readonly #patience: number;
  readonly #onStoreError: (error: unknown) => void;
  #latest = 0;

  constructor(store: OnceStore, options: WindowOptions) {
    this.#store = store;
    this.#clock = options.clock;
    this.#patience = options.patience;
    this.#onStoreError = options.onStoreError;
    this.#bootedAt = this.#now();
  }

  /** Whether the stamp is fresh; if not, the time (ms since 1970) that a fresh one should bear. */
  refusal(sentAt: number): number | null {
    const now = this.#now();
    const earliest = this.#earliest();
    if (sentAt >= Math.max(now - MAX_AGE, earliest) && sentAt <= now + MAX_AHEAD) return null;
    return Math.max(now, earliest);
  }

  /** The time that a request sent now should be stamped with, ms since 1970. */
  get time(): number {
    return Math.max(this.#now(), this.#earliest());
  }

  /** Runs `handle` unless some copy of the exchange was run before; every copy gets the same packet. */
  async run(exchange: Bytes, sentAt: number, handle: () => Promise<Bytes>): Promise<Outcome> {
    const claim = await this.#claim(exchange, sentAt + MAX_AGE + CLOCK_MARGIN).catch((error: unknown) => {
      this.#onStoreError(error);
      return { state: 'full' } satisfies Claim;
    });
    switch (claim.state) {
      case 'claimed': {
        const packet = await handle();
        // It ran: the caller gets the answer even where it could not be kept.
        await this.#store.answer(exchange, packet).catch(this.#onStoreError);
        return { state: 'answered', packet };
      }
      case 'answered':
        return claim;
      case 'full':
        return { state: 'full' };
      case 'running':
      case 'abandoned':
        return { state: 'unknown' };
    }
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** Claims, waiting while another process is at it. */
  async #claim(exchange: Bytes, expiresAt: number): Promise<Claim> {
    let waited = 0;
    for (let poll = FIRST_POLL; ; poll = Math.min(2 * poll, LAST_POLL)) {
      const claim = await this.#store.claim(exchange, this.#now(), expiresAt);
      if (claim.state !== 'running' || waited >= this.#patience) return claim;
      await delay(poll);
      waited += poll;
    }
  }

  /** Without a lasting store, what came before the start is forgotten: stamps from then, and just ahead, are refused. */
  #earliest(): number {
    return this.#store.persistent ? 0 : this.#bootedAt + MAX_AHEAD;
  }

  /** Never goes back: a clock set back would make expired requests fresh again. */
  #now(): number {
    this.#latest = Math.max(this.#latest, this.#clock(), this.#store.latestClaim);
    return this.#latest;
  }
}
