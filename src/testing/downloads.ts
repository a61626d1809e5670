/** Files that go from one simulated machine to another. */

import { posix } from 'node:path';
import { type Bytes, concat, EMPTY } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import { primitives } from '../platform/node/crypto.ts';
import type { Downloads, PartialFile, SourceFile } from '../platform/types.ts';
import type { Disk, StoredContent } from './disk.ts';

export function downloadsOn(disk: Disk): Downloads {
  return {
    async openSource(path) {
      const file = disk.get(path);
      if (!file) throw new SottoError('file_unreadable', `${path} cannot be read: it does not exist.`);
      return sourceOf(disk, path, file);
    },
    openPartial: async (folder, name) => partialOf(disk, posix.join(folder, name)),
    freeSpace: async () => null,
    isFull: () => false,
    async removeOld(folder, pattern, before) {
      for (const path of disk.paths) {
        const isOld = (disk.get(path)?.stamp.modifiedAt ?? before) < before;
        const isThere = posix.dirname(path) === posix.join('/', folder);
        if (isThere && isOld && pattern.test(posix.basename(path))) disk.remove(path);
      }
    },
    resolve: (folder, path) => posix.resolve('/', folder, path),
  };
}

function sourceOf(disk: Disk, path: string, { content, stamp }: StoredContent): SourceFile {
  return {
    name: posix.basename(path),
    size: stamp.size,
    modifiedAt: stamp.modifiedAt,
    async read(into, at) {
      if (disk.get(path)?.stamp !== stamp) throw new SottoError('file_invalid', `${path} has changed.`);
      into.set(content.subarray(at, at + into.length));
    },
    digest: async (length) => primitives.sha256(content.subarray(0, length)),
    hasChanged: async () => disk.get(path)?.stamp !== stamp,
    close: async () => {},
  };
}

function partialOf(disk: Disk, path: string): PartialFile {
  const content = (): Bytes => disk.get(path)?.content ?? EMPTY;
  return {
    get length() {
      return content().length;
    },
    digest: () => primitives.sha256(content()),
    append: async (data) => disk.write(path, concat(content(), data)),
    clear: async () => disk.write(path, EMPTY),
    async keepAs(name) {
      const target = posix.join(posix.dirname(path), name);
      if (disk.get(target)) return false;
      disk.replace(target, content());
      disk.remove(path);
      return true;
    },
    async close() {
      if (content().length === 0) disk.remove(path);
    },
    async remove() {
      disk.remove(path);
    },
  };
}
