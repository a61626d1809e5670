/** What happened, in order, and waiting for what is yet to happen. */

/** ms */
const PATIENCE = 30_000;

export class Journal<T> {
  readonly entries: T[] = [];
  readonly #waiting = new Set<() => void>();

  add(entry: T): void {
    this.entries.push(entry);
    for (const look of this.#waiting) look();
  }

  /**
   * The first entry that is so, at once or when it comes.
   *
   * @param again done now and every 100 ms until then, for what may get lost.
   * @throws Error after 30 s, with all entries.
   */
  until<S extends T>(what: string, isIt: (entry: T) => entry is S, again?: () => void): Promise<S>;
  until(what: string, isIt: (entry: T) => boolean, again?: () => void): Promise<T>;
  until(what: string, isIt: (entry: T) => boolean, again: () => void = () => {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(patience);
        clearInterval(repeat);
        this.#waiting.delete(look);
      };
      const look = (): void => {
        const entry = this.entries.find(isIt);
        if (entry === undefined) return;
        stop();
        resolve(entry);
      };
      const patience = setTimeout(() => {
        stop();
        reject(new Error(`not within ${PATIENCE} ms: ${what}; but ${JSON.stringify(this.entries)}`));
      }, PATIENCE);
      const repeat = setInterval(again, 100);
      this.#waiting.add(look);
      again();
      look();
    });
  }
}
