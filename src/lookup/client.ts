import { SottoError } from '../errors.ts';
import type { Identity } from '../keys/identity.ts';
import type { KeyLike } from '../keys/key-like.ts';
import { type AskingOptions, LIMITS, ROOM_FOR_ANSWERS, resolveAsking } from '../sealed/options.ts';
import { type RequestOptions, SealedClient } from '../sealed/sealed-client.ts';
import { type Backoff, backoffDelay, delay } from '../transport/backoff.ts';
import { formatUrl } from '../transport/url.ts';
import type { LookupRepresentation } from '../wire/simple-client-server.ts';
import type { LookupQuery } from './built-in-query.ts';
import type { LegacyClientKeys } from './legacy/keys.ts';
import { assertPort, PLACE } from './options.ts';
import { packetRoom, SEALED_ROADS } from './sealed-roads.ts';
import { askUnsealed } from './unsealed-client.ts';
import type { WatchedRow, WatchOptions } from './watches.ts';
import type { RowUpdate } from './write/change.ts';

/** Where a server is. */
export interface LookupPlace {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 9999. */
  readonly port?: number;
  /** Ask over TCP at once. Default false: UDP, and TCP for what does not fit a datagram. */
  readonly tcp?: boolean;
}

/** Where the server is, and who asks. */
export interface LookupClientOptions
  extends LookupPlace,
    Omit<AskingOptions, 'payload' | 'cipherSuite' | 'maxDatagram'> {}

/** Of one question that needs no client. */
export interface LookupRequestOptions
  extends LookupPlace,
    Pick<AskingOptions, 'timeout' | 'retries' | 'retryAfter' | 'onNewerKey'> {
  /** Default `sealed`; the others are for simple_client_server's own servers. */
  readonly scheme?: 'sealed' | 'plain' | 'legacy-rsa';
  /** The server's public key, for `sealed`. */
  readonly serverKey?: KeyLike;
  /** Proves who asks, for `sealed`. Default: anonymous. */
  readonly identity?: Identity;
  /** For `legacy-rsa`. */
  readonly legacyKeys?: LegacyClientKeys;
  /** Default `a`: text as it is, what JSON keeps whole as JSON, else pickle (`sealed`: CBOR or bytes). */
  readonly representation?: LookupRepresentation | 'a';
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
}

/** A datagram that every path carries, bytes. */
const MAX_DATAGRAM = 1232;
/** How long a server may wait before it answers a watch, ms, and how much later its answer may come. */
const WATCH_WAIT = 20_000;
const WATCH_GRACE = 5000;
/** Between two tries of a watch whose server is away. */
const WATCH_RETRY: Backoff = { first: 250, tries: Number.POSITIVE_INFINITY };
/** What a watch outlasts. */
const PASSING: ReadonlySet<string> = new Set(['timeout', 'unreachable', 'refused', 'unavailable']);

/**
 * Asks one lookup server, sealed; any number of queries in flight.
 *
 * @example
 * ```ts
 * import { LookupClient } from 'sotto/lookup';
 * const serverKey = process.argv[2] ?? '';
 * await using client = LookupClient.connect({ serverKey });
 * console.log(await client.query('drill'));
 * console.log(await client.query({ find: 'dr', match: 'prefix', as: 'keys' }));
 * ```
 */
export class LookupClient extends SealedClient {
  readonly #options: LookupClientOptions;
  #watching: LookupClient | null = null;

  /**
   * Makes a client; nothing is sent before the first query.
   *
   * @throws SottoError `invalid_option`, `invalid_key`, `invalid_url`, `low_order_point`.
   */
  static connect(options: LookupClientOptions): LookupClient {
    return new LookupClient(options);
  }

  private constructor(options: LookupClientOptions) {
    const resolved = resolveAsking({
      pad: options.tcp ? 0 : ROOM_FOR_ANSWERS,
      ...options,
      maxDatagram: packetRoom(MAX_DATAGRAM),
    });
    super([urlOf(options)], resolved, SEALED_ROADS);
    this.#options = options;
  }

  /**
   * Asks, and waits for the answer.
   *
   * @param query what the server's query function takes; text or a {@link LookupQuery} where it has none.
   * @throws StatusError and SottoError as {@link SealedClient.request} does.
   */
  query(query: LookupQuery | string | unknown, options: Omit<RequestOptions, 'once'> = {}): Promise<unknown> {
    return this.request('/lookup', query, options);
  }

  /**
   * Writes one row, once, however often the request has to be sent; needs an identity that may.
   *
   * @param options.file the base name; default the file that has the key, or the only one.
   * @param options.tag the row as it was seen: refused where it is another by now.
   * @returns the row as it is then; null where it was removed.
   * @throws StatusError 400, 403, 412 `conflict`, 503; SottoError as {@link SealedClient.request} does.
   */
  set(
    key: string,
    update: RowUpdate,
    options: { readonly file?: string; readonly tag?: string; readonly timeout?: number } = {},
  ): Promise<unknown> {
    const { timeout, ...place } = options;
    const body = { key, update, ...place };
    return this.request('/lookup/set', body, { once: true, ...(timeout === undefined ? {} : { timeout }) });
  }

  /**
   * Each state of a row, the present one first; of several within a moment the last. It outlasts a server that is away
   * for a while, and ends when `signal` aborts.
   *
   * @throws SottoError and StatusError where not even the first state can be had, or the server refuses.
   */
  async *watch(key: string, options: WatchOptions = {}): AsyncGenerator<WatchedRow, void, void> {
    const { file, signal } = options;
    let { since } = options;
    let failures = 0;
    let hasBegun = false;
    while (!signal?.aborted) {
      try {
        const body = { key, wait: WATCH_WAIT, ...(file === undefined ? {} : { file }) };
        const row = await this.#nextState(since === undefined ? body : { ...body, since }, signal);
        hasBegun = true;
        failures = 0;
        if (row.tag === since) continue;
        since = row.tag;
        yield row;
      } catch (error) {
        if (signal?.aborted) return;
        if (!hasBegun || !(error instanceof SottoError) || !PASSING.has(error.code)) throw error;
        await delay(backoffDelay(WATCH_RETRY, failures));
        failures += 1;
      }
    }
  }

  /** How the server's files are. */
  status(options: Omit<RequestOptions, 'once'> = {}): Promise<unknown> {
    return this.request('/lookup/status', undefined, options);
  }

  override async close(): Promise<void> {
    await this.#watching?.close();
    await super.close();
  }

  async #nextState(body: object, signal: AbortSignal | undefined): Promise<WatchedRow> {
    const options = { timeout: WATCH_WAIT + WATCH_GRACE, ...(signal === undefined ? {} : { signal }) };
    return (await this.#watcher().request('/lookup/watch', body, options)) as WatchedRow;
  }

  /** Asks over TCP, where an answer that comes late cannot get lost. */
  #watcher(): LookupClient {
    if (this.#options.tcp) return this;
    this.#watching ??= LookupClient.connect({ ...this.#options, tcp: true, pad: 0 });
    return this.#watching;
  }
}

/**
 * Asks once: sealed by default, or as simple_client_server's own client does.
 *
 * @throws SottoError `invalid_option`, `invalid_key`, `invalid_body`, `timeout`, `unreachable`, `refused`,
 * `decrypt_failed`, `reply_too_large`, `aborted`; StatusError where a sealed server answered with a status.
 *
 * @example
 * ```ts
 * import { lookup } from 'sotto/lookup';
 * const serverKey = process.argv[2] ?? '';
 * console.log(await lookup('drill', { serverKey }));
 * console.log(await lookup('spinach', { port: 9998, scheme: 'plain' }));
 * ```
 */
export async function lookup(query: unknown, options: LookupRequestOptions): Promise<unknown> {
  const { scheme = 'sealed', representation = 'a', legacyKeys } = options;
  if (scheme === 'sealed') return askSealed(query, options);
  const { timeout = 5000, retries = 3, retryAfter = 250, signal } = options;
  return askUnsealed(query, {
    urls: { udp: options.tcp ? null : urlOf(options), tcp: urlOf({ ...options, tcp: true }) },
    scheme,
    legacyKeys,
    representation,
    timeout,
    backoff: { first: retryAfter, tries: retries + 1 },
    maxReply: LIMITS.maxPacket,
    signal,
  });
}

async function askSealed(query: unknown, options: LookupRequestOptions): Promise<unknown> {
  const { serverKey, representation = 'a', signal } = options;
  if (serverKey === undefined) {
    const text =
      'serverKey is missing: the server prints it when it starts. A simple_client_server of old needs scheme "plain".';
    throw new SottoError('invalid_option', text);
  }
  if (representation === 'p') {
    throw new SottoError(
      'invalid_option',
      'Pickle is for the schemes plain and legacy-rsa; leave it to "a".',
    );
  }
  await using client = LookupClient.connect({ ...options, serverKey });
  return await client.query(query, {
    representation: representation === 'a' ? 'auto' : representation,
    ...(signal === undefined ? {} : { signal }),
  });
}

function urlOf({ host = PLACE.host, port = PLACE.port, tcp = false }: LookupPlace): string {
  return formatUrl({ scheme: tcp ? 'tcp' : 'udp', host, port: assertPort(port), path: '/pssst' });
}
