/**
 * What reaches an app and what leaves it, whatever the road: the two shapes every job's adapter turns its wire into.
 */

import type { StatusError } from '../errors.ts';

/** Who sent a message, as proven by cryptography; keys' `PublicKey` is one. */
export interface Sender {
  /** 32 bytes. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the key, as hex: the sender's stable name. */
  readonly fingerprint: string;
  toString(): string;
}

/** The session that a message came by, where it did: the way back to whoever sent it, at any time. */
export interface SessionHandle {
  readonly id: string;
  /** @returns false where the other end takes too slowly what it is sent: then it is told how many were skipped. */
  push(route: string, body?: unknown): boolean;
  request(route: string, body?: unknown, options?: { readonly timeout?: number }): Promise<unknown>;
  /** Whoever is in a room gets what is pushed to it. */
  join(room: string): void;
  leave(room: string): void;
}

/** What stands behind {@link InboundMessage.sender}. */
export type Proof = 'packet' | 'session' | 'peer' | 'token' | 'none';

/** The job a message came by. */
export type Protocol = 'request' | 'session' | 'pubsub' | 'peers' | 'lookup' | 'local';

/** How a body is written on the wire: text, JSON, CBOR, bytes, pickle (lookup only). */
export type RepresentationLetter = 't' | 'j' | 'c' | 'b' | 'p';

/** A message for {@link App.dispatch}. Only the route is needed; the rest has the defaults named here. */
export interface InboundMessage {
  /** Starts with `/`; percent signs are not decoded. */
  readonly route: string;
  /** The decoded body; may be a getter that throws where the bytes do not decode. Default undefined. */
  readonly body?: unknown;
  /** The body as it came. Default no bytes. */
  readonly bytes?: Uint8Array;
  /** Default `b` for a message without one. */
  readonly representation?: RepresentationLetter;
  /** Only ever from proof. Default null. */
  readonly sender?: Sender | null;
  /** Default `none`. */
  readonly proof?: Proof;
  /** Nobody but the two ends, or the members of a group, could read it on its way. Default false. */
  readonly isSealed?: boolean;
  /** Default `local`. */
  readonly protocol?: Protocol;
  /** `udp`, `tcp`, `http`, `ws` … Default `memory`. */
  readonly transport?: string;
  /** The other end's address as text, where there is one. Default null. */
  readonly remote?: string | null;
  /** Aborted when the caller is gone. Default never. */
  readonly signal?: AbortSignal;
  /** Default null. */
  readonly session?: SessionHandle | null;
}

/** What an app answers. `status` 0 is an answer; anything else an HTTP status number with a text as its value. */
export interface Reply {
  /** 0: all is well, or an HTTP status number. */
  status: number;
  /** What the asker gets. */
  value: unknown;
  /** How the value should be written; `auto` lets the value decide. */
  representation: RepresentationLetter | 'auto';
  /**
   * Whether the value, or each of many, is sent compressed, where it gets shorter by it and the other end can read that.
   * Sessions alone heed it; all other jobs ignore it. Default false: how long a compressed answer is tells something of
   * what is in it, and where a secret stands beside text that the asker chose, in the end the secret (CRIME, BREACH).
   * An answer handled once that is told again, because it was asked for again, goes uncompressed.
   */
  compress?: boolean;
}

export const OK = 0;

/** Whether a value is told one by one, where the road has streams. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** A reply that says what went wrong. */
export function errorReply(error: StatusError): Reply {
  return { status: error.status, value: error.message, representation: 't' };
}

/** A handler's road to a log; the same calls as pino's, so that a pino logger is one. */
export interface Logger {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };
