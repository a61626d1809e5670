/** The forms in which a 32-byte key may be given, read strictly and without ever repeating a key in an error. */

import { bech32m } from '@scure/base';
import { describe } from '../bytes/assert.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { decodeHex } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';

export const KEY_SIZE = 32;
const KEY_PREFIX = 'sotto';

/** 32 raw bytes, their hex (blanks between bytes are allowed), a `sotto1…` text, or anything with such `bytes`. */
export type KeyLike = Bytes | string | { readonly bytes: Bytes };

/**
 * The bytes of a key.
 *
 * @param name what the key is, for the error: "The server public key".
 * @throws SottoError `invalid_key`.
 */
export function rawKey(
  value: KeyLike,
  name: string,
  size: number = KEY_SIZE,
  prefix: string = KEY_PREFIX,
): Bytes {
  const bytes = typeof value === 'string' ? keyFromText(value, name, prefix) : keyFromBytes(value, name);
  if (bytes.length === size) return bytes;
  throw new SottoError('invalid_key', `${name} must have ${size} bytes; this one has ${bytes.length}.`);
}

/**
 * The 32 bytes of a private key: raw or as hex, never a `sotto1…` text or a {@link KeyLike} object, which are public.
 *
 * @throws SottoError `invalid_key`.
 */
export function rawPrivateKey(value: Bytes | string, name: string): Bytes {
  const isPublic = typeof value === 'string' ? isBech32(value.trim()) : hasBytes(value);
  if (!isPublic) return rawKey(value, name);
  // Everybody knows it: an identity made of it would be anybody's.
  throw new SottoError(
    'invalid_key',
    `${name} given is a public key; give the private one, as 32 bytes or hex.`,
  );
}

/** The text form: bech32m (BIP-350), whose checksum catches every typing error of up to four characters. */
export function keyText(bytes: Bytes, prefix: string = KEY_PREFIX): string {
  return bech32m.encode(prefix, bech32m.toWords(bytes), false);
}

function keyFromBytes(value: unknown, name: string): Bytes {
  if (value instanceof Uint8Array) return value;
  if (hasBytes(value)) return value.bytes;
  throw new SottoError(
    'invalid_key',
    `${name} must be bytes, hex or a ${KEY_PREFIX}1… text; it is ${describe(value)}.`,
  );
}

function keyFromText(value: string, name: string, prefix: string): Bytes {
  const text = value.trim();
  refuseFileContent(text, name);
  if (isBech32(text)) return keyFromBech32(text, name, prefix);
  try {
    return decodeHex(text);
  } catch (cause) {
    throw new SottoError('invalid_key', `${name} is neither hex nor a ${prefix}1… text.`, { cause });
  }
}

function refuseFileContent(text: string, name: string): void {
  const hint = 'read it with Identity.fromPem or `sotto keygen FILE --import PEM`';
  if (text.includes('-----BEGIN') && text.includes('PRIVATE KEY')) {
    throw new SottoError('invalid_key', `${name} is the PEM text of a private key, a secret; ${hint}.`);
  }
  if (text.includes('-----BEGIN')) {
    throw new SottoError('invalid_key', `${name} is a PEM text; give its 32 bytes, as hex.`);
  }
  if (!text.startsWith('{')) return;
  throw new SottoError(
    'invalid_key',
    `${name} looks like the content of a key file; give the file to Identity.load or \`sotto id\`.`,
  );
}

function isBech32(text: string): boolean {
  return text.toLowerCase().startsWith(KEY_PREFIX);
}

function hasBytes(value: unknown): value is { readonly bytes: Bytes } {
  return typeof value === 'object' && value !== null && 'bytes' in value && value.bytes instanceof Uint8Array;
}

function keyFromBech32(text: string, name: string, prefix: string): Bytes {
  const decoded = bech32m.decodeUnsafe(text, false);
  if (!decoded) throw new SottoError('invalid_key', `${name} has a typing error: its checksum does not fit.`);
  if (decoded.prefix !== prefix) {
    throw new SottoError(
      'invalid_key',
      `${name} must begin with ${prefix}1; this one begins with ${decoded.prefix}1.`,
    );
  }
  const bytes = bech32m.fromWordsUnsafe(decoded.words);
  if (bytes) return bytes;
  throw new SottoError('invalid_key', `${name} is not a whole number of bytes.`);
}
