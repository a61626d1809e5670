/** Options of the publish-and-subscribe job: units, defaults and ranges, checked once at the door. */

import { sockets } from '#sockets';
import { type Logger, SILENT } from '../app/message.ts';
import { assertNumber } from '../bytes/assert.ts';
import { SottoError } from '../errors.ts';
import type { AddressLimits } from '../platform/types.ts';
import { parseUrl, type RoadUrl } from '../transport/url.ts';
import { type AuthConfig, noneAuth } from './authorization/authorization.ts';
import type { CompressionOptions } from './broadcaster/compression.ts';
import { DeadUrls, type DeadUrlsOptions } from './delivery/dead-urls.ts';
import { assertRetry, RETRY_DEFAULTS, type RetryOptions } from './delivery/retry.ts';
import { StandardWebhooks, type StandardWebhooksOptions } from './delivery/standard-webhooks.ts';
import type { DeliveryLog } from './operations/delivery-log.ts';
import type { OperationsAccess } from './operations/health.ts';
import { SqliteSubscriptionStore } from './stores/sqlite.ts';
import type { SubscriptionStore } from './stores/store.ts';
import { PATTERN_LIMITS } from './topics/pattern-limits.ts';

/** What strangers, and slow subscribers, meet. */
export interface BroadcasterLimits {
  /** Bytes of one message. Default 16 GiB. */
  readonly maxMessage: number;
  /** Longer messages go to disk while they are delivered, bytes. Default 10 MiB. */
  readonly spoolSize: number;
  /** Subscriptions of one url. Default 100 000. */
  readonly maxSubscriptionsPerUrl: number;
  /** The longest glob, bytes; how many stars and sets one may have is fixed. Default 1024. */
  readonly maxGlob: number;
  /** All topics and globs of one url, or of one WebSocket, bytes. Default 4 MiB. */
  readonly maxPatternBytesPerUrl: number;
  /** Deliveries at one time, in all. Default 256. */
  readonly maxDeliveries: number;
  /** Deliveries at one time to one url. Default 8; 1 keeps them in their order. */
  readonly maxDeliveriesPerUrl: number;
  /** Deliveries at one time to one host. Default 64. */
  readonly maxDeliveriesPerHost: number;
  /** Deliveries that wait for one url; more have missed theirs, and are told so. Default 1000. */
  readonly maxWaitingPerUrl: number;
  /** One delivery's time while nothing of it moves, ms. Default 30 000. */
  readonly deliveryTimeout: number;
  /** Open connections, in all. Default 1024. */
  readonly maxConnections: number;
  /** Open connections from one host. Default 256. */
  readonly maxConnectionsPerHost: number;
  /** A connection on which nothing moves is closed after this, ms. Default 60 000. */
  readonly idleTimeout: number;
}

/** None is needed on this machine; elsewhere `auth` is. */
export interface BroadcasterOptions {
  /** Another try of a delivery that failed, before it counts as missed. Default three tries within a second or so. */
  readonly retry?: Partial<RetryOptions>;
  /** When a url that is gone loses its subscriptions (410, or nobody there for days). Default never. */
  readonly removeDead?: DeadUrlsOptions;
  /** Urls that are spoken to as Standard Webhooks has it, so that its receivers take deliveries. Default none. */
  readonly standardWebhooks?: StandardWebhooksOptions;
  /** `public` posts to no private or local address, whatever a name leads to. Default `any`. */
  readonly addresses?: 'any' | 'public';
  /** Networks that `public` lets through all the same: `10.1.0.0/16`. Default none. */
  readonly allow?: readonly string[];
  /**
   * Asks a url whether it wants to be subscribed, the first time it is. `true` takes an answer of lonelyps for a yes too,
   * which an original subscriber gives; `strict` only the echoed challenge of WebSub. Default false.
   */
  readonly verifyIntent?: boolean | 'strict';
  /** What WebSockets may compress with, where their subscribers want it; false for nothing. Default zstd, with training. */
  readonly compression?: CompressionOptions | false;
  /** Keeps a log of deliveries, which `sotto deliveries` reads: `sqlite:FILE`, or one of one's own. Default none. */
  readonly deliveryLog?: `sqlite:${string}` | DeliveryLog;
  /** Who is answered at /healthz, /readyz and /metrics. Default `local`: metrics to this machine, health to all. */
  readonly operations?: OperationsAccess;
  /** Where to listen: `http://HOST:PORT`; port 0 takes a free one. Default nowhere: a server of one's own has it mounted. */
  readonly listen?: string;
  /** `sqlite:FILE`, or a store of one's own. Default `sqlite:subscriptions.db`. */
  readonly store?: `sqlite:${string}` | SubscriptionStore;
  /** Who may do what. Default: on this machine alone nothing is asked; anywhere else it must be said. */
  readonly auth?: AuthConfig;
  /**
   * Origins of pages that may ask, such as `https://app.example.com`, or `all`. Default all where `auth` is given, else
   * none: any page that is looked at on this machine could publish and subscribe.
   */
  readonly origins?: readonly string[] | 'all';
  readonly limits?: Partial<BroadcasterLimits>;
  /** How long `close` goes on as before while /readyz says that it is going, ms: for load balancers. Default 0. */
  readonly drainTime?: number;
  /** Between two looks for what was missed, ms. Default 10 000. */
  readonly sweepInterval?: number;
  /** Default silent. */
  readonly log?: Logger;
  /** A clock in ms since 1970, for tests. Default `Date.now`. */
  readonly now?: () => number;
}

const MEBIBYTE = 1024 * 1024;

/** Unless told otherwise. */
export const LIMITS: BroadcasterLimits = {
  maxMessage: 16 * 1024 * MEBIBYTE,
  spoolSize: 10 * MEBIBYTE,
  maxSubscriptionsPerUrl: 100_000,
  ...PATTERN_LIMITS,
  maxDeliveries: 256,
  maxDeliveriesPerUrl: 8,
  maxDeliveriesPerHost: 64,
  maxWaitingPerUrl: 1000,
  deliveryTimeout: 30_000,
  maxConnections: 1024,
  maxConnectionsPerHost: 256,
  idleTimeout: 60_000,
};

export interface ResolvedBroadcasterOptions {
  readonly listen: RoadUrl | null;
  readonly store: SubscriptionStore;
  readonly auth: AuthConfig;
  /** Of a page; null of none. */
  readonly isAllowedOrigin: (origin: string | null) => boolean;
  readonly limits: BroadcasterLimits;
  readonly retry: RetryOptions;
  readonly dead: DeadUrls | null;
  readonly standardWebhooks: StandardWebhooks | null;
  readonly addresses: AddressLimits;
  readonly verifyIntent: boolean | 'strict';
  readonly compression: CompressionOptions | false;
  readonly deliveryLog: `sqlite:${string}` | DeliveryLog | null;
  readonly operations: OperationsAccess;
  readonly drainTime: number;
  readonly sweepInterval: number;
  readonly log: Logger;
  readonly now: () => number;
}

/** @throws SottoError `invalid_option`, `invalid_url`. */
export function resolveBroadcaster(options: BroadcasterOptions): ResolvedBroadcasterOptions {
  const listen = options.listen === undefined ? null : parseUrl(options.listen);
  if (listen && listen.scheme !== 'http') {
    throw new SottoError(
      'invalid_url',
      `A broadcaster listens at http://, behind a proxy for https://; not at ${options.listen}.`,
    );
  }
  const limits = { ...LIMITS, ...options.limits };
  for (const [name, value] of Object.entries(limits)) assertNumber(value, `limits.${name}`, 0);
  for (const name of [
    'maxWaitingPerUrl',
    'maxDeliveries',
    'maxDeliveriesPerUrl',
    'maxDeliveriesPerHost',
  ] as const)
    assertNumber(limits[name], `limits.${name}`, 1);
  const { sweepInterval = 10_000, log = SILENT, now = Date.now, verifyIntent = false } = options;
  assertNumber(sweepInterval, 'sweepInterval', 10, 2 ** 31 - 1);
  const retry = { ...RETRY_DEFAULTS, ...options.retry };
  assertRetry(retry);
  const { removeDead, standardWebhooks, compression = {}, deliveryLog = null, drainTime = 0 } = options;
  assertNumber(drainTime, 'drainTime', 0, 2 ** 31 - 1);
  assertPresets(compression);
  return {
    listen,
    auth: authOf(options, listen),
    isAllowedOrigin: originCheck(options),
    limits,
    retry,
    dead: removeDead ? new DeadUrls({ now, ...removeDead }) : null,
    standardWebhooks: standardWebhooks ? new StandardWebhooks({ now, ...standardWebhooks }) : null,
    addresses: addressesOf(options),
    verifyIntent,
    compression,
    deliveryLog,
    operations: options.operations ?? 'local',
    drainTime,
    sweepInterval,
    log,
    now,
    store: storeOf(options.store),
  };
}

function originCheck({ auth, origins }: BroadcasterOptions): (origin: string | null) => boolean {
  const allowed = origins ?? (auth === undefined ? [] : 'all');
  return (origin) => origin === null || allowed === 'all' || allowed.includes(origin);
}

function assertPresets(compression: CompressionOptions | false): void {
  const presets = compression === false ? [] : (compression.presets ?? []);
  for (const { id, level = 3 } of presets) {
    assertNumber(id, 'compression.presets.id', 2, 65535);
    assertNumber(level, 'compression.presets.level', 1, 22);
  }
}

function addressesOf({ addresses = 'any', allow = [] }: BroadcasterOptions): AddressLimits {
  sockets.assertNetworks(allow);
  return { addresses, allow };
}

function authOf({ auth }: BroadcasterOptions, listen: RoadUrl | null): AuthConfig {
  if (auth) return auth;
  const host = listen?.host;
  if (host === '127.0.0.1' || host === '::1' || host === 'localhost') return noneAuth();
  const text =
    'auth is missing: whoever reaches this broadcaster could publish and subscribe. Give hmacAuth(…), tokenAuth(…), ' +
    'authFromFile(…), or noneAuth() for a network of your own.';
  throw new SottoError('invalid_option', text);
}

function storeOf(store: BroadcasterOptions['store'] = 'sqlite:subscriptions.db'): SubscriptionStore {
  if (typeof store === 'object') return store;
  if (store.startsWith('sqlite:')) return new SqliteSubscriptionStore(store.slice('sqlite:'.length));
  throw new SottoError('invalid_option', `store is "sqlite:FILE", not "${store}".`);
}
