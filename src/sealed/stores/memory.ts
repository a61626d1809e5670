/** A once-window's store in memory: fast, and forgotten when the process ends. */

import { type Bytes, mapKey } from '../../bytes/bytes.ts';
import { type Claim, ENTRY_OVERHEAD, type OnceStore, STORE_LIMITS, type StoreLimits } from './store.ts';

interface Entry {
  readonly expiresAt: number;
  packet: Bytes | null;
}

/** How often, in claims, old entries are looked for beyond the oldest. */
const SWEEP_EVERY = 4096;

/** In memory: forgotten with the process. */
export class MemoryOnceStore implements OnceStore {
  readonly persistent: boolean = false;
  readonly #limits: StoreLimits;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #claims = 0;
  #latestClaim = 0;

  constructor(limits: Partial<StoreLimits> = {}) {
    this.#limits = { ...STORE_LIMITS, ...limits };
  }

  get latestClaim(): number {
    return this.#latestClaim;
  }

  get size(): number {
    return this.#entries.size;
  }

  claim(exchange: Bytes, now: number, expiresAt: number): Promise<Claim> {
    return Promise.resolve(this.claimNow(exchange, now, expiresAt));
  }

  answer(exchange: Bytes, packet: Bytes): Promise<void> {
    this.answerNow(exchange, packet);
    return Promise.resolve();
  }

  /** `claim` without the promise, for the hot path of a server whose memory this is. */
  claimNow(exchange: Bytes, now: number, expiresAt: number): Claim {
    this.#latestClaim = Math.max(this.#latestClaim, now);
    this.#expire(now);
    const name = mapKey(exchange);
    const entry = this.#entries.get(name);
    if (entry && entry.expiresAt >= now) {
      return entry.packet ? { state: 'answered', packet: entry.packet } : { state: 'running' };
    }
    if (entry) this.#forget(name, entry);
    const { maxEntries, maxBytes } = this.#limits;
    if (this.#entries.size >= maxEntries || this.#bytes + ENTRY_OVERHEAD > maxBytes) return { state: 'full' };
    this.#entries.set(name, { expiresAt, packet: null });
    this.#bytes += ENTRY_OVERHEAD;
    return { state: 'claimed' };
  }

  answerNow(exchange: Bytes, packet: Bytes): void {
    const entry = this.#entries.get(mapKey(exchange));
    if (!entry || entry.packet) return;
    entry.packet = packet;
    this.#bytes += packet.length;
  }

  /** The packet that an exchange was answered with, if it is known. */
  find(exchange: Bytes): Bytes | null {
    return this.#entries.size === 0 ? null : (this.#entries.get(mapKey(exchange))?.packet ?? null);
  }

  /** Forgets a claim that came to nothing. */
  release(exchange: Bytes): void {
    const name = mapKey(exchange);
    const entry = this.#entries.get(name);
    if (entry && !entry.packet) this.#forget(name, entry);
  }

  close(): Promise<void> {
    this.#entries.clear();
    this.#bytes = 0;
    return Promise.resolve();
  }

  /** Entries expire nearly in the order they came: the oldest are looked at on each claim, all of them rarely. */
  #expire(now: number): void {
    this.#claims += 1;
    const sweep = this.#claims % SWEEP_EVERY === 0;
    for (const [name, entry] of this.#entries) {
      if (entry.expiresAt < now) this.#forget(name, entry);
      else if (!sweep) return;
    }
  }

  #forget(name: string, entry: Entry): void {
    this.#entries.delete(name);
    this.#bytes -= ENTRY_OVERHEAD + (entry.packet?.length ?? 0);
  }
}
