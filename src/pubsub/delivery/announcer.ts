/**
 * Tells subscribers that they have missed something, at their recovery url, until they confirm it: of every message that
 * could not be delivered either the message arrives or this does.
 *
 * Source: specs/lonelyps.md, section 16, as designed there.
 */

import type { Logger } from '../../app/message.ts';
import { messageOf } from '../../errors.ts';
import type { Watch } from '../operations/watch.ts';
import type { Missed, SubscriptionStore } from '../stores/store.ts';
import type { DeliveryFormat } from './format.ts';
import type { Gate } from './gate.ts';
import type { Poster } from './poster.ts';

// As the original has it: 2^min(10, attempts) + 1 + up to 2 s between two announcements, and 20 of them.
const LONGEST_EXPONENT = 10;
const CONSTANT = 1000;
const JITTER = 2000;
const MOST_ATTEMPTS = 20;
/** Announced at once in one sweep. */
const PAGE = 1000;

export interface AnnouncerOptions {
  readonly store: SubscriptionStore;
  readonly formatFor: (url: string) => DeliveryFormat;
  readonly poster: Poster;
  readonly gate: Gate;
  /** One announcement's time, ms. */
  readonly timeout: number;
  /** Between two sweeps, ms. */
  readonly interval: number;
  readonly now: () => number;
  readonly log: Logger;
  readonly watch: Watch;
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #sweeping: Promise<void> | null = null;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.sweep(), options.interval);
    this.#timer.unref?.();
  }

  /** Announces what is due; one sweep at a time. Never rejects: what fails is due again later. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep()
      .catch((error: unknown) =>
        this.#options.log.error({ error }, 'what was missed cannot be looked up now'),
      )
      .finally(() => {
        this.#sweeping = null;
      });
    return this.#sweeping;
  }

  /** Finishes the sweep under way. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const { store, now } = this.#options;
    const due = await store.dueMissed(now(), PAGE);
    await Promise.all(due.map((missed) => this.#announce(missed)));
    if (due.length === PAGE) await this.#sweep();
  }

  async #announce(missed: Missed): Promise<void> {
    const { store, gate, now, log } = this.#options;
    const { recovery } = missed.subscription;
    // Who has no recovery url any more cannot be told.
    const why = recovery === null ? '' : await gate.pass(recovery, () => this.#tell(missed, recovery));
    if (why === '') {
      this.#ended('announced', missed, '');
      return store.forgetMissed(missed);
    }
    const failure = why ?? 'too many announcements to it are waiting';
    if (missed.attempts + 1 >= MOST_ATTEMPTS) {
      this.#ended('given-up', missed, failure);
      const fields = { url: recovery, why: failure };
      log.warn(fields, 'a subscriber could not be told that it has missed something; given up');
      return store.forgetMissed(missed);
    }
    this.#ended('unanswered', missed, failure);
    await store.retryMissed(missed, now() + pauseAfter(missed.attempts));
  }

  #ended(
    how: 'announced' | 'unanswered' | 'given-up',
    { topic, attempts, subscription }: Missed,
    why: string,
  ): void {
    const { watch } = this.#options;
    watch.onEvent(`missed_${how.replace('-', '_')}`);
    const url = subscription.recovery ?? subscription.url;
    watch.announced(`missed-${how}`, { topic, url, tries: attempts + 1, why });
  }

  /** Why it was not confirmed; nothing where it was. */
  async #tell({ topic, subscription: { url } }: Missed, recovery: string): Promise<string> {
    const { formatFor, poster, timeout } = this.#options;
    const notice = { url, recovery, topic };
    try {
      const format = formatFor(url);
      const prepared = await format.prepareMissed(notice);
      const answer = await poster.post(recovery, { ...prepared, signal: AbortSignal.timeout(timeout) });
      const outcome = await format.judgeMissed(notice, answer);
      return outcome.state === 'failed' ? outcome.why : '';
    } catch (error) {
      return messageOf(error);
    }
  }
}

function pauseAfter(attempts: number): number {
  return 1000 * 2 ** Math.min(LONGEST_EXPONENT, attempts) + CONSTANT + JITTER * Math.random();
}
