/** Files of data that people edit while we read them. */

import { Buffer, isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, globSync, openSync, readSync, statSync, watch } from 'node:fs';
import { chmod, chown, mkdir, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeHex } from '../../bytes/text.ts';
import { messageOf, SottoError } from '../../errors.ts';
import type { DataFiles } from '../types.ts';
import { primitives } from './crypto.ts';
import { flushFolder, hasCode } from './files.ts';
import { perMachine } from './simulated.ts';

/** Read between two reports of progress, bytes. */
const PIECE = 8 * 1024 * 1024;
/** The end of a file's name while it is written, and the age at which nobody is writing it any more, ms. */
const TEMPORARY = /\.[0-9a-f]{12}\.tmp$/;
const LEFT_OVER = 60_000;

const onDisk: DataFiles = {
  stamp(path) {
    try {
      const found = statSync(path, { bigint: true });
      return {
        size: Number(found.size),
        modifiedAt: Number(found.mtimeNs) / 1e6,
        changedAt: Number(found.ctimeNs) / 1e6,
        identity: `${found.dev}:${found.ino}`,
      };
    } catch {
      return null; // gone, or behind a folder or a link that cannot be followed now
    }
  },

  readShared(path, maxSize, onProgress) {
    let file: number | null = null;
    try {
      file = openSync(path, 'r');
      const { size } = fstatSync(file);
      requireSize(path, size, maxSize);
      const bytes = new Uint8Array(new SharedArrayBuffer(size));
      let done = 0;
      while (done < size) {
        const count = readSync(file, bytes, done, Math.min(PIECE, size - done), done);
        if (count === 0) break;
        done += count;
        onProgress?.(done, size);
      }
      return bytes.subarray(0, done);
    } catch (cause) {
      throw unreadable(path, cause);
    } finally {
      if (file !== null) closeSync(file);
    }
  },

  async read(path, maxSize) {
    try {
      requireSize(path, (await stat(path)).size, maxSize);
      return plain(await readFile(path));
    } catch (cause) {
      throw unreadable(path, cause);
    }
  },

  gunzip(bytes, maxSize) {
    try {
      return plain(gunzipSync(bytes, { maxOutputLength: maxSize }));
    } catch (cause) {
      const tooLarge = hasCode(cause, 'ERR_BUFFER_TOO_LARGE');
      if (tooLarge)
        throw new SottoError('file_too_large', `Unpacked it is over ${maxSize} bytes.`, { cause });
      throw new SottoError('file_invalid', `It is not whole gzip: ${messageOf(cause)}`, { cause });
    }
  },

  isUtf8,
  compare: (left, right) => Buffer.compare(left, right),
  glob: (pattern) => globSync(pattern).sort(),

  watchFolder(path, onChange) {
    try {
      const watcher = watch(path, { persistent: false }, (_event, name) => onChange(name));
      watcher.on('error', () => onChange(null));
      return watcher;
    } catch {
      return null; // no such folder yet, or no more watches: whoever asked looks for itself
    }
  },

  async replace(link, content, unlessChanged) {
    const path = await realpath(link).catch(() => link); // a link stays a link
    const folder = dirname(path);
    const temporary = join(folder, `.${basename(path)}.${encodeHex(primitives.randomBytes(6))}.tmp`);
    try {
      const { mode, uid, gid } = await stat(path);
      await writeDurably(temporary, 'wx', content);
      await chmod(temporary, mode);
      await chown(temporary, uid, gid).catch(() => {}); // only root may give files away
      if (!unlessChanged()) return false;
      await rename(temporary, path);
      await flushFolder(folder);
      return true;
    } catch (cause) {
      throw new SottoError('file_unwritable', `${path} cannot be written: ${messageOf(cause)}`, { cause });
    } finally {
      await rm(temporary, { force: true });
    }
  },

  async removeLeftovers(link) {
    const path = await realpath(link).catch(() => link);
    const [folder, name] = [dirname(path), basename(path)];
    const entries = await readdir(folder).catch(() => []);
    for (const entry of entries.filter((each) => each.startsWith(`.${name}.`) && TEMPORARY.test(each))) {
      const leftover = join(folder, entry);
      const age = Date.now() - (await stat(leftover).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
      if (age > LEFT_OVER) await rm(leftover, { force: true });
    }
  },

  async append(path, content) {
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeDurably(path, 'a', content);
    } catch (cause) {
      throw new SottoError('file_unwritable', `${path} cannot be written: ${messageOf(cause)}`, { cause });
    }
  },

  folderOf: dirname,
  nameOf: basename,
  join,
};

export const dataFiles: DataFiles = perMachine(onDisk, (machine) => machine.dataFiles);

/** On disk, in a file of its owner alone, when it resolves. */
async function writeDurably(path: string, flags: 'wx' | 'a', content: Bytes): Promise<void> {
  const handle = await open(path, flags, 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function requireSize(path: string, size: number, maxSize: number): void {
  if (size <= maxSize) return;
  throw new SottoError('file_too_large', `${path} has ${size} bytes; ${maxSize} is the limit.`);
}

function unreadable(path: string, cause: unknown): SottoError {
  if (cause instanceof SottoError) return cause;
  const text = hasCode(cause, 'ENOENT')
    ? `${path} does not exist`
    : `${path} cannot be read: ${messageOf(cause)}`;
  return new SottoError('file_unreadable', `${text}.`, { cause });
}

function plain(bytes: Buffer): Bytes {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
