/** Lets many work at one time, and now and then one alone: who changes a key must not meet messages on their way. */
export class Gate {
  readonly #inside = new Set<Promise<unknown>>();
  #alone: Promise<void> | null = null;

  /** Resolves once nobody works alone; null where nobody does. */
  get closed(): Promise<void> | null {
    return this.#alone;
  }

  /** Works beside others, after whoever works alone. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    while (this.#alone) await this.#alone;
    const working = work();
    this.#inside.add(working);
    try {
      return await working;
    } finally {
      this.#inside.delete(working);
    }
  }

  /** Works after all who are inside, and before all who come later. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#alone) await this.#alone;
    const working = Promise.allSettled(this.#inside).then(work);
    const done = working.then(
      () => {},
      () => {},
    );
    this.#alone = done.then(() => {
      this.#alone = null;
    });
    return working;
  }
}
