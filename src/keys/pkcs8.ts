/** X25519 private keys as PKCS8 PEM, as OpenSSL writes and reads them (RFC 8410, RFC 5958). */

import { base64 } from '@scure/base';
import { type Bytes, concat, sameBytes } from '../bytes/bytes.ts';
import { decodeHex } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import { KEY_SIZE } from './key-like.ts';

// SEQUENCE { INTEGER 0, SEQUENCE { OID 1.3.101.110 }, OCTET STRING { OCTET STRING of 32 bytes } }
const HEADER = decodeHex('302e020100300506032b656e04220420');
// The same as INTEGER 1, and then [1] BIT STRING of the 32 bytes of the public key
const HEADER_OF_PAIR = decodeHex('3051020101300506032b656e04220420');
const BEFORE_PUBLIC = decodeHex('812100');
const BEGIN = '-----BEGIN PRIVATE KEY-----';
const END = '-----END PRIVATE KEY-----';

export function looksLikePem(text: string): boolean {
  return text.includes('-----BEGIN');
}

export function encodePem(privateKey: Bytes): string {
  return `${BEGIN}\n${base64.encode(concat(HEADER, privateKey))}\n${END}\n`;
}

/**
 * The private key, and the public key where the text has one (not yet compared with the private one).
 *
 * @throws SottoError `invalid_key`, with the command that converts a key of another form.
 */
export function decodePem(text: string): { privateKey: Bytes; publicKey: Bytes | null } {
  if (text.includes('ENCRYPTED')) {
    const hint = 'decrypt it with `openssl pkey -in FILE -out PLAIN`, import that, and delete it';
    throw new SottoError('invalid_key', `This PEM file is encrypted in a way too weak to keep; ${hint}.`);
  }
  const body = text.slice(text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)).replaceAll(/\s/g, '');
  const der = text.includes(BEGIN) && text.includes(END) ? decodeBase64(body) : new Uint8Array(0);
  const end = HEADER.length + KEY_SIZE;
  const privateKey = der.subarray(HEADER.length, end);
  if (sameBytes(der, concat(HEADER, privateKey)) && privateKey.length === KEY_SIZE) {
    return { privateKey, publicKey: null };
  }
  const publicKey = der.subarray(end + BEFORE_PUBLIC.length);
  const pair = concat(HEADER_OF_PAIR, privateKey, BEFORE_PUBLIC, publicKey);
  if (sameBytes(der, pair) && publicKey.length === KEY_SIZE) return { privateKey, publicKey };
  const hint = '`openssl genpkey -algorithm X25519` makes one, `sotto keygen` a better one';
  throw new SottoError('invalid_key', `This PEM text is not an X25519 private key in PKCS8; ${hint}.`);
}

function decodeBase64(text: string): Bytes {
  try {
    return base64.decode(text);
  } catch {
    return new Uint8Array(0);
  }
}
