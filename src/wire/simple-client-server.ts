/**
 * simple_client_server's query and reply: four bytes that say how to read the rest.
 *
 * ```text
 * query     offset   size  field
 *           0        1     protocol version: 0x30 ("0"); not checked, repeated by the reply
 *           1        1     encryption: "p" or "0" none, "H" textbook RSA with AES (legacy), "S" a PSSST packet
 *           2        1     representation: t, j, p, c or b
 *           3        1     application version: 0x30; not checked, repeated by the reply
 *           4        n     payload
 *           4 + n    1     line end (0x0a), over UDP too; a server takes a query without one
 *
 * reply     0        4     the query's first four bytes
 *           4        n     payload; over TCP it ends with the connection
 * ```
 *
 * Payload: the value as `t` text (what is not text, as Python's str() writes it), `j` JSON as Python writes it, `p` pickle
 * (safe subset); blanks and line ends around a query's payload are no part of it. Ours: `c` CBOR and `b` bytes, in base64
 * where nothing else encodes them. With `H` and `S` the payload is base64 (RFC 4648, section 4). With `S` it is a sealed
 * packet that holds a routed message, which names its own representation: the outer one is sent as `b` and not read.
 *
 * Over UDP a reply that is not sealed has at most 1024 bytes, which is all that the original client reads.
 *
 * Sources: specs/simple-client-server.md, sections 2 and 3; specs/native.md, section 6.
 */

import { decodeBase64, encodeBase64 } from '../bytes/base64.ts';
import { type Bytes, concat } from '../bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import { decodePickle, encodePickle } from './pickle.ts';
import { pythonJson, pythonText } from './python-text.ts';
import { decodeBody, encodeBody, representationFor } from './representation.ts';

// Specified.
export const HEADER_SIZE = 4;
const LINE_END = 0x0a;
const VERSION = 0x30;
/** The longest reply that the original client reads from a datagram. */
export const ORIGINAL_MAX_REPLY = 1024;
/** The longest query that the original server reads from a datagram. */
export const ORIGINAL_MAX_QUERY = 8192;

/** How a payload is protected. */
export type Scheme = 'plain' | 'legacy-rsa' | 'sealed';

const SCHEMES: ReadonlyMap<number, Scheme> = new Map([
  [0x30, 'plain'], // "0"
  [0x70, 'plain'], // "p"
  [0x48, 'legacy-rsa'], // "H"
  [0x53, 'sealed'], // "S"
]);
const ENCRYPTION_BYTES: Readonly<Record<Scheme, number>> = { plain: 0x70, 'legacy-rsa': 0x48, sealed: 0x53 };

export type LookupRepresentation = 't' | 'j' | 'p' | 'c' | 'b';

const REPRESENTATIONS: readonly LookupRepresentation[] = ['t', 'j', 'p', 'c', 'b'];

/** A query or a reply with its payload as it is on the wire. */
export interface LookupMessage {
  /** The four bytes, to be repeated by the reply. */
  readonly header: Bytes;
  readonly scheme: Scheme;
  readonly representation: LookupRepresentation;
  readonly payload: Bytes;
}

/** The header of a query. */
export function queryHeader(scheme: Scheme, representation: LookupRepresentation): Bytes {
  return Uint8Array.of(VERSION, ENCRYPTION_BYTES[scheme], representation.charCodeAt(0), VERSION);
}

/** A query with its line end. */
export function encodeQuery(header: Bytes, payload: Bytes): Bytes {
  return concat(header, payload, Uint8Array.of(LINE_END));
}

/** @throws SottoError `invalid_message`, `unsupported_cipher`, `unsupported_representation`. */
export function decodeQuery(bytes: Bytes): LookupMessage {
  return decodeMessage(bytes, trimmed);
}

export function encodeReply(header: Bytes, payload: Bytes): Bytes {
  return concat(header, payload);
}

/** @throws SottoError `invalid_message`, `unsupported_cipher`, `unsupported_representation`. */
export function decodeReply(bytes: Bytes): LookupMessage {
  return decodeMessage(bytes, (payload) => payload);
}

function decodeMessage(bytes: Bytes, payloadOf: (rest: Bytes) => Bytes): LookupMessage {
  if (bytes.length < HEADER_SIZE) {
    throw new SottoError('invalid_message', `A lookup message has 4 bytes or more, not ${bytes.length}.`);
  }
  const header = bytes.subarray(0, HEADER_SIZE);
  const [, encryption = 0, letter = 0] = header;
  const scheme = SCHEMES.get(encryption);
  if (scheme === undefined) {
    throw new SottoError('unsupported_cipher', `Byte ${encryption} names no encryption; p, 0, H and S do.`);
  }
  const representation = REPRESENTATIONS.find((each) => each.charCodeAt(0) === letter);
  if (representation === undefined) {
    throw new SottoError('unsupported_representation', `Byte ${letter} names no representation.`);
  }
  return { header, scheme, representation, payload: payloadOf(bytes.subarray(HEADER_SIZE)) };
}

/** Without the blanks and line ends around it: space, \t, \n, \v, \f, \r. */
function trimmed(bytes: Bytes): Bytes {
  let start = 0;
  let end = bytes.length;
  while (start < end && isBlank(bytes[start])) start += 1;
  while (end > start && isBlank(bytes[end - 1])) end -= 1;
  return bytes.subarray(start, end);
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}

/** What `a` (automatic) chooses, which never travels: text, else JSON where it keeps the value whole, else pickle. */
export function automaticRepresentation(value: unknown): LookupRepresentation {
  const letter = representationFor(value);
  return letter === 't' || letter === 'j' ? letter : 'p';
}

/** @throws SottoError `invalid_body` for a value that the representation cannot hold. */
export function encodeValue(value: unknown, representation: LookupRepresentation): Bytes {
  switch (representation) {
    case 't':
      return encodeUtf8(pythonText(value));
    case 'j':
      return encodeUtf8(pythonJson(value));
    case 'p':
      return encodePickle(value);
    default:
      return encodeBody(value, representation).bytes;
  }
}

/** @throws SottoError `invalid_body` for bytes that are not of that representation. */
export function decodeValue(bytes: Bytes, representation: LookupRepresentation): unknown {
  if (representation === 'p') return decodePickle(bytes);
  if (bytes.length === 0 && representation !== 't')
    throw new SottoError('invalid_body', 'The body is empty.');
  return decodeBody(bytes, representation);
}

/** A value's bytes as a plain payload: in a line of its own whatever they are. */
export function encodePlainPayload(bytes: Bytes, representation: LookupRepresentation): Bytes {
  return isBinary(representation) ? toBase64(bytes) : bytes;
}

/** @throws SottoError `invalid_text`. */
export function decodePlainPayload(payload: Bytes, representation: LookupRepresentation): Bytes {
  return isBinary(representation) ? fromBase64(payload) : payload;
}

/** Bytes as base64 in bytes. */
export function toBase64(bytes: Bytes): Bytes {
  return encodeUtf8(encodeBase64(bytes));
}

/** @throws SottoError `invalid_text` for what is not base64. */
export function fromBase64(payload: Bytes): Bytes {
  return decodeBase64(decodeUtf8(payload));
}

/** Whether even a plain payload is base64: what a line of text cannot hold; a pickle is left as the original sends it. */
export function isBinary(representation: LookupRepresentation): boolean {
  return representation === 'c' || representation === 'b';
}
