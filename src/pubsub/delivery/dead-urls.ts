/**
 * Which urls are gone for good, so that nobody posts to them for ever: 410 says so at once; 404, or nobody there at all, for
 * days without one success in between does too.
 *
 * Source: Standard Webhooks 1.0.0, "Delivery success and failure" and "Deliverability and reliability".
 */

import type { Outcome } from './format.ts';
import { Recent } from './recent.ts';

/** When subscriptions of URLs that are gone end. */
export interface DeadUrlsOptions {
  /** Nobody there for so long, ms. Default 5 days. */
  readonly removeAfter?: number;
  /** Failures it takes besides: two short outages, days apart, are no long one. Default 5. */
  readonly leastFailures?: number;
  /** Urls that fail, remembered; those that have not been tried for longest are forgotten first. Default 100 000. */
  readonly maxUrls?: number;
  /** A clock in ms since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

interface Absence {
  readonly since: number;
  readonly failures: number;
}

const DAY = 24 * 60 * 60 * 1000;
const GONE = 410;
const NOT_FOUND = 404;

export class DeadUrls {
  readonly #options: Required<DeadUrlsOptions>;
  readonly #absent: Recent<Absence>;

  constructor(options: DeadUrlsOptions = {}) {
    const defaults = { removeAfter: 5 * DAY, leastFailures: 5, maxUrls: 100_000, now: Date.now };
    this.#options = { ...defaults, ...options };
    this.#absent = new Recent(this.#options.maxUrls);
  }

  /** Urls that fail now. */
  get size(): number {
    return this.#absent.size;
  }

  /** Takes a delivery's outcome; whether the url's subscriptions should be removed. */
  note(url: string, outcome: Outcome): boolean {
    if (outcome.state !== 'failed') {
      this.#absent.delete(url);
      return false;
    }
    const { fault } = outcome;
    if (fault?.kind === 'status' && fault.status === GONE) {
      this.#absent.delete(url);
      return true;
    }
    // Other failures say neither that it is gone nor that it is there.
    const isAbsent = fault?.kind === 'network' || (fault?.kind === 'status' && fault.status === NOT_FOUND);
    return isAbsent && this.#isDead(url);
  }

  #isDead(url: string): boolean {
    const { removeAfter, leastFailures, now } = this.#options;
    const known = this.#absent.get(url) ?? { since: now(), failures: 0 };
    const absence = { since: known.since, failures: known.failures + 1 };
    const isDead = absence.failures >= leastFailures && now() - absence.since > removeAfter;
    if (isDead) this.#absent.delete(url);
    else this.#absent.set(url, absence);
    return isDead;
  }
}
