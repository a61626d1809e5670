/** SHA-512, by node:crypto. */

import { createHash, createHmac, hash } from 'node:crypto';
import type { Bytes } from '../../bytes/bytes.ts';
import type { RunningHash } from '../types.ts';
import { plain, symmetricKey } from './crypto.ts';

export function sha512Of(data: Bytes): Bytes {
  return plain(hash('sha512', data, 'buffer'));
}

/** For what comes in pieces. */
export function startSha512(): RunningHash {
  const running = createHash('sha512');
  return { update: (data) => void running.update(data), digest: () => plain(running.digest()) };
}

export function hmacSha512(key: Bytes, data: Bytes): Bytes {
  return plain(createHmac('sha512', symmetricKey(key)).update(data).digest());
}
