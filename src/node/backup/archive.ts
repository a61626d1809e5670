/** Backups as files: packed, and taken apart again with every file looked at. */

import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ReadableStream } from 'node:stream/web';
import { createGunzip, createGzip } from 'node:zlib';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import { packTar } from 'modern-tar/fs';
import type { Bytes } from '../../bytes/bytes.ts';
import { messageOf, SottoError } from '../../errors.ts';
import { type BackupFile, decodeManifest, MANIFEST, type Manifest } from './manifest.ts';
import { open, seal } from './sealed-archive.ts';
import { hashOf } from './snapshot.ts';

const OWNER_ONLY = 0o600;
const FOLDER_MODE = 0o700;
/** Bytes: some hundred thousand files. */
const MAX_MANIFEST = 64 * 2 ** 20;

/** Writes a new file, its owner's alone and on disk when it resolves. @param folder with the files, as in the archive. */
export async function pack(
  path: string,
  { manifest, files, folder }: { manifest: string; files: readonly BackupFile[]; folder: string },
  passphrase: string | null,
): Promise<void> {
  const nobody = { uid: 0, gid: 0, uname: '', gname: '' };
  const tar = packTar([
    { type: 'content', content: manifest, target: MANIFEST, mode: OWNER_ONLY, ...nobody },
    ...files.map(
      ({ path: target, mode }) =>
        ({ type: 'file', source: join(folder, target), target, mode, ...nobody }) as const,
    ),
  ]);
  const out = createWriteStream(path, { flags: 'wx', mode: OWNER_ONLY, flush: true });
  if (passphrase === null) return pipeline(tar, createGzip(), out);
  return pipeline(tar, createGzip(), (archive: AsyncIterable<Bytes>) => seal(archive, passphrase), out);
}

/**
 * Takes a backup apart into a folder that is there and empty.
 *
 * @returns what it holds, once all of it is there with the right content and mode.
 * @throws SottoError `file_unreadable`, `file_invalid`, `passphrase_required`, `wrong_passphrase`.
 */
export async function unpack(path: string, folder: string, passphrase: string | null): Promise<Manifest> {
  try {
    return await pipeline(
      createReadStream(path),
      (file: AsyncIterable<Bytes>) => open(file, passphrase),
      createGunzip(),
      (tar: AsyncIterable<Bytes>) => takeApart(tar, folder, path),
    );
  } catch (cause) {
    if (cause instanceof SottoError) throw cause;
    const why = messageOf(cause);
    const isThere = (await stat(path).catch(() => null)) !== null;
    if (!isThere) throw new SottoError('file_unreadable', `${path} cannot be read: ${why}.`, { cause });
    throw new SottoError('file_invalid', `${path} is no whole backup: ${why}.`, { cause });
  }
}

/** The manifest first: nothing is written that it does not list, and of each file no more than it says. */
async function takeApart(tar: AsyncIterable<Bytes>, folder: string, archive: string): Promise<Manifest> {
  let manifest: Manifest | null = null;
  const missing = new Map<string, BackupFile>();
  const { readable, writable } = createTarDecoder({ strict: true });
  ReadableStream.from(tar)
    .pipeTo(writable)
    .catch(() => {}); // reading fails too
  for await (const entry of readable) {
    if (manifest === null) {
      manifest = await manifestIn(entry, archive);
      for (const file of manifest.files) missing.set(file.path, file);
      continue;
    }
    const { name, type = 'file' } = entry.header;
    const file = missing.get(name);
    if (!file || type !== 'file') throw invalid(`${archive} holds ${name}, which it does not list.`);
    missing.delete(name);
    await write(entry, file, join(folder, name), archive);
  }
  const [lost] = missing.keys();
  if (lost !== undefined) throw invalid(`${archive} lists ${lost}, and does not hold it.`);
  if (manifest === null) throw invalid(`${archive} is no backup of Sotto: it has no ${MANIFEST}.`);
  return manifest;
}

async function manifestIn({ header, body }: ParsedTarEntry, archive: string): Promise<Manifest> {
  if (header.name !== MANIFEST) throw invalid(`${archive} is no backup of Sotto: ${MANIFEST} is not first.`);
  if (header.size > MAX_MANIFEST) throw invalid(`The ${MANIFEST} of ${archive} is too long.`);
  return decodeManifest(await new Response(body).text(), archive);
}

async function write(
  { header, body }: ParsedTarEntry,
  { path, size, mode, sha256 }: BackupFile,
  to: string,
  archive: string,
): Promise<void> {
  const altered = (): SottoError => invalid(`${path} in ${archive} was altered.`);
  if (header.size !== size) throw altered();
  await mkdir(dirname(to), { recursive: true, mode: FOLDER_MODE });
  await pipeline(body, createWriteStream(to, { flags: 'wx', mode: OWNER_ONLY, flush: true }));
  if ((await hashOf(to)) !== sha256) throw altered();
  await chmod(to, mode);
}

function invalid(text: string): SottoError {
  return new SottoError('file_invalid', text);
}
