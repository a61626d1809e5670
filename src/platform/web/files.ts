/** A browser has no private files and no SQLite: each says so. */

import { SottoError } from '../../errors.ts';
import type { Database, DataFiles, Downloads, Files, Spool, StoredFile } from '../types.ts';

/** Whatever is asked of a key file. */
export const noKeyFiles = {
  read: (): Promise<never> =>
    Promise.reject(unsupported('read key files; use Identity.from with a key kept elsewhere')),
  write: (): Promise<never> =>
    Promise.reject(unsupported('write key files; keep Identity.toHex() where the page may')),
};

export const files: Files = {
  readPrivate: noKeyFiles.read,
  writePrivate: noKeyFiles.write,
  locked: noKeyFiles.write,
};

export const dataFiles: DataFiles = {
  stamp: noDataFiles,
  readShared: noDataFiles,
  read: noDataFiles,
  gunzip: noDataFiles,
  isUtf8: noDataFiles,
  compare: noDataFiles,
  glob: noDataFiles,
  watchFolder: noDataFiles,
  replace: noDataFiles,
  removeLeftovers: noDataFiles,
  append: noDataFiles,
  folderOf: noDataFiles,
  nameOf: noDataFiles,
  join: noDataFiles,
};

function noDataFiles(): never {
  throw unsupported('read files of data; ask a server that does');
}

export const downloads: Downloads = {
  openSource: () => Promise.reject(unsupported('send files by their path')),
  openPartial: () => Promise.reject(unsupported('receive files into a folder')),
  freeSpace: () => Promise.resolve(null),
  isFull: () => false,
  removeOld: () => Promise.resolve(),
  resolve: noDataFiles,
};

export function openSpool(): Promise<Spool> {
  return Promise.reject(unsupported('keep temporary files'));
}

export function openStored(): Promise<StoredFile> {
  return Promise.reject(unsupported('read files by their path; give the bytes'));
}

export function openDatabase(_path: string, _options?: { isPrivate?: boolean }): Database {
  throw unsupported('open databases; use the memory store');
}

function unsupported(what: string): SottoError {
  return new SottoError('unsupported_platform', `A browser cannot ${what}.`);
}
