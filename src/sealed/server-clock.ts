/**
 * One server's time, as far as this client knows it: learnt from refusals, kept in memory only (a correction is a
 * fingerprint), and carried on by a clock that nobody sets.
 */
export class ServerClock {
  readonly #now: () => number;
  readonly #steady: () => number;
  #known: { readonly time: number; readonly at: number } | null = null;

  /**
   * @param now this machine's idea of the time, ms since 1970.
   * @param steady ms from any start, never set back.
   */
  constructor(now: () => number, steady: () => number = () => performance.now()) {
    this.#now = now;
    this.#steady = steady;
  }

  get isKnown(): boolean {
    return this.#known !== null;
  }

  /** The server said that it is `time`, ms since 1970. */
  learn(time: number): void {
    this.#known = { time, at: this.#steady() };
  }

  /** The stamp of a request that may run more than once: this machine's own clock will do until told otherwise. */
  stamp(): number {
    return this.#known ? this.#corrected(this.#known) : Math.max(0, Math.floor(this.#now()));
  }

  /**
   * The stamp of a `once` request. Until the server's time is known it is 0, which is always refused with the time:
   * a stamp that is ahead by mistake would be refused now and run by whoever repeats it later.
   */
  onceStamp(): number {
    return this.#known ? this.#corrected(this.#known) : 0;
  }

  #corrected({ time, at }: { readonly time: number; readonly at: number }): number {
    return Math.floor(time + this.#steady() - at);
  }
}
