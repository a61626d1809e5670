/** Our own additions as JSON: each format with how it is written and read. */

import type { Bytes } from '../bytes/bytes.ts';
import { decodeHex, encodeHex } from '../bytes/text.ts';
import {
  decodeRoutedReply,
  decodeRoutedRequest,
  encodeRoutedReply,
  encodeRoutedRequest,
  type RoutedReply,
  type RoutedRequest,
} from '../wire/routed.ts';
import {
  type ClientHello,
  decodeClientHello,
  decodeGreeting,
  decodeServerHello,
  decodeSessionMessage,
  encodeClientHello,
  encodeGreeting,
  encodeKept,
  encodePassing,
  encodeServerHello,
  type KeptMessage,
  type PassingMessage,
  type ServerHello,
  type SessionProtocol,
} from '../wire/session.ts';
import type { Fields } from './case.ts';

interface Format {
  encode(fields: Fields): Bytes;
  decode(bytes: Bytes): Fields;
}

export const FORMATS: Readonly<Record<string, Format>> = {
  'routed-request': {
    encode: ({ padTo, ...fields }) => encodeRoutedRequest(members<RoutedRequest>(fields), Number(padTo ?? 0)),
    decode: (bytes) => fieldsOf(decodeRoutedRequest(bytes)),
  },
  'routed-reply': {
    encode: (fields) => encodeRoutedReply(members<RoutedReply>(fields)),
    decode: (bytes) => fieldsOf(decodeRoutedReply(bytes)),
  },
  'session-message': {
    encode: (fields) =>
      'content' in fields
        ? encodeKept(members<KeptMessage>(fields))
        : encodePassing(members<PassingMessage>(fields)),
    decode: (bytes) => fieldsOf(decodeSessionMessage(bytes)),
  },
  'client-hello': {
    encode: (fields) => encodeClientHello(members<ClientHello>(fields)),
    decode: (bytes) => fieldsOf(decodeClientHello(bytes)),
  },
  'server-hello': {
    encode: (fields) => encodeServerHello(members<ServerHello>(fields)),
    decode: (bytes) => fieldsOf(decodeServerHello(bytes)),
  },
  greeting: {
    encode: ({ protocol, host, message }) =>
      Buffer.concat([encodeGreeting(protocol as SessionProtocol, String(host)), decodeHex(String(message))]),
    decode: (bytes) => fieldsOf(decodeGreeting(bytes)),
  },
};

const BYTES: ReadonlySet<string> = new Set(['body', 'content', 'publicKey', 'session']);

function members<Message>(fields: Fields): Message {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, BYTES.has(name) ? decodeHex(String(value)) : value]),
  ) as Message;
}

function fieldsOf(message: object): Fields {
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? encodeHex(value) : value,
    ]),
  );
}
