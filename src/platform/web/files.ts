/** A browser has no private files and no SQLite: each says so. */

import { SottoError } from '../../errors.ts';
import type { Database, Files } from '../types.ts';

export const files: Files = {
  readPrivate: () =>
    Promise.reject(unsupported('read key files; use Identity.from with a key kept elsewhere')),
  writePrivate: () =>
    Promise.reject(unsupported('write key files; keep Identity.toHex() where the page may')),
};

export function openDatabase(): Database {
  throw unsupported('open databases; use the memory store');
}

function unsupported(what: string): SottoError {
  return new SottoError('unsupported_platform', `A browser cannot ${what}.`);
}
