/** Whether a failed delivery is worth another try before it counts as missed, and when. */

import { assertNumber } from '../../bytes/assert.ts';
import type { Outcome } from './format.ts';

/** How often a delivery is tried again, and after how long. */
export interface RetryOptions {
  /** Tries in all; 1 for no other. */
  readonly tries: number;
  /** The longest wait before the second try, ms; doubled before each one after. */
  readonly first: number;
  /** The longest wait, ms; who asks for a longer one (`Retry-After`) is not tried again. */
  readonly longest: number;
  /** From the first try's begin, ms: no other try begins after this. */
  readonly total: number;
}

/** Soon over, since the notifier waits for every delivery: what takes longer is announced as missed. */
export const RETRY_DEFAULTS: RetryOptions = { tries: 3, first: 200, longest: 5000, total: 10_000 };

/** @throws SottoError `invalid_option` naming the option and its range. */
export function assertRetry(options: RetryOptions, name = 'retry'): void {
  assertNumber(options.tries, `${name}.tries`, 1);
  assertNumber(options.first, `${name}.first`, 0);
  assertNumber(options.longest, `${name}.longest`, 0, 2 ** 31 - 1);
  assertNumber(options.total, `${name}.total`, 0);
}

/** How a delivery stands. */
export interface Progress {
  /** Tries that failed so far, at least 1. */
  readonly tries: number;
  /** Since the first began, ms. */
  readonly elapsed: number;
  /** ms since 1970. */
  readonly now: number;
}

export class RetryPolicy {
  readonly #options: RetryOptions;
  readonly #random: () => number;

  /** @param random from 0 to 1. */
  constructor(options: RetryOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  /** How long to wait for another try, ms; null for none. */
  pause(outcome: Outcome, { tries, elapsed, now }: Progress): number | null {
    const { tries: most, longest, total } = this.#options;
    if (tries >= most) return null;
    const wanted = wantedPause(outcome, now);
    if (wanted === null || wanted > longest) return null;
    const pause = Math.max(wanted, this.#jittered(tries));
    return elapsed + pause > total ? null : pause;
  }

  /** Anything up to twice the last, so that those who failed together do not come back together. */
  #jittered(tries: number): number {
    const { first, longest } = this.#options;
    return this.#random() * Math.min(longest, first * 2 ** (tries - 1));
  }
}

/** Statuses of a server, or of what stands before it, that may do better soon. */
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** What the other end asks for, ms; null where another try would end as this one did. */
function wantedPause(outcome: Outcome, now: number): number | null {
  if (outcome.state !== 'failed' || outcome.fault === undefined) return null;
  const { fault } = outcome;
  if (fault.kind === 'network') return 0;
  if (fault.kind !== 'status' || !PASSING.has(fault.status)) return null;
  return retryAfterOf(fault.retryAfter, now);
}

/** Seconds, or a date (RFC 9110, section 10.2.3); what is neither asks for nothing. */
function retryAfterOf(header: string | null, now: number): number {
  if (header === null) return 0;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = /^[A-Z][a-z]+,/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
