/**
 * Messages of lonelyps as JSON: byte strings as hex, integers that may need 64 bits as decimal text, the rest as it is.
 * Members are named as in src/wire/lonelyps-stateful.ts.
 */

import { decodeHex, encodeHex } from '../bytes/text.ts';
import type { LonelypsRevision, ToBroadcaster, ToSubscriber } from '../wire/lonelyps-stateful.ts';
import type { Fields } from './case.ts';

export type StatefulMessage = ToBroadcaster | ToSubscriber;

const BYTES: ReadonlySet<string> = new Set([
  ...['subscriberNonce', 'broadcasterNonce', 'tracing', 'topic', 'identifier', 'sha512', 'etag', 'body'],
]);
const BIG: ReadonlySet<string> = new Set([
  ...['compressor', 'part', 'compressedLength', 'decompressedLength', 'maxSize', 'length'],
]);

/** The members of anything that is read from a wire. */
export function fieldsOf(message: object): Fields {
  return Object.fromEntries(
    Object.entries(message).map(([member, value]) => {
      if (value instanceof Uint8Array) return [member, encodeHex(value)];
      return [member, typeof value === 'bigint' ? String(value) : value];
    }),
  );
}

/** The other way; members that are absent stay so. */
export function membersFrom(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([member, value]) => {
      if (BYTES.has(member)) return [member, decodeHex(String(value))];
      return [member, BIG.has(member) ? BigInt(String(value)) : value];
    }),
  );
}

/** A WebSocket message, with what a revision that lacks a member takes it for. */
export function messageFrom(fields: Fields, revision: LonelypsRevision): StatefulMessage {
  const type = String(fields.type);
  const members = { tracing: new Uint8Array(0), authorization: null, ...membersFrom(fields) };
  const message: Record<string, unknown> =
    revision === '0.0.11' ? { ...absentFrom(type), ...members } : members;
  if (type === 'confirm-notify') message.subscribers = BigInt(String(message.subscribers));
  return message as unknown as StatefulMessage;
}

function absentFrom(type: string): Fields {
  if (type === 'confirm-receive') return { subscribers: 1 };
  return type === 'enable-zstd-custom' ? { sha512: new Uint8Array(0) } : {};
}
