/** simple_client_server: values, textbook RSA, queries, and what a server answers. */

import { legacyCrypto } from '#legacy-crypto';
import { type Bytes, concat } from '../../bytes/bytes.ts';
import { decodeUtf8, encodeHex, encodeUtf8 } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import { hybridDecrypt, rsaPower, rsaRoot, sealWith } from '../../lookup/legacy/hybrid-rsa.ts';
import { publicKey } from '../../lookup/legacy/keys.ts';
import { closeReply, openPayload } from '../../lookup/unsealed.ts';
import type { RsaPrivateKey, RsaPublicKey } from '../../platform/types.ts';
import {
  automaticRepresentation,
  decodeQuery,
  decodeReply,
  decodeValue,
  encodePlainPayload,
  encodeQuery,
  encodeValue,
  fromBase64,
  type LookupRepresentation,
  queryHeader,
  toBase64,
} from '../../wire/simple-client-server.ts';
import type { Fields } from '../case.ts';
import { bytesOf, optionalText, textOf } from '../fields.ts';
import type { Operations } from './operations.ts';

export const simpleClientServerOperations: Operations = {
  'rsa-encrypt': (input) => ({ ciphertext: raw(() => rsaPower(bytesOf(input, 'plaintext'), seals(input))) }),
  'rsa-decrypt': (input) => ({
    plaintext: raw(() => rsaRoot(bytesOf(input, 'ciphertext'), opens(textOf(input, 'key')))),
  }),
  'hybrid-encrypt'(input) {
    const ciphertext = hybrid(input, bytesOf(input, 'plaintext'));
    return { ciphertext: encodeHex(ciphertext), base64: decodeUtf8(toBase64(ciphertext)) };
  },
  'hybrid-decrypt'(input) {
    const ciphertext = fromBase64(encodeUtf8(textOf(input, 'base64')));
    return { plaintext: encodeHex(hybridDecrypt(ciphertext, opens(textOf(input, 'key')))) };
  },
  serialize({ scheme, value }) {
    const letter = letterOf(scheme, value);
    return { bytes: encodeHex(encodeValue(value, letter)), scheme: letter };
  },
  deserialize: (input) => ({ value: decodeValue(bytesOf(input, 'bytes'), letterOf(input.scheme)) }),
  query(input) {
    const { value, scheme, key } = input;
    const letter = letterOf(scheme, value);
    const body = encodeValue(value, letter);
    const payload = key === null ? encodePlainPayload(body, letter) : toBase64(hybrid(input, body));
    return {
      bytes: encodeHex(encodeQuery(queryHeader(key === null ? 'plain' : 'legacy-rsa', letter), payload)),
    };
  },
  answer(input) {
    const message = decodeQuery(bytesOf(input, 'request'));
    const value = GETTERS[textOf(input, 'getter')]?.(openPayload(message, opened(input, 'queryKey')));
    const replyKey = optionalText(input, 'replyKey');
    const key = message.scheme === 'plain' || replyKey === null ? null : publicKey(replyKey);
    const { bytes } = closeReply(value, message, key, input.transport === 'udp');
    return { reply: encodeHex(bytes) };
  },
  reply: (input) => ({ value: openPayload(decodeReply(bytesOf(input, 'reply')), opened(input, 'replyKey')) }),
};

/** What the server of the kit does with a query. */
const GETTERS: Readonly<Record<string, (query: unknown) => unknown>> = {
  echo: (query) => query,
  row: () => ['spinach', 'green'],
  table(query) {
    if (!/\S/.test(String(query))) throw new SottoError('bad_request', 'The query has no first word.');
    return ['spinach', 'vegetable', 'green'];
  },
};

/** The platform says in its own way that a number is not below the modulus. */
function raw(power: () => Bytes): string {
  try {
    return encodeHex(power());
  } catch (cause) {
    throw new SottoError('invalid_argument', 'The modulus does not hold this number.', { cause });
  }
}

function seals(input: Fields): RsaPublicKey {
  return publicKey(textOf(input, 'key'));
}

function opens(pem: string): RsaPrivateKey {
  return legacyCrypto.rsa.importPrivate(pem);
}

function opened(input: Fields, name: string): RsaPrivateKey | null {
  const pem = optionalText(input, name);
  return pem === null ? null : opens(pem);
}

/** What the original sends for this IV and key. */
function hybrid(input: Fields, plaintext: Bytes): Bytes {
  const [iv, key] = [bytesOf(input, 'iv'), bytesOf(input, 'symmetricKey')];
  return sealWith(plaintext, iv, key, rsaPower(concat(iv, key), seals(input)));
}

/** `a` names what it chooses, and never travels. */
function letterOf(scheme: unknown, value?: unknown): LookupRepresentation {
  if (scheme === 'a' && value !== undefined) return automaticRepresentation(value);
  const header = encodeUtf8(`0p${String(scheme)}0`);
  return decodeReply(header).representation;
}
