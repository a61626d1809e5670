/** `sotto/pubsub` for pages: the subscriber's end alone. A page keeps no subscriptions of others, and nobody posts to it. */

export { SottoError, StatusError } from '../errors.ts';
export { noneAuth } from './authorization/authorization.ts';
export { hmacAuth, tokenAuth } from './authorization/config.ts';
export { MemoryReplayStore } from './authorization/replay-store.ts';
export { generateTopicSecret, topicKeyring } from './sealed-topics.ts';
export { PageSubscriber as Subscriber, type PageSubscriberOptions } from './subscriber/page-subscriber.ts';
export { Subscription } from './subscriber/subscription.ts';
export { globMatches } from './topics/glob.ts';
