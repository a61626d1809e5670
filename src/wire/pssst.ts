/**
 * PSSST packets: where each byte lies, for every cipher suite. What is sealed and how is `envelope/pssst.ts`.
 *
 * ```text
 * request   offset   size  field
 *           0        2     flags: 0x8000 reply (clear), 0x4000 client proof inside; the other bits are sent as 0
 *           2        2     cipher suite
 *           4        p     exchange parameter: p = 32, or 1120 in suite 0x5301
 *           4 + p    n     ciphertext
 *           4 + p+n  16    authentication tag
 *
 * reply     0        2     flags: 0x8000 reply (set), 0x4000 as in the request
 *           2        2     cipher suite, as in the request
 *           4        32    exchange parameter, as in the request; its SHA-256 in suite 0x5301
 *           36       r     nonce: r = 12, or 0 in suite 1
 *           36 + r   n     ciphertext
 *           36+r+n   16    authentication tag
 * ```
 *
 * All integers are big-endian. Sources: specs/pssst.md, section 2; specs/native.md, section 7.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';

/** The cipher suites, by the number they have on the wire. */
export const CipherSuite = {
  /** PSSST's own: X25519, SHA-256, AES-128-GCM. */
  X25519_AESGCM128: 1,
  /** Sotto's default: X25519, HKDF-SHA256, AES-256-GCM, a fresh nonce in each reply, no private key sent. */
  X25519_AESGCM256: 0x5300,
  /** Post-quantum hybrid: ML-KEM-768 with X25519 (HPKE KEM 0x647A), HKDF-SHA256, AES-256-GCM. */
  MLKEM768X25519_AESGCM256: 0x5301,
} as const;

export type CipherSuite = (typeof CipherSuite)[keyof typeof CipherSuite];

// Specified: peers rely on these.
export const FLAG_REPLY = 0x8000;
export const FLAG_CLIENT_AUTH = 0x4000;
export const HEADER_SIZE = 4;
export const TAG_SIZE = 16;
export const REPLY_PARAMETER_SIZE = 32;
const SUITE_NONE = 0;

/** Sizes that differ from suite to suite, in bytes. */
export interface SuiteLayout {
  readonly parameterSize: number;
  readonly replyNonceSize: number;
  /** The client's proof, at the front of the plaintext. */
  readonly proofSize: number;
}

const LAYOUTS: ReadonlyMap<number, SuiteLayout> = new Map([
  [CipherSuite.X25519_AESGCM128, { parameterSize: 32, replyNonceSize: 0, proofSize: 64 }],
  [CipherSuite.X25519_AESGCM256, { parameterSize: 32, replyNonceSize: 12, proofSize: 64 }],
  [CipherSuite.MLKEM768X25519_AESGCM256, { parameterSize: 1120, replyNonceSize: 12, proofSize: 64 }],
]);

/** @throws SottoError `unsupported_cipher` for a number that is none of {@link CipherSuite}. */
export function layoutOf(suite: number): SuiteLayout {
  const layout = LAYOUTS.get(suite);
  if (layout) return layout;
  throw new SottoError('unsupported_cipher', `Cipher suite ${suite} is not known.`);
}

/** Bytes that a request has beyond its message. */
export function requestOverhead(suite: CipherSuite, clientAuth: boolean): number {
  const { parameterSize, proofSize } = layoutOf(suite);
  return HEADER_SIZE + parameterSize + (clientAuth ? proofSize : 0) + TAG_SIZE;
}

/** Bytes that a reply has beyond its message. */
export function replyOverhead(suite: CipherSuite): number {
  return HEADER_SIZE + REPLY_PARAMETER_SIZE + layoutOf(suite).replyNonceSize + TAG_SIZE;
}

export interface RequestPacket {
  readonly type: 'request';
  readonly suite: CipherSuite;
  readonly clientAuth: boolean;
  /** The four bytes as received: associated data. */
  readonly header: Bytes;
  readonly exchangeParameter: Bytes;
  /** Ciphertext and tag. */
  readonly sealed: Bytes;
}

interface ReplyPacket {
  readonly type: 'reply';
  readonly suite: CipherSuite;
  readonly clientAuth: boolean;
  readonly header: Bytes;
  /** What tells which request this answers: its exchange parameter, or the SHA-256 of it. */
  readonly exchange: Bytes;
  readonly nonce: Bytes;
  readonly sealed: Bytes;
}

export type Packet = RequestPacket | ReplyPacket;

/** The four bytes at the front of a packet. */
export function encodeHeader(
  suite: CipherSuite,
  reply: boolean,
  clientAuth: boolean,
): Uint8Array<ArrayBuffer> {
  const flags = (reply ? FLAG_REPLY : 0) | (clientAuth ? FLAG_CLIENT_AUTH : 0);
  return Uint8Array.of(flags >> 8, flags & 0xff, suite >> 8, suite & 0xff);
}

/**
 * Takes a packet apart into views; unknown flag bits are kept in `header`.
 *
 * @throws SottoError `packet_too_short`, `unsupported_cipher`.
 */
export function decodePacket(bytes: Bytes): Packet {
  const { flags, suite } = decodeHeader(bytes);
  const layout = layoutOf(suite);
  const known = suite as CipherSuite; // layoutOf accepts no other
  const reply = (flags & FLAG_REPLY) !== 0;
  const parameterEnd = HEADER_SIZE + (reply ? REPLY_PARAMETER_SIZE : layout.parameterSize);
  const bodyStart = parameterEnd + (reply ? layout.replyNonceSize : 0);
  if (bytes.length < bodyStart) throw tooShort(bytes.length, bodyStart);
  const clientAuth = (flags & FLAG_CLIENT_AUTH) !== 0;
  const header = bytes.subarray(0, HEADER_SIZE);
  const parameter = bytes.subarray(HEADER_SIZE, parameterEnd);
  const sealed = bytes.subarray(bodyStart);
  if (!reply)
    return { type: 'request', suite: known, clientAuth, header, exchangeParameter: parameter, sealed };
  const nonce = bytes.subarray(parameterEnd, bodyStart);
  return { type: 'reply', suite: known, clientAuth, header, exchange: parameter, nonce, sealed };
}

/** The packet's bytes; of a decoded packet, the same that were decoded. */
export function encodePacket(packet: Packet): Uint8Array<ArrayBuffer> {
  const parts =
    packet.type === 'request'
      ? [packet.header, packet.exchangeParameter, packet.sealed]
      : [packet.header, packet.exchange, packet.nonce, packet.sealed];
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/**
 * Flags and suite alone, the cheapest look at a packet.
 *
 * @throws SottoError `packet_too_short`.
 */
export function decodeHeader(bytes: Bytes): { flags: number; suite: number } {
  const [a, b, c, d] = bytes;
  if (a === undefined || b === undefined || c === undefined || d === undefined) {
    throw tooShort(bytes.length, HEADER_SIZE);
  }
  return { flags: (a << 8) | b, suite: (c << 8) | d };
}

/** Whether a reply with this header names no suite at all; to PSSST that is a mismatch, not an unknown suite. */
export function namesNoSuite(bytes: Bytes): boolean {
  return decodeHeader(bytes).suite === SUITE_NONE;
}

/** The bytes of a reply that say which request it answers; undefined for anything too short to be one. */
export function exchangeOf(reply: Bytes): Bytes | undefined {
  const end = HEADER_SIZE + REPLY_PARAMETER_SIZE;
  return reply.length < end ? undefined : reply.subarray(HEADER_SIZE, end);
}

function tooShort(length: number, needed: number): SottoError {
  return new SottoError(
    'packet_too_short',
    `A packet of ${length} bytes is too short; it needs ${needed} or more.`,
  );
}
