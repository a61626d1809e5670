/** All subscriptions of a broadcaster: on disk, and in memory for finding them, which is kept in step. */

import type { Bytes } from '../../bytes/bytes.ts';
import { etagOf } from '../etag.ts';
import type { Pattern, Subscription, SubscriptionStore, Wanted } from '../stores/store.ts';
import { TopicIndex } from '../topics/topic-index.ts';

export class Subscriptions {
  readonly #store: SubscriptionStore;
  readonly #index = new TopicIndex<Subscription>();

  /** Reads every subscription once. */
  static async open(store: SubscriptionStore): Promise<Subscriptions> {
    const subscriptions = new Subscriptions(store);
    for await (const subscription of store.all()) subscriptions.#index.add(subscription);
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

  /** Whether it is new. */
  async subscribe(url: string, wanted: Wanted): Promise<boolean> {
    const added = await this.#store.subscribe(url, wanted);
    if (added) this.#index.add(added);
    return added !== null;
  }

  /** Whether it was there. */
  async unsubscribe(url: string, pattern: Pattern): Promise<boolean> {
    const removed = await this.#store.unsubscribe(url, pattern);
    if (removed) this.#index.remove(removed);
    return removed !== null;
  }

  /** Makes a url's subscriptions just these; who is there before and after misses nothing in between. */
  async set(url: string, wanted: readonly Wanted[]): Promise<void> {
    const { added, removed } = await this.#store.set(url, wanted);
    for (const subscription of added) this.#index.add(subscription);
    for (const subscription of removed) this.#index.remove(subscription);
  }

  /** The strong etag of what a url is subscribed to. */
  async etag(url: string): Promise<Bytes> {
    return etagOf(url, await this.#store.list(url));
  }
}
