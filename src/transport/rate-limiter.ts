/** A token bucket for each host, asked before any public-key work is done for a packet. */

// Chosen: more hosts than this share the table; the one that came first makes room, which only refills its bucket.
const MAX_HOSTS = 16_384;

interface Bucket {
  tokens: number;
  filledAt: number;
}

export class RateLimiter {
  readonly #rate: number;
  readonly #burst: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /**
   * @param rate packets a second that one host may send for ever; Infinity for no limit.
   * @param burst packets that it may send at once.
   * @param now a clock in ms that never goes back.
   */
  constructor(rate: number, burst: number, now: () => number = () => performance.now()) {
    this.#rate = rate;
    this.#burst = burst;
    this.#now = now;
  }

  /**
   * Whether one more packet of `host` may be looked at.
   *
   * @param cost what it takes from the bucket. Default 1.
   */
  take(host: string, cost = 1): boolean {
    if (this.#rate === Number.POSITIVE_INFINITY) return true;
    const now = this.#now();
    const bucket = this.#buckets.get(host) ?? this.#add(host, now);
    const refill = ((now - bucket.filledAt) * this.#rate) / 1000;
    bucket.tokens = Math.min(this.#burst, bucket.tokens + refill);
    bucket.filledAt = now;
    if (bucket.tokens < cost) return false;
    bucket.tokens -= cost;
    return true;
  }

  #add(host: string, now: number): Bucket {
    const oldest = this.#buckets.size >= MAX_HOSTS ? this.#buckets.keys().next().value : undefined;
    if (oldest !== undefined) this.#buckets.delete(oldest);
    const bucket = { tokens: this.#burst, filledAt: now };
    this.#buckets.set(host, bucket);
    return bucket;
  }
}
