/** Subscribers that hold a connection, as fan-out sees them. */

import type { Bytes } from '../../bytes/bytes.ts';
import type { Subscription } from '../stores/store.ts';
import type { Told } from './fan-out.ts';
import type { Outcome } from './format.ts';

/** One notification for one connection; settled once. */
export interface LiveDelivery {
  readonly notification: Told;
  /** Whether there is another way to that subscriber: then the connection need not tell it what it has missed. */
  readonly hasFallback: boolean;
  settle(outcome: Outcome): void;
}

export interface LiveSubscriber {
  /** Takes its turn; never throws. */
  deliver(delivery: LiveDelivery): void;
}

export interface LiveSubscribers {
  /** Everybody who wants a topic, once each. */
  match(topic: Bytes): Iterable<LiveSubscriber>;
  /** Who takes a webhook's deliveries over its connection now. */
  serving(subscription: Subscription): LiveSubscriber | null;
}
