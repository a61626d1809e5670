/**
 * lonelyps over HTTP: the bodies of its requests and answers. What may be long is read as it comes.
 *
 * ```text
 * str = length(2) bytes, id = length(1) bytes, recovery = str, of length 0 for none; all numbers big-endian
 *
 * to the broadcaster
 * NOTIFY               str topic, sha512(64), str tracing, id, length(8), message
 * SUBSCRIBE_EXACT      str url, str topic, recovery, str tracing
 * SUBSCRIBE_GLOB       str url, str glob, recovery, str tracing
 * UNSUBSCRIBE_EXACT    str url, str topic, str tracing
 * UNSUBSCRIBE_GLOB     str url, str glob, str tracing
 * CHECK_SUBSCRIPTIONS  str tracing, str url
 * SET_SUBSCRIPTIONS    str tracing, str url, format(1) = 0, etag(64), count(4), then for each str topic, recovery;
 *                      count(4), then for each str glob, recovery; topics and globs each ascending by bytes, none twice
 *
 * to the subscriber
 * RECEIVE              str tracing, str topic, id, length(8), message
 * MISSED               str tracing, str topic
 *
 * answers              type(2), then
 * 3  GENERIC                str authorization, str tracing
 * 4  NOTIFY                 str authorization, str tracing, subscribers(4), id
 * 5  CHECK_SUBSCRIPTIONS    str authorization, str tracing, format(1) = 0, etag(64)
 * 8  CONFIRM_RECEIVE        str authorization, str tracing, id, subscribers(4)
 * 9  CONFIRM_MISSED         str authorization, str tracing
 * 10 UNSUBSCRIBE_IMMEDIATE  nothing: whatever follows is not read
 *
 * etag                 SHA-512 of: "URL" str url, LF "EXACT", for each str topic, recovery; LF "GLOB", for each str
 *                      glob, recovery; LF
 * Repr-Digest          "sha-512=" and the digest in base64, without the colons of RFC 9530
 * ```
 *
 * Source: specs/lonelyps.md, sections 9 and 10.
 */

import { decodeBase64, encodeBase64 } from '../bytes/base64.ts';
import { type Bytes, compareBytes, concat, EMPTY } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import type { StreamReader } from '../bytes/stream-reader.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/text.ts';
import { Writer } from '../bytes/writer.ts';
import { messageOf, SottoError } from '../errors.ts';

/** What stands before the message of a NOTIFY. */
export interface NotifyHead {
  readonly topic: Bytes;
  /** 64 bytes, of the message. */
  readonly sha512: Bytes;
  readonly tracing: Bytes;
  /** At most 255 bytes. */
  readonly identifier: Bytes;
  /** Of the message, bytes. */
  readonly length: bigint;
}

/** What stands before the message of a RECEIVE. */
export type ReceiveHead = Omit<NotifyHead, 'sha512'>;

export interface ExactSubscription {
  readonly topic: Bytes;
  readonly recovery: string | null;
}

export interface GlobSubscription {
  readonly glob: string;
  readonly recovery: string | null;
}

interface Addressed {
  readonly url: string;
  readonly tracing: Bytes;
}

export type SubscribeExact = Addressed & ExactSubscription;
export type SubscribeGlob = Addressed & GlobSubscription;
export type UnsubscribeExact = Omit<SubscribeExact, 'recovery'>;
export type UnsubscribeGlob = Omit<SubscribeGlob, 'recovery'>;

/** What stands before the lists of a SET_SUBSCRIPTIONS. */
export interface SetHead extends Addressed {
  /** 64 bytes, of all that follows; see {@link etagDocument}. */
  readonly etag: Bytes;
}

interface Signed {
  readonly authorization: string | null;
  readonly tracing: Bytes;
}

export type StatelessAnswer =
  | ({ readonly type: 'generic' | 'confirm-missed' } & Signed)
  | ({
      readonly type: 'notify' | 'confirm-receive';
      readonly identifier: Bytes;
      readonly subscribers: number;
    } & Signed)
  | ({ readonly type: 'check'; readonly etag: Bytes } & Signed)
  | { readonly type: 'unsubscribe-immediate' };

// Specified.
const SHA512_SIZE = 64;
const ETAG_FORMAT = 0;
const DIGEST = 'sha-512=';
const ANSWERS: Readonly<Record<StatelessAnswer['type'], number>> = {
  generic: 3,
  notify: 4,
  check: 5,
  'confirm-receive': 8,
  'confirm-missed': 9,
  'unsubscribe-immediate': 10,
};

export function encodeNotifyHead({ topic, sha512, tracing, identifier, length }: NotifyHead): Bytes {
  return encoded(() => concat(str(topic), sized(sha512), str(tracing), id(identifier), uint64(length)));
}

/** The message follows. @throws SottoError `invalid_message`. */
export function readNotifyHead(reader: StreamReader): Promise<NotifyHead> {
  return reading(async () => ({
    topic: await readStr(reader),
    sha512: await reader.bytes(SHA512_SIZE),
    tracing: await readStr(reader),
    identifier: await readId(reader),
    length: await reader.u64(),
  }));
}

export function encodeReceiveHead({ topic, tracing, identifier, length }: ReceiveHead): Bytes {
  return encoded(() => concat(str(tracing), str(topic), id(identifier), uint64(length)));
}

/** The message follows. @throws SottoError `invalid_message`. */
export function readReceiveHead(reader: StreamReader): Promise<ReceiveHead> {
  return reading(async () => ({
    tracing: await readStr(reader),
    topic: await readStr(reader),
    identifier: await readId(reader),
    length: await reader.u64(),
  }));
}

export function encodeMissed({ tracing, topic }: { readonly tracing: Bytes; readonly topic: Bytes }): Bytes {
  return encoded(() => concat(str(tracing), str(topic)));
}

/** @throws SottoError `invalid_message`. */
export function readMissed(reader: StreamReader): Promise<{ tracing: Bytes; topic: Bytes }> {
  return reading(async () => ({ tracing: await readStr(reader), topic: await readStr(reader) }));
}

export function encodeSubscribeExact({ url, topic, recovery, tracing }: SubscribeExact): Bytes {
  return encoded(() => concat(text(url), str(topic), text(recovery ?? ''), str(tracing)));
}

/** @throws SottoError `invalid_message`. */
export function readSubscribeExact(reader: StreamReader): Promise<SubscribeExact> {
  return reading(async () => ({
    url: await readText(reader),
    topic: await readStr(reader),
    recovery: await readRecovery(reader),
    tracing: await readStr(reader),
  }));
}

export function encodeSubscribeGlob({ url, glob, recovery, tracing }: SubscribeGlob): Bytes {
  return encodeSubscribeExact({ url, topic: encodeUtf8(glob), recovery, tracing });
}

/** @throws SottoError `invalid_message`. */
export function readSubscribeGlob(reader: StreamReader): Promise<SubscribeGlob> {
  return reading(async () => withGlob(await readSubscribeExact(reader)));
}

export function encodeUnsubscribeExact({ url, topic, tracing }: UnsubscribeExact): Bytes {
  return encoded(() => concat(text(url), str(topic), str(tracing)));
}

/** @throws SottoError `invalid_message`. */
export function readUnsubscribeExact(reader: StreamReader): Promise<UnsubscribeExact> {
  return reading(async () => ({
    url: await readText(reader),
    topic: await readStr(reader),
    tracing: await readStr(reader),
  }));
}

export function encodeUnsubscribeGlob({ url, glob, tracing }: UnsubscribeGlob): Bytes {
  return encodeUnsubscribeExact({ url, topic: encodeUtf8(glob), tracing });
}

/** @throws SottoError `invalid_message`. */
export function readUnsubscribeGlob(reader: StreamReader): Promise<UnsubscribeGlob> {
  return reading(async () => withGlob(await readUnsubscribeExact(reader)));
}

export function encodeCheck({ tracing, url }: Addressed): Bytes {
  return encoded(() => concat(str(tracing), text(url)));
}

/** @throws SottoError `invalid_message`. */
export function readCheck(reader: StreamReader): Promise<Addressed> {
  return reading(async () => ({ tracing: await readStr(reader), url: await readText(reader) }));
}

/** A SET_SUBSCRIPTIONS in pieces; the lists are to be in order. */
export function* encodeSet(
  { tracing, url, etag }: SetHead,
  exacts: readonly ExactSubscription[],
  globs: readonly GlobSubscription[],
): Generator<Bytes, void, void> {
  yield encoded(() => concat(str(tracing), text(url), Uint8Array.of(ETAG_FORMAT), sized(etag)));
  yield uint32(exacts.length);
  for (const { topic, recovery } of ascending(exacts, byTopic))
    yield encoded(() => concat(str(topic), text(recovery ?? '')));
  yield uint32(globs.length);
  for (const { glob, recovery } of ascending(globs, byGlob))
    yield encoded(() => concat(text(glob), text(recovery ?? '')));
}

/**
 * The lists follow: {@link readExacts}, then {@link readGlobs}.
 *
 * @throws SottoError `invalid_message`.
 */
export function readSetHead(reader: StreamReader): Promise<SetHead> {
  return reading(async () => {
    const [tracing, url] = [await readStr(reader), await readText(reader)];
    if ((await reader.u8()) !== ETAG_FORMAT) throw invalid('its etag has an unknown format');
    return { tracing, url, etag: await reader.bytes(SHA512_SIZE) };
  });
}

/** @throws SottoError `invalid_message`, also for topics that are not in ascending order or come twice. */
export async function* readExacts(reader: StreamReader): AsyncGenerator<ExactSubscription, void, void> {
  let last: ExactSubscription | null = null;
  for (let count = await reading(() => reader.u32()); count > 0; count--) {
    const next = await reading(async () => ({
      topic: await readStr(reader),
      recovery: await readRecovery(reader),
    }));
    requireAscending(last, next, byTopic);
    last = next;
    yield next;
  }
}

/** @throws SottoError `invalid_message`, also for globs that are not in ascending order or come twice. */
export async function* readGlobs(reader: StreamReader): AsyncGenerator<GlobSubscription, void, void> {
  let last: GlobSubscription | null = null;
  for (let count = await reading(() => reader.u32()); count > 0; count--) {
    const next = await reading(async () => ({
      glob: await readText(reader),
      recovery: await readRecovery(reader),
    }));
    requireAscending(last, next, byGlob);
    last = next;
    yield next;
  }
}

/**
 * The document whose SHA-512 is the strong etag of a url's subscriptions, in pieces.
 *
 * @throws SottoError `invalid_message` for lists that are not in ascending order, or name something twice.
 */
export function* etagDocument(
  url: string,
  exacts: Iterable<ExactSubscription>,
  globs: Iterable<GlobSubscription>,
): Generator<Bytes, void, void> {
  yield encoded(() => concat(encodeUtf8('URL'), text(url), encodeUtf8('\nEXACT')));
  for (const { topic, recovery } of ascending(exacts, byTopic))
    yield encoded(() => concat(str(topic), text(recovery ?? '')));
  yield encodeUtf8('\nGLOB');
  for (const { glob, recovery } of ascending(globs, byGlob))
    yield encoded(() => concat(text(glob), text(recovery ?? '')));
  yield encodeUtf8('\n');
}

export function encodeAnswer(answer: StatelessAnswer): Bytes {
  const type = new Writer(2).u16(ANSWERS[answer.type]).finish();
  if (answer.type === 'unsubscribe-immediate') return type;
  return encoded(() =>
    concat(type, text(answer.authorization ?? ''), str(answer.tracing), ...answerFields(answer)),
  );
}

function answerFields(answer: Exclude<StatelessAnswer, { type: 'unsubscribe-immediate' }>): readonly Bytes[] {
  switch (answer.type) {
    case 'notify':
      return [uint32(answer.subscribers), id(answer.identifier)];
    case 'check':
      return [Uint8Array.of(ETAG_FORMAT), sized(answer.etag)];
    case 'confirm-receive':
      return [id(answer.identifier), uint32(answer.subscribers)];
    default:
      return [];
  }
}

/** What follows an answer is not read. @throws SottoError `invalid_message`. */
export function decodeAnswer(bytes: Bytes): StatelessAnswer {
  try {
    const reader = new Reader(bytes);
    const number = reader.u16();
    const [type] = Object.entries(ANSWERS).find(([, each]) => each === number) ?? [];
    if (type === undefined) throw invalid(`answer ${number} is unknown`);
    if (type === 'unsubscribe-immediate') return { type };
    const authorization = reader.text(reader.u16());
    const signed = {
      authorization: authorization === '' ? null : authorization,
      tracing: reader.bytes(reader.u16()),
    };
    return decodedFields(type as keyof typeof ANSWERS, signed, reader);
  } catch (cause) {
    throw asInvalid(cause);
  }
}

function decodedFields(type: StatelessAnswer['type'], signed: Signed, reader: Reader): StatelessAnswer {
  switch (type) {
    case 'notify': {
      const subscribers = reader.u32();
      return { type, ...signed, subscribers, identifier: reader.bytes(reader.u8()) };
    }
    case 'confirm-receive': {
      const identifier = reader.bytes(reader.u8());
      return { type, ...signed, identifier, subscribers: reader.u32() };
    }
    case 'check':
      if (reader.u8() !== ETAG_FORMAT) throw invalid('its etag has an unknown format');
      return { type, ...signed, etag: reader.bytes(SHA512_SIZE) };
    case 'unsubscribe-immediate':
      return { type };
    default:
      return { type, ...signed };
  }
}

/** The value of a `Repr-Digest` header. */
export function encodeReprDigest(sha512: Bytes): string {
  return DIGEST + encodeBase64(sha512);
}

/** The last SHA-512 of a `Repr-Digest`; null where there is none, or none of 64 bytes. Blanks before it hide it. */
export function decodeReprDigest(header: string): Bytes | null {
  const found = header.split(',').findLast((part) => part.startsWith(DIGEST));
  try {
    const digest = found === undefined ? EMPTY : decodeBase64(found.slice(DIGEST.length));
    return digest.length === SHA512_SIZE ? digest : null;
  } catch {
    return null;
  }
}

function withGlob<T extends { readonly topic: Bytes }>({
  topic,
  ...rest
}: T): Omit<T, 'topic'> & { glob: string } {
  return { ...rest, glob: decodeUtf8(topic) };
}

function byTopic({ topic }: ExactSubscription): Bytes {
  return topic;
}

function byGlob({ glob }: GlobSubscription): Bytes {
  return encodeUtf8(glob);
}

function* ascending<T>(items: Iterable<T>, keyOf: (item: T) => Bytes): Generator<T, void, void> {
  let last: T | null = null;
  for (const item of items) {
    requireAscending(last, item, keyOf);
    last = item;
    yield item;
  }
}

function requireAscending<T>(last: T | null, next: T, keyOf: (item: T) => Bytes): void {
  if (last !== null && compareBytes(keyOf(last), keyOf(next)) >= 0) {
    throw invalid('its topics and globs must each be in ascending order, and none twice');
  }
}

/** Less than zero, zero or more; what another begins with comes first. */

function text(value: string): Bytes {
  return str(encodeUtf8(value));
}

function str(bytes: Bytes): Bytes {
  return concat(new Writer(2).u16(bytes.length).finish(), bytes);
}

function id(bytes: Bytes): Bytes {
  return concat(new Writer(1).u8(bytes.length).finish(), bytes);
}

function uint32(value: number): Bytes {
  return new Writer(4).u32(value).finish();
}

function uint64(value: bigint): Bytes {
  return new Writer(8)
    .u32(Number(value >> 32n))
    .u32(Number(value & 0xffff_ffffn))
    .finish();
}

function sized(bytes: Bytes): Bytes {
  if (bytes.length === SHA512_SIZE) return bytes;
  throw invalid(`a SHA-512 has 64 bytes, not ${bytes.length}`);
}

async function readStr(reader: StreamReader): Promise<Bytes> {
  return reader.bytes(await reader.u16());
}

async function readText(reader: StreamReader): Promise<string> {
  return reader.text(await reader.u16());
}

async function readRecovery(reader: StreamReader): Promise<string | null> {
  const recovery = await readText(reader);
  return recovery === '' ? null : recovery;
}

async function readId(reader: StreamReader): Promise<Bytes> {
  return reader.bytes(await reader.u8());
}

function encoded(encode: () => Bytes): Bytes {
  try {
    return encode();
  } catch (cause) {
    throw asInvalid(cause);
  }
}

async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw asInvalid(cause);
  }
}

/** Errors of bytes as errors of the message; those of the road it comes by stay what they are. */
function asInvalid(cause: unknown): unknown {
  const isOurs = cause instanceof SottoError && ['out_of_bounds', 'invalid_text'].includes(cause.code);
  return isOurs ? invalid(messageOf(cause), cause) : cause;
}

function invalid(why: string, cause?: unknown): SottoError {
  return new SottoError('invalid_message', `This is no lonelyps message: ${why}.`, { cause });
}
