/** The forms in which a 32-byte key may be given, read strictly and without ever repeating a key in an error. */

import { bech32m } from '@scure/base';
import { describe } from '../bytes/assert.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { decodeHex } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';

export const KEY_SIZE = 32;
export const KEY_PREFIX = 'sotto';

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

/** The text form: bech32m (BIP-350), whose checksum catches every typing error of up to four characters. */
export function keyText(bytes: Bytes, prefix: string = KEY_PREFIX): string {
  return bech32m.encode(prefix, bech32m.toWords(bytes), false);
}

function keyFromBytes(value: unknown, name: string): Bytes {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'object' && value !== null && 'bytes' in value && value.bytes instanceof Uint8Array) {
    return value.bytes;
  }
  throw new SottoError(
    'invalid_key',
    `${name} must be bytes, hex or a ${KEY_PREFIX}1… text; it is ${describe(value)}.`,
  );
}

function keyFromText(value: string, name: string, prefix: string): Bytes {
  const text = value.trim();
  if (text.includes('-----BEGIN')) {
    throw new SottoError(
      'invalid_key',
      `${name} is a PEM text; import it with \`sotto keygen FILE --import PEM\`.`,
    );
  }
  if (text.toLowerCase().startsWith(KEY_PREFIX)) return keyFromBech32(text, name, prefix);
  try {
    return decodeHex(text);
  } catch (cause) {
    throw new SottoError('invalid_key', `${name} is neither hex nor a ${prefix}1… text.`, { cause });
  }
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
