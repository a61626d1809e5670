/**
 * The routed message: what Sotto programs put inside an envelope, so that one server answers many routes.
 *
 * ```text
 * request   offset   size  field
 *           0        1     version = 1
 *           1        1     representation: t, j, c or b
 *           2        1     flags: 1 once, 2 one-way, 4 padded
 *           3        8     sender's unix time, ms
 *           11       2     route length R
 *           13       R     route, UTF-8, starts with "/"
 *           13 + R   n     body
 *           13+R+n   p     if padded: p - 2 bytes of zero, then p in 2 bytes (p >= 2)
 *
 * reply     0        1     version = 1
 *           1        1     representation
 *           2        2     status: 0 ok, otherwise an HTTP status number; plus 0x8000: the server has a newer key than the one
 *                          that the request was sealed to, and tells it on the route "/sotto/key"
 *           4        n     body; for an error a UTF-8 text
 * ```
 *
 * Source: specs/native.md, section 2; the padding is an addition, described in docs/wire-formats.md.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { Writer } from '../bytes/writer.ts';
import { SottoError } from '../errors.ts';
import { type Representation, representationFromByte } from './representation.ts';

// Specified.
const VERSION = 1;
const FLAG_ONCE = 1;
const FLAG_ONE_WAY = 2;
const FLAG_PADDED = 4;
const KNOWN_FLAGS = FLAG_ONCE | FLAG_ONE_WAY | FLAG_PADDED;
const FLAG_NEWER_KEY = 0x8000;
const REQUEST_FIXED_SIZE = 13;
export const REPLY_FIXED_SIZE = 4;
const MIN_PADDING = 2;
const MAX_PADDING = 0xffff;

export interface RoutedRequest {
  readonly representation: Representation;
  /** Answer at most once, however often it arrives. */
  readonly once: boolean;
  /** No reply is wanted. */
  readonly oneWay: boolean;
  /** The sender's clock, ms since 1970. */
  readonly sentAt: number;
  readonly route: string;
  readonly body: Bytes;
}

export interface RoutedReply {
  readonly representation: Representation;
  /** 0 is ok; anything else an HTTP status number. */
  readonly status: number;
  readonly body: Bytes;
  /** The server has a newer key than the one that the request was sealed to. Default false. */
  readonly newerKey?: boolean;
}

/**
 * @param padTo the least size of the result in bytes; 0 for no padding. Zeros are added up to it, or up to 65 535.
 * @throws SottoError `invalid_route` for a route that does not start with `/` or is over 65 535 bytes.
 */
export function encodeRoutedRequest(request: RoutedRequest, padTo = 0): Uint8Array<ArrayBuffer> {
  const route = encodeUtf8(request.route);
  if (!request.route.startsWith('/')) {
    throw new SottoError('invalid_route', `The route "${request.route}" must start with "/".`);
  }
  if (route.length > 0xffff) throw new SottoError('invalid_route', 'A route has at most 65535 bytes.');
  const bare = REQUEST_FIXED_SIZE + route.length + request.body.length;
  const padding = padTo > bare ? Math.min(Math.max(padTo - bare, MIN_PADDING), MAX_PADDING) : 0;
  const flags =
    (request.once ? FLAG_ONCE : 0) | (request.oneWay ? FLAG_ONE_WAY : 0) | (padding > 0 ? FLAG_PADDED : 0);
  const writer = new Writer(bare + padding)
    .u8(VERSION)
    .u8(request.representation.charCodeAt(0))
    .u8(flags)
    .u64(request.sentAt)
    .u16(route.length)
    .bytes(route)
    .bytes(request.body);
  if (padding > 0) writer.bytes(new Uint8Array(padding - MIN_PADDING)).u16(padding);
  return writer.finish();
}

/** @throws SottoError `invalid_message` for anything that is not a routed request of version 1. */
export function decodeRoutedRequest(bytes: Bytes): RoutedRequest {
  return decoding('request', bytes, (reader) => {
    requireVersion(reader.u8(), 'request');
    const representation = representationFromByte(reader.u8());
    const flags = reader.u8();
    if ((flags & ~KNOWN_FLAGS) !== 0) throw invalid('request', `flags ${flags} are not known`);
    const sentAt = reader.u64();
    const route = reader.text(reader.u16());
    if (!route.startsWith('/')) throw invalid('request', 'the route does not start with "/"');
    const body = (flags & FLAG_PADDED) === 0 ? reader.rest() : unpad(reader.rest());
    return {
      representation,
      once: (flags & FLAG_ONCE) !== 0,
      oneWay: (flags & FLAG_ONE_WAY) !== 0,
      sentAt,
      route,
      body,
    };
  });
}

export function encodeRoutedReply(reply: RoutedReply): Uint8Array<ArrayBuffer> {
  return new Writer(REPLY_FIXED_SIZE + reply.body.length)
    .u8(VERSION)
    .u8(reply.representation.charCodeAt(0))
    .u16(reply.status | (reply.newerKey ? FLAG_NEWER_KEY : 0))
    .bytes(reply.body)
    .finish();
}

/** An encoded reply that also says that the server has a newer key. */
export function withNewerKey(reply: Bytes): Bytes {
  const told = new Uint8Array(reply);
  new DataView(told.buffer).setUint16(2, new DataView(told.buffer).getUint16(2) | FLAG_NEWER_KEY);
  return told;
}

/** @throws SottoError `invalid_message` for anything that is not a routed reply of version 1. */
export function decodeRoutedReply(bytes: Bytes): RoutedReply {
  return decoding('reply', bytes, (reader) => {
    requireVersion(reader.u8(), 'reply');
    const representation = representationFromByte(reader.u8());
    const status = reader.u16();
    return {
      representation,
      status: status & ~FLAG_NEWER_KEY,
      body: reader.rest(),
      ...((status & FLAG_NEWER_KEY) === 0 ? {} : { newerKey: true }),
    };
  });
}

function unpad(body: Bytes): Bytes {
  const size = ((body.at(-2) ?? 0) << 8) | (body.at(-1) ?? 0);
  if (size < MIN_PADDING || size > body.length)
    throw invalid('request', `its padding cannot have ${size} bytes`);
  const zeros = body.subarray(body.length - size, body.length - MIN_PADDING);
  if (zeros.some((byte) => byte !== 0)) throw invalid('request', 'its padding is not zero');
  return body.subarray(0, body.length - size);
}

function requireVersion(version: number, kind: Kind): void {
  if (version !== VERSION) throw invalid(kind, `its version is ${version}, not ${VERSION}`);
}

type Kind = 'request' | 'reply';

function decoding<T>(kind: Kind, bytes: Bytes, decode: (reader: Reader) => T): T {
  try {
    return decode(new Reader(bytes));
  } catch (cause) {
    if (cause instanceof SottoError && cause.code === 'invalid_message') throw cause;
    throw invalid(kind, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function invalid(kind: Kind, why: string, cause?: unknown): SottoError {
  return new SottoError('invalid_message', `This is not a routed ${kind}: ${why}`, { cause });
}
