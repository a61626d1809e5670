/** How many of each there are, up to a limit: connections of a host, sessions of a key. */

export class Tally {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns whether one more may be; then it counts until it is given back. */
  take(name: string): boolean {
    const count = this.#counts.get(name) ?? 0;
    if (count >= this.#limit) return false;
    this.#counts.set(name, count + 1);
    return true;
  }

  giveBack(name: string): void {
    const left = (this.#counts.get(name) ?? 1) - 1;
    if (left > 0) this.#counts.set(name, left);
    else this.#counts.delete(name);
  }
}
