/** The gate of a server: so much from each host, so much at one time, and a close that waits for what is inside. */

import { RateLimiter } from './rate-limiter.ts';
import type { Arrival } from './transport.ts';

export interface AdmissionLimits {
  /** Packets a second from one host. */
  readonly rate: number;
  /** Packets from one host at once. */
  readonly burst: number;
  /** Arrivals being worked on at one time. */
  readonly maxInFlight: number;
}

export interface AdmissionEvents {
  /** An arrival was turned away: `rate_limited` or `too_many_in_flight`. */
  onDrop(arrival: Arrival, reason: string): void;
  /** The work on an arrival failed, which it should not. */
  onFailure(arrival: Arrival, error: unknown): void;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #events: AdmissionEvents;
  readonly #limiter: RateLimiter;
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #idle: (() => void) | null = null;

  constructor(limits: AdmissionLimits, events: AdmissionEvents) {
    this.#limits = limits;
    this.#events = events;
    this.#limiter = new RateLimiter(limits.rate, limits.burst);
  }

  /** Works on one arrival if it may come in; never rejects. */
  async admit(arrival: Arrival, work: () => Promise<void>): Promise<void> {
    if (!this.#limiter.take(arrival.host)) return this.#events.onDrop(arrival, 'rate_limited');
    if (this.#inFlight >= this.#limits.maxInFlight) {
      // A datagram can be sent again; a stream waits, and its sender with it.
      if (!arrival.addressProven) return this.#events.onDrop(arrival, 'too_many_in_flight');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#inFlight += 1;
    try {
      await work();
    } catch (error) {
      this.#events.onFailure(arrival, error);
    } finally {
      this.#inFlight -= 1;
      this.#waiting.shift()?.();
      if (this.#inFlight === 0) this.#idle?.();
    }
  }

  /** Resolves once nothing is inside, or after `timeout` ms. */
  drained(timeout: number): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout);
      this.#idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
