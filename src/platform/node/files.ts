/** Private files: readable by their owner alone, written whole or not at all. */

import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeHex } from '../../bytes/text.ts';
import { messageOf, SottoError } from '../../errors.ts';
import type { Files } from '../types.ts';
import { primitives } from './crypto.ts';
import { hasCode } from './error-code.ts';
import { withFileLock } from './file-lock.ts';
import { perMachine } from './simulated.ts';

export { dataFiles } from './data-files.ts';
export { downloads } from './downloads.ts';
export { hasCode } from './error-code.ts';
export { openSpool, openStored } from './spool.ts';
export { openDatabase } from './sqlite.ts';

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;
/** Unless told otherwise: a key file is small, and what is larger is something else. */
const MAX_SIZE = 64 * 1024;

const onDisk: Files = {
  async readPrivate(path, maxSize = MAX_SIZE) {
    const handle = await openForReading(path);
    try {
      // Of the open file, so that it cannot be changed for another in between.
      const { mode, size, isFile } = await statOf(handle);
      if (!isFile) throw new SottoError('key_file_invalid', `${path} is not a file.`);
      if (size > maxSize) throw tooLarge(path, maxSize);
      if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
        const seen = `0${(mode & 0o777).toString(8)}`;
        const text = `${path} can be used by others (mode ${seen}); make it yours alone: chmod 600 ${path}`;
        throw new SottoError('key_file_exposed', text);
      }
      return await readAtMost(handle, { size, maxSize, path });
    } catch (cause) {
      throw cause instanceof SottoError ? cause : unreadable(path, cause);
    } finally {
      await handle.close();
    }
  },

  async writePrivate(path, content, { overwrite }) {
    const folder = dirname(path);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await putInPlace(path, content, overwrite);
      await flushFolder(folder);
    } catch (cause) {
      throw await writeError(path, cause);
    }
  },

  locked: (path, work) => withFileLock(path, work),
};

export const files: Files = perMachine(onDisk, (machine) => machine.files);

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) {
      throw new SottoError('key_file_missing', `${path} does not exist; make it with: sotto keygen ${path}`, {
        cause,
      });
    }
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): SottoError {
  return new SottoError('key_file_invalid', `${path} cannot be read: ${messageOf(cause)}`, { cause });
}

async function statOf(handle: FileHandle): Promise<{ mode: number; size: number; isFile: boolean }> {
  const stat = await handle.stat();
  return { mode: stat.mode, size: stat.size, isFile: stat.isFile() };
}

async function putInPlace(path: string, content: Bytes, overwrite: boolean): Promise<void> {
  const unique = encodeHex(primitives.randomBytes(6));
  const temporary = join(dirname(path), `.${basename(path)}.${unique}.tmp`);
  try {
    await writeNew(temporary, content);
    // A hard link fails where the name is taken, which a rename would not.
    await (overwrite ? rename(temporary, path) : link(temporary, path));
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeNew(path: string, content: Bytes): Promise<void> {
  const handle = await open(path, 'wx', OWNER_ONLY);
  try {
    await handle.chmod(OWNER_ONLY); // whatever the umask says
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** By what was read, not by the size it claims: a file may grow, and those of the kernel claim to be empty. */
async function readAtMost(
  handle: FileHandle,
  { size, maxSize, path }: { readonly size: number; readonly maxSize: number; readonly path: string },
): Promise<Bytes> {
  let buffer = new Uint8Array(size + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) return buffer.slice(0, length);
    length += bytesRead;
    if (length > maxSize) throw tooLarge(path, maxSize);
    if (length < buffer.length) continue;
    const grown = new Uint8Array(Math.min(2 * length + MAX_SIZE, maxSize + 1));
    grown.set(buffer);
    buffer = grown;
  }
}

function tooLarge(path: string, maxSize: number): SottoError {
  return new SottoError('key_file_invalid', `${path} is too large: it may have ${maxSize} bytes.`);
}

async function writeError(path: string, cause: unknown): Promise<SottoError> {
  const isTaken = hasCode(cause, 'EEXIST') && (await lstat(path).catch(() => null)) !== null;
  const text = isTaken
    ? `${path} exists; choose another name, or delete it if nobody needs that key.`
    : `${path} cannot be written: ${messageOf(cause)}`;
  return new SottoError(isTaken ? 'key_file_exists' : 'key_file_invalid', text, { cause });
}

/** Makes the new name itself survive a power cut. */
export async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
