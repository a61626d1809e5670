/**
 * What has been heard already: the highest number of each session. Bounded, so it forgets what was asked for longest ago;
 * whoever must not be made to forget by strangers keeps a memory of its own.
 */
export class Seen {
  readonly #most: number;
  readonly #highest = new Map<string, number>();

  /** @param most sessions, at least 1. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Sessions remembered. */
  get size(): number {
    return this.#highest.size;
  }

  /** Null for a session that was never heard of, or is forgotten. */
  highest(session: string): number | null {
    return this.#highest.get(session) ?? null;
  }

  /** Whether the number is above all that the session has had; if so it is the highest from now on. */
  advance(session: string, seq: number): boolean {
    const highest = this.#highest.get(session);
    const isNew = highest === undefined || seq > highest;
    this.set(session, isNew ? seq : highest);
    return isNew;
  }

  /** What is known to be the highest, even if a higher one has been claimed. */
  set(session: string, seq: number): void {
    this.#highest.delete(session); // to the end of the order
    this.#highest.set(session, seq);
    if (this.#highest.size <= this.#most) return;
    const [oldest] = this.#highest.keys();
    if (oldest !== undefined) this.#highest.delete(oldest);
  }
}
