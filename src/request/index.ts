/** `sotto/request`: ask a server that keeps no state. */

export type { App, Handler } from '../app/app.ts';
export { createApp } from '../app/app.ts';
export { SottoError, StatusError } from '../errors.ts';
export { Identity } from '../keys/identity.ts';
export type { KeyLike } from '../keys/key-like.ts';
export { PublicKey } from '../keys/public-key.ts';
export { type Impairment, MemoryHub } from '../transport/memory.ts';
export { CipherSuite } from '../wire/pssst.ts';
export { RequestClient, type RequestOptions } from './client.ts';
export type {
  OnceWindowOptions,
  Payload,
  RequestClientOptions,
  RequestLimits,
  RequestServerOptions,
} from './options.ts';
export { RequestServer } from './server.ts';
export { MemoryOnceStore } from './stores/memory.ts';
export { SqliteOnceStore } from './stores/sqlite.ts';
export type { Claim, OnceStore, StoreLimits } from './stores/store.ts';
