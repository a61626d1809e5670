/** Public keys of the post-quantum suite: ML-KEM-768 and X25519 together, 1216 bytes, as text `sottopq1…`. */

import type { Bytes } from '../bytes/bytes.ts';
import { type KeyLike, keyText, rawKey } from './key-like.ts';

const HYBRID_KEY_SIZE = 1216;
const PREFIX = 'sottopq';

/** @throws SottoError `invalid_key`. */
export function hybridPublicKey(value: KeyLike): Bytes {
  return rawKey(value, 'The post-quantum server public key', HYBRID_KEY_SIZE, PREFIX);
}

export function hybridPublicKeyText(bytes: Bytes): string {
  return keyText(bytes, PREFIX);
}

/** Whether a key is given in a form that only a post-quantum public key has. */
export function looksHybrid(value: KeyLike): boolean {
  if (value instanceof Uint8Array) return value.length === HYBRID_KEY_SIZE;
  // What is no key at all is refused by name where the key is read.
  if (typeof value !== 'string') return value?.bytes?.length === HYBRID_KEY_SIZE;
  const text = value.trim().toLowerCase();
  return text.startsWith(`${PREFIX}1`) || text.length >= 2 * HYBRID_KEY_SIZE;
}
