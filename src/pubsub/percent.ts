import type { Bytes } from '../bytes/bytes.ts';
import { encodeHex } from '../bytes/text.ts';

/** Bytes as a query, or a header, can hold them. */
export function percentEncoded(bytes: Bytes): string {
  let text = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    text += /[\w.~/-]/.test(character) ? character : `%${encodeHex(Uint8Array.of(byte)).toUpperCase()}`;
  }
  return text;
}
