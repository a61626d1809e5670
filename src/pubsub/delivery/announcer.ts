/**
 * Tells subscribers that they have missed something, at their recovery url, until they confirm it: of every message that
 * could not be delivered either the message arrives or this does.
 *
 * Source: specs/lonelyps.md, section 16, as designed there.
 */

import type { Logger } from '../../app/message.ts';
import { messageOf } from '../../errors.ts';
import { shownUrl, withUrlsShown } from '../operations/shown-url.ts';
import type { Watch } from '../operations/watch.ts';
import type { Missed, SubscriptionStore, UnderAnnouncement } from '../stores/store.ts';
import type { DeliveryFormat } from './format.ts';
import type { Gate } from './gate.ts';
import type { Poster } from './poster.ts';

// As the original has it: 2^min(10, attempts) + 1 + up to 2 s between two announcements, and 20 of them.
const LONGEST_EXPONENT = 10;
const CONSTANT = 1000;
const JITTER = 2000;
const MOST_ATTEMPTS = 20;
// Chosen.
/** Looked up at once. */
const PAGE = 200;
/** Under way at one time, in all, and at one recovery url: one that hangs keeps others waiting for nothing. */
const MOST_UNDER_WAY = 1000;
const MOST_PER_RECOVERY = 8;
/** What is under way is waited for when closing, and then for its end after it was given up, ms. */
const CLOSE_TIMEOUT = 1000;

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
  readonly #closing = new AbortController();
  readonly #underWay = new Map<number, Promise<void>>();
  /** How many are under way, by recovery url; the empty one is of those without. */
  readonly #atRecovery = new Map<string, number>();
  #beginning: Promise<void> | null = null;
  /** Whether something is due that had no room. */
  #hasMore = false;
  /** Whether the store could not keep what became of one: what it gives may have been announced a moment ago. */
  #isStuck = false;
  #isClosed = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      this.#isStuck = false;
      void this.#begin();
    }, options.interval);
    this.#timer.unref?.();
  }

  /** Announces what is due, and waits until nothing is under way. Never rejects: what fails is due again later. */
  async sweep(): Promise<void> {
    this.#isStuck = false;
    await this.#begin();
    while (this.#underWay.size > 0) {
      await Promise.all(this.#underWay.values());
      await this.#beginning;
    }
  }

  /** Waits a second for what is under way, then gives it up: it is due at the next start. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#isClosed = true;
    await this.#beginning;
    await this.#end();
    this.#closing.abort();
    await this.#end();
  }

  async #end(): Promise<void> {
    const timer = Promise.withResolvers<void>();
    const timeout = setTimeout(timer.resolve, CLOSE_TIMEOUT);
    await Promise.race([Promise.all(this.#underWay.values()), timer.promise]);
    clearTimeout(timeout);
  }

  /** Begins what is due and has room, one look at a time; what ends makes room for more. */
  #begin(): Promise<void> {
    this.#beginning ??= this.#beginDue()
      .catch((error: unknown) =>
        this.#options.log.error({ error }, 'what was missed cannot be looked up now'),
      )
      .finally(() => {
        this.#beginning = null;
      });
    return this.#beginning;
  }

  async #beginDue(): Promise<void> {
    const { store, now } = this.#options;
    this.#hasMore = false;
    let begun = 1;
    while (begun > 0 && !this.#isClosed && !this.#isStuck) {
      const except = this.#except();
      const due = await store.dueMissed(now(), PAGE, except);
      begun = due.filter((missed) => this.#beginOne(missed)).length;
      if (begun < due.length || except.recoveries.length > 0) this.#hasMore = true;
    }
  }

  #except(): UnderAnnouncement {
    const full = [...this.#atRecovery].filter(([, count]) => count >= MOST_PER_RECOVERY);
    return { ids: [...this.#underWay.keys()], recoveries: full.map(([recovery]) => recovery) };
  }

  /** Whether there was room for it. */
  #beginOne(missed: Missed): boolean {
    const recovery = missed.subscription.recovery ?? '';
    const count = this.#atRecovery.get(recovery) ?? 0;
    if (this.#isClosed || count >= MOST_PER_RECOVERY || this.#underWay.size >= MOST_UNDER_WAY) return false;
    this.#atRecovery.set(recovery, count + 1);
    const announced = this.#announce(missed)
      .catch((error: unknown) => this.#notKept(error))
      .then(() => this.#ends(missed.id, recovery));
    this.#underWay.set(missed.id, announced);
    return true;
  }

  #ends(id: number, recovery: string): void {
    const count = this.#atRecovery.get(recovery) ?? 0;
    this.#underWay.delete(id);
    if (count > 1) this.#atRecovery.set(recovery, count - 1);
    else this.#atRecovery.delete(recovery);
    // A look for each one that ends would cost more than to announce it.
    const hasRoom = count <= 1 || this.#underWay.size === MOST_UNDER_WAY / 2;
    if (this.#hasMore && hasRoom && !this.#isClosed) void this.#begin();
  }

  /** What became of it is on no disk: it is announced again, but not before the next sweep. */
  #notKept(error: unknown): void {
    this.#isStuck = true;
    if (!this.#isClosed) this.#options.log.error({ error }, 'an announcement cannot be written down now');
  }

  async #announce(missed: Missed): Promise<void> {
    const { store, gate, now, log } = this.#options;
    const { recovery } = missed.subscription;
    // Who has no recovery url any more cannot be told.
    const { signal } = this.#closing;
    const why =
      recovery === null ? '' : await gate.pass(recovery, () => this.#tell(missed, recovery), signal);
    if (signal.aborted && why !== '') return; // given up by ourselves
    if (why === '') {
      this.#ended('announced', missed, '');
      return store.forgetMissed(missed);
    }
    const failure = why ?? 'too many announcements to it are waiting';
    if (missed.attempts + 1 >= MOST_ATTEMPTS) {
      this.#ended('given-up', missed, failure);
      const fields = { url: shownUrl(recovery ?? ''), why: withUrlsShown(failure) };
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
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeout)]);
      const answer = await poster.post(recovery, { ...prepared, signal });
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
