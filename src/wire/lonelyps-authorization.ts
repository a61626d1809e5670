/**
 * What lonelyps signs, and the header that carries it.
 *
 * ```text
 * signed    kind(1) timestamp(8) length(1) nonce length(2) tracing, then the fields of the kind
 * header    "X-HMAC " timestamp ":" nonce ":" base64(HMAC-SHA-512(key, signed)), the timestamp in decimal seconds
 *           "Bearer " token
 *
 * str = length(2) bytes, id = length(1) bytes; recovery none = length 0; all numbers unsigned
 *
 * to the broadcaster                                  to the subscriber
 *  1  subscribe exact   str url, str recovery,         10  receive               str url, str topic, id, sha512(64)
 *                       str topic                      11  missed                str recovery, str topic
 *  2  subscribe glob    str url, str recovery,         12  confirm exact         as 1
 *                       str glob                       13  confirm glob          as 2
 *  3  notify            str topic, id, sha512(64)      14  confirm notify        id, count(4), str topic, sha512(64)
 *  4  configure         id nonce, zstd(1),             15  confirm check         format(1) etag(64)
 *                       training(1), dictionary(2)     16  confirm set           format(1) etag(64)
 *  5  check             str url                        17  confirm configure     id nonce
 *  6  set               str url, format(1), etag(64)   18  enable zstd preset    str url, compressor(4), level(4),
 *  7  continue receive  id, part(1), str url                                     min(8), max(8)
 *  8  confirm receive   id, count(4), str url          19  enable zstd custom    the same, sha512(64)
 *  9  confirm missed    str topic, str url             20  disable zstd custom   compressor(4), str url
 *                                                      21  continue notify       id, part(4)
 * 83  serve (ours)       str url, str connection      84  confirm serve (ours)  as 83
 * ```
 *
 * An unsubscribe is signed as a subscribe without recovery. Source: specs/lonelyps.md, section 11.
 */

import { decodeBase64, encodeBase64 } from '../bytes/base64.ts';
import { type Bytes, concat } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { Writer } from '../bytes/writer.ts';
import { SottoError } from '../errors.ts';

interface Notification {
  readonly topic: Bytes;
  readonly identifier: Bytes;
  /** 64 bytes, as transferred. */
  readonly sha512: Bytes;
}

interface Exact {
  readonly url: string;
  readonly recovery: string | null;
  readonly topic: Bytes;
}

interface Glob {
  readonly url: string;
  readonly recovery: string | null;
  readonly glob: string;
}

interface ZstdRange {
  readonly url: string;
  readonly compressor: bigint;
  /** 0 and up: negative levels cannot be signed. */
  readonly level: number;
  readonly minSize: number;
  readonly maxSize: bigint;
}

/** What an authorization is for. */
export type SignedOperation =
  | ({ readonly kind: 'subscribe-exact' | 'confirm-exact' } & Exact)
  | ({ readonly kind: 'subscribe-glob' | 'confirm-glob' } & Glob)
  | ({ readonly kind: 'notify' } & Notification)
  | {
      readonly kind: 'configure';
      readonly nonce: Bytes;
      readonly enableZstd: boolean;
      readonly enableTraining: boolean;
      readonly initialDictionary: number;
    }
  | { readonly kind: 'check'; readonly url: string }
  | { readonly kind: 'set'; readonly url: string; readonly etag: Bytes }
  | {
      readonly kind: 'continue-receive';
      readonly identifier: Bytes;
      /** Signed in one byte: 0 to 255. */
      readonly part: bigint;
      readonly url: string;
    }
  | {
      readonly kind: 'confirm-receive';
      readonly identifier: Bytes;
      readonly subscribers: number;
      readonly url: string;
    }
  | { readonly kind: 'confirm-missed'; readonly topic: Bytes; readonly url: string }
  | ({ readonly kind: 'receive'; readonly url: string } & Notification)
  | { readonly kind: 'missed'; readonly recovery: string; readonly topic: Bytes }
  | ({ readonly kind: 'confirm-notify'; readonly subscribers: number } & Notification)
  | { readonly kind: 'confirm-check' | 'confirm-set'; readonly etag: Bytes }
  | { readonly kind: 'confirm-configure'; readonly nonce: Bytes }
  | ({ readonly kind: 'enable-zstd-preset' } & ZstdRange)
  | ({ readonly kind: 'enable-zstd-custom'; readonly sha512: Bytes } & ZstdRange)
  | { readonly kind: 'disable-zstd-custom'; readonly compressor: bigint; readonly url: string }
  | { readonly kind: 'continue-notify'; readonly identifier: Bytes; readonly part: bigint }
  | {
      readonly kind: 'serve' | 'confirm-serve';
      /** The webhook's. */
      readonly url: string;
      /** The url that stands for the connection. */
      readonly connection: string;
    };

const KINDS: Readonly<Record<SignedOperation['kind'], number>> = {
  'subscribe-exact': 1,
  'subscribe-glob': 2,
  notify: 3,
  configure: 4,
  check: 5,
  set: 6,
  'continue-receive': 7,
  'confirm-receive': 8,
  'confirm-missed': 9,
  receive: 10,
  missed: 11,
  'confirm-exact': 12,
  'confirm-glob': 13,
  'confirm-notify': 14,
  'confirm-check': 15,
  'confirm-set': 16,
  'confirm-configure': 17,
  'enable-zstd-preset': 18,
  'enable-zstd-custom': 19,
  'disable-zstd-custom': 20,
  'continue-notify': 21,
  serve: 83,
  'confirm-serve': 84,
};

// Specified.
const ETAG_FORMAT = 0;
const SCHEME = 'X-HMAC ';
const BEARER = 'Bearer ';
const CODE_SIZE = 64;
const MAX_NONCE = 255;

/**
 * The bytes that an HMAC is made of.
 *
 * @param timestamp seconds since 1970.
 * @throws SottoError `out_of_bounds` for a number or a length that its field cannot hold.
 */
export function signedBytes(
  operation: SignedOperation,
  {
    timestamp,
    nonce,
    tracing,
  }: { readonly timestamp: number; readonly nonce: string; readonly tracing: Bytes },
): Bytes {
  const head = [uint(KINDS[operation.kind], 1), uint(timestamp, 8), id(encodeUtf8(nonce)), str(tracing)];
  return concat(...head, ...fieldsOf(operation));
}

function fieldsOf(operation: SignedOperation): readonly Bytes[] {
  switch (operation.kind) {
    case 'subscribe-exact':
    case 'confirm-exact':
      return [text(operation.url), text(operation.recovery ?? ''), str(operation.topic)];
    case 'subscribe-glob':
    case 'confirm-glob':
      return [text(operation.url), text(operation.recovery ?? ''), text(operation.glob)];
    case 'notify':
      return [str(operation.topic), id(operation.identifier), operation.sha512];
    case 'configure':
      return [
        id(operation.nonce),
        uint(Number(operation.enableZstd), 1),
        uint(Number(operation.enableTraining), 1),
        uint(operation.initialDictionary, 2),
      ];
    case 'check':
      return [text(operation.url)];
    case 'set':
      return [text(operation.url), uint(ETAG_FORMAT, 1), operation.etag];
    case 'continue-receive':
      return [id(operation.identifier), uint(operation.part, 1), text(operation.url)];
    case 'confirm-receive':
      return [id(operation.identifier), uint(operation.subscribers, 4), text(operation.url)];
    case 'confirm-missed':
      return [str(operation.topic), text(operation.url)];
    case 'receive':
      return [text(operation.url), str(operation.topic), id(operation.identifier), operation.sha512];
    case 'missed':
      return [text(operation.recovery), str(operation.topic)];
    case 'confirm-notify':
      return [
        id(operation.identifier),
        uint(operation.subscribers, 4),
        str(operation.topic),
        operation.sha512,
      ];
    case 'confirm-check':
    case 'confirm-set':
      return [uint(ETAG_FORMAT, 1), operation.etag];
    case 'confirm-configure':
      return [id(operation.nonce)];
    case 'enable-zstd-preset':
      return zstdRange(operation);
    case 'enable-zstd-custom':
      return [...zstdRange(operation), operation.sha512];
    case 'disable-zstd-custom':
      return [uint(operation.compressor, 4), text(operation.url)];
    case 'continue-notify':
      return [id(operation.identifier), uint(operation.part, 4)];
    case 'serve':
    case 'confirm-serve':
      return [text(operation.url), text(operation.connection)];
  }
}

function zstdRange({ url, compressor, level, minSize, maxSize }: ZstdRange): readonly Bytes[] {
  return [text(url), uint(compressor, 4), uint(level, 4), uint(minSize, 8), uint(maxSize, 8)];
}

/** The parts of an `X-HMAC` header. */
export interface HmacHeader {
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly nonce: string;
  /** 64 bytes. */
  readonly code: Bytes;
}

export function encodeHmacHeader({ timestamp, nonce, code }: HmacHeader): string {
  return `${SCHEME}${timestamp}:${nonce}:${encodeBase64(code)}`;
}

/** Null for what is no such header. Blanks, a sign and zeros before the timestamp are read, as Python reads them. */
export function decodeHmacHeader(header: string): HmacHeader | null {
  if (!header.startsWith(SCHEME)) return null;
  const [time = '', nonce, code, ...more] = header.slice(SCHEME.length).split(':');
  if (nonce === undefined || code === undefined || more.length > 0) return null;
  if (!/^\s*\+?\d{1,15}\s*$/.test(time) || encodeUtf8(nonce).length > MAX_NONCE) return null;
  const bytes = codeBytes(code);
  return bytes && { timestamp: Number(time), nonce, code: bytes };
}

function codeBytes(code: string): Bytes | null {
  try {
    const bytes = decodeBase64(code.padEnd(Math.ceil(code.length / 4) * 4, '='));
    return bytes.length === CODE_SIZE ? bytes : null;
  } catch {
    return null;
  }
}

export function encodeBearer(token: string): string {
  return BEARER + token;
}

/** Null for what is no bearer header. */
export function decodeBearer(header: string): string | null {
  return header.startsWith(BEARER) ? header.slice(BEARER.length) : null;
}

function text(value: string): Bytes {
  return str(encodeUtf8(value));
}

function str(bytes: Bytes): Bytes {
  return concat(uint(bytes.length, 2), bytes);
}

function id(bytes: Bytes): Bytes {
  return concat(uint(bytes.length, 1), bytes);
}

function uint(value: number | bigint, size: 1 | 2 | 4 | 8): Bytes {
  const number = BigInt(value);
  if (number < 0n || number >> BigInt(8 * size) !== 0n) {
    throw new SottoError('out_of_bounds', `${value} cannot be signed: the field has ${size} bytes.`);
  }
  const writer = new Writer(size);
  if (size === 8)
    return writer
      .u32(Number(number >> 32n))
      .u32(Number(number & 0xffff_ffffn))
      .finish();
  if (size === 4) return writer.u32(Number(number)).finish();
  return (size === 2 ? writer.u16(Number(number)) : writer.u8(Number(number))).finish();
}
