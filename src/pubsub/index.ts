/** `sotto/pubsub`: publish and subscribe without staying connected. */

export { SottoError, StatusError } from '../errors.ts';
export type { TopicKeyring, TopicKeyringOptions } from '../keys/topic-keyring.ts';
export type { TopicSecret } from '../keys/topic-secret.ts';
export type { SignedOperation } from '../wire/lonelyps-authorization.ts';
export type { AttachOptions, SkipReason } from './attach.ts';
export {
  type AuthConfig,
  type Authorized,
  type Authorizer,
  type Grant,
  noneAuth,
  type Verdict,
} from './authorization/authorization.ts';
export {
  authFromFile,
  type HmacAuthOptions,
  hmacAuth,
  type TokenAuthOptions,
  tokenAuth,
  writeSecretsFiles,
} from './authorization/config.ts';
export type { HmacKey } from './authorization/hmac.ts';
export type { Permissions } from './authorization/permissions.ts';
export { MemoryReplayStore, type ReplayStore, SqliteReplayStore } from './authorization/replay-store.ts';
export type { TokenKey } from './authorization/token.ts';
export { Broadcaster } from './broadcaster/broadcaster.ts';
export type { CompressionOptions, PresetDictionary } from './broadcaster/compression.ts';
export type { DeadUrlsOptions } from './delivery/dead-urls.ts';
export type { RetryOptions } from './delivery/retry.ts';
export type { StandardWebhooksOptions, WebhookSecrets } from './delivery/standard-webhooks.ts';
export { type Endpoint, fetchHandler } from './endpoint.ts';
export type {
  Delivery,
  DeliveryLog,
  DeliveryLogCounts,
  DeliveryPage,
  DeliveryQuery,
  DeliveryStatus,
  LoggedDelivery,
} from './operations/delivery-log.ts';
export type { OperationsAccess } from './operations/health.ts';
export { SqliteDeliveryLog, type SqliteDeliveryLogOptions } from './operations/sqlite-delivery-log.ts';
export type { BroadcasterLimits, BroadcasterOptions } from './options.ts';
export { generateTopicSecret, topicKeyring, topicKeyringFromFile } from './sealed-topics.ts';
export { SqliteSubscriptionStore } from './stores/sqlite.ts';
export type {
  Missed,
  Pattern,
  Subscription as StoredSubscription,
  SubscriptionStore,
  UnderWay,
  Wanted,
} from './stores/store.ts';
export type { SubscriberCompression } from './subscriber/compression.ts';
export type { ReceivedMessage } from './subscriber/inbox.ts';
export type { NotifyOptions, SubscribeOptions, SubscriberOptions } from './subscriber/options.ts';
export type { Body } from './subscriber/outgoing-body.ts';
export { Subscriber } from './subscriber/subscriber.ts';
export { Subscription } from './subscriber/subscription.ts';
export { globMatches } from './topics/glob.ts';
