/**
 * lonelyps over a WebSocket: one binary message each, in two revisions that nothing in a message tells apart.
 *
 * ```text
 * message   offset   size  field
 *           0        2     flags: bit 0 minimal headers; the others are written 0 and not read
 *           2        2     type, counted for each direction
 *           4              headers
 *           ...            body: all that is left
 *
 * minimal   length(2), value            for each header, in the order below
 * expanded  count(2), then for each: length(2), name, length(2), value; any order, unknown names are not read, the last
 *           of a repeated name counts, upper case is lower case
 *
 * values    raw bytes | text UTF-8 | u1, u2, u4 of just that size, shorter ones are read too | min4, min8 without zeros at
 *           the front, 0 having no byte at all (of part and compressor one) | s2 two's complement
 *
 * A = authorization (text, none = empty), T = x-tracing (raw)
 *
 * to the broadcaster
 * 1  CONFIGURE                 x-subscriber-nonce(32) x-enable-zstd:u1 x-enable-training:u1 x-initial-dict:u2 A T
 * 2  SUBSCRIBE_EXACT           A T x-topic
 * 3  SUBSCRIBE_GLOB            A T x-glob:text
 * 4  UNSUBSCRIBE_EXACT         A T x-topic
 * 5  UNSUBSCRIBE_GLOB          A T x-glob:text
 * 6  NOTIFY                    A T x-identifier(0..64) x-topic x-compressor:min8 x-compressed-length:min8
 *                              x-decompressed-length:min8 x-compressed-sha512(64), body
 * 7  NOTIFY_STREAM             A T x-identifier x-part-id:min8; part 0 also x-topic x-compressor x-compressed-length
 *                              x-decompressed-length x-compressed-sha512; body
 * 8  CONTINUE_RECEIVE          x-identifier x-part-id:min8 A T
 * 9  CONFIRM_RECEIVE           x-identifier A T x-num-subscribers:u4
 * 21249 SERVE                  x-url:text A T                               (ours)
 *
 * to the subscriber
 * 1  CONFIRM_CONFIGURE         x-broadcaster-nonce(32) A T
 * 2  CONFIRM_SUBSCRIBE_EXACT   x-topic A T              4  CONFIRM_UNSUBSCRIBE_EXACT  the same
 * 3  CONFIRM_SUBSCRIBE_GLOB    x-glob:text A T          5  CONFIRM_UNSUBSCRIBE_GLOB   the same
 * 6  CONFIRM_NOTIFY            x-identifier x-subscribers:min8 A T
 * 7  CONTINUE_NOTIFY           x-identifier x-part-id:min8 A T
 * 8  RECEIVE_STREAM            as NOTIFY_STREAM
 * 9  ENABLE_ZSTD_PRESET        x-identifier:min8 x-compression-level:s2 x-min-size:min4 x-max-size:min8 A T
 * 10 ENABLE_ZSTD_CUSTOM        the same, x-sha512(64), body the dictionary
 * 11 DISABLE_ZSTD_CUSTOM       x-identifier:min8 A T
 * 12 MISSED                    A T x-topic
 * 21249 CONFIRM_SERVE          x-url:text A T                               (ours)
 * ```
 *
 * SERVE asks for what goes to a webhook's url to come over this connection while it lasts; what was not confirmed when it
 * ends goes by the webhook, under the same identifier. Who sends it knows that the other end has it, since ours say
 * `sotto/1` as the tracing of CONFIGURE and CONFIRM_CONFIGURE, which is empty in the original.
 *
 * Revision 0.0.11 has no T and no MISSED; A only in 2 to 7 to the broadcaster and 8 to the subscriber; no x-initial-dict
 * with minimal headers, no x-num-subscribers, no x-sha512. A CONFIGURE without x-initial-dict reads as 48.
 * Hashes are checked by whoever has them computed. Source: specs/lonelyps.md, sections 2 to 4.
 */

import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/text.ts';
import { Writer } from '../bytes/writer.ts';
import { messageOf, SottoError } from '../errors.ts';

/** The protocol's revisions whose wire differs. */
export type LonelypsRevision = '0.0.46' | '0.0.11';

/** In every message of revision 0.0.46. */
interface Signed {
  readonly authorization: string | null;
  /** Opaque. */
  readonly tracing: Bytes;
}

/** What a notification says of itself, in one piece or in its part 0. */
interface Announced {
  readonly topic: Bytes;
  /** 0 none, 1 zstd, 2 to 65535 a preset dictionary, above one trained on this connection. */
  readonly compressor: bigint;
  /** Bytes, once unpacked. */
  readonly decompressedLength: bigint;
  /** Of the body as it is transferred, all parts together. */
  readonly sha512: Bytes;
}

interface Identified {
  /** At most 64 bytes. */
  readonly identifier: Bytes;
}

interface StreamStart extends Signed, Identified, Announced {
  /** Bytes of all parts together, as they are transferred. */
  readonly compressedLength: bigint;
  readonly body: Bytes;
}

interface StreamPart extends Signed, Identified {
  /** 1 and up. */
  readonly part: bigint;
  readonly body: Bytes;
}

interface ZstdRange extends Signed {
  readonly compressor: bigint;
  /** -32768 to 32767. */
  readonly level: number;
  /** Bytes, before compression: from, and to before. */
  readonly minSize: number;
  readonly maxSize: bigint;
}

/** What a subscriber sends. */
export type ToBroadcaster =
  | ({
      readonly type: 'configure';
      /** 32 bytes. */
      readonly subscriberNonce: Bytes;
      readonly enableZstd: boolean;
      readonly enableTraining: boolean;
      /** A preset dictionary to begin with; 0 and 1 ask for none. */
      readonly initialDictionary: number;
    } & Signed)
  | ({ readonly type: 'subscribe-exact' | 'unsubscribe-exact'; readonly topic: Bytes } & Signed)
  | ({ readonly type: 'subscribe-glob' | 'unsubscribe-glob'; readonly glob: string } & Signed)
  | ({ readonly type: 'notify'; readonly body: Bytes } & Signed & Identified & Announced)
  | ({ readonly type: 'notify-stream-start' } & StreamStart)
  | ({ readonly type: 'notify-stream-part' } & StreamPart)
  | ({ readonly type: 'continue-receive'; readonly part: bigint } & Signed & Identified)
  | ({ readonly type: 'confirm-receive'; readonly subscribers: number } & Signed & Identified)
  | ({ readonly type: 'serve'; readonly url: string } & Signed);

/** What a broadcaster sends. */
export type ToSubscriber =
  | ({
      readonly type: 'confirm-configure';
      /** 32 bytes. */
      readonly broadcasterNonce: Bytes;
    } & Signed)
  | ({
      readonly type: 'confirm-subscribe-exact' | 'confirm-unsubscribe-exact';
      readonly topic: Bytes;
    } & Signed)
  | ({ readonly type: 'confirm-subscribe-glob' | 'confirm-unsubscribe-glob'; readonly glob: string } & Signed)
  | ({ readonly type: 'confirm-notify'; readonly subscribers: bigint } & Signed & Identified)
  | ({ readonly type: 'continue-notify'; readonly part: bigint } & Signed & Identified)
  | ({ readonly type: 'receive-stream-start' } & StreamStart)
  | ({ readonly type: 'receive-stream-part' } & StreamPart)
  | ({ readonly type: 'enable-zstd-preset' } & ZstdRange)
  | ({
      readonly type: 'enable-zstd-custom';
      /** Of the dictionary. */
      readonly sha512: Bytes;
      /** The dictionary. */
      readonly body: Bytes;
    } & ZstdRange)
  | ({ readonly type: 'disable-zstd-custom'; readonly compressor: bigint } & Signed)
  | ({ readonly type: 'missed'; readonly topic: Bytes } & Signed)
  | ({ readonly type: 'confirm-serve'; readonly url: string } & Signed);

export interface StatefulOptions {
  /** Default 0.0.46. */
  readonly revision?: LonelypsRevision;
}

export interface StatefulEncodeOptions extends StatefulOptions {
  /** Headers without names. Default true. */
  readonly minimal?: boolean;
}

// Specified.
const MINIMAL = 1;
const MAX_IDENTIFIER = 64;
const NONCE_SIZE = 32;
const SHA512_SIZE = 64;
// Ours: "S" and 1.
const SERVE = 0x5301;
/** What a missing x-initial-dict reads as: the ASCII digit 0, by a slip that others have built on. */
const MISSING_DICTIONARY = 48;

/** @throws SottoError `invalid_message` for a field that its header cannot hold. */
export function encodeToBroadcaster(message: ToBroadcaster, options: StatefulEncodeOptions = {}): Bytes {
  return encode(formatsOf(TO_BROADCASTER, options), message);
}

/** @throws SottoError `invalid_message`. */
export function decodeToBroadcaster(bytes: Bytes, options: StatefulOptions = {}): ToBroadcaster {
  return checked(decode(TO_BROADCASTER, bytes, options) as unknown as ToBroadcaster);
}

/** @throws SottoError `invalid_message` for a field that its header cannot hold. */
export function encodeToSubscriber(message: ToSubscriber, options: StatefulEncodeOptions = {}): Bytes {
  return encode(formatsOf(TO_SUBSCRIBER, options), message);
}

/** @throws SottoError `invalid_message`. */
export function decodeToSubscriber(bytes: Bytes, options: StatefulOptions = {}): ToSubscriber {
  return checked(decode(TO_SUBSCRIBER, bytes, options) as unknown as ToSubscriber);
}

/** How a value lies in a header. */
interface Codec<T> {
  write(value: T, name: string): Bytes;
  read(bytes: Bytes, name: string): T;
}

/** A header of a message, and the member that it is. */
interface Field {
  readonly member: string;
  readonly name: string;
  readonly nameBytes: Bytes;
  readonly codec: Codec<unknown>;
}

function field<T>(member: string, name: string, codec: Codec<T>): Field {
  return { member, name, nameBytes: encodeUtf8(name), codec: codec as Codec<unknown> };
}

const RAW: Codec<Bytes> = { write: (value) => value, read: (bytes) => bytes };
const TEXT: Codec<string> = { write: encodeUtf8, read: decodeUtf8 };
const AUTHORIZATION: Codec<string | null> = {
  write: (value) => (value ? encodeUtf8(value) : EMPTY),
  read: (bytes) => (bytes.length === 0 ? null : decodeUtf8(bytes)),
};
const FLAG: Codec<boolean> = {
  write: (value) => Uint8Array.of(value ? 1 : 0),
  read: (bytes) => bytes.length === 1 && bytes[0] === 1,
};
const LEVEL: Codec<number> = {
  write(value, name) {
    requireRange(BigInt(value), -0x8000n, 0x7fffn, name);
    return Uint8Array.of((value >> 8) & 0xff, value & 0xff);
  },
  read(bytes, name) {
    requireAtMost(bytes, 2, name);
    return Number(BigInt.asIntN(8 * bytes.length, unsigned(bytes)));
  },
};

function sized(size: number): Codec<Bytes> {
  const exactly = (bytes: Bytes, name: string): Bytes => {
    if (bytes.length === size) return bytes;
    throw invalid(`${name} has ${bytes.length} bytes, not ${size}`);
  };
  return { write: exactly, read: exactly };
}

const IDENTIFIER: Codec<Bytes> = {
  write: (value, name) => requireAtMost(value, MAX_IDENTIFIER, name),
  read: (bytes, name) => requireAtMost(bytes, MAX_IDENTIFIER, name),
};

/** Just so many bytes. */
function fixed(size: number): Codec<number> {
  return {
    write: (value, name) => bigEndian(requireRange(BigInt(value), 0n, maxOf(size), name), size),
    read: (bytes, name) => uint(requireAtMost(bytes, size, name)),
  };
}

/** As few bytes as it takes, but `least`. */
function shortest(size: number, least = 0): Codec<bigint> {
  return {
    write(value, name) {
      requireRange(value, 0n, maxOf(size), name);
      let needed = least;
      while (value > maxOf(needed)) needed += 1;
      return bigEndian(value, needed);
    },
    read: (bytes, name) => unsigned(requireAtMost(bytes, size, name)),
  };
}

const SHORTEST_4: Codec<number> = {
  write: (value, name) => shortest(4).write(BigInt(value), name),
  read: (bytes, name) => uint(requireAtMost(bytes, 4, name)),
};

const A = field('authorization', 'authorization', AUTHORIZATION);
const T = field('tracing', 'x-tracing', RAW);
const TOPIC = field('topic', 'x-topic', RAW);
const GLOB = field('glob', 'x-glob', TEXT);
const URL_FIELD = field('url', 'x-url', TEXT);
const ID = field('identifier', 'x-identifier', IDENTIFIER);
const PART = field('part', 'x-part-id', shortest(8, 1));
const ACKNOWLEDGED_PART = field('part', 'x-part-id', shortest(8));
const COMPRESSOR = field('compressor', 'x-compressor', shortest(8, 1));
const COMPRESSED_LENGTH = field('compressedLength', 'x-compressed-length', shortest(8));
const DECOMPRESSED_LENGTH = field('decompressedLength', 'x-decompressed-length', shortest(8));
const SHA512 = field('sha512', 'x-compressed-sha512', sized(SHA512_SIZE));
const ANNOUNCED = [TOPIC, COMPRESSOR, COMPRESSED_LENGTH, DECOMPRESSED_LENGTH, SHA512];
const INITIAL_DICTIONARY = field('initialDictionary', 'x-initial-dict', fixed(2));
const SUBSCRIBERS = field('subscribers', 'x-num-subscribers', fixed(4));
const DICTIONARY_SHA512 = field('sha512', 'x-sha512', sized(SHA512_SIZE));
const ZSTD_ID = field('compressor', 'x-identifier', shortest(8));
const ZSTD_RANGE = [
  ZSTD_ID,
  field('level', 'x-compression-level', LEVEL),
  field('minSize', 'x-min-size', SHORTEST_4),
  field('maxSize', 'x-max-size', shortest(8)),
];

/** A message of a direction. */
interface Layout {
  readonly type: string;
  readonly number: number;
  readonly fields: readonly Field[];
  /** Whether what is left is its body; it is dropped otherwise. */
  readonly hasBody: boolean;
  /** Whether it bore an authorization in 0.0.11. */
  readonly oldSigned: boolean;
}

function layout(number: number, type: string, fields: readonly Field[], marks: string = ''): Layout {
  return { type, number, fields, hasBody: marks.includes('body'), oldSigned: marks.includes('signed') };
}

const BROADCASTER_LAYOUTS: readonly Layout[] = [
  layout(1, 'configure', [
    field('subscriberNonce', 'x-subscriber-nonce', sized(NONCE_SIZE)),
    field('enableZstd', 'x-enable-zstd', FLAG),
    field('enableTraining', 'x-enable-training', FLAG),
    INITIAL_DICTIONARY,
    A,
    T,
  ]),
  layout(2, 'subscribe-exact', [A, T, TOPIC], 'signed'),
  layout(3, 'subscribe-glob', [A, T, GLOB], 'signed'),
  layout(4, 'unsubscribe-exact', [A, T, TOPIC], 'signed'),
  layout(5, 'unsubscribe-glob', [A, T, GLOB], 'signed'),
  layout(6, 'notify', [A, T, ID, ...ANNOUNCED], 'signed body'),
  layout(7, 'notify-stream-start', [A, T, ID, PART, ...ANNOUNCED], 'signed body'),
  layout(7, 'notify-stream-part', [A, T, ID, PART], 'signed body'),
  layout(8, 'continue-receive', [ID, ACKNOWLEDGED_PART, A, T]),
  layout(9, 'confirm-receive', [ID, A, T, SUBSCRIBERS]),
  layout(SERVE, 'serve', [URL_FIELD, A, T]),
];

const SUBSCRIBER_LAYOUTS: readonly Layout[] = [
  layout(1, 'confirm-configure', [field('broadcasterNonce', 'x-broadcaster-nonce', sized(NONCE_SIZE)), A, T]),
  layout(2, 'confirm-subscribe-exact', [TOPIC, A, T]),
  layout(3, 'confirm-subscribe-glob', [GLOB, A, T]),
  layout(4, 'confirm-unsubscribe-exact', [TOPIC, A, T]),
  layout(5, 'confirm-unsubscribe-glob', [GLOB, A, T]),
  layout(6, 'confirm-notify', [ID, field('subscribers', 'x-subscribers', shortest(8)), A, T]),
  layout(7, 'continue-notify', [ID, ACKNOWLEDGED_PART, A, T]),
  layout(8, 'receive-stream-start', [A, T, ID, PART, ...ANNOUNCED], 'signed body'),
  layout(8, 'receive-stream-part', [A, T, ID, PART], 'signed body'),
  layout(9, 'enable-zstd-preset', [...ZSTD_RANGE, A, T]),
  layout(10, 'enable-zstd-custom', [...ZSTD_RANGE, A, T, DICTIONARY_SHA512], 'body'),
  layout(11, 'disable-zstd-custom', [ZSTD_ID, A, T]),
  layout(12, 'missed', [A, T, TOPIC]),
  layout(SERVE, 'confirm-serve', [URL_FIELD, A, T]),
];

/** What stands for a header that 0.0.11 does not have. */
const ABSENT: Readonly<Record<string, unknown>> = {
  authorization: null,
  tracing: EMPTY,
  initialDictionary: MISSING_DICTIONARY,
  subscribers: 1,
  sha512: EMPTY,
};
const NOT_IN_OLD_TYPES: ReadonlySet<string> = new Set(['missed', 'serve', 'confirm-serve']);
const NOT_IN_OLD: ReadonlySet<Field> = new Set([T, SUBSCRIBERS, DICTIONARY_SHA512]);

/** A message as it lies in a revision, with headers of one kind: worked out once, as it is looked up for each message. */
interface Format {
  readonly layout: Layout;
  readonly minimal: boolean;
  readonly fields: readonly Field[];
  /** What the revision does not have. */
  readonly absent: readonly Field[];
}

/** The formats of a direction, in a revision and with headers of one kind. */
interface Formats {
  readonly revision: LonelypsRevision;
  readonly byType: ReadonlyMap<string, Format>;
  /** Part 0 of a stream before the other parts, which share its number. */
  readonly byNumber: ReadonlyMap<number, readonly [Format, Format?]>;
}

/** By revision, then minimal or expanded. */
type Direction = Readonly<Record<LonelypsRevision, Readonly<Record<'minimal' | 'expanded', Formats>>>>;

function direction(layouts: readonly Layout[]): Direction {
  const both = (revision: LonelypsRevision): Direction[LonelypsRevision] => ({
    minimal: formatsIn(layouts, revision, true),
    expanded: formatsIn(layouts, revision, false),
  });
  return { '0.0.46': both('0.0.46'), '0.0.11': both('0.0.11') };
}

function formatsIn(layouts: readonly Layout[], revision: LonelypsRevision, minimal: boolean): Formats {
  const byType = new Map<string, Format>();
  const byNumber = new Map<number, [Format, Format?]>();
  for (const each of layouts) {
    if (revision === '0.0.11' && NOT_IN_OLD_TYPES.has(each.type)) continue;
    const fields = fieldsOf(each, revision, minimal);
    const absent = each.fields.filter((one) => !fields.includes(one));
    const format = { layout: each, minimal, fields, absent };
    byType.set(each.type, format);
    const start = byNumber.get(each.number);
    if (start) start.push(format);
    else byNumber.set(each.number, [format]);
  }
  return { revision, byType, byNumber };
}

function fieldsOf(
  { fields, oldSigned }: Layout,
  revision: LonelypsRevision,
  minimal: boolean,
): readonly Field[] {
  if (revision === '0.0.46') return fields;
  return fields.filter((each) => {
    if (each === A) return oldSigned;
    return !NOT_IN_OLD.has(each) && !(minimal && each === INITIAL_DICTIONARY);
  });
}

const TO_BROADCASTER: Direction = direction(BROADCASTER_LAYOUTS);
const TO_SUBSCRIBER: Direction = direction(SUBSCRIBER_LAYOUTS);

function formatsOf(to: Direction, { revision = '0.0.46', minimal = true }: StatefulEncodeOptions): Formats {
  return to[revision][minimal ? 'minimal' : 'expanded'];
}

type Members = Record<string, unknown>;

function encode({ byType, revision }: Formats, message: ToBroadcaster | ToSubscriber): Bytes {
  const format = byType.get(message.type);
  if (!format) throw invalid(`there is no ${message.type} in revision ${revision}`);
  const { layout, fields, minimal } = format;
  const members = message as unknown as Members;
  const values = fields.map((each) => headerOf(members, each));
  const body = layout.hasBody ? (members.body as Bytes) : EMPTY;
  let size = (minimal ? 4 : 6) + body.length;
  for (const [index, { nameBytes }] of fields.entries()) {
    size += (minimal ? 0 : 2 + nameBytes.length) + 2 + (values[index]?.length ?? 0);
  }
  const writer = new Writer(size).u16(minimal ? MINIMAL : 0).u16(layout.number);
  if (!minimal) writer.u16(fields.length);
  for (const [index, { nameBytes }] of fields.entries()) {
    const value = values[index] ?? EMPTY;
    if (!minimal) writer.u16(nameBytes.length).bytes(nameBytes);
    writer.u16(value.length).bytes(value);
  }
  return writer.bytes(body).finish();
}

function headerOf(members: Members, { member, name, codec }: Field): Bytes {
  const value = codec.write(members[member] ?? implied(members, member), name);
  if (value.length > 0xffff) throw invalid(`${name} has ${value.length} bytes; 65535 is the most`);
  return value;
}

/** What a message does not say since it follows from the rest: a start is part 0, what is in one piece is as long as that. */
function implied(members: Members, member: string): unknown {
  if (member === 'part') return 0n;
  return member === 'compressedLength' ? BigInt((members.body as Bytes).length) : members[member];
}

function decode(to: Direction, bytes: Bytes, { revision = '0.0.46' }: StatefulOptions): Members {
  try {
    const reader = new Reader(bytes);
    const minimal = (reader.u16() & MINIMAL) === MINIMAL;
    const number = reader.u16();
    const possible = formatsOf(to, { revision, minimal }).byNumber.get(number);
    if (!possible) throw invalid(`type ${number} is unknown`);
    const headers = minimal ? new MinimalHeaders(reader) : new NamedHeaders(reader, revision);
    const message: Members = { type: possible[0].layout.type };
    const { layout, absent } = readHeaders(headers, possible, message);
    for (const { member } of absent) message[member] = ABSENT[member];
    if (layout.hasBody) message.body = reader.rest();
    return message;
  } catch (cause) {
    if (cause instanceof SottoError && cause.code === 'invalid_message') throw cause;
    throw invalid(messageOf(cause), cause);
  }
}

/** The format that it turns out to be: parts of a stream begin as part 0 does, and have no more than their number. */
function readHeaders(headers: Headers, [first, part]: readonly [Format, Format?], message: Members): Format {
  for (const each of first.fields) {
    const value = each.codec.read(headers.next(each), each.name);
    if (each !== PART || value !== 0n) message[each.member] = value;
    if (each !== PART || value === 0n || !part) continue;
    message.type = part.layout.type;
    return part;
  }
  return first;
}

interface Headers {
  /** The value of the next header in the order of the message. */
  next(field: Field): Bytes;
}

class MinimalHeaders implements Headers {
  readonly #reader: Reader;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  next(): Bytes {
    const length = this.#reader.u16();
    return length === 0 ? EMPTY : this.#reader.bytes(length);
  }
}

class NamedHeaders implements Headers {
  readonly #values = new Map<string, Bytes>();
  readonly #revision: LonelypsRevision;

  constructor(reader: Reader, revision: LonelypsRevision) {
    this.#revision = revision;
    for (let count = reader.u16(); count > 0; count--) {
      const name = reader.bytes(reader.u16());
      if (name.some((byte) => byte > 0x7f)) throw invalid('a header has a name that is not ASCII');
      this.#values.set(decodeUtf8(name).toLowerCase(), reader.bytes(reader.u16()));
    }
  }

  next(field: Field): Bytes {
    const value = this.#values.get(field.name);
    if (value) return value;
    if (field === INITIAL_DICTIONARY) return Uint8Array.of(MISSING_DICTIONARY);
    if (field === A && this.#revision === '0.0.11') return EMPTY;
    throw invalid(`the header ${field.name} is missing`);
  }
}

/** What headers must say of each other and of the body; the length that only says it again goes. */
function checked<Message extends ToBroadcaster | ToSubscriber>(message: Message): Message {
  if (!('decompressedLength' in message)) return message;
  const { compressedLength, ...rest } = message as unknown as StreamStart;
  if (message.type === 'notify' && compressedLength !== BigInt(message.body.length)) {
    throw invalid('x-compressed-length is not the length of the body');
  }
  if (message.compressor === 0n && compressedLength !== message.decompressedLength) {
    throw invalid('without compression both lengths must be the same');
  }
  return message.type === 'notify' ? (rest as unknown as Message) : message;
}

/** Numbers of so many bytes are exact. */
const EXACT = 6;

function uint(bytes: Bytes): number {
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return value;
}

function unsigned(bytes: Bytes): bigint {
  if (bytes.length <= EXACT) return BigInt(uint(bytes));
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function bigEndian(value: bigint, size: number): Bytes {
  const bytes = new Uint8Array(size);
  for (let at = size - 1, left = value; at >= 0; at--, left >>= 8n) bytes[at] = Number(left & 0xffn);
  return bytes;
}

/** By the number of bytes. */
const MAXIMA: readonly bigint[] = Array.from({ length: 9 }, (_, size) => (1n << BigInt(8 * size)) - 1n);

function maxOf(size: number): bigint {
  return MAXIMA[size] ?? 0n;
}

function requireRange(value: bigint, min: bigint, max: bigint, name: string): bigint {
  if (value >= min && value <= max) return value;
  throw invalid(`${name} cannot be ${value}; it is from ${min} to ${max}`);
}

function requireAtMost(bytes: Bytes, size: number, name: string): Bytes {
  if (bytes.length <= size) return bytes;
  throw invalid(`${name} has ${bytes.length} bytes; ${size} is the most`);
}

function invalid(why: string, cause?: unknown): SottoError {
  return new SottoError('invalid_message', `This is no lonelyps message: ${why}.`, { cause });
}
