/** Private files: readable by their owner alone, written whole or not at all. */

import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeHex } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import type { Files } from '../types.ts';
import { primitives } from './crypto.ts';

export { openDatabase } from './sqlite.ts';

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;
/** A key file is small; what is larger is something else. */
const MAX_SIZE = 64 * 1024;

export const files: Files = {
  async readPrivate(path) {
    const handle = await openForReading(path);
    try {
      // Of the open file, so that it cannot be changed for another in between.
      const { mode, size, isFile } = await statOf(handle);
      if (!isFile) throw new SottoError('key_file_invalid', `${path} is not a file.`);
      if (size > MAX_SIZE) throw new SottoError('key_file_invalid', `${path} is too large for a key file.`);
      if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
        const seen = `0${(mode & 0o777).toString(8)}`;
        const text = `${path} can be used by others (mode ${seen}); make it yours alone: chmod 600 ${path}`;
        throw new SottoError('key_file_exposed', text);
      }
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  },

  async writePrivate(path, content, { overwrite }) {
    const folder = dirname(path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = join(folder, `.${basename(path)}.${encodeHex(primitives.randomBytes(6))}.tmp`);
    try {
      await writeNew(temporary, content);
      // A hard link fails where the name is taken, which a rename would not.
      await (overwrite ? rename(temporary, path) : link(temporary, path));
    } catch (cause) {
      if (!hasCode(cause, 'EEXIST')) throw cause;
      const text = `${path} exists; choose another name, or delete it if nobody needs that key.`;
      throw new SottoError('key_file_exists', text, { cause });
    } finally {
      await rm(temporary, { force: true });
    }
    await flushFolder(folder);
  },
};

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) {
      throw new SottoError('key_file_missing', `${path} does not exist; make it with: sotto keygen ${path}`, {
        cause,
      });
    }
    throw new SottoError('key_file_invalid', `${path} cannot be read: ${String(cause)}`, { cause });
  }
}

async function statOf(handle: FileHandle): Promise<{ mode: number; size: number; isFile: boolean }> {
  const stat = await handle.stat();
  return { mode: stat.mode, size: stat.size, isFile: stat.isFile() };
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

/** Makes the new name itself survive a power cut. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
