/**
 * Which nonces have been seen, where messages may overtake each other: the highest, and a bit for each of the 1024 up to it.
 *
 * What is older than those counts as seen. Nothing may be added that has not opened before: a forger who could add would
 * push the window past everything true. Source: specs/native.md, section 4; the method is RFC 6479's.
 */

/** Nonces: the highest and those just below it. */
export const REPLAY_WINDOW_SIZE = 1024;

const BITS = 32;
const SIZE = BigInt(REPLAY_WINDOW_SIZE);

export class ReplayWindow {
  /** None yet: below the first nonce there is. */
  #highest = -1n;
  /** A ring: the bit of a nonce is at its remainder. */
  readonly #seen = new Uint32Array(REPLAY_WINDOW_SIZE / BITS);

  /** Whether a message with this nonce, 0 to 2^64 - 1, may still be new. */
  admits(nonce: bigint): boolean {
    if (nonce > this.#highest) return true;
    return nonce > this.#highest - SIZE && !this.#has(nonce);
  }

  /** Remembers the nonce of a message that opened. One that is not admitted changes nothing. */
  add(nonce: bigint): void {
    if (!this.admits(nonce)) return;
    if (nonce > this.#highest) this.#advance(nonce);
    const at = placeOf(nonce);
    this.#seen[at >>> 5] = (this.#seen[at >>> 5] ?? 0) | (1 << (at % BITS));
  }

  #has(nonce: bigint): boolean {
    const at = placeOf(nonce);
    return ((this.#seen[at >>> 5] ?? 0) & (1 << (at % BITS))) !== 0;
  }

  /** The places between the old highest and the new one held nonces that are too old now. */
  #advance(nonce: bigint): void {
    if (nonce - this.#highest >= SIZE) this.#seen.fill(0);
    else for (let next = this.#highest + 1n; next <= nonce; next += 1n) this.#clear(placeOf(next));
    this.#highest = nonce;
  }

  #clear(at: number): void {
    this.#seen[at >>> 5] = (this.#seen[at >>> 5] ?? 0) & ~(1 << (at % BITS));
  }
}

function placeOf(nonce: bigint): number {
  return Number(nonce % SIZE);
}
