/** All subscriptions of a broadcaster: on disk, and in memory for finding them, which is kept in step. */

import type { Bytes } from '../../bytes/bytes.ts';
import { etagOf } from '../etag.ts';
import {
  nameOfPattern,
  type Pattern,
  type Subscription,
  type SubscriptionStore,
  type Wanted,
} from '../stores/store.ts';
import { bytesOfPattern } from '../topics/pattern-limits.ts';
import { TopicIndex } from '../topics/topic-index.ts';

/** What one url is subscribed to, in numbers. */
export interface Share {
  readonly patterns: number;
  readonly bytes: number;
}

const NOTHING: Share = { patterns: 0, bytes: 0 };

export class Subscriptions {
  readonly #store: SubscriptionStore;
  readonly #index = new TopicIndex<Subscription>();
  /** By url. */
  readonly #shares = new Map<string, Share>();

  /** Reads every subscription once. */
  static async open(store: SubscriptionStore): Promise<Subscriptions> {
    const subscriptions = new Subscriptions(store);
    for await (const subscription of store.all()) subscriptions.#take(subscription);
    return subscriptions;
  }

  private constructor(store: SubscriptionStore) {
    this.#store = store;
  }

  get size(): number {
    return this.#index.size;
  }

  /** Who hears of a topic; a url with several patterns that fit comes once for each. */
  match(topic: Bytes): readonly Subscription[] {
    return this.#index.match(topic);
  }

  /** What a url is subscribed to now, and will be by what is under way. */
  shareOf(url: string): Share {
    return this.#shares.get(url) ?? NOTHING;
  }

  /** Whether it is new. */
  async subscribe(url: string, wanted: Wanted): Promise<boolean> {
    this.#count(url, wanted.pattern, 1); // so that who asks for many at once has no more than one after the other
    let added: Subscription | null = null;
    try {
      added = await this.#store.subscribe(url, wanted);
      if (added) this.#index.add(added);
      return added !== null;
    } finally {
      if (!added) this.#count(url, wanted.pattern, -1);
    }
  }

  /** Whether it was there. */
  async unsubscribe(url: string, pattern: Pattern): Promise<boolean> {
    const removed = await this.#store.unsubscribe(url, pattern);
    if (removed) this.#drop(removed);
    return removed !== null;
  }

  /** Whether a url is subscribed to just this. */
  async has(url: string, pattern: Pattern): Promise<boolean> {
    const name = nameOfPattern(pattern);
    const list = await this.#store.list(url);
    return list.some((each) => nameOfPattern(each.pattern) === name);
  }

  /** Removes everything that a url is subscribed to: it is gone. */
  async removeUrl(url: string): Promise<void> {
    await this.set(url, []);
  }

  /**
   * Makes a url's subscriptions just these; who is there before and after misses nothing in between.
   *
   * @param mayRemove asked of each that would be removed. Default: each may be.
   * @returns false where one may not; nothing has changed then.
   */
  async set(
    url: string,
    wanted: readonly Wanted[],
    mayRemove: (pattern: Pattern) => boolean = () => true,
  ): Promise<boolean> {
    const changed = await this.#store.set(url, wanted, mayRemove);
    if (changed === null) return false;
    const { added, removed } = changed;
    for (const subscription of added) this.#take(subscription);
    for (const subscription of removed) this.#drop(subscription);
    return true;
  }

  /** The strong etag of what a url is subscribed to. */
  async etag(url: string): Promise<Bytes> {
    return etagOf(url, await this.#store.list(url));
  }

  #take(subscription: Subscription): void {
    this.#index.add(subscription);
    this.#count(subscription.url, subscription.pattern, 1);
  }

  #drop(subscription: Subscription): void {
    this.#index.remove(subscription);
    this.#count(subscription.url, subscription.pattern, -1);
  }

  #count(url: string, pattern: Pattern, sign: 1 | -1): void {
    const { patterns, bytes } = this.shareOf(url);
    const share = { patterns: patterns + sign, bytes: bytes + sign * bytesOfPattern(pattern) };
    if (share.patterns > 0) this.#shares.set(url, share);
    else this.#shares.delete(url);
  }
}
