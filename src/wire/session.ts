/**
 * What the two ends of an encrypted session say to each other: one Noise transport message holds one of these.
 *
 * ```text
 * offset   size  field
 * 0        1     kind; plus 128: the kept message that comes next, of the same stream and kind, goes on with the content;
 *                plus 64, for data, item, once and open: the content, put together, is compressed
 * 1        4     stream id: 0 the session itself, odd opened by the client, even by the server
 * 5        8     number, in kept messages alone: how many of them this end sent before, since the session began
 * 5, 13    n     content
 *
 * kind         kept  stream  content
 * 0  data      yes   any     a routed request, which opens the stream; a routed reply, which is its answer
 * 1  rekey     no    0       1: 0 ask, 1 answer; 4: epoch; 32: X25519 public key
 * 2  ping      no    0       8: how many kept messages have come; answered by pong
 * 3  pong      no    0       8: the same; also sent by itself
 * 4  close     no    0       2: status; then why, UTF-8: the session is over
 * 5  error     yes   any     2: status; then why, UTF-8: in place of what would have come on this stream
 * 6  item      yes   any     1: representation; then one value of a stream of many
 * 7  end       yes   any     nothing: the last item was the last
 * 8  credit    yes   any     4: so many more items may be sent than the 32 at first; each begun 8192 bytes count as one,
 *                             as they are uncompressed
 * 9  cancel    yes   any     nothing: who opened the stream wants no more of it
 * 10 once      yes   any     16: id; then a routed request that is handled once for each id
 * 11 open      yes   any     a routed request whose body is the items that follow on the stream
 * 12 skipped   yes   0       4: so many messages were not sent, because this end took them too slowly
 *
 * A compressed content, sent only to an end that reads it
 * 0        4     uncompressed length, bytes
 * 4        n     one frame of zstd (RFC 8878) that holds just as many, made without a dictionary
 *
 * The handshake: the payload of the client's Noise message, and of the server's
 * 0        1     version = 1
 * 1        8     how many kept messages of the other end have come
 * 9        16    secret of the session to go on with, zeros for a new one; of the session that goes on or begins
 * 25       1     flags: 1 this end reads compressed contents; 2 the server's alone: it has a newer key than the one that this
 *                session was begun with, and tells it on the route "/sotto/key"; others are for later versions
 * 26       1     the server's alone: 0 a new one, 1 goes on
 *
 * Before the Noise message, in the first message of a connection:
 * 0        1     protocol: 1 Noise_NNpsk0, 2 Noise_IK, 3 Noise_NK, each of 25519_AESGCM_SHA256
 * 1        1     H, size of the host name
 * 2        H     host name, UTF-8, as the client knows the server
 * The prologue is "sotto/session/1", then all of that.
 * ```
 *
 * Of a content in parts all but the last have 65 506 bytes. Numbers and ids are big-endian. A kept message is sent again after a cut until a `ping` or `pong` says that it has come.
 *
 * Source: specs/native.md, section 4, made exact; kinds 6 to 12, the numbers, compression and what goes on
 * after a cut are additions.
 */

import { type Bytes, concat } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { cutUtf8, encodeUtf8 } from '../bytes/text.ts';
import { Writer } from '../bytes/writer.ts';
import { SottoError } from '../errors.ts';

// Specified.
const VERSION = 1;
const PROLOGUE = encodeUtf8('sotto/session/1');
const MORE = 0x80;
const COMPRESSED = 0x40;
const FLAG_READS_COMPRESSED = 1;
const FLAG_NEWER_KEY = 2;
const KINDS: readonly Kind[] = [
  'data',
  'rekey',
  'ping',
  'pong',
  'close',
  'error',
  'item',
  'end',
  'credit',
  'cancel',
  'once',
  'open',
  'skipped',
];
const HEAD_SIZE = 5;
const NUMBER_SIZE = 8;
export const KEPT_HEAD_SIZE: number = HEAD_SIZE + NUMBER_SIZE;
export const SESSION_ID_SIZE = 16;
export const ONCE_ID_SIZE = 16;
const HELLO_SIZE = 2 + NUMBER_SIZE + SESSION_ID_SIZE;
const KEY_SIZE = 32;
const COMPRESSED_HEAD_SIZE = 4;
const ITEM_UNIT = 8192;
/** What may be sent of items before more is asked for. */
export const FIRST_CREDIT = 32;
/** The longest content of one message, bytes: what Noise carries, less its tag and the head. */
export const MAX_CONTENT: number = 65_519 - KEPT_HEAD_SIZE;

// Chosen.
const MAX_WHY = 1024;

/** Of a connection alone. */
type PassingKind = 'rekey' | 'ping' | 'pong' | 'close';
export type KeptKind = 'data' | 'error' | 'item' | 'end' | 'credit' | 'cancel' | 'once' | 'open' | 'skipped';
type Kind = PassingKind | KeptKind;
const PASSING: readonly Kind[] = ['rekey', 'ping', 'pong', 'close'];
/** All others are short. */
const COMPRESSIBLE: readonly Kind[] = ['data', 'item', 'once', 'open'];

/** Sent again after a cut. */
export interface KeptMessage {
  readonly kind: KeptKind;
  readonly stream: number;
  readonly number: number;
  /** The content goes on in the kept message that comes next. */
  readonly more: boolean;
  /** The content, put together, is what {@link decodeCompressed} reads. Of `data`, `item`, `once` and `open` alone. */
  readonly compressed: boolean;
  readonly content: Bytes;
}

/** Of a connection alone. */
export type PassingMessage =
  | {
      readonly kind: 'rekey';
      readonly type: 'ask' | 'answer';
      readonly epoch: number;
      readonly publicKey: Bytes;
    }
  | { readonly kind: 'ping' | 'pong'; readonly received: number }
  | { readonly kind: 'close'; readonly status: number; readonly why: string };

export type SessionMessage = KeptMessage | PassingMessage;

export function encodeKept({ kind, stream, number, more, compressed, content }: KeptMessage): Bytes {
  return new Writer(KEPT_HEAD_SIZE + content.length)
    .u8(KINDS.indexOf(kind) | (more ? MORE : 0) | (compressed ? COMPRESSED : 0))
    .u32(stream)
    .u64(number)
    .bytes(content)
    .finish();
}

export function encodePassing(message: PassingMessage): Bytes {
  const content = contentOf(message);
  return new Writer(HEAD_SIZE + content.length)
    .u8(KINDS.indexOf(message.kind))
    .u32(0)
    .bytes(content)
    .finish();
}

function contentOf(message: PassingMessage): Bytes {
  if (message.kind === 'close') return encodeFailure(message.status, message.why);
  if (message.kind !== 'rekey') return new Writer(NUMBER_SIZE).u64(message.received).finish();
  const { type, epoch, publicKey } = message;
  return new Writer(HEAD_SIZE + KEY_SIZE)
    .u8(type === 'ask' ? 0 : 1)
    .u32(epoch)
    .bytes(publicKey)
    .finish();
}

/** @throws SottoError `invalid_message`, `out_of_bounds`, `invalid_text`. */
export function decodeSessionMessage(bytes: Bytes): SessionMessage {
  const reader = new Reader(bytes);
  const byte = reader.u8();
  const [more, compressed] = [(byte & MORE) !== 0, (byte & COMPRESSED) !== 0];
  const code = byte & ~MORE & ~COMPRESSED;
  const kind = KINDS[code];
  if (kind === undefined) throw invalid(`kind ${code} is none`);
  if (compressed && !COMPRESSIBLE.includes(kind)) throw invalid(`a message of kind ${kind} is compressed`);
  const stream = reader.u32();
  if (!isPassing(kind)) {
    if ((stream === 0) !== (kind === 'skipped'))
      throw invalid(`a message of kind ${kind} has stream ${stream}`);
    return { kind, stream, number: reader.u64(), more, compressed, content: reader.rest() };
  }
  if (stream !== 0 || more) throw invalid(`a message of kind ${kind} is of the session`);
  const message = passingFrom(kind, reader);
  if (reader.remaining > 0) throw invalid(`${reader.remaining} bytes follow a message of kind ${kind}`);
  return message;
}

function passingFrom(kind: PassingKind, reader: Reader): PassingMessage {
  if (kind === 'close') {
    const { status, why } = decodeFailure(reader.rest());
    return { kind, status, why };
  }
  if (kind !== 'rekey') return { kind, received: reader.u64() };
  const type = reader.u8();
  if (type > 1) throw invalid(`a rekey is no ${type}`);
  return {
    kind,
    type: type === 0 ? 'ask' : 'answer',
    epoch: reader.u32(),
    publicKey: reader.bytes(KEY_SIZE),
  };
}

/** The content of `error` and `close`. */
export function encodeFailure(status: number, why: string): Bytes {
  return concat(new Writer(2).u16(status).finish(), cutUtf8(encodeUtf8(why), MAX_WHY));
}

/** @throws SottoError `out_of_bounds`, `invalid_text`. */
export function decodeFailure(content: Bytes): { readonly status: number; readonly why: string } {
  const reader = new Reader(content);
  return { status: reader.u16(), why: reader.text(reader.remaining) };
}

/** How much of the credit an item takes, uncompressed. It may be sent as long as any is left, though it take more than that. */
export function costOfItem(content: Bytes): number {
  return Math.max(1, Math.ceil(content.length / ITEM_UNIT));
}

/** The content of `credit` and `skipped`. */
export function encodeCount(count: number): Bytes {
  return new Writer(4).u32(count).finish();
}

/** @throws SottoError `out_of_bounds`. */
export function decodeCount(content: Bytes): number {
  return new Reader(content).u32();
}

/** The content of what is compressed. @param length uncompressed, bytes. */
export function encodeCompressed(length: number, frame: Bytes): Bytes {
  return concat(new Writer(COMPRESSED_HEAD_SIZE).u32(length).finish(), frame);
}

/** Neither the length is checked nor the frame. @throws SottoError `out_of_bounds`. */
export function decodeCompressed(content: Bytes): { readonly length: number; readonly frame: Bytes } {
  const reader = new Reader(content);
  return { length: reader.u32(), frame: reader.rest() };
}

/** How a session begins, or goes on. */
export interface ClientHello {
  /** Kept messages that have come. */
  readonly received: number;
  /** 16 bytes; zeros for a new session. */
  readonly session: Bytes;
  /** Contents may be sent compressed to this end. */
  readonly readsCompressed: boolean;
}

export interface ServerHello extends ClientHello {
  readonly resumed: boolean;
  /** The server has a newer key than the one that the client knows. Default false. */
  readonly newerKey?: boolean;
}

export function encodeClientHello(hello: ClientHello): Bytes {
  return encodeHello(hello, hello.readsCompressed ? FLAG_READS_COMPRESSED : 0);
}

export function encodeServerHello(hello: ServerHello): Bytes {
  const flags = (hello.readsCompressed ? FLAG_READS_COMPRESSED : 0) | (hello.newerKey ? FLAG_NEWER_KEY : 0);
  return concat(encodeHello(hello, flags), Uint8Array.of(hello.resumed ? 1 : 0));
}

function encodeHello({ received, session }: ClientHello, flags: number): Bytes {
  return new Writer(HELLO_SIZE).u8(VERSION).u64(received).bytes(session).u8(flags).finish();
}

/** What follows is for later versions. @throws SottoError `invalid_message`, `out_of_bounds`. */
export function decodeClientHello(bytes: Bytes): ClientHello {
  const { received, session, flags } = helloFrom(new Reader(bytes));
  return { received, session, readsCompressed: (flags & FLAG_READS_COMPRESSED) !== 0 };
}

/** @throws SottoError `invalid_message`, `out_of_bounds`. */
export function decodeServerHello(bytes: Bytes): ServerHello {
  const reader = new Reader(bytes);
  const { received, session, flags } = helloFrom(reader);
  return {
    received,
    session,
    readsCompressed: (flags & FLAG_READS_COMPRESSED) !== 0,
    resumed: reader.u8() === 1,
    ...((flags & FLAG_NEWER_KEY) === 0 ? {} : { newerKey: true }),
  };
}

function helloFrom(reader: Reader): Pick<ClientHello, 'received' | 'session'> & { readonly flags: number } {
  const version = reader.u8();
  if (version !== VERSION) throw invalid(`version ${version} is not known`);
  return { received: reader.u64(), session: reader.bytes(SESSION_ID_SIZE), flags: reader.u8() };
}

/** How the client proves itself, and knows the server. */
export type SessionProtocol = 'NNpsk0' | 'IK' | 'NK';
const PROTOCOLS: readonly SessionProtocol[] = ['NNpsk0', 'IK', 'NK'];

export interface Greeting {
  readonly protocol: SessionProtocol;
  readonly host: string;
  /** Noise's first message. */
  readonly message: Bytes;
  /** What both ends mix into the handshake. */
  readonly prologue: Bytes;
}

/** What stands before the first Noise message. */
export function encodeGreeting(protocol: SessionProtocol, host: string): Bytes {
  const name = encodeUtf8(host);
  return new Writer(2 + name.length)
    .u8(PROTOCOLS.indexOf(protocol) + 1)
    .u8(name.length)
    .bytes(name)
    .finish();
}

export function prologueOf(greeting: Bytes): Bytes {
  return concat(PROLOGUE, greeting);
}

/** @throws SottoError `invalid_message`, `out_of_bounds`, `invalid_text`. */
export function decodeGreeting(bytes: Bytes): Greeting {
  const reader = new Reader(bytes);
  const protocol = PROTOCOLS[reader.u8() - 1];
  if (protocol === undefined) throw invalid('it names no protocol');
  const host = reader.text(reader.u8());
  const size = bytes.length - reader.remaining;
  return { protocol, host, message: reader.rest(), prologue: prologueOf(bytes.subarray(0, size)) };
}

function isPassing(kind: Kind): kind is PassingKind {
  return PASSING.includes(kind);
}

function invalid(why: string): SottoError {
  return new SottoError('invalid_message', `This is no message of a session: ${why}.`);
}
