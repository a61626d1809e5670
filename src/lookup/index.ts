/** `sotto/lookup`: answers from files that people go on editing. */

export type { App } from '../app/app.ts';
export { createApp } from '../app/app.ts';
export { SottoError, StatusError } from '../errors.ts';
export { Identity } from '../keys/identity.ts';
export type { KeyLike } from '../keys/key-like.ts';
export { PublicKey } from '../keys/public-key.ts';
export type { LookupRepresentation, Scheme as LookupScheme } from '../wire/simple-client-server.ts';
export type { LookupPage, LookupQuery } from './built-in-query.ts';
export {
  LookupClient,
  type LookupClientOptions,
  type LookupPlace,
  type LookupRequestOptions,
  lookup,
} from './client.ts';
export {
  generateLegacyKey,
  type LegacyClientKeys,
  type LegacyServerKeys,
  readLegacyKey,
  readLegacyPublicKey,
} from './legacy/keys.ts';
export type { FileStatus } from './live/live-file.ts';
export type {
  DataOf,
  FileDescription,
  FileDescriptions,
  FileOptions,
  LookupData,
  NamedRow,
  PlainRow,
  Reader,
  RowFunction,
} from './live/readers.ts';
export { Lookup, type LookupStatus } from './lookup.ts';
export type {
  DoorOptions,
  LookupContext,
  LookupOptions,
  LookupServerOptions,
  QueryFunction,
} from './options.ts';
export { type LookupAddress, LookupServer } from './server.ts';
export type { Match } from './table/fold.ts';
export type { Column } from './table/row-format.ts';
export type { Dictionary, Found, Search, Table } from './table/table.ts';
export type { WatchedRow, WatchOptions } from './watches.ts';
export type { RowUpdate } from './write/change.ts';
