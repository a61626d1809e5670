/**
 * RC4, which nothing may rest on: for the wire of one seed alone.
 *
 * By crypto-es, here as in browsers: OpenSSL has it in its legacy provider only, which Node loads when it starts or never.
 */

import { RC4Algo, WordArray } from 'crypto-es';
import type { Bytes } from '../bytes/bytes.ts';

/**
 * Encrypts, or decrypts, which is the same; the keystream starts anew for each message and drops nothing.
 *
 * @param key 1 to 256 bytes.
 */
export function rc4(key: Bytes, data: Bytes): Bytes {
  const cipher = RC4Algo.createEncryptor(new WordArray(key));
  const { words } = cipher.finalize(new WordArray(data));
  const out = new Uint8Array(4 * words.length);
  const view = new DataView(out.buffer);
  for (const [index, word] of words.entries()) view.setInt32(4 * index, word);
  return out.subarray(0, data.length);
}
