/** Files on a simulated disk: private ones, and those that people edit while programs read them. */

import { Buffer, isUtf8 } from 'node:buffer';
import { matchesGlob, posix } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Bytes, concat, EMPTY } from '../bytes/bytes.ts';
import { messageOf, SottoError } from '../errors.ts';
import type { DataFiles, Files, Spool, StoredFile } from '../platform/types.ts';
import { type Disk, normalized } from './disk.ts';
import type { Program } from './program.ts';

const MAX_PRIVATE = 64 * 1024;

export function privateFiles(disk: Disk): Files {
  /** The last to work with each file. */
  const working = new Map<string, Promise<unknown>>();
  return {
    async readPrivate(path, maxSize = MAX_PRIVATE) {
      const file = disk.get(path);
      if (!file)
        throw new SottoError('key_file_missing', `${path} does not exist on this simulated machine.`);
      if (file.content.length > maxSize) {
        throw new SottoError('key_file_invalid', `${path} is too large: it may have ${maxSize} bytes.`);
      }
      return file.content.slice();
    },
    async writePrivate(path, content, { overwrite }) {
      if (disk.get(path) && !overwrite)
        throw new SottoError('key_file_exists', `${path} exists; choose another name.`);
      disk.replace(path, content);
    },
    async locked(path, work) {
      const before = working.get(path);
      const mine = (async () => {
        await before?.catch(() => {});
        return work();
      })();
      working.set(path, mine);
      try {
        return await mine;
      } finally {
        if (working.get(path) === mine) working.delete(path);
      }
    },
  };
}

export function dataFiles(disk: Disk, program: () => Program): DataFiles {
  return {
    stamp: (path) => disk.get(path)?.stamp ?? null,
    readShared: (path, maxSize) => readData(disk, path, maxSize),
    read: async (path, maxSize) => readData(disk, path, maxSize),
    gunzip(bytes, maxSize) {
      try {
        return new Uint8Array(gunzipSync(bytes, { maxOutputLength: maxSize }));
      } catch (cause) {
        throw new SottoError('file_invalid', `It is not whole gzip: ${messageOf(cause)}`, { cause });
      }
    },
    isUtf8,
    compare: (left, right) => Buffer.compare(left, right),
    glob: (pattern) => disk.paths.filter((path) => matchesGlob(path, normalized(pattern))),
    watchFolder(path, onChange) {
      const runner = program();
      return { close: disk.watch(path, (name) => runner.later(0, () => onChange(name))) };
    },
    async replace(path, content, unlessChanged) {
      if (!unlessChanged()) return false;
      if (!disk.get(path)) throw new SottoError('file_unwritable', `${path} cannot be written: it is gone.`);
      disk.replace(path, content);
      return true;
    },
    removeLeftovers: async () => {},
    async append(path, content) {
      disk.write(path, concat(disk.get(path)?.content ?? EMPTY, content));
    },
    folderOf: posix.dirname,
    nameOf: posix.basename,
    join: posix.join,
  };
}

function readData(disk: Disk, path: string, maxSize: number): Bytes {
  const file = disk.get(path);
  if (!file) throw new SottoError('file_unreadable', `${path} does not exist.`);
  const { length } = file.content;
  if (length > maxSize) {
    throw new SottoError('file_too_large', `${path} has ${length} bytes; ${maxSize} is the limit.`);
  }
  return file.content.slice();
}

/** @throws SottoError `file_unreadable`. */
export async function openStored(disk: Disk, path: string): Promise<StoredFile> {
  const content = readData(disk, path, Number.POSITIVE_INFINITY);
  return { length: content.length, chunks: () => chunksOf([content]), close: async () => {} };
}

/** In memory, as all else is. */
export async function openSpool(): Promise<Spool> {
  const parts: Bytes[] = [];
  return {
    async write(data) {
      parts.push(data.slice());
    },
    chunks: () => chunksOf(parts),
    async remove() {
      parts.length = 0;
    },
  };
}

async function* chunksOf(parts: readonly Bytes[]): AsyncGenerator<Bytes, void, void> {
  for (const part of parts) yield part.slice();
}
