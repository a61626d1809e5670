/** Makes a backup, and looks at one. */

import { link, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf, SottoError } from '../../errors.ts';
import { flushFolder, hasCode } from '../../platform/node/files.ts';
import { LAYOUT } from '../data-version.ts';
import { gatherStores } from '../doctor/gather-stores.ts';
import type { NodePlan } from '../plan.ts';
import { pack, unpack } from './archive.ts';
import { encodeManifest, type Manifest } from './manifest.ts';
import { takeSnapshot } from './snapshot.ts';

export interface BackupOptions {
  readonly plan: NodePlan;
  /** A file that is to be; or a folder, where it gets a name with the time. */
  readonly target: string;
  /** Null leaves it unsealed, with the keys in it. */
  readonly passphrase: string | null;
  readonly overwrite: boolean;
  /** Of Sotto. */
  readonly version: string;
}

export interface BackupMade {
  readonly file: string;
  readonly files: number;
  /** Bytes. */
  readonly size: number;
  readonly leftOut: readonly string[];
}

/**
 * Saves what a node keeps, which may be running.
 *
 * @throws SottoError `file_unreadable`, `file_unwritable`; `key_file_exists` where the file is there and may not be
 * overwritten. Then there is no new file.
 */
export async function makeBackup(options: BackupOptions): Promise<BackupMade> {
  const { plan, passphrase, overwrite, version } = options;
  const madeAt = new Date().toISOString();
  const file = await fileOf(options.target, madeAt);
  await requireFree(file, overwrite);
  const folder = await workFolder(dirname(file), `.${basename(file)}.`);
  try {
    const { files, leftOut } = await takeSnapshot(plan, folder);
    const { data } = plan.config;
    const manifest = encodeManifest({ madeBy: version, madeAt, layout: LAYOUT, data, files });
    const packed = join(folder, 'packed');
    await pack(packed, { manifest, files, folder }, passphrase);
    await putInPlace(packed, file, overwrite);
    return { file, files: files.length, size: (await stat(file)).size, leftOut };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Takes a backup apart beside itself, looks at every file and store, and leaves nothing behind.
 *
 * @throws SottoError as `unpack` does, and `file_invalid` for a store that is damaged.
 */
export async function verifyBackup(file: string, passphrase: string | null): Promise<Manifest> {
  const folder = await workFolder(dirname(file), `.${basename(file)}.`);
  try {
    const manifest = await unpack(file, folder, passphrase);
    const stores = await gatherStores(manifest.files.map(({ path }) => join(folder, path)));
    for (const { path, outcome } of stores) {
      if (outcome.kind !== 'corrupt') continue;
      throw new SottoError('file_invalid', `${basename(path)} in ${file} is damaged: ${outcome.why}`);
    }
    return manifest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** For keys too: nobody else may look into it. */
export async function workFolder(parent: string, prefix: string): Promise<string> {
  try {
    return await mkdtemp(join(parent, prefix));
  } catch (cause) {
    throw new SottoError('file_unwritable', `Nothing can be written in ${parent}: ${messageOf(cause)}.`, {
      cause,
    });
  }
}

async function fileOf(target: string, madeAt: string): Promise<string> {
  const isFolder = (await stat(target).catch(() => null))?.isDirectory() ?? false;
  return isFolder ? join(target, `sotto-${madeAt.replaceAll(/[-:]|\.\d+/g, '')}.tar.gz`) : target;
}

async function requireFree(file: string, overwrite: boolean): Promise<void> {
  if (!overwrite && (await stat(file).catch(() => null)) !== null) throw taken(file);
}

async function putInPlace(packed: string, file: string, overwrite: boolean): Promise<void> {
  // A hard link fails where the name is taken, which a rename would not.
  await (overwrite ? rename(packed, file) : link(packed, file)).catch((cause: unknown) => {
    if (hasCode(cause, 'EEXIST')) throw taken(file);
    throw new SottoError('file_unwritable', `${file} cannot be written: ${messageOf(cause)}.`, { cause });
  });
  await flushFolder(dirname(file));
}

function taken(file: string): SottoError {
  return new SottoError(
    'file_unwritable',
    `${file} exists; choose another name, or overwrite it with --force.`,
  );
}
