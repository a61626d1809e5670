/** `sotto/request`: ask a server that keeps no state. */

export type { App, Handler } from '../app/app.ts';
export { createApp } from '../app/app.ts';
export { createClient, type TypedClient } from '../app/typed-client.ts';
export { SottoError, StatusError } from '../errors.ts';
export { Identity } from '../keys/identity.ts';
export { IdentityRing, type PreviousIdentity } from '../keys/identity-ring.ts';
export type { KeyLike } from '../keys/key-like.ts';
export { PublicKey } from '../keys/public-key.ts';
export type { NewerKey } from '../sealed/newer-key.ts';
export type { OnceWindowOptions, Payload, SealedLimits as RequestLimits } from '../sealed/options.ts';
export type { RequestOptions } from '../sealed/sealed-client.ts';
export { MemoryOnceStore } from '../sealed/stores/memory.ts';
export { SqliteOnceStore } from '../sealed/stores/sqlite.ts';
export type { Claim, OnceStore, StoreLimits } from '../sealed/stores/store.ts';
export { type Impairment, MemoryHub } from '../transport/memory.ts';
export { CipherSuite } from '../wire/pssst.ts';
export { RequestClient } from './client.ts';
export type { RequestClientOptions, RequestServerOptions } from './options.ts';
export { RequestServer } from './server.ts';
