/** Backups as files: packed, and taken apart again with every file looked at. */

import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { packTar, unpackTar } from 'modern-tar/fs';
import type { Bytes } from '../../bytes/bytes.ts';
import { messageOf, SottoError } from '../../errors.ts';
import { filesBelow } from '../files-below.ts';
import { type BackupFile, decodeManifest, MANIFEST, type Manifest, placeOf } from './manifest.ts';
import { open, seal } from './sealed-archive.ts';
import { hashOf } from './snapshot.ts';

const OWNER_ONLY = 0o600;
const FOLDER_MODE = 0o700;

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
  const strays: string[] = [];
  const isOurs = ({ name, type }: { name: string; type?: string }): boolean => {
    const fits = (type ?? 'file') === 'file' && (name === MANIFEST || placeOf(name) !== null);
    if (!fits) strays.push(name);
    return fits;
  };
  try {
    await pipeline(
      createReadStream(path),
      (file: AsyncIterable<Bytes>) => open(file, passphrase),
      createGunzip(),
      unpackTar(folder, { filter: isOurs, strict: true, fmode: OWNER_ONLY, dmode: FOLDER_MODE }),
    );
  } catch (cause) {
    if (cause instanceof SottoError) throw cause;
    const why = messageOf(cause);
    const isThere = (await stat(path).catch(() => null)) !== null;
    if (!isThere) throw new SottoError('file_unreadable', `${path} cannot be read: ${why}.`, { cause });
    throw new SottoError('file_invalid', `${path} is no whole backup: ${why}.`, { cause });
  }
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch((cause: unknown) => {
    throw new SottoError('file_invalid', `${path} is no backup of Sotto: it has no ${MANIFEST}.`, { cause });
  });
  const manifest = decodeManifest(text, path);
  await requireAll(manifest, folder, path, strays);
  return manifest;
}

/** All files that are listed, as they are listed, and no other. */
async function requireAll(
  { files }: Manifest,
  folder: string,
  archive: string,
  strays: readonly string[],
): Promise<void> {
  const listed = new Set(files.map(({ path }) => path));
  const found = (await filesBelow(folder)).files.map((path) => relative(folder, path).split(sep).join('/'));
  const [stray] = [...strays, ...found.filter((path) => path !== MANIFEST && !listed.has(path))];
  if (stray !== undefined)
    throw new SottoError('file_invalid', `${archive} holds ${stray}, which it does not list.`);
  for (const { path, mode, sha256 } of files) {
    const at = join(folder, path);
    const hash = await hashOf(at).catch(() => null);
    if (hash === null)
      throw new SottoError('file_invalid', `${archive} lists ${path}, and does not hold it.`);
    if (hash !== sha256) throw new SottoError('file_invalid', `${path} in ${archive} was altered.`);
    await chmod(at, mode);
  }
}
