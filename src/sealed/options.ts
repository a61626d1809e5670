/** Options that every job with sealed packets shares: units, defaults and ranges, checked once at the door. */

import { type Logger, type Protocol, SILENT } from '../app/message.ts';
import { assertNumber } from '../bytes/assert.ts';
import { SottoError } from '../errors.ts';
import type { Identity } from '../keys/identity.ts';
import { IdentityRing } from '../keys/identity-ring.ts';
import type { KeyLike } from '../keys/key-like.ts';
import type { PublicKey } from '../keys/public-key.ts';
import type { ListenLimits } from '../transport/transport.ts';
import { CipherSuite } from '../wire/pssst.ts';
import type { OnNewerKey } from './newer-key.ts';
import type { OnceStore } from './stores/store.ts';

/** Between Sotto programs `routed`; `raw` hands over the plaintext as every PSSST program sends it. */
export type Payload = 'routed' | 'raw';

/** What a stranger meets, before and after a packet opens. */
export interface SealedLimits extends ListenLimits {
  /** Packets a second from one host, before any public-key work. Default 5000. */
  readonly rate: number;
  /** Packets from one host at once. Default 10 000. */
  readonly burst: number;
  /** Requests being handled at one time. Above it streams wait and datagrams are dropped. Default 1024. */
  readonly maxInFlight: number;
  /**
   * How many times larger than its request a reply may be while the asker's address is unproven (UDP). Default 1,
   * so that nobody can aim this server at others.
   */
  readonly replyFactor: number;
}

/** How long and how much a server remembers; see {@link OnceWindowOptions.store}. */
export interface OnceWindowOptions {
  /**
   * `memory` (default), `sqlite:FILE` (known after a restart, shared by processes of one machine), or a store of
   * one's own.
   */
  readonly store?: 'memory' | `sqlite:${string}` | OnceStore;
  /** Requests remembered at one time; above it `once` requests get 503. Default 1 000 000. */
  readonly maxEntries?: number;
  /** Bytes remembered at one time. Default 256 MiB. */
  readonly maxBytes?: number;
}

export interface AnsweringOptions {
  /** The server's key; an {@link IdentityRing} for one that is to be changed while it runs, or overlaps with its old one. */
  readonly identity: Identity | IdentityRing;
  /** Default `routed`. */
  readonly payload?: Payload;
  /**
   * Who may ask: called with the key that the packet proved, null for an anonymous client. What it refuses, or throws
   * at, is answered with status 403. Default: everybody.
   */
  readonly allow?: (key: PublicKey | null) => boolean;
  /** Cipher suites accepted. Default all; with `reusePort` all but suite 1. */
  readonly suites?: readonly CipherSuite[];
  readonly onceWindow?: OnceWindowOptions;
  /** The longest datagram sent or taken, bytes. Default 1232. */
  readonly maxDatagram?: number;
  readonly limits?: Partial<SealedLimits>;
  /**
   * Other processes share the ports. Each remembers for itself, so `once` then needs a shared store, and suite 1 (safe
   * only while every copy of a request meets the same memory) is not accepted. Default false.
   */
  readonly reusePort?: boolean;
  /** Default silent. */
  readonly log?: Logger;
  /** A clock in ms since 1970, for tests. Default `Date.now`. */
  readonly now?: () => number;
}

export interface AskingOptions {
  /** The server's public key; the 1216-byte key makes the packets post-quantum. */
  readonly serverKey: KeyLike;
  /** Proves who asks. Default: anonymous. */
  readonly identity?: Identity;
  /** Default `routed`. */
  readonly payload?: Payload;
  /** Until an answer must be there, ms. Default 5000. */
  readonly timeout?: number;
  /** Sends again this often after the first, by datagram or over a new connection. Default 3. */
  readonly retries?: number;
  /** The wait before the second try, ms; doubling. Default 250. */
  readonly retryAfter?: number;
  /** Where several URLs are given: the wait before the next one joins the race, ms. Default 250. */
  readonly raceAfter?: number;
  /** Default 0x5300, or 0x5301 where `serverKey` is a post-quantum key. */
  readonly cipherSuite?: CipherSuite;
  /** The longest datagram sent, bytes. Default 1232. */
  readonly maxDatagram?: number;
  /** Datagrams are filled up to this size, bytes, which hides lengths and makes room for replies. Default 0. */
  readonly pad?: number;
  /** Told once, before an answer is handed out, that the server has a newer key, and how long it takes the one given here. */
  readonly onNewerKey?: OnNewerKey;
  /** Default silent. */
  readonly log?: Logger;
  /** A clock in ms since 1970, for tests. Default `Date.now`. */
  readonly now?: () => number;
}

/** What datagrams are padded to for the sake of answers: to an unproven address none is longer than its question, bytes. */
export const ROOM_FOR_ANSWERS = 512;

const MEBIBYTE = 1024 * 1024;

/** 1280 bytes, which every IPv6 path carries, less the headers. */
const MAX_DATAGRAM = 1232;

export const LIMITS: SealedLimits = {
  maxPacket: MEBIBYTE + 2048,
  maxDatagram: MAX_DATAGRAM,
  maxConnections: 1024,
  maxConnectionsPerHost: 64,
  maxInFlightPerConnection: 64,
  idleTimeout: 60_000,
  packetTimeout: 10_000,
  rate: 5000,
  burst: 10_000,
  maxInFlight: 1024,
  replyFactor: 1,
};

const ALL_SUITES: readonly CipherSuite[] = Object.values(CipherSuite);

/** The options of the answering side with every default filled in. */
export interface ResolvedAnswering {
  /** The job that the packets come by. */
  readonly protocol: Protocol;
  readonly identities: IdentityRing;
  readonly payload: Payload;
  readonly allow: (key: PublicKey | null) => boolean;
  readonly suites: readonly CipherSuite[];
  readonly onceWindow: OnceWindowOptions;
  readonly limits: SealedLimits;
  readonly reusePort: boolean;
  readonly log: Logger;
  readonly now: () => number;
}

/** @throws SottoError `invalid_option` naming what is out of range or missing. */
export function resolveAnswering(options: AnsweringOptions, protocol: Protocol): ResolvedAnswering {
  return {
    protocol,
    identities: IdentityRing.of(required(options.identity, 'identity', 'Identity.generate() makes one')),
    payload: payloadOf(options.payload),
    allow: options.allow ?? (() => true),
    suites: suitesOf(options),
    onceWindow: onceWindowOf(options),
    limits: resolveLimits(options),
    reusePort: options.reusePort ?? false,
    log: options.log ?? SILENT,
    now: options.now ?? Date.now,
  };
}

/** @throws SottoError `invalid_option` naming the limit that is out of range. */
export function resolveLimits(options: Pick<AnsweringOptions, 'limits' | 'maxDatagram'>): SealedLimits {
  const { maxDatagram = options.limits?.maxDatagram ?? MAX_DATAGRAM } = options;
  const limits = { ...LIMITS, ...options.limits, maxDatagram };
  for (const [name, value] of Object.entries(limits)) {
    const unlimited = name === 'rate' && value === Number.POSITIVE_INFINITY;
    if (!unlimited) assertNumber(value, `limits.${name}`, name === 'replyFactor' ? 0 : 1);
  }
  assertNumber(limits.maxDatagram, 'maxDatagram', 128, 65_507);
  return limits;
}

/** The options of the asking side with every default filled in; undefined where absence means something. */
export interface ResolvedAsking {
  readonly serverKey: KeyLike;
  readonly identity: Identity | undefined;
  readonly payload: Payload;
  readonly timeout: number;
  readonly retries: number;
  readonly retryAfter: number;
  readonly raceAfter: number;
  readonly cipherSuite: CipherSuite | undefined;
  readonly maxDatagram: number;
  readonly pad: number;
  readonly onNewerKey: OnNewerKey | undefined;
  readonly log: Logger;
  readonly now: () => number;
}

/** @throws SottoError `invalid_option` naming what is out of range or missing. */
export function resolveAsking(options: AskingOptions): ResolvedAsking {
  const { timeout = 5000, retries = 3, retryAfter = 250, raceAfter = 250 } = options;
  const { maxDatagram = MAX_DATAGRAM, pad = 0 } = options;
  assertNumber(timeout, 'timeout', 1, 2 ** 31 - 1);
  assertNumber(retries, 'retries', 0, 30);
  assertNumber(retryAfter, 'retryAfter', 1, 60_000);
  assertNumber(raceAfter, 'raceAfter', 0, 60_000);
  assertNumber(maxDatagram, 'maxDatagram', 128, 65_507);
  assertNumber(pad, 'pad', 0, maxDatagram);
  return {
    serverKey: required(
      options.serverKey,
      'serverKey',
      "it is printed by `sotto id FILE` on the server's machine",
    ),
    identity: options.identity,
    payload: payloadOf(options.payload),
    timeout,
    retries,
    retryAfter,
    raceAfter,
    cipherSuite: options.cipherSuite,
    maxDatagram,
    pad,
    onNewerKey: options.onNewerKey,
    log: options.log ?? SILENT,
    now: options.now ?? Date.now,
  };
}

function suitesOf({ suites, reusePort = false }: AnsweringOptions): readonly CipherSuite[] {
  const possible = ALL_SUITES.filter((suite) => !reusePort || suite !== CipherSuite.X25519_AESGCM128);
  const wrong = suites?.find((suite) => !possible.includes(suite));
  if (suites?.length !== 0 && wrong === undefined) return suites ?? possible;
  const why = reusePort ? ' (suite 1 needs one process: reusePort must be off)' : '';
  throw new SottoError(
    'invalid_option',
    `suites takes some of ${possible.join(', ')}${why}; it has ${wrong}.`,
  );
}

function onceWindowOf({ onceWindow = {}, reusePort = false }: AnsweringOptions): OnceWindowOptions {
  const isShared = onceWindow.store !== undefined && onceWindow.store !== 'memory';
  if (!reusePort || isShared) return onceWindow;
  const text =
    'With reusePort, onceWindow.store must be one that all processes share, such as "sqlite:once.db".';
  throw new SottoError('invalid_option', text);
}

function payloadOf(payload: Payload = 'routed'): Payload {
  if (payload === 'routed' || payload === 'raw') return payload;
  throw new SottoError('invalid_option', `payload is "routed" or "raw", not "${String(payload)}".`);
}

function required<T>(value: T | undefined, name: string, hint: string): T {
  if (value !== undefined && value !== null) return value;
  throw new SottoError('invalid_option', `${name} is missing; ${hint}.`);
}
