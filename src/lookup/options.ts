/** Options of the lookup job: units, defaults and ranges, checked once at the door. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Dispatcher } from '../app/app.ts';
import type { Context } from '../app/context.ts';
import { type Logger, SILENT } from '../app/message.ts';
import { assertNumber } from '../bytes/assert.ts';
import { SottoError } from '../errors.ts';
import { accessList } from '../keys/access-list.ts';
import type { Identity } from '../keys/identity.ts';
import type { IdentityRing } from '../keys/identity-ring.ts';
import type { KeyLike } from '../keys/key-like.ts';
import type { AnsweringOptions } from '../sealed/options.ts';
import type { Scheme } from '../wire/simple-client-server.ts';
import type { LegacyServerKeys } from './legacy/keys.ts';
import type { FileDescriptions, LookupData } from './live/readers.ts';
import type { WatchedRow, WatchOptions } from './watches.ts';
import type { RowUpdate } from './write/change.ts';

/** What a query function is given besides the query and the data. */
export interface LookupContext extends Context {
  /**
   * Encrypts this answer for somebody else than `legacyKeys.reply` says: PEM text of a public RSA key of 1024 bits. It
   * matters under the scheme `legacy-rsa` alone; `sealed` answers whoever asked.
   *
   * @throws SottoError `invalid_key`.
   */
  replyKey(pem: string): void;
  /**
   * Writes one row back into its file, if the sender is among those of the option `write`.
   *
   * @param file the base name.
   * @returns the row as it is then; null where it was removed.
   * @throws StatusError 403 for another sender, and as {@link Lookup.update} does.
   */
  update(file: string, key: string, update: RowUpdate): Promise<unknown>;
  /** Each state of a row from now on, until the caller is gone; `file` is a base name, or null for every file. */
  watch(file: string | null, key: string, options?: Pick<WatchOptions, 'since'>): AsyncIterable<WatchedRow>;
}

/** Answers a query; runs on the data of one moment, however files change meanwhile. */
export type QueryFunction<Data, Query = string> = (query: Query, data: Data, ctx: LookupContext) => unknown;

type QueryOf<Schema> = Schema extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<Schema> : string;

/** Which files, and what a query makes of them. */
export interface LookupOptions<
  Files extends FileDescriptions = FileDescriptions,
  Schema extends StandardSchemaV1 | undefined = undefined,
> {
  /** Paths, or patterns of `*`, `**` and `?`, and how each is read; queries see them by base name. */
  readonly files: Files;
  /** Default: the built-in queries, see {@link LookupQuery}. */
  readonly query?: QueryFunction<LookupData<Files>, QueryOf<Schema>>;
  /** Answers texts that begin with a slash: `/where/drill` is that route, `/echo hello` has a body. Default: they are queries. */
  readonly app?: Dispatcher;
  /** What a query of one's own may be: any Standard Schema. Default: text. */
  readonly schema?: Schema;
  /** Who may write rows: public keys, or `anyone` who may ask. Default nobody. */
  readonly write?: readonly KeyLike[] | 'anyone';
  /** Bytes of one file, unpacked. Default 1 GiB. */
  readonly maxFileSize?: number;
  /** Rows watched at one time over the network; above it a watch gets 503. Default 512. */
  readonly maxWatches?: number;
  /** The same of one host. Default 64. */
  readonly maxWatchesPerHost?: number;
  /** Told how far the reading of a large file is: its path, bytes done, bytes in all. */
  readonly onProgress?: (path: string, done: number, total: number) => void;
  /** Default silent. */
  readonly log?: Logger;
}

/** Where and how queries come in. */
export interface DoorOptions
  extends Pick<AnsweringOptions, 'allow' | 'onceWindow' | 'maxDatagram' | 'limits' | 'now' | 'log'> {
  /** Default `127.0.0.1`; `0.0.0.0` lets other machines ask. */
  readonly host?: string;
  /** UDP and TCP; 0 takes one that is free for both. Default 9999. */
  readonly port?: number;
  /** How queries may come. Default `['sealed']`; the others are for simple_client_server's own programs. */
  readonly schemes?: readonly Scheme[];
  /** The server's key, for `sealed`; an {@link IdentityRing} for one that is to be changed while it runs. */
  readonly identity?: Identity | IdentityRing;
  /** For `legacy-rsa`. */
  readonly legacyKeys?: LegacyServerKeys;
  /**
   * Bytes a second that may go to one host in unsealed UDP replies, which are larger than their queries and whose
   * address nobody has proven. Default 262 144 (and four times that at once).
   */
  readonly unsealedReplyRate?: number;
  /** Is given what answers, and gives what answers in its place: for whoever counts, or looks on. Default nobody does. */
  readonly observe?: (app: Dispatcher) => Dispatcher;
}

/** Files, and the sockets where they are asked for. */
export interface LookupServerOptions<
  Files extends FileDescriptions = FileDescriptions,
  Schema extends StandardSchemaV1 | undefined = undefined,
> extends LookupOptions<Files, Schema>,
    DoorOptions {
  /** Default silent. */
  readonly log?: Logger;
}

export interface ResolvedLookupOptions {
  readonly files: FileDescriptions;
  readonly query: QueryFunction<Readonly<Record<string, unknown>>, unknown> | null;
  readonly app: Dispatcher | null;
  readonly schema: StandardSchemaV1 | undefined;
  readonly mayWrite: ReturnType<typeof accessList>;
  readonly maxFileSize: number;
  readonly maxWatches: number;
  readonly maxWatchesPerHost: number;
  readonly onProgress: ((path: string, done: number, total: number) => void) | undefined;
  readonly log: Logger;
}

const GIBIBYTE = 1024 ** 3;
const DEFAULT_PORT = 9999;
const SCHEMES: readonly Scheme[] = ['sealed', 'plain', 'legacy-rsa'];

/** Where both ends meet unless told otherwise. */
export const PLACE: { readonly host: string; readonly port: number } = {
  host: '127.0.0.1',
  port: DEFAULT_PORT,
};

/** @throws SottoError `invalid_option`. */
export function resolveLookup(
  options: LookupOptions<FileDescriptions, StandardSchemaV1 | undefined>,
): ResolvedLookupOptions {
  const { files, query, schema, write = [], maxFileSize = GIBIBYTE, maxWatches = 512 } = options;
  const { maxWatchesPerHost = 64 } = options;
  if (typeof files !== 'object' || files === null || Object.keys(files).length === 0) {
    throw new SottoError(
      'invalid_option',
      'files names no file; it is { "stock.csv": "name" }, for instance.',
    );
  }
  if (query !== undefined && typeof query !== 'function') {
    throw new SottoError('invalid_option', 'query is a function of (query, data, ctx).');
  }
  assertNumber(maxFileSize, 'maxFileSize', 1, 4 * GIBIBYTE - 1);
  assertNumber(maxWatches, 'maxWatches', 0, 1_000_000);
  assertNumber(maxWatchesPerHost, 'maxWatchesPerHost', 0, 1_000_000);
  return {
    files,
    query: (query as ResolvedLookupOptions['query'] | undefined) ?? null,
    app: options.app ?? null,
    schema,
    mayWrite: write === 'anyone' ? () => true : accessList(write),
    maxFileSize,
    maxWatches,
    maxWatchesPerHost,
    onProgress: options.onProgress,
    log: options.log ?? SILENT,
  };
}

/** @throws SottoError `invalid_option` for schemes that are none, or that lack their keys. */
export function resolveSchemes(
  options: Pick<DoorOptions, 'schemes' | 'identity' | 'legacyKeys'>,
): ReadonlySet<Scheme> {
  const { schemes = ['sealed'], identity, legacyKeys } = options;
  const wrong = schemes.find((scheme) => !SCHEMES.includes(scheme));
  if (schemes.length === 0 || wrong !== undefined) {
    throw new SottoError('invalid_option', `schemes takes some of ${SCHEMES.join(', ')}; it has ${wrong}.`);
  }
  if (schemes.includes('sealed') && !identity) {
    const text = 'The scheme "sealed" needs the option identity; Identity.generate() makes one.';
    throw new SottoError('invalid_option', text);
  }
  if (schemes.includes('legacy-rsa') && !legacyKeys) {
    const text =
      'The scheme "legacy-rsa" needs legacyKeys: the server\'s private query key and a public reply key.';
    throw new SottoError('invalid_option', text);
  }
  return new Set(schemes);
}

/** @throws SottoError `invalid_option`. */
export function assertPort(port: number): number {
  assertNumber(port, 'port', 0, 65_535);
  return port;
}
