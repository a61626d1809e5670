/** `sotto`: the app, identities, errors, and the whole node. */

export {
  type App,
  type AppOptions,
  createApp,
  type Dispatcher,
  type Handler,
  type Middleware,
  type RouteOptions,
} from './app/app.ts';
export type { Context } from './app/context.ts';
export type {
  InboundMessage,
  Logger,
  Proof,
  Protocol,
  Reply,
  RepresentationLetter,
  Sender,
} from './app/message.ts';
export type { ParamsOf } from './app/router.ts';
export {
  type Asker,
  createClient,
  type PushAsker,
  type StreamAsker,
  type TypedClient,
  type TypedPushClient,
  type TypedStreamClient,
  type WaitOptions,
} from './app/typed-client.ts';
export { type ErrorCode, SottoError, StatusError } from './errors.ts';
export { Identity } from './keys/identity.ts';
export { IdentityRing, type PreviousIdentity } from './keys/identity-ring.ts';
export type { KeyLike } from './keys/key-like.ts';
export { PublicKey } from './keys/public-key.ts';
export { type RevokedKey, RevokedKeys } from './keys/revoked-keys.ts';
export { allowKeys } from './node/access.ts';
export type { NodeConfig, PartialNodeConfig } from './node/config.ts';
export type { Node, NodeEvent, ReloadReport, RunningParts } from './node/node.ts';
export type { PartName, PartState, PartStatus } from './node/part.ts';
export { type ServeExtras, serve } from './node/serve.ts';
export type { Traffic, TrafficRecord, TrafficSample, TrafficSecond } from './node/traffic.ts';
