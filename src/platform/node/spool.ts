/** Bytes that are too many for memory, in a temporary file that nobody else can see. */

import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeHex } from '../../bytes/text.ts';
import { messageOf, SottoError } from '../../errors.ts';
import type { Spool } from '../types.ts';
import { primitives } from './crypto.ts';

/** Read at once, bytes. */
const PIECE = 256 * 1024;

/** @throws SottoError `file_unwritable`. */
export async function openSpool(folder: string = tmpdir()): Promise<Spool> {
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

  async *chunks(): AsyncGenerator<Bytes, void, void> {
    for (let at = 0; at < this.#length; ) {
      const piece = new Uint8Array(Math.min(PIECE, this.#length - at));
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, at);
      if (bytesRead === 0) throw new SottoError('file_unreadable', 'A temporary file has become shorter.');
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  }

  async remove(): Promise<void> {
    await this.#handle.close();
    if (this.#path !== null) await unlink(this.#path).catch(() => {});
  }
}

function unwritable(what: string, cause: unknown): SottoError {
  return new SottoError('file_unwritable', `${what} cannot be written: ${messageOf(cause)}`, { cause });
}
