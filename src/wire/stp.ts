/**
 * STP, later STMP: the frame that peers of a LAN send each other, by UDP (one a datagram) and TCP (one a connection).
 *
 * ```text
 * offset   size  field
 * 0        2     H, header size, big-endian
 * 2        4     B, body size, big-endian
 * 6        H     header: JSON object, UTF-8, never encrypted
 * 6 + H    B     body: JSON object {"msg": anything}, UTF-8; sealed where the header says so
 *
 * H + B + 6 is at most 4 096 000. B says only whether there is a body (0: none) and where a frame ends on a stream; in a
 * datagram the body is all that follows the header.
 *
 * header names, in the order made   value
 * udp_session                       text, random for each process; in datagrams
 * namespace                         text; only with one is a message handed on
 * user                              text; the one name that must be there
 * hostname                          text
 * udpport, tcpport                  1 to 65535; "/peer-join" must have a tcpport
 * encrypted                         false or true; read as Python judges truth
 * public_key                        text: hex of an RSA key in DER
 * v, id, x25519, seq, bye           ours: 2, text, text, a count, true in a last message
 *
 * discovery   namespace      msg                    sent by
 * question    "/peer-join"   "gimmeurnumberdude"    UDP
 * answer      "/peer-join"   "iamheredude"          TCP
 * ```
 *
 * JSON as Python writes it without blanks; read as Python reads it, within bounds. A name with a value of another type
 * counts as absent, but for namespace and user; names that are not listed are ignored.
 *
 * Sources: specs/stp.md, sections 2, 4, 5 and 8; specs/native.md, section 5.
 */

import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/text.ts';
import { Writer } from '../bytes/writer.ts';
import { messageOf, SottoError } from '../errors.ts';
import { parsePythonJson } from './python-json.ts';
import { pythonJson } from './python-text.ts';

// Specified.
const SIZES_SIZE = 6;
const MAX_HEADER = 0xffff;
/** The longest frame that anybody takes, bytes. */
export const MAX_STP_FRAME = 4_096_000;
/** The longest frame that a datagram carries, bytes. */
export const MAX_STP_DATAGRAM = 65_507;
/** The namespace of discovery. */
export const PEER_JOIN = '/peer-join';
/** What a node asks all others; the words are not checked by any. */
export const PEER_QUESTION = 'gimmeurnumberdude';
/** What the others answer. */
export const PEER_ANSWER = 'iamheredude';

// Chosen.
/** So long a frame arrives in one read on a LAN, and an original reads just once; bytes. */
export const MAX_STP_SEGMENT = 1400;

/** Who sends, and to which functions. Nothing in it is proved. */
export interface StpHeader {
  /** `udp_session`: random for each process that sends; absent over TCP. */
  readonly session?: string;
  /** Absent: the sender is heard of, and no function is called. */
  readonly namespace?: string;
  readonly user: string;
  readonly hostname?: string;
  readonly udpport?: number;
  readonly tcpport?: number;
  /** The body is sealed by RSA-OAEP. */
  readonly encrypted: boolean;
  /** `public_key` as it came: hex of DER. The originals put their **private** key there; keep none of it. */
  readonly publicKey?: string;
  /** Ours, like all that follow: the version, 2. */
  readonly v?: number;
  /** Fingerprint of the key below, hex, as it came. */
  readonly id?: string;
  /** Public key, hex, as it came. */
  readonly x25519?: string;
  readonly seq?: number;
  /** The sender leaves. */
  readonly bye?: boolean;
}

export interface StpFrame {
  readonly header: StpHeader;
  /** As it is on the wire; empty where there is none. */
  readonly body: Bytes;
}

/** The sizes that a frame announces, bytes. */
export interface StpSizes {
  readonly headerSize: number;
  readonly bodySize: number;
}

type Field = readonly [name: string, key: keyof StpHeader, isRight: (value: unknown) => boolean];

/** In the order made. */
const FIELDS: readonly Field[] = [
  ['udp_session', 'session', isText],
  ['namespace', 'namespace', isText],
  ['user', 'user', isText],
  ['hostname', 'hostname', isText],
  ['udpport', 'udpport', isPort],
  ['tcpport', 'tcpport', isPort],
  ['encrypted', 'encrypted', isBoolean],
  ['public_key', 'publicKey', isText],
  ['v', 'v', isCount],
  ['id', 'id', isText],
  ['x25519', 'x25519', isText],
  ['seq', 'seq', isCount],
  ['bye', 'bye', isBoolean],
];

/**
 * One frame, ready to be sent in one write.
 *
 * @throws SottoError `frame_too_large` for a header over 65 535 bytes or a frame over 4 096 000; `invalid_argument` for
 * a header that would end an original which reads it.
 */
export function encodeStpFrame({ header, body }: StpFrame): Bytes {
  const json = encodeUtf8(pythonJson(namedFields(header), ''));
  if (json.length > MAX_HEADER) throw tooLarge(`A header of ${json.length} bytes`, MAX_HEADER);
  const size = SIZES_SIZE + json.length + body.length;
  if (size > MAX_STP_FRAME) throw tooLarge(`A frame of ${size} bytes`, MAX_STP_FRAME);
  return new Writer(size).u16(json.length).u32(body.length).bytes(json).bytes(body).finish();
}

function namedFields(header: StpHeader): Record<string, unknown> {
  const named: Record<string, unknown> = {};
  for (const [name, key, isRight] of FIELDS) {
    const value = header[key];
    if (value === undefined) continue;
    if (!isRight(value)) throw new SottoError('invalid_argument', `A peer may not be sent this ${name}.`);
    named[name] = value;
  }
  const missing = missingFrom(header);
  if (missing !== null) throw new SottoError('invalid_argument', `A peer may not be sent ${missing}.`);
  return named;
}

/**
 * The frame that a datagram holds, or a stream that ended: as the original reads it, but for what would end the original.
 *
 * @returns views of `bytes`.
 * @throws SottoError `invalid_message` for what must be dropped.
 */
export function decodeStpFrame(bytes: Bytes): StpFrame {
  const sizes = readStpSizes(bytes);
  if (sizes === null) throw invalid(`${bytes.length} bytes are too few`);
  const { headerSize, bodySize } = sizes;
  const size = Math.max(bytes.length, sizeOf(sizes));
  if (size > MAX_STP_FRAME) throw invalid(`${size} bytes are too many`);
  const bodyStart = SIZES_SIZE + headerSize;
  const body = bodySize === 0 ? EMPTY : bytes.subarray(bodyStart);
  if (bodySize > 0 && body.length === 0) throw invalid('it announces a body and has none');
  return { header: decodeHeader(bytes.subarray(SIZES_SIZE, bodyStart)), body };
}

/** What the first six bytes say; null where there are fewer. */
export function readStpSizes(bytes: Bytes): StpSizes | null {
  if (bytes.length < SIZES_SIZE) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, SIZES_SIZE);
  return { headerSize: view.getUint16(0), bodySize: view.getUint32(2) };
}

function decodeHeader(bytes: Bytes): StpHeader {
  const members = jsonObject(bytes, 'header');
  if (!isText(members.user)) throw invalid('it has no user');
  if (members.namespace !== undefined && !isText(members.namespace))
    throw invalid('its namespace is no text');
  const fields: Record<string, unknown> = {};
  for (const [name, key, isRight] of FIELDS) {
    if (isRight(members[name])) fields[key] = members[name];
  }
  const header: StpHeader = { ...fields, user: members.user, encrypted: isTrueInPython(members.encrypted) };
  const missing = missingFrom(header);
  if (missing !== null) throw invalid(`it is ${missing}`);
  return header;
}

/** What ends an original for want of it, though the types allow it. */
function missingFrom({ namespace, tcpport }: StpHeader): string | null {
  return namespace === PEER_JOIN && tcpport === undefined ? `a ${PEER_JOIN} without a tcpport` : null;
}

/**
 * A message as a body that is not sealed; undefined is sent as null.
 *
 * @throws SottoError `invalid_body` for a value that JSON cannot hold: NaN, Infinity, bigint, bytes, Map, Set.
 */
export function encodeStpBody(msg: unknown): Bytes {
  return encodeUtf8(`{"msg":${pythonJson(msg === undefined ? null : msg, '')}}`);
}

/**
 * The message of a body that is not sealed (any more). Its objects have no prototype; NaN and Infinity, which the
 * originals send, are taken. No body is an empty object, and one without a message null.
 *
 * @throws SottoError `invalid_message` for what is no JSON object, deeper than 257 containers or over 100 000 values.
 */
export function decodeStpBody(body: Bytes): unknown {
  return body.length === 0 ? Object.create(null) : (jsonObject(body, 'body').msg ?? null);
}

/** Takes the one frame off a TCP connection, whatever pieces it comes in; keeps no more than has arrived. */
export class StpFrameReader {
  readonly #maxFrame: number;
  #buffer: Bytes = EMPTY;
  #length = 0;
  #isDone = false;

  /** @param maxFrame the longest frame taken, bytes; at most 4 096 000. */
  constructor(maxFrame: number = MAX_STP_FRAME) {
    this.#maxFrame = Math.min(maxFrame, MAX_STP_FRAME);
  }

  /**
   * The frame once it is whole, for {@link decodeStpFrame}; null before, and after it was given. What follows a frame
   * is no part of it.
   *
   * @throws SottoError `frame_too_large` for a frame that announces more than the limit.
   */
  push(chunk: Bytes): Bytes | null {
    if (this.#isDone) return null;
    const bytes = this.#length === 0 ? chunk : this.#append(chunk);
    const sizes = readStpSizes(bytes);
    const size = sizes === null ? Number.POSITIVE_INFINITY : sizeOf(sizes);
    if (sizes !== null && size > this.#maxFrame) {
      this.#finish();
      throw tooLarge(`A frame of ${size} bytes`, this.#maxFrame);
    }
    if (bytes.length >= size) {
      this.#finish();
      return bytes.subarray(0, size);
    }
    if (this.#length === 0) this.#append(chunk);
    return null;
  }

  /**
   * The connection ended, or has been waited for long enough: what there is of a frame, which the original would take
   * for all of it; null without any, after a whole one, and where there are too few bytes.
   */
  end(): Bytes | null {
    const bytes = this.#buffer.subarray(0, this.#length);
    const isTaken = !this.#isDone && bytes.length >= SIZES_SIZE;
    this.#finish();
    return isTaken ? bytes : null;
  }

  #finish(): void {
    this.#isDone = true;
    this.#buffer = EMPTY;
    this.#length = 0;
  }

  /** Copies, so that a frame sent byte by byte pins no more memory than it has bytes; doubling keeps it linear. */
  #append(chunk: Bytes): Bytes {
    const length = this.#length + chunk.length;
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = length;
    return this.#buffer.subarray(0, length);
  }
}

function sizeOf({ headerSize, bodySize }: StpSizes): number {
  return SIZES_SIZE + headerSize + bodySize;
}

function jsonObject(bytes: Bytes, what: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parsePythonJson(decodeUtf8(bytes));
  } catch (cause) {
    throw invalid(`the ${what} does not decode: ${messageOf(cause)}`, cause);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw invalid(`the ${what} is no JSON object`);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isPort(value: unknown): boolean {
  return isCount(value) && Number(value) >= 1 && Number(value) <= 0xffff;
}

/** NaN is true there; an empty list or dict is not. */
function isTrueInPython(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value) || Number.isNaN(value);
}

function invalid(why: string, cause?: unknown): SottoError {
  return new SottoError('invalid_message', `This is no STP frame: ${why}.`, { cause });
}

function tooLarge(what: string, limit: number): SottoError {
  return new SottoError('frame_too_large', `${what} is over the limit of ${limit}.`);
}
