/** Bytes that are too many for memory, in a temporary file that nobody else can see. */

import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeHex } from '../../bytes/text.ts';
import { messageOf, SottoError } from '../../errors.ts';
import type { Spool, StoredFile } from '../types.ts';
import { primitives } from './crypto.ts';
import { simulated } from './simulated.ts';

/** Read at once, bytes. */
const PIECE = 64 * 1024;

/** @throws SottoError `file_unwritable`. */
export async function openSpool(folder: string = tmpdir()): Promise<Spool> {
  const machine = simulated();
  if (machine) return machine.openSpool();
  const path = join(folder, `sotto-${encodeHex(primitives.randomBytes(12))}.spool`);
  try {
    const handle = await open(path, 'wx+', 0o600);
    // Without its name it goes with the process, however that ends; where a system wants the name, it goes at the end.
    const hasName = await unlink(path).then(
      () => false,
      () => true,
    );
    return new FileSpool(handle, hasName ? path : null);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** A file of somebody's, to be read as it is now. @throws SottoError `file_unreadable`. */
export async function openStored(path: string): Promise<StoredFile> {
  const machine = simulated();
  if (machine) return machine.openStored(path);
  try {
    const handle = await open(path, 'r');
    const { size } = await handle.stat();
    return { length: size, chunks: () => piecesOf(handle, size), close: () => handle.close() };
  } catch (cause) {
    throw new SottoError('file_unreadable', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

async function* piecesOf(handle: FileHandle, length: number): AsyncGenerator<Bytes, void, void> {
  for (let at = 0; at < length; ) {
    const piece = new Uint8Array(Math.min(PIECE, length - at));
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) throw new SottoError('file_unreadable', 'A file has become shorter.');
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

class FileSpool implements Spool {
  readonly #handle: FileHandle;
  readonly #path: string | null;
  #length = 0;

  constructor(handle: FileHandle, path: string | null) {
    this.#handle = handle;
    this.#path = path;
  }

  async write(data: Bytes): Promise<void> {
    try {
      await this.#handle.writeFile(data);
      this.#length += data.length;
    } catch (cause) {
      throw unwritable('A temporary file', cause);
    }
  }

  chunks(): AsyncIterable<Bytes> {
    return piecesOf(this.#handle, this.#length);
  }

  async remove(): Promise<void> {
    await this.#handle.close();
    if (this.#path !== null) await unlink(this.#path).catch(() => {});
  }
}

function unwritable(what: string, cause: unknown): SottoError {
  return new SottoError('file_unwritable', `${what} cannot be written: ${messageOf(cause)}`, { cause });
}
