/** What connected subscribers want to hear, in memory alone: it ends with their connections. */

import type { Bytes } from '../../bytes/bytes.ts';
import type { LiveSubscriber, LiveSubscribers } from '../delivery/live.ts';
import type { Pattern, Subscription } from '../stores/store.ts';
import { TopicIndex } from '../topics/topic-index.ts';

/** One pattern of one connection. */
export interface LiveSubscription {
  readonly id: number;
  readonly pattern: Pattern;
  readonly subscriber: LiveSubscriber;
}

/** A connection that takes a webhook's deliveries, as far as its key may hear of them. */
interface Serving {
  readonly subscriber: LiveSubscriber;
  readonly mayReceive: (pattern: Pattern) => boolean;
}

export class LiveSubscriptions implements LiveSubscribers {
  readonly #index = new TopicIndex<LiveSubscription>();
  /** By url; the newest takes them. */
  readonly #serving = new Map<string, Serving[]>();
  #lastId = 0;

  /** Patterns of all connections. */
  get size(): number {
    return this.#index.size;
  }

  add(pattern: Pattern, subscriber: LiveSubscriber): LiveSubscription {
    this.#lastId += 1;
    const subscription = { id: this.#lastId, pattern, subscriber };
    this.#index.add(subscription);
    return subscription;
  }

  remove(subscription: LiveSubscription): void {
    this.#index.remove(subscription);
  }

  match(topic: Bytes): Iterable<LiveSubscriber> {
    const found = this.#index.match(topic);
    if (found.length < 2) return found.map(({ subscriber }) => subscriber);
    return new Set(found.map(({ subscriber }) => subscriber));
  }

  serve(url: string, serving: Serving): void {
    this.#serving.set(url, [...(this.#serving.get(url) ?? []), serving]);
  }

  leave(url: string, subscriber: LiveSubscriber): void {
    const left = (this.#serving.get(url) ?? []).filter((each) => each.subscriber !== subscriber);
    if (left.length > 0) this.#serving.set(url, left);
    else this.#serving.delete(url);
  }

  serving({ url, pattern }: Subscription): LiveSubscriber | null {
    const newest = this.#serving.get(url)?.findLast(({ mayReceive }) => mayReceive(pattern));
    return newest?.subscriber ?? null;
  }
}
