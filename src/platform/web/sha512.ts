/** SHA-512, by noble: apart, for the jobs of pages that do without it. */

import { hmac } from '@noble/hashes/hmac.js';
import { sha512 } from '@noble/hashes/sha2.js';
import type { Bytes } from '../../bytes/bytes.ts';
import type { RunningHash } from '../types.ts';

export function sha512Of(data: Bytes): Bytes {
  return sha512(data);
}

/** For what comes in pieces. */
export function startSha512(): RunningHash {
  const running = sha512.create();
  return { update: (data) => void running.update(data), digest: () => running.digest() };
}

export function hmacSha512(key: Bytes, data: Bytes): Bytes {
  return hmac(sha512, key, data);
}
