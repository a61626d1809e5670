/**
 * One notification to everybody who should hear of it: each is tried, and whoever did not get it is on the list of those
 * who must be told, before the notifier hears that it is done.
 *
 * Sources: specs/lonelyps.md, sections 9.4 to 9.6 and 14.1.
 */

import { primitives } from '#crypto';
import type { Logger } from '../../app/message.ts';
import { type Bytes, EMPTY } from '../../bytes/bytes.ts';
import { messageOf } from '../../errors.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import {
  decodeAnswer,
  encodeReceiveHead,
  encodeReprDigest,
  type StatelessAnswer,
} from '../../wire/lonelyps-stateless.ts';
import type { AuthConfig } from '../authorization/authorization.ts';
import type { Subscriptions } from '../broadcaster/subscriptions.ts';
import type { Subscription, SubscriptionStore } from '../stores/store.ts';
import type { Gate } from './gate.ts';
import type { MessageBody, Poster } from './poster.ts';

/** What is to be told. */
export interface Notification {
  readonly topic: Bytes;
  /** Of the message. */
  readonly sha512: Bytes;
  readonly body: MessageBody;
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
  readonly store: SubscriptionStore;
  readonly auth: AuthConfig;
  readonly poster: Poster;
  readonly gate: Gate;
  /** One delivery's time, ms. */
  readonly timeout: number;
  /** When the first announcement of what was missed is due, ms from then. */
  readonly firstAnnouncement: number;
  readonly now: () => number;
  readonly log: Logger;
  readonly onEvent: (event: string) => void;
}

type Outcome =
  | { readonly state: 'received'; readonly subscribers: number }
  | { readonly state: 'unsubscribed' }
  | { readonly state: 'failed'; readonly why: string };

// As the original has it, bytes.
const IDENTIFIER_SIZE = 8;

export class FanOut {
  readonly #options: FanOutOptions;

  constructor(options: FanOutOptions) {
    this.#options = options;
  }

  /**
   * Tries everybody once.
   *
   * @throws whatever the store throws; then nobody may take the notification for done.
   */
  async notify(notification: Notification): Promise<FanOutResult> {
    const { store, subscriptions } = this.#options;
    const { topic } = notification;
    // Should we be killed in the middle, the next start knows of whom to tell.
    const underWay = await store.begin(topic);
    const found = subscriptions.match(topic);
    const outcomes = await Promise.all(
      found.map((subscription) => this.#deliver(subscription, notification)),
    );
    await this.#settle(found, outcomes, topic);
    await store.end(underWay);
    const notified = outcomes.reduce(
      (sum, each) => sum + (each.state === 'received' ? each.subscribers : 0),
      0,
    );
    return { notified, failed: outcomes.filter(({ state }) => state === 'failed').length };
  }

  /** Whom an earlier process had begun to notify has missed it, as far as anybody can tell. */
  async recover(): Promise<void> {
    const { store, subscriptions } = this.#options;
    for (const underWay of await store.unfinished()) {
      await this.#recordMissed(subscriptions.match(underWay.topic), underWay.topic);
      await store.end(underWay);
      this.#options.onEvent('notification_recovered');
    }
  }

  async #settle(found: readonly Subscription[], outcomes: readonly Outcome[], topic: Bytes): Promise<void> {
    const thoseWho = (state: Outcome['state']): Subscription[] =>
      found.filter((_subscription, index) => outcomes[index]?.state === state);
    await this.#recordMissed(thoseWho('failed'), topic);
    for (const { url, pattern } of thoseWho('unsubscribed')) {
      await this.#options.subscriptions.unsubscribe(url, pattern);
    }
  }

  async #recordMissed(subscriptions: readonly Subscription[], topic: Bytes): Promise<void> {
    const missed = subscriptions
      .filter(({ recovery }) => recovery !== null)
      .map((subscription) => ({ subscription, topic }));
    if (missed.length === 0) return;
    const { store, now, firstAnnouncement, onEvent } = this.#options;
    await store.recordMissed(missed, now() + firstAnnouncement);
    for (const _each of missed) onEvent('missed');
  }

  async #deliver(subscription: Subscription, notification: Notification): Promise<Outcome> {
    const { gate, onEvent, log } = this.#options;
    const outcome =
      (await gate.pass(subscription.url, () => this.#attempt(subscription, notification))) ??
      failed('too many deliveries to it are waiting');
    onEvent(`delivery_${outcome.state}`);
    if (outcome.state === 'failed') {
      log.debug({ url: subscription.url, why: outcome.why }, 'a delivery failed');
    }
    return outcome;
  }

  async #attempt({ url }: Subscription, notification: Notification): Promise<Outcome> {
    const { auth, poster, timeout } = this.#options;
    const { topic, sha512, body } = notification;
    const identifier = primitives.randomBytes(IDENTIFIER_SIZE);
    const operation: SignedOperation = { kind: 'receive', url, topic, identifier, sha512 };
    try {
      const authorization = await auth.toSubscriber.authorize({ operation, tracing: EMPTY });
      const answer = await poster.post(url, {
        headers: {
          'content-type': 'application/octet-stream',
          'repr-digest': encodeReprDigest(sha512),
          ...(authorization === null ? {} : { authorization }),
        },
        head: encodeReceiveHead({ tracing: EMPTY, topic, identifier, length: BigInt(body.length) }),
        body,
        signal: AbortSignal.timeout(timeout),
      });
      return await this.#judge(answer.body, url);
    } catch (error) {
      return failed(messageOf(error));
    }
  }

  /** By the answer's body alone: the status says nothing, by the specification. */
  async #judge(body: Bytes, url: string): Promise<Outcome> {
    const answer = decodeAnswer(body);
    if (answer.type === 'unsubscribe-immediate') return { state: 'unsubscribed' };
    if (answer.type !== 'confirm-receive') return failed(`it answered with ${answer.type}`);
    const isProven = await this.#isProven(answer, url);
    return isProven
      ? { state: 'received', subscribers: answer.subscribers }
      : failed('its answer is not proven');
  }

  async #isProven(
    answer: StatelessAnswer & { type: 'confirm-receive' | 'notify' },
    url: string,
  ): Promise<boolean> {
    const { identifier, subscribers, authorization, tracing } = answer;
    const operation: SignedOperation = { kind: 'confirm-receive', identifier, subscribers, url };
    const judgement = await this.#options.auth.toBroadcaster.verify(authorization, { operation, tracing });
    return judgement === 'ok' || typeof judgement === 'object';
  }
}

function failed(why: string): Outcome {
  return { state: 'failed', why };
}
