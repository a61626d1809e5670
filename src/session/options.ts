/** Options of sessions: units, defaults and ranges, checked once at the door. */

import { type Logger, SILENT } from '../app/message.ts';
import { assertNumber } from '../bytes/assert.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import type { Identity } from '../keys/identity.ts';
import { IdentityRing } from '../keys/identity-ring.ts';
import type { KeyLike } from '../keys/key-like.ts';
import { PublicKey } from '../keys/public-key.ts';
import type { ChannelOptions } from './channel.ts';
import type { ConversationLimits } from './conversation.ts';
import { type ClientCredentials, pskOf, type ServerCredentials } from './handshake.ts';

/** When a session gets fresh keys by itself. */
export interface RekeyAfter {
  /** Messages of one end, 16 at the least. Default 2^20. */
  readonly messages?: number;
  /** ms, 10 at the least. Default 900 000. */
  readonly time?: number;
}

interface CommonOptions {
  /** What both ends share: 32 random bytes, or a passphrase of 12 bytes and more, which costs each end a moment. */
  readonly secret?: Bytes | string;
  /** When it gets fresh keys by itself. */
  readonly rekeyAfter?: RekeyAfter;
  /** Without a word for so long the other end is asked for one, and given up after as long again, ms. Default 20 000. */
  readonly quiet?: number;
  /** Of one question, answer or value, bytes. Default 1 MiB. */
  readonly maxMessage?: number;
  /** Questions and pushes of the other end that are handled at a time; more of them wait. Default 256. */
  readonly maxStreams?: number;
  /**
   * Of what the other end has not confirmed, bytes; above it pushes are skipped, and answers and streams wait. As much of
   * what it asks and tells may wait to be handled; beyond, questions are refused and pushes are lost. Default 1 MiB.
   */
  readonly maxOutbox?: number;
  /** Default silent. */
  readonly log?: Logger;
}

/** What befalls a client that takes too slowly what it is sent; see {@link SessionServerOptions.slow}. */
export type SlowPolicy = 'skip' | 'cut';

/** A server of sessions needs a `secret`, an `identity`, or both. */
export interface SessionServerOptions extends CommonOptions {
  /** Where to listen: `ws://0.0.0.0:7880`. The path is `/session` where none is given. */
  readonly listen: string | readonly string[];
  /**
   * The server's own key: clients that know it need no secret. An {@link IdentityRing} for one that is to be changed while
   * it runs, or overlaps with its old one.
   */
  readonly identity?: Identity | IdentityRing;
  /**
   * Who may come: called with the key that the client has proved, null for one without. Default: everybody who knows the
   * secret or the key.
   */
  readonly allow?: (key: PublicKey | null) => boolean;
  /** How long a session waits for its client to come back, ms. Default 60 000; 0 ends it with its connection. */
  readonly resumeWithin?: number;
  /** A session in which nothing is asked, answered or told for so long is ended for good, ms. Default never. */
  readonly idleTimeout?: number;
  /**
   * What befalls a client that takes too slowly what it is sent: pushes are skipped, and it is told how many (`skip`, the
   * default), or its session ends and it begins a new one (`cut`).
   */
  readonly slow?: SlowPolicy;
  /** Sessions at a time, those that wait among them. Default 10 000. */
  readonly maxSessions?: number;
  /** Connections from one host; sessions of one key, or of one host without one. Default 256. */
  readonly maxConnectionsPerHost?: number;
  /** For a handshake, ms. Default 10 000. */
  readonly handshakeTimeout?: number;
}

/** A client of sessions has either a `secret` or a `serverKey`. */
export interface SessionClientOptions extends CommonOptions {
  /** The server's public key, where there is no secret. */
  readonly serverKey?: KeyLike;
  /** Proves who this is; needs `serverKey`. Default: anonymous. */
  readonly identity?: Identity;
  /** For an answer, and for a connection, ms. Default 30 000. */
  readonly timeout?: number;
  /** Before the first try to connect again, ms; doubled before each one after, up to a second. Default 250. */
  readonly reconnectAfter?: number;
}

interface ResolvedCommon extends ConversationLimits, ChannelOptions {
  readonly log: Logger;
}

export interface ResolvedServer extends ResolvedCommon {
  readonly listen: readonly string[];
  readonly credentials: ServerCredentials;
  readonly allow: (key: PublicKey | null) => boolean;
  readonly resumeWithin: number;
  /** Null: never. */
  readonly idleTimeout: number | null;
  readonly slow: SlowPolicy;
  readonly maxSessions: number;
  readonly maxConnectionsPerHost: number;
  readonly handshakeTimeout: number;
}

export interface ResolvedClient extends ResolvedCommon {
  readonly credentials: ClientCredentials;
  readonly timeout: number;
  readonly reconnectAfter: number;
}

const MAX_TIME = 2 ** 31 - 1;
/** A rekey takes a few itself. */
const LEAST_MESSAGES = 16;

/** @throws SottoError `invalid_option`. */
export async function resolveServer(options: SessionServerOptions): Promise<ResolvedServer> {
  const { listen, secret, identity = null, allow = () => true } = options;
  const { resumeWithin = 60_000, maxSessions = 10_000, maxConnectionsPerHost = 256 } = options;
  const { handshakeTimeout = 10_000, idleTimeout = null, slow = 'skip' } = options;
  const urls = typeof listen === 'string' ? [listen] : listen;
  if (urls.length === 0) throw new SottoError('invalid_option', 'listen is empty; name one URL or more.');
  if (secret === undefined && !identity) {
    const text = 'Give a secret, which clients must know, or an identity, whose public key they must know.';
    throw new SottoError('invalid_option', text);
  }
  assertNumber(resumeWithin, 'resumeWithin', 0, MAX_TIME);
  if (idleTimeout !== null) assertNumber(idleTimeout, 'idleTimeout', 1, MAX_TIME);
  if (slow !== 'skip' && slow !== 'cut')
    throw new SottoError('invalid_option', 'slow is either skip or cut.');
  assertNumber(maxSessions, 'maxSessions', 1);
  assertNumber(maxConnectionsPerHost, 'maxConnectionsPerHost', 1);
  assertNumber(handshakeTimeout, 'handshakeTimeout', 1, MAX_TIME);
  const psk = secret === undefined ? null : await pskOf(secret);
  return {
    ...resolveCommon(options),
    ...{ listen: urls, credentials: { psk, identities: identity && IdentityRing.of(identity) }, allow },
    ...{ resumeWithin, idleTimeout, slow, maxSessions, maxConnectionsPerHost, handshakeTimeout },
  };
}

/** @throws SottoError `invalid_option`, `invalid_key`. */
export async function resolveClient(options: SessionClientOptions): Promise<ResolvedClient> {
  const { timeout = 30_000, reconnectAfter = 250 } = options;
  assertNumber(timeout, 'timeout', 1, MAX_TIME);
  assertNumber(reconnectAfter, 'reconnectAfter', 1, MAX_TIME);
  return { ...resolveCommon(options), credentials: await credentialsOf(options), timeout, reconnectAfter };
}

async function credentialsOf(options: SessionClientOptions): Promise<ClientCredentials> {
  const { secret, serverKey, identity = null } = options;
  if ((secret === undefined) === (serverKey === undefined)) {
    throw new SottoError('invalid_option', 'Give either a secret or a serverKey.');
  }
  if (serverKey !== undefined) return { serverKey: PublicKey.from(serverKey), identity };
  if (identity) {
    throw new SottoError(
      'invalid_option',
      'identity is proved to a known server alone; give serverKey, and no secret.',
    );
  }
  return { psk: await pskOf(secret ?? '') };
}

function resolveCommon(options: CommonOptions): ResolvedCommon {
  const { rekeyAfter = {}, quiet = 20_000, maxMessage = 1024 * 1024, maxStreams = 256 } = options;
  const { maxOutbox = 1024 * 1024, log = SILENT } = options;
  const { messages = 2 ** 20, time = 900_000 } = rekeyAfter;
  assertNumber(messages, 'rekeyAfter.messages', LEAST_MESSAGES, 2 ** 31);
  assertNumber(time, 'rekeyAfter.time', 10, MAX_TIME);
  assertNumber(quiet, 'quiet', 10, MAX_TIME);
  assertNumber(maxMessage, 'maxMessage', 1, 2 ** 30);
  assertNumber(maxStreams, 'maxStreams', 1);
  assertNumber(maxOutbox, 'maxOutbox', 0);
  return { rekeyAfter: { messages, time }, quiet, maxMessage, maxStreams, maxOutbox, log };
}
