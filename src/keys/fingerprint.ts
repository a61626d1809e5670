/** The short names of a public key: SHA-256 as text to compare by eye or machine, and as words to read aloud. */

import { primitives } from '#crypto';
import { wordList } from '#word-list';
import type { Bytes } from '../bytes/bytes.ts';
import { encodeHex } from '../bytes/text.ts';

/** Eight words of 11 bits: 88 bits, beyond what anybody can search for a look-alike. */
const WORDS = 8;
const BITS_PER_WORD = 11;

/** 64 hex digits: the id of a key (specs/native.md, section 5). */
export function fingerprintOf(publicKey: Bytes): string {
  return encodeHex(primitives.sha256(publicKey));
}

/** The first 88 bits of the fingerprint as eight English words (the list of BIP-39), joined by blanks. @throws in pages SottoError `unsupported_platform` before they are loaded. */
export function fingerprintWords(publicKey: Bytes): string {
  let bits = 0n;
  for (const byte of primitives.sha256(publicKey).subarray(0, (WORDS * BITS_PER_WORD) / 8)) {
    bits = (bits << 8n) | BigInt(byte);
  }
  const words: string[] = [];
  for (let shift = (WORDS - 1) * BITS_PER_WORD; shift >= 0; shift -= BITS_PER_WORD) {
    words.push(wordList.part[Number((bits >> BigInt(shift)) & 0x7ffn)] ?? '');
  }
  return words.join(' ');
}
