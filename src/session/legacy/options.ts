/** Options of both ends: units, defaults and ranges, checked once at the door. */

import { type Logger, SILENT } from '../../app/message.ts';
import { assertNumber } from '../../bytes/assert.ts';
import { SottoError } from '../../errors.ts';
import { ORIGINAL_KEY, ORIGINAL_PORT, type SickservPayload } from '../../wire/sickserv.ts';
import { requireKey } from './keys.ts';
import type { PayloadOptions } from './payload.ts';
import type { LegacyOptions } from './warning.ts';

/** What both ends are told. */
export interface SickservOptions extends PayloadOptions, LegacyOptions {
  /** The key of everybody who has not changed it. Default `sickservsickserv`, as the original's. */
  readonly initKey?: string;
}

/** What a stranger meets; bytes, counts and ms. */
export interface SickservLimits {
  /** Open connections. Default 1024. */
  readonly maxConnections: number;
  /** Open connections from one host. Default 64. */
  readonly maxConnectionsPerHost: number;
  /** Requests over HTTP that are being answered; above it they get 503. Default 1024. */
  readonly maxInFlight: number;
  /** A request must have come after this. Default 10 000. */
  readonly requestTimeout: number;
  /** A connection of HTTP without a request is closed after this. Default 60 000. */
  readonly idleTimeout: number;
  /** What a slow reader of a WebSocket may leave unread before it is closed. Default 4 MiB. */
  readonly maxUnread: number;
  /** Clients with keys of their own; above it no more may rekey. Default 10 000. */
  readonly maxKeys: number;
  /** A client that is not heard for so long has the first key again. Default 24 hours. */
  readonly keyTtl: number;
}

/** Where to listen, and what both ends must agree upon. */
export interface SickservServerOptions extends SickservOptions {
  /** Default 1337; 0 takes a free one. */
  readonly port?: number;
  /** Default 127.0.0.1. The original listens on 0.0.0.0. */
  readonly host?: string;
  /**
   * Origins of pages that may ask, such as `https://app.example.com`, or `all`. Default none, since the first key of many
   * servers is known to everybody. Who calls itself a page of this very server is let in: the original's client does.
   */
  readonly origins?: readonly string[] | 'all';
  readonly limits?: Partial<SickservLimits>;
}

/** Where the server is, and what both ends must agree upon. */
export interface SickservClientOptions extends SickservOptions {
  /** Where the server listens: `http://host:1337`, or `https://`, `ws://`, `wss://`; either client takes all four. */
  readonly url: string;
  /**
   * Who the server takes this client for, in clear: each has a key of its own. Default: 12 random hex digits. The
   * original sends the MAC address of its machine, so that two of its programs lock each other out when one rekeys.
   */
  readonly sysid?: string;
  /** Until a connection or an answer must be there, ms. Default 10 000. */
  readonly timeout?: number;
}

const LIMITS: SickservLimits = {
  maxConnections: 1024,
  maxConnectionsPerHost: 64,
  maxInFlight: 1024,
  requestTimeout: 10_000,
  idleTimeout: 60_000,
  maxUnread: 4 * 1024 * 1024,
  maxKeys: 10_000,
  keyTtl: 24 * 60 * 60 * 1000,
};

const HOST = '127.0.0.1';
const TIMEOUT = 10_000;
const MAX_TIMEOUT = 2 ** 31 - 1;

export interface ResolvedServerOptions {
  readonly initKey: string;
  readonly port: number;
  readonly host: string;
  readonly limits: SickservLimits;
  readonly acceptsOrigin: (origin: string, host: string) => boolean;
  readonly log: Logger;
}

/** @throws SottoError `invalid_option`, `invalid_key`. */
export function resolveServerOptions(options: SickservServerOptions): ResolvedServerOptions {
  const { initKey = ORIGINAL_KEY, port = ORIGINAL_PORT, host = HOST, origins = [], log = SILENT } = options;
  assertNumber(port, 'port', 0, 0xffff);
  const limits = { ...LIMITS, ...options.limits };
  for (const [name, value] of Object.entries(limits)) assertNumber(value, `limits.${name}`, 1);
  const acceptsOrigin = (origin: string, host: string): boolean =>
    origins === 'all' || origins.includes(origin) || isOwn(origin, host);
  return { initKey: requireKey(initKey), port, host, limits, acceptsOrigin, log };
}

function isOwn(origin: string, host: string): boolean {
  const own = URL.parse(origin)?.host;
  return own !== undefined && own === URL.parse(`http://${host}`)?.host;
}

export interface ResolvedClientOptions {
  readonly initKey: string;
  readonly url: URL;
  readonly timeout: number;
  readonly log: Logger;
}

/** @throws SottoError `invalid_option`, `invalid_key`, `invalid_url`. */
export function resolveClientOptions(options: SickservClientOptions): ResolvedClientOptions {
  const { initKey = ORIGINAL_KEY, timeout = TIMEOUT, log = SILENT } = options;
  assertNumber(timeout, 'timeout', 1, MAX_TIMEOUT);
  return { initKey: requireKey(initKey), url: urlOf(options.url), timeout, log };
}

function urlOf(text: string): URL {
  const url = URL.parse(text);
  if (url && /^(?:http|ws)s?:$/.test(url.protocol) && url.search === '' && url.hash === '') return url;
  throw new SottoError('invalid_url', `"${text}" is no URL such as http://host:1337.`);
}

/**
 * What is sent, and where to.
 *
 * @throws SottoError `invalid_argument` for what has no endpoint.
 */
export function splitEndpoint(payload: unknown): { endpoint: string; rest: object } {
  if (payload instanceof Map) {
    const { endpoint } = splitEndpoint({ endpoint: payload.get('endpoint') });
    return { endpoint, rest: new Map([...payload].filter(([name]) => name !== 'endpoint')) };
  }
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    throw new SottoError('invalid_argument', 'A payload of sickserv is an object: names, and text or bytes.');
  }
  const { endpoint, ...rest } = payload as SickservPayload;
  return { endpoint: requireEndpoint(endpoint), rest };
}

/** @throws SottoError `invalid_argument`. */
export function requireEndpoint(endpoint: unknown): string {
  if (typeof endpoint === 'string' && endpoint !== '') return endpoint;
  throw new SottoError(
    'invalid_argument',
    'A payload of sickserv needs the name of an endpoint in "endpoint".',
  );
}
