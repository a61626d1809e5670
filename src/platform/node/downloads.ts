/** Files that go from one machine to another: read where they are, and received under a name of their own. */

import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  statfs,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Bytes } from '../../bytes/bytes.ts';
import { messageOf, SottoError } from '../../errors.ts';
import type { Downloads, PartialFile, SourceFile } from '../types.ts';
import { flushFolder, hasCode } from './files.ts';
import { perMachine } from './simulated.ts';

/** Read at once for a digest, bytes. */
const PIECE = 1024 * 1024;
const OWNER_ONLY = 0o600;
const NO_SPACE = ['ENOSPC', 'EDQUOT', 'EFBIG'];
/** What file systems say that have no hard links. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];
/** Windows has none of them, and 0 asks for nothing. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
const NO_WAITING = constants.O_NONBLOCK ?? 0;

const onDisk: Downloads = {
  async openSource(path) {
    let handle: FileHandle | null = null;
    try {
      handle = await open(path, constants.O_RDONLY | NO_WAITING);
      const stat = await handle.stat();
      if (!stat.isFile()) throw new SottoError('file_unreadable', `${path} is not a file.`);
      return new FileSource(handle, path, stat);
    } catch (cause) {
      await handle?.close();
      throw cause instanceof SottoError ? cause : unreadable(path, cause);
    }
  },

  async openPartial(folder, name) {
    const path = join(folder, name);
    let handle: FileHandle | null = null;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      handle = (await openOwn(path)) ?? (await openNew(path));
      const file = new FilePartial(handle, path);
      await file.readAll();
      return file;
    } catch (cause) {
      await handle?.close();
      throw unwritable(path, cause);
    }
  },

  async freeSpace(folder) {
    const found = await statfs(folder).catch(() => null);
    return found && found.bsize > 0 && found.blocks > 0 ? found.bavail * found.bsize : null;
  },

  isFull: (error) =>
    error instanceof SottoError &&
    NO_SPACE.some((code) => hasCode(error, code) || hasCode(error.cause, code)),

  async removeOld(folder, pattern, before) {
    const entries = await readdir(folder).catch(() => []);
    for (const path of entries.filter((entry) => pattern.test(entry)).map((entry) => join(folder, entry))) {
      const stat = await lstat(path).catch(() => null);
      if (stat?.isFile() && stat.mtimeMs < before) await rm(path, { force: true }).catch(() => {});
    }
  },

  resolve,
};

export const downloads: Downloads = perMachine(onDisk, (machine) => machine.downloads);

interface Stamp {
  readonly size: number;
  readonly mtimeMs: number;
}

class FileSource implements SourceFile {
  readonly name: string;
  readonly size: number;
  readonly modifiedAt: number;
  readonly #handle: FileHandle;
  readonly #path: string;
  #hash: Hash = createHash('sha256');
  /** So far the hash has come. */
  #hashed = 0;

  constructor(handle: FileHandle, path: string, { size, mtimeMs }: Stamp) {
    this.#handle = handle;
    this.#path = path;
    this.name = basename(path);
    this.size = size;
    this.modifiedAt = mtimeMs;
  }

  async read(into: Bytes, at: number): Promise<void> {
    try {
      await readFully(this.#handle, into, at);
    } catch (cause) {
      if (await this.hasChanged())
        throw new SottoError('file_invalid', `${this.#path} has changed.`, { cause });
      throw unreadable(this.#path, cause);
    }
    if (at !== this.#hashed) return;
    this.#hash.update(into);
    this.#hashed += into.length;
  }

  async digest(length: number): Promise<Bytes> {
    if (length < this.#hashed) {
      this.#hash = createHash('sha256');
      this.#hashed = 0;
    }
    const buffer = new Uint8Array(Math.min(PIECE, length - this.#hashed));
    while (this.#hashed < length) {
      await this.read(buffer.subarray(0, length - this.#hashed), this.#hashed);
    }
    return new Uint8Array(this.#hash.copy().digest());
  }

  async hasChanged(): Promise<boolean> {
    const { size, mtimeMs } = await this.#handle.stat();
    return size !== this.size || mtimeMs !== this.modifiedAt;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

class FilePartial implements PartialFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  #hash: Hash = createHash('sha256');
  #length = 0;
  #isOpen = true;

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  get length(): number {
    return this.#length;
  }

  /** Takes in what an earlier run has left. */
  async readAll(): Promise<void> {
    const buffer = new Uint8Array(PIECE);
    for (;;) {
      const { bytesRead } = await this.#handle.read(buffer, 0, PIECE, this.#length);
      if (bytesRead === 0) return;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.#length += bytesRead;
    }
  }

  digest(): Bytes {
    return new Uint8Array(this.#hash.copy().digest());
  }

  async append(data: Bytes): Promise<void> {
    const writing = this.#write(data);
    this.#hash.update(data); // while the disk works
    await writing;
    this.#length += data.length;
  }

  async #write(data: Bytes): Promise<void> {
    try {
      for (let done = 0; done < data.length; ) {
        const at = this.#length + done;
        done += (await this.#handle.write(data, done, data.length - done, at)).bytesWritten;
      }
    } catch (cause) {
      throw unwritable(this.#path, cause);
    }
  }

  async clear(): Promise<void> {
    try {
      await this.#handle.truncate(0);
    } catch (cause) {
      throw unwritable(this.#path, cause);
    }
    this.#hash = createHash('sha256');
    this.#length = 0;
  }

  async keepAs(name: string): Promise<boolean> {
    const target = join(dirname(this.#path), name);
    try {
      await this.#requireOurs();
      await this.#handle.sync();
      if (!(await moveToFree(this.#path, target))) return false;
      await this.#close();
      await flushFolder(dirname(target));
      return true;
    } catch (cause) {
      throw unwritable(target, cause);
    }
  }

  async close(): Promise<void> {
    if (this.#length === 0) await this.remove();
    else await this.#close();
  }

  async remove(): Promise<void> {
    if (!this.#isOpen) return;
    await this.#close();
    await rm(this.#path, { force: true }).catch(() => {});
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
  }

  /** Somebody may have put something else in its place. */
  async #requireOurs(): Promise<void> {
    const [ours, there] = await Promise.all([this.#handle.stat(), lstat(this.#path)]);
    if (ours.ino === there.ino && ours.dev === there.dev) return;
    throw new SottoError('file_unwritable', `${this.#path} has been replaced by something else.`);
  }
}

/** Null where there is none, or something stood there that could not be ours alone, which is gone then. */
async function openOwn(path: string): Promise<FileHandle | null> {
  const there = await lstat(path).catch(() => null);
  if (there === null) return null;
  // Of two names one may be somebody else's file, and writing to it would change that.
  if (there.isFile() && there.nlink === 1) {
    const handle = await open(path, constants.O_RDWR | NO_FOLLOW | NO_WAITING);
    const stat = await handle.stat();
    if (stat.isFile() && stat.nlink === 1 && stat.ino === there.ino) {
      await handle.chmod(OWNER_ONLY);
      return handle;
    }
    await handle.close();
  }
  await unlink(path);
  return null;
}

async function openNew(path: string): Promise<FileHandle> {
  const handle = await open(path, 'wx+', OWNER_ONLY);
  await handle.chmod(OWNER_ONLY); // whatever the umask says
  return handle;
}

/** Whether the name was free. A link fails where it is taken, which a rename would not. */
async function moveToFree(path: string, target: string): Promise<boolean> {
  try {
    await link(path, target);
    await unlink(path);
    return true;
  } catch (cause) {
    if (hasCode(cause, 'EEXIST')) return false;
    if (!NO_LINKS.some((code) => hasCode(cause, code))) throw cause;
  }
  const placeholder = await open(target, 'wx', OWNER_ONLY).catch((cause: unknown) => {
    if (hasCode(cause, 'EEXIST')) return null;
    throw cause;
  });
  if (placeholder === null) return false;
  await placeholder.close();
  await rename(path, target);
  return true;
}

async function readFully(handle: FileHandle, data: Bytes, from: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesRead } = await handle.read(data, done, data.length - done, from + done);
    if (bytesRead === 0) throw new Error('it has become shorter');
    done += bytesRead;
  }
}

function unreadable(path: string, cause: unknown): SottoError {
  return new SottoError('file_unreadable', `${path} cannot be read: ${messageOf(cause)}`, { cause });
}

function unwritable(path: string, cause: unknown): SottoError {
  if (cause instanceof SottoError) return cause;
  return new SottoError('file_unwritable', `${path} cannot be written: ${messageOf(cause)}`, { cause });
}
