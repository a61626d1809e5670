/** Text as bytes and back, strictly: what is not valid is refused, never repaired. */

import { SottoError } from '../errors.ts';
import type { Bytes } from './bytes.ts';

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return utf8Encoder.encode(text);
}

/** @throws SottoError `invalid_text` for anything that is not UTF-8 (RFC 3629). */
export function decodeUtf8(bytes: Bytes): string {
  try {
    return utf8Decoder.decode(bytes);
  } catch (cause) {
    throw new SottoError('invalid_text', 'These bytes are not UTF-8 text.', { cause });
  }
}

/** The text of bytes; null where they are not UTF-8. */
export function utf8OrNull(bytes: Bytes): string | null {
  try {
    return utf8Decoder.decode(bytes);
  } catch {
    return null;
  }
}

/** The first whole characters of UTF-8 text that fit into `size` bytes. */
export function cutUtf8(text: Bytes, size: number): Bytes {
  if (text.length <= size) return text;
  let end = size;
  while (end > 0 && ((text[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return text.subarray(0, end);
}

/**
 * The first `length` characters (UTF-16), and nothing else in memory: a `slice` would keep the whole text that it is of.
 * Half a character at the end becomes U+FFFD.
 */
export function cutText(text: string, length: number): string {
  return utf8Decoder.decode(encodeUtf8(text.slice(0, length)));
}

const HEX_DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function encodeHex(bytes: Bytes): string {
  let text = '';
  for (const byte of bytes) text += HEX_DIGITS[byte];
  return text;
}

/**
 * Hexadecimal digits to bytes; white space between bytes is allowed, as Python's `bytes.fromhex` allows it.
 *
 * @throws SottoError `invalid_text` for an odd count or anything that is not a digit.
 */
export function decodeHex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.trim().split(/\s+/).flatMap(pairs).join('');
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = (nibbleAt(digits, 2 * i) << 4) | nibbleAt(digits, 2 * i + 1);
  return bytes;
}

/** What one digit stands for; letters are in either case. */
function nibbleAt(digits: string, at: number): number {
  const code = digits.charCodeAt(at);
  return (code & 0xf) + (code > 0x39 ? 9 : 0);
}

function pairs(word: string): string {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(word)) {
    throw new SottoError(
      'invalid_text',
      'This is not hexadecimal text: two digits of 0-9 and a-f for each byte.',
    );
  }
  return word;
}
