/**
 * One notification to everybody who should hear of it: each is tried, and whoever did not get it is on the list of those
 * who must be told, before the notifier hears that it is done.
 *
 * Sources: specs/lonelyps.md, sections 9.4 to 9.6 and 14.1.
 */

import { primitives } from '#crypto';
import type { Logger } from '../../app/message.ts';
import { type Bytes, concat } from '../../bytes/bytes.ts';
import { codeOf } from '../../errors.ts';
import { delay } from '../../transport/backoff.ts';
import type { Subscriptions } from '../broadcaster/subscriptions.ts';
import { shownUrl, withUrlsShown } from '../operations/shown-url.ts';
import type { Watch } from '../operations/watch.ts';
import type { Subscription, SubscriptionStore, UnderWay } from '../stores/store.ts';
import type { DeadUrls } from './dead-urls.ts';
import { Deadline } from './deadline.ts';
import { type DeliveryFormat, failed, failedBy, type Outcome } from './format.ts';
import type { Gate } from './gate.ts';
import type { LiveSubscribers } from './live.ts';
import type { MessageBody, Poster } from './poster.ts';
import { Renditions } from './renditions.ts';
import type { RetryPolicy } from './retry.ts';

/** What is to be told. */
export interface Notification {
  readonly topic: Bytes;
  /** Of the message. */
  readonly sha512: Bytes;
  readonly body: MessageBody;
  /** The notifier's own, which it uses again when it tries again; at most 255 bytes, none for one that is new anyway. */
  readonly identifier: Bytes;
  /** A trace context, or nothing. */
  readonly tracing: Bytes;
}

/** A notification as subscribers are told of it. */
export interface Told extends Notification {
  /** As connections take its message. */
  readonly renditions: Renditions;
}

/** What became of it. */
export interface FanOutResult {
  /** Subscribers that confirmed it, as they count themselves. */
  readonly notified: number;
  /** Deliveries that failed; whoever has a recovery url will be told. */
  readonly failed: number;
}

export interface FanOutOptions {
  readonly subscriptions: Subscriptions;
  readonly live: LiveSubscribers;
  readonly store: SubscriptionStore;
  /** How a url is spoken to. */
  readonly formatFor: (url: string) => DeliveryFormat;
  readonly retry: RetryPolicy;
  /** Whether a delivery to a url that is tried again holds up those after it. */
  readonly isOrdered: boolean;
  /** When a url that is gone loses its subscriptions; null for never. */
  readonly dead: DeadUrls | null;
  readonly poster: Poster;
  readonly gate: Gate;
  /** Compressed messages that are longer go to disk, bytes. */
  readonly spoolSize: number;
  /** One delivery's time, ms. */
  readonly timeout: number;
  /** When the first announcement of what was missed is due, ms from then. */
  readonly firstAnnouncement: number;
  readonly now: () => number;
  readonly log: Logger;
  readonly watch: Watch;
}

interface Tried {
  readonly outcome: Outcome;
  readonly tries: number;
}

const TOO_MANY: Outcome = failed('too many deliveries to it are waiting, or it has waited too long');
/** Of an identifier that follows from what is told, bytes. */
const IDENTIFIER_SIZE = 16;

export class FanOut {
  readonly #options: FanOutOptions;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  /** Of what is being posted. */
  readonly #deadlines = new Set<Deadline>();
  /** What the store could not take note of. */
  #unrecorded: UnderWay[] = [];

  constructor(options: FanOutOptions) {
    this.#options = options;
  }

  /**
   * Tries everybody once, by a connection or a webhook; connections get what is told in the order of the calls.
   *
   * @throws whatever the store throws; then nobody may take the notification for done.
   */
  notify(asked: Notification): Promise<FanOutResult> {
    const notified = this.#notify(asked).finally(() => this.#underWay.delete(notified));
    this.#underWay.add(notified);
    return notified;
  }

  /** Gives up what is being posted, which counts as missed, and resolves once nothing is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const deadline of this.#deadlines) deadline.giveUp();
    await Promise.allSettled(this.#underWay);
  }

  async #notify(asked: Notification): Promise<FanOutResult> {
    const { live, subscriptions, watch } = this.#options;
    const ended = watch.notifying(asked.body.length);
    const renditions = new Renditions(asked.body, asked.sha512, this.#options.spoolSize);
    const notification: Told = { ...asked, identifier: identifierOf(asked), renditions };
    const tally = new Tally();
    try {
      for (const subscriber of live.match(asked.topic)) {
        const settle = tally.expect();
        subscriber.deliver({ notification, hasFallback: false, settle });
      }
      if (subscriptions.match(asked.topic).length > 0) await this.#toWebhooks(notification, tally);
    } finally {
      await tally.done(); // until then the message is being read
      await renditions.remove();
      ended();
    }
    return tally.result;
  }

  async #toWebhooks(notification: Told, tally: Tally): Promise<void> {
    const { store, subscriptions } = this.#options;
    const { topic } = notification;
    // Should we be killed in the middle, the next start knows of whom to tell.
    const underWay = await store.begin(topic);
    const webhooks = byUrl(subscriptions.match(topic));
    const outcomes = await Promise.all(webhooks.map((webhook) => this.#deliver(webhook, notification)));
    try {
      await this.#settle(webhooks, outcomes, topic);
      await store.end(underWay);
    } catch (error) {
      this.#unrecorded.push(underWay);
      throw error;
    }
    for (const outcome of outcomes) tally.expect()(outcome);
  }

  /** Whom an earlier process had begun to notify has missed it, as far as anybody can tell. */
  async recover(): Promise<void> {
    for (const underWay of await this.#options.store.unfinished()) await this.#recordAll(underWay);
  }

  /** The same for what the store was away for; to be called now and then. Never rejects. */
  async recordLate(): Promise<void> {
    const late = this.#unrecorded;
    this.#unrecorded = [];
    for (const underWay of late) {
      await this.#recordAll(underWay).catch(() => this.#unrecorded.push(underWay));
    }
  }

  async #recordAll(underWay: UnderWay): Promise<void> {
    const { store, subscriptions, watch } = this.#options;
    await this.#recordMissed(subscriptions.match(underWay.topic), underWay.topic);
    await store.end(underWay);
    watch.onEvent('notification_recovered');
  }

  async #settle(webhooks: readonly Webhook[], outcomes: readonly Outcome[], topic: Bytes): Promise<void> {
    const thoseWho = (state: Outcome['state']): Webhook[] =>
      webhooks.filter((_webhook, index) => outcomes[index]?.state === state);
    await this.#recordMissed(thoseWho('failed').flat(), topic);
    for (const [index, webhook] of webhooks.entries()) {
      const outcome = outcomes[index];
      if (outcome?.state === 'unsubscribed') await this.#unsubscribe(webhook, outcome.isGone ?? false);
    }
  }

  async #unsubscribe(webhook: Webhook, isGone: boolean): Promise<void> {
    const { subscriptions } = this.#options;
    if (isGone) return subscriptions.removeUrl(webhook[0].url);
    for (const { url, pattern } of webhook) await subscriptions.unsubscribe(url, pattern);
  }

  async #recordMissed(subscriptions: readonly Subscription[], topic: Bytes): Promise<void> {
    const missed = subscriptions
      .filter(({ recovery }) => recovery !== null)
      .map((subscription) => ({ subscription, topic }));
    if (missed.length === 0) return;
    const { store, now, firstAnnouncement, watch } = this.#options;
    await store.recordMissed(missed, now() + firstAnnouncement);
    for (const _each of missed) watch.onEvent('missed');
  }

  async #deliver(webhook: Webhook, notification: Told): Promise<Outcome> {
    const { watch, log } = this.#options;
    const [{ url }] = webhook;
    const byConnection = await this.#deliverLive(webhook, notification);
    if (byConnection) return byConnection;
    const watched = watch.delivering(notification, url);
    const { outcome, tries } = await this.#deliverByPost(url, watched?.notification ?? notification);
    watched?.end(outcome, tries);
    watch.onEvent(`delivery_${outcome.state}`);
    if (outcome.state === 'failed') {
      log.debug({ url: shownUrl(url), why: withUrlsShown(outcome.why) }, 'a delivery failed');
    }
    return outcome;
  }

  /** Who waits for another try keeps nobody out, but those whose order would suffer. */
  async #deliverByPost(url: string, notification: Notification): Promise<Tried> {
    const { isOrdered } = this.#options;
    const attempt = (): Promise<Outcome> => this.#attempt(url, notification);
    const inTurn = async (): Promise<Outcome> => (await this.#inTurn(url, attempt)) ?? TOO_MANY;
    if (!isOrdered) return this.#tryUntilDone(url, inTurn);
    const tried = await this.#inTurn(url, () => this.#tryUntilDone(url, attempt));
    return tried ?? { outcome: TOO_MANY, tries: 0 };
  }

  /** Null where too many wait, or it has waited as long as a delivery may take. */
  async #inTurn<T>(url: string, work: () => Promise<T>): Promise<T | null> {
    const { gate, timeout } = this.#options;
    try {
      const giveUp = (): AbortSignal => AbortSignal.any([AbortSignal.timeout(timeout), this.#closing.signal]);
      return await gate.pass(url, work, giveUp);
    } catch (error) {
      if (codeOf(error) === 'aborted') return null;
      throw error;
    }
  }

  async #tryUntilDone(url: string, attempt: () => Promise<Outcome>): Promise<Tried> {
    const { retry, dead, now, watch } = this.#options;
    const begun = now();
    for (let tries = 1; ; tries++) {
      const outcome = await attempt();
      if (outcome === TOO_MANY) return { outcome, tries: tries - 1 };
      if (dead?.note(url, outcome)) {
        watch.onEvent('url_dead');
        return { outcome: { state: 'unsubscribed', isGone: true }, tries };
      }
      if (this.#closing.signal.aborted) return { outcome, tries };
      const pause = retry.pause(outcome, { tries, elapsed: now() - begun, now: now() });
      if (pause === null) return { outcome, tries };
      watch.onEvent('delivery_retried');
      await delay(pause);
    }
  }

  /** By the connection that takes the webhook's messages now; null where there is none, or it ended before it had this one. */
  async #deliverLive(webhook: Webhook, notification: Told): Promise<Outcome | null> {
    const { live } = this.#options;
    const subscriber = webhook.map((each) => live.serving(each)).find((each) => each !== null);
    if (!subscriber) return null;
    const outcome = await new Promise<Outcome>((settle) => {
      subscriber.deliver({ notification, hasFallback: true, settle });
    });
    // Nobody behind the connection wanted it: the webhook may, or has missed it.
    return outcome.state === 'received' && outcome.subscribers > 0 ? outcome : null;
  }

  async #attempt(url: string, notification: Notification): Promise<Outcome> {
    const { formatFor, poster, timeout, watch } = this.#options;
    watch.onEvent('delivery_posted');
    const deadline = new Deadline(timeout);
    this.#deadlines.add(deadline);
    try {
      const format = formatFor(url);
      const prepared = await format.prepare(url, notification);
      const body = prepared.body && deadline.watching(prepared.body);
      const answer = await poster.post(url, { ...prepared, body, signal: deadline.signal });
      return await format.judge(url, answer);
    } catch (error) {
      return failedBy(error);
    } finally {
      this.#deadlines.delete(deadline);
      deadline.end();
    }
  }
}

/** One notification's subscribers, counted as they settle. */
class Tally {
  #open = 1;
  #notified = 0;
  #failed = 0;
  #resolve: () => void = () => {};
  readonly #settled = new Promise<void>((resolve) => {
    this.#resolve = resolve;
  });

  /** One more; what it gives takes the outcome. */
  expect(): (outcome: Outcome) => void {
    this.#open += 1;
    return this.#settle;
  }

  get result(): FanOutResult {
    return { notified: this.#notified, failed: this.#failed };
  }

  /** Once everybody has settled; called once. */
  async done(): Promise<void> {
    this.#leave();
    if (this.#open > 0) await this.#settled;
  }

  readonly #settle = (outcome: Outcome): void => {
    if (outcome.state === 'received') this.#notified += outcome.subscribers;
    if (outcome.state === 'failed') this.#failed += 1;
    this.#leave();
  };

  #leave(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#resolve();
  }
}

/** What a url has subscribed to and fits: it gets the message once. */
type Webhook = readonly [Subscription, ...Subscription[]];

function byUrl(subscriptions: readonly Subscription[]): readonly Webhook[] {
  const webhooks = new Map<string, [Subscription, ...Subscription[]]>();
  for (const subscription of subscriptions) {
    const known = webhooks.get(subscription.url);
    if (known) known.push(subscription);
    else webhooks.set(subscription.url, [subscription]);
  }
  return [...webhooks.values()];
}

/**
 * The same whenever the same is told again, by whatever road, so that a subscriber knows it; and another for another
 * message, so that no notifier can make what others tell look told already.
 */
function identifierOf({ topic, sha512, identifier }: Notification): Bytes {
  if (identifier.length === 0) return primitives.randomBytes(IDENTIFIER_SIZE);
  const told = concat(primitives.sha256(topic), sha512, identifier);
  return primitives.sha256(told).subarray(0, IDENTIFIER_SIZE);
}
