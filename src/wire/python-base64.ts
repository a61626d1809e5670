/**
 * Base64 as Python's `base64.encodebytes()` makes it and `base64.decodebytes()` reads it (MIME, RFC 2045).
 *
 * ```text
 * made   A-Z a-z 0-9 + /, padded with =; a line end (0x0a) after every 76 characters and at the end; no bytes: no text
 * read   every other character is skipped, wherever it is; so is = before the third place of a group of four
 *        a group that = fills up is the last: what follows is not read
 *        a group that nothing fills up is refused
 * ```
 *
 * Source: specs/sickserv.md, section 2; the corners are those of CPython 3.11.
 */

import { encodeBase64 } from '../bytes/base64.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';

const LINE = /.{1,76}/g;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PADDING = 0x3d;
const SKIPPED = -1;

/** By character code. */
const SEXTETS: Int8Array = new Int8Array(128).fill(SKIPPED);
for (const [value, character] of [...ALPHABET].entries()) SEXTETS[character.charCodeAt(0)] = value;

/** What `base64.encodebytes()` makes. */
export function encodePythonBase64(bytes: Bytes): string {
  return encodeBase64(bytes).replace(LINE, '$&\n');
}

/**
 * What `base64.decodebytes()` makes.
 *
 * @throws SottoError `invalid_text` for text that ends within a group of four.
 */
export function decodePythonBase64(text: string): Bytes {
  const bytes = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let [length, group, place, padding] = [0, 0, 0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === PADDING) {
      padding += place >= 2 ? 1 : 0;
      if (place >= 2 && place + padding >= 4) return bytes.slice(0, length);
      continue;
    }
    const sextet = SEXTETS[code] ?? SKIPPED;
    if (sextet === SKIPPED) continue;
    padding = 0;
    group = ((group << 6) | sextet) & 0xffff;
    place = (place + 1) % 4;
    // Of the second, third and fourth character a byte is whole.
    if (place === 2) bytes[length++] = group >> 4;
    else if (place === 3) bytes[length++] = group >> 2;
    else if (place === 0) bytes[length++] = group;
  }
  if (place !== 0)
    throw new SottoError('invalid_text', 'This is not base64 text: its last group is not whole.');
  return bytes.slice(0, length);
}
