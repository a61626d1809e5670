/** The HTTP bodies of lonelyps as JSON, by the path they are posted to. */

import { type Bytes, concat } from '../bytes/bytes.ts';
import { StreamReader } from '../bytes/stream-reader.ts';
import { decodeHex, encodeHex } from '../bytes/text.ts';
import {
  type ExactSubscription,
  encodeCheck,
  encodeMissed,
  encodeNotifyHead,
  encodeReceiveHead,
  encodeSet,
  encodeSubscribeExact,
  encodeSubscribeGlob,
  encodeUnsubscribeExact,
  encodeUnsubscribeGlob,
  type GlobSubscription,
  readCheck,
  readExacts,
  readGlobs,
  readMissed,
  readNotifyHead,
  readReceiveHead,
  readSetHead,
  readSubscribeExact,
  readSubscribeGlob,
  readUnsubscribeExact,
  readUnsubscribeGlob,
} from '../wire/lonelyps-stateless.ts';
import type { Fields } from './case.ts';
import { bytesOf } from './fields.ts';
import { fieldsOf, membersFrom } from './lonelyps-fields.ts';

interface Body {
  read(reader: StreamReader): Promise<Fields>;
  write(fields: Fields): Bytes;
}

const BODIES: Readonly<Record<string, Body>> = {
  '/v1/subscribe/exact': plain(readSubscribeExact, encodeSubscribeExact),
  '/v1/subscribe/glob': plain(readSubscribeGlob, encodeSubscribeGlob),
  '/v1/unsubscribe/exact': plain(readUnsubscribeExact, encodeUnsubscribeExact),
  '/v1/unsubscribe/glob': plain(readUnsubscribeGlob, encodeUnsubscribeGlob),
  '/v1/check_subscriptions': plain(readCheck, encodeCheck),
  '/v1/recover': plain(readMissed, encodeMissed),
  '/v1/notify': withMessage(readNotifyHead, encodeNotifyHead),
  '/v1/receive': withMessage(readReceiveHead, encodeReceiveHead),
  '/v1/set_subscriptions': {
    async read(reader) {
      const head = await readSetHead(reader);
      const topics = (await all(readExacts(reader))).map(fieldsOf);
      return { ...fieldsOf(head), topics, globs: await all(readGlobs(reader)) };
    },
    write: ({ topics, globs, ...head }) =>
      concat(...encodeSet(membersFrom(head) as never, exactsFrom(topics), globs as GlobSubscription[])),
  },
};

function plain<Message extends object>(
  read: (reader: StreamReader) => Promise<Message>,
  write: (message: Message) => Bytes,
): Body {
  return {
    read: async (reader) => fieldsOf(await read(reader)),
    write: (fields) => write(membersFrom(fields) as unknown as Message),
  };
}

/** The head says how long the message is that follows. */
function withMessage<Head extends object>(
  read: (reader: StreamReader) => Promise<Head>,
  write: (head: Head) => Bytes,
): Body {
  return {
    async read(reader) {
      const head = await read(reader);
      return { ...fieldsOf(head), message: encodeHex(concat(...(await all(reader.rest())))) };
    },
    write: ({ message, ...head }) =>
      concat(write(membersFrom(head) as unknown as Head), bytesOf({ message }, 'message')),
  };
}

/** The lists of an etag and of a body to set. */
export function exactsFrom(topics: unknown): ExactSubscription[] {
  return (topics as { topic: string; recovery: string | null }[]).map(({ topic, recovery }) => ({
    topic: decodeHex(topic),
    recovery,
  }));
}

/** @param piece how many bytes come at a time. @throws SottoError `invalid_message`. */
export async function readBody(path: string, bytes: Bytes, piece: number = bytes.length): Promise<Fields> {
  return bodyAt(path).read(new StreamReader(inPieces(bytes, piece)));
}

/** @throws SottoError `invalid_message`. */
export function writeBody(path: string, fields: Fields): Bytes {
  return bodyAt(path).write(fields);
}

function bodyAt(path: string): Body {
  const body = BODIES[path];
  if (body !== undefined) return body;
  throw new TypeError(`Nothing is posted to ${path}.`);
}

async function* inPieces(bytes: Bytes, size: number): AsyncGenerator<Bytes, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
