import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { App, Dispatcher } from '../app/app.ts';
import type { Context } from '../app/context.ts';
import type { Reply } from '../app/message.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { StatusError } from '../errors.ts';
import type { RsaPublicKey } from '../platform/types.ts';
import { Counters } from '../sealed/counters.ts';
import { limitedHost } from '../transport/url.ts';
import { builtInQuery, type LookupPage, type LookupQuery } from './built-in-query.ts';
import { publicKey } from './legacy/keys.ts';
import { LiveData } from './live/live-data.ts';
import type { FileStatus } from './live/live-file.ts';
import type { FileDescriptions, LookupData } from './live/readers.ts';
import {
  type LookupContext,
  type LookupOptions,
  type ResolvedLookupOptions,
  resolveLookup,
} from './options.ts';
import { type WatchedRow, Watches, type WatchOptions } from './watches.ts';
import { type RowUpdate, requireUpdate } from './write/change.ts';
import { Journal } from './write/journal.ts';
import { type UpdateRequest, Writer } from './write/writer.ts';

/** The longest that a watch over the network waits before it is asked anew, ms: handlers have 30 s. */
const MAX_WAIT = 25_000;

/** How a lookup is, for people and dashboards. */
export interface LookupStatus {
  readonly files: readonly FileStatus[];
  /** Rows being watched over the network now. */
  readonly watches: number;
  /** How often each thing happened, such as `file_swapped`, `file_broken`, `row_written`. */
  readonly counters: Readonly<Record<string, number>>;
}

/** The reply keys that handlers chose, by the reply that they are for. */
const replyKeys = new WeakMap<Reply, RsaPublicKey>();

/** What `ctx.replyKey` chose for a reply; undefined where it was not called. */
export function replyKeyOf(reply: Reply): RsaPublicKey | undefined {
  return replyKeys.get(reply);
}

/**
 * Answers from files that people go on editing: no sockets here, so that every job can serve the same data.
 *
 * @example
 * ```ts
 * import { createApp } from 'sotto';
 * import { Lookup } from 'sotto/lookup';
 * const inventory = await Lookup.open({ files: { 'stock.csv': 'name' } });
 * export const app = inventory.mount(createApp()); // `sotto serve` answers /lookup
 * ```
 */
export class Lookup<Files extends FileDescriptions = FileDescriptions> implements AsyncDisposable {
  /** What happens to the files, and to the queries of a server of it, is counted here. */
  readonly counters: Counters;
  readonly #options: ResolvedLookupOptions;
  readonly #live: LiveData;
  readonly #watches: Watches;
  readonly #writers = new Map<string, Writer>();
  readonly #stopWatching: () => void;

  /**
   * Reads every file, and goes on looking for changes until it is closed.
   *
   * @throws SottoError `invalid_option`, `invalid_key`, and for the first file that cannot be read `file_unreadable`,
   * `file_invalid`, `file_too_large`.
   */
  static async open<
    const Files extends FileDescriptions,
    Schema extends StandardSchemaV1 | undefined = undefined,
  >(options: LookupOptions<Files, Schema>): Promise<Lookup<Files>> {
    const resolved = resolveLookup(options as LookupOptions<FileDescriptions, StandardSchemaV1 | undefined>);
    const { files, maxFileSize, log, onProgress } = resolved;
    const counters = new Counters();
    const live = await LiveData.open({
      files,
      maxSize: maxFileSize,
      log,
      onEvent: (event) => counters.add(event),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    const lookup = new Lookup<Files>(resolved, live, counters);
    await lookup.#recover();
    return lookup;
  }

  private constructor(options: ResolvedLookupOptions, live: LiveData, counters: Counters) {
    this.#options = options;
    this.counters = counters;
    this.#live = live;
    this.#watches = new Watches(live, { most: options.maxWatches, mostOfHost: options.maxWatchesPerHost });
    this.#stopWatching = live.onSwap((name) => this.#writers.get(name)?.noticeLosses());
  }

  /** The data at this moment, by base name. */
  get data(): LookupData<Files> {
    return this.#live.current as LookupData<Files>;
  }

  get status(): LookupStatus {
    return {
      files: this.#live.status,
      watches: this.#watches.size,
      counters: this.counters.snapshot(),
    };
  }

  /**
   * Adds its routes to an app: `/lookup` answers queries, `/lookup/set` writes a row, `/lookup/watch` waits for one to
   * change, `/lookup/status` tells how the files are. The app's type keeps the routes
   * it knows, without these.
   *
   * @param prefix in place of `/lookup`.
   * @throws SottoError `invalid_route` where a route is taken.
   */
  mount<Routes>(app: App<Routes>, prefix: string = '/lookup'): App<Routes> {
    const { schema } = this.#options;
    return app
      .on(prefix, (ctx) => this.#answer(ctx), schema === undefined ? {} : { schema })
      .on(`${prefix}/set`, (ctx) => this.#set(ctx), { once: true })
      .on(`${prefix}/watch`, (ctx) => this.#watch(ctx))
      .on(`${prefix}/status`, () => this.#shortStatus());
  }

  /**
   * Writes one row back into its file, which keeps its quoting, the order of its columns and its line ends. It is on
   * disk, whole, when this resolves, and in a journal before.
   *
   * @param file the base name.
   * @param options.tag the row as you saw it: refused where it is another by now.
   * @returns the row as it is then; null where it was removed.
   * @throws StatusError 400 for what the file cannot hold, 412 `conflict` where somebody else has changed the row or has
   * the file open (both versions are kept in `FILE.conflicts`), 503 where it cannot be written now; SottoError
   * `file_unwritable`.
   */
  async update(
    file: string,
    key: string,
    update: RowUpdate,
    options: { readonly tag?: string } = {},
  ): Promise<unknown> {
    return this.#update(file, { key, update, tag: options.tag, by: null });
  }

  /**
   * Keys that begin so, without regard to case: for whoever is typing one. Asks no query function.
   *
   * @param options.file a base name. Default each, in their order.
   * @param options.limit 1 to 1000. Default 20.
   * @throws StatusError 400.
   */
  async complete(
    beginning: string,
    options: { readonly file?: string; readonly limit?: number } = {},
  ): Promise<readonly string[]> {
    const query: LookupQuery = { ...options, find: beginning, match: 'prefix', as: 'keys' };
    return ((await builtInQuery(query, this.#live.tables)) as LookupPage).keys;
  }

  /** Each state of a row; of several within a moment the last. */
  watch(key: string, options: WatchOptions = {}): AsyncGenerator<WatchedRow, void, void> {
    return this.#watches.stream(key, options);
  }

  /** Finishes the changes being written, and lets the files go. */
  async close(): Promise<void> {
    this.#watches.close();
    this.#stopWatching();
    await Promise.all([...this.#writers.values()].map((writer) => writer.idle()));
    await this.#live.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Finishes what an earlier process had begun to write. */
  async #recover(): Promise<void> {
    for (const [name, { path }] of this.#live.files) {
      if (!Journal.isBeside(path)) continue;
      try {
        await this.#writerOf(name).recover();
      } catch (error) {
        this.#options.log.error({ file: path, error }, 'changes that were begun cannot be looked at');
      }
    }
  }

  async #answer(ctx: Context): Promise<unknown> {
    const fresh = this.#live.freshen();
    if (fresh) await fresh;
    const { query, schema, app } = this.#options;
    const { body } = ctx;
    if (app && typeof body === 'string' && body.startsWith('/')) return this.#route(app, body, ctx);
    if (query === null) return builtInQuery(body, this.#live.tables);
    if (schema === undefined && typeof body !== 'string') throw badRequest('The query must be text.');
    const answer = await query(body, this.#live.current, this.#contextOf(ctx));
    return answer === undefined ? (ctx.reply.value ?? null) : answer;
  }

  /** A query that is a route of the app: who asks, and how, stays what it was. */
  async #route(app: Dispatcher, text: string, ctx: Context): Promise<unknown> {
    const end = text.indexOf(' ');
    const [route, body] = end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 1)];
    if (route === ctx.route) throw badRequest('A query cannot ask for queries.');
    // Copies of a query are not known again, as those of a request are.
    if (app.isOnce(route))
      throw badRequest(`${route} runs at most once, which a query cannot promise: send it as a request.`);
    const { sender, proof, protocol, transport, remote, signal, isSealed } = ctx;
    const facts = { sender, proof, protocol, transport, remote, signal, isSealed };
    const reply = await app.dispatch({
      ...{ ...facts, route, body, bytes: encodeUtf8(body), representation: 't' },
    });
    ctx.reply.status = reply.status;
    return reply.value ?? null;
  }

  #contextOf(ctx: Context): LookupContext {
    const own: Omit<LookupContext, keyof Context> = {
      replyKey: (pem) => void replyKeys.set(ctx.reply, publicKey(pem)),
      update: (file, key, update) => this.#updateFor(ctx, file, { key, update }),
      watch: (file, key, options = {}) =>
        this.#watches.stream(key, { ...options, ...(file === null ? {} : { file }), signal: ctx.signal }),
    };
    return Object.assign(ctx, own);
  }

  #set(ctx: Context): Promise<unknown> {
    const { file, key, update, tag } = partsOf(ctx.body, ['file', 'key', 'update', 'tag']);
    requireText(key, 'key');
    if (tag !== undefined) requireText(tag, 'tag');
    const name = file === undefined ? this.#fileWith(key) : file;
    requireText(name, 'file');
    return this.#updateFor(ctx, name, { key, update: requireUpdate(update), tag });
  }

  async #watch(ctx: Context): Promise<WatchedRow> {
    const { key, file, since, wait = MAX_WAIT } = partsOf(ctx.body, ['key', 'file', 'since', 'wait']);
    requireText(key, 'key');
    if (file !== undefined) requireText(file, 'file');
    if (since !== undefined) requireText(since, 'since');
    if (typeof wait !== 'number' || !(wait >= 0)) throw badRequest('The part "wait" is a number of ms.');
    const options = {
      signal: ctx.signal,
      ...(file === undefined ? {} : { file }),
      ...(since === undefined ? {} : { since }),
    };
    return this.#watches.next(key, options, Math.min(wait, MAX_WAIT), hostOf(ctx));
  }

  /** Without paths, which are nobody's business but the server's. */
  #shortStatus(): unknown {
    const { files, ...rest } = this.status;
    return {
      ...rest,
      files: [...this.#live.files.keys()].map((name, index) => ({ ...files[index], path: name })),
    };
  }

  #updateFor(ctx: Context, file: string, request: Omit<UpdateRequest, 'by'>): Promise<unknown> {
    if (!this.#options.mayWrite(ctx.sender)) {
      throw new StatusError(403, 'This key may not write here.', { code: 'not_allowed' });
    }
    return this.#update(file, { ...request, by: ctx.sender?.toString() ?? null });
  }

  async #update(file: string, request: UpdateRequest): Promise<unknown> {
    return this.#writerOf(file).update(request);
  }

  #writerOf(name: string): Writer {
    const known = this.#writers.get(name);
    if (known) return known;
    const file = this.#live.files.get(name);
    if (!file)
      throw badRequest(
        `There is no file "${name}" here; there is ${[...this.#live.files.keys()].join(', ')}.`,
      );
    const { maxFileSize, log } = this.#options;
    const onEvent = (event: string): void => this.counters.add(event);
    const writer = new Writer(file, { maxSize: maxFileSize, log, onEvent });
    this.#writers.set(name, writer);
    return writer;
  }

  /** The file that has the key, or the only one. */
  #fileWith(key: string): string {
    const names = [...this.#live.tables.keys()];
    const name = names.find((each) => this.#live.tables.get(each)?.has(key)) ?? names[0];
    const isSure = name !== undefined && (names.length === 1 || this.#live.tables.get(name)?.has(key));
    if (isSure) return name;
    throw badRequest(`No file has the key "${key}"; say which one it is for: ${names.join(', ')}.`);
  }
}

/** The parts of a body that is an object, and no others. */
function partsOf(body: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null)
    throw badRequest(`The body has the parts ${names.join(', ')}.`);
  const unknown = Object.keys(body).find((name) => !names.includes(name));
  if (unknown !== undefined) throw badRequest(`There is no part "${unknown}"; there is ${names.join(', ')}.`);
  return body as Readonly<Record<string, unknown>>;
}

/** Without the port, which is another for each connection. */
function hostOf({ remote }: Context): string {
  return limitedHost((remote ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'));
}

function requireText(value: unknown, part: string): asserts value is string {
  if (typeof value !== 'string') throw badRequest(`The part "${part}" is text.`);
}

function badRequest(text: string): StatusError {
  return new StatusError(400, text, { code: 'bad_request' });
}
