/**
 * Asks for a subscription again after each miss that was told: a broadcaster of the original forgets a subscription once it
 * has announced a miss, whatever was answered.
 *
 * Source: specs/lonelyps.md, section 16, "What really happens".
 */

import type { Logger } from '../../app/message.ts';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeHex } from '../../bytes/text.ts';

/** The original posts its announcements within milliseconds and then forgets, ms. */
const RENEW_AFTER = 1000;

export interface RenewalOptions {
  /** Asks for all of it; whether a broadcaster had forgotten some. */
  readonly subscribe: () => Promise<boolean>;
  /** Called with each topic that may have been missed once more, because nobody was subscribed for a moment. */
  readonly onGap: (topic: Bytes) => void;
  readonly log: Logger;
}

export class Renewal {
  readonly #options: RenewalOptions;
  #missed = new Map<string, Bytes>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #renewing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** Renews in a moment, once for all misses until then. */
  soon(topic: Bytes): void {
    if (this.#closed) return;
    this.#missed.set(encodeHex(topic), topic);
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#renewing = this.#renewing.then(() => this.#renew());
    }, RENEW_AFTER);
    this.#timer.unref?.();
  }

  /** Renews no more; what is being asked is waited for. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#renewing;
  }

  async #renew(): Promise<void> {
    if (this.#closed) return;
    const topics = [...this.#missed.values()];
    this.#missed = new Map();
    const { subscribe, onGap, log } = this.#options;
    try {
      if (await subscribe()) topics.forEach(onGap);
    } catch (error) {
      log.warn({ error }, 'a subscription could not be renewed after a miss');
    }
  }
}
