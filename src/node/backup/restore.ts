/** Puts a backup back: all of it or nothing. */

import { chmod, chown, copyFile, mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf, SottoError } from '../../errors.ts';
import { flushFolder, hasCode } from '../../platform/node/files.ts';
import { LAYOUT } from '../data-version.ts';
import { folderHolders } from '../doctor/port-holders.ts';
import { filesBelow } from '../files-below.ts';
import { unpack } from './archive.ts';
import { workFolder } from './backup.ts';
import { type Manifest, placeOf } from './manifest.ts';
import { hashOf } from './snapshot.ts';

export interface RestoreOptions {
  readonly file: string;
  /** Where the data folder goes. Default where it was, if that was below the current folder. */
  readonly data: string | undefined;
  readonly passphrase: string | null;
  /** Puts aside what is there now. */
  readonly force: boolean;
  /** Of Sotto. */
  readonly version: string;
}

export interface Restored {
  readonly data: string;
  readonly madeBy: string;
  readonly madeAt: string;
  readonly files: number;
  /** What was there before, by its new name. */
  readonly aside: readonly string[];
  /** Files that belong outside the current folder, which were not put there: where they lie, and where they belong. */
  readonly elsewhere: readonly { readonly file: string; readonly belongs: string }[];
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

interface Move {
  readonly from: string;
  readonly to: string;
}

/**
 * Checks all of a backup, then puts it in place by renaming.
 *
 * @throws SottoError as `unpack` does; `file_unwritable` where something is there already, is in use, or cannot be written.
 * Then everything is as it was.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { file, passphrase, force, version } = options;
  const parent = dirname(resolve(options.data ?? '.sotto')); // renaming does not lead to another disk
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const folder = await workFolder(parent, '.sotto-restore.');
  try {
    const manifest = await unpack(file, folder, passphrase);
    requireReadable(manifest, file, version);
    const data = options.data ?? dataPlace(manifest.data, file);
    const moves = await movesOf(manifest, folder, data);
    await requireUnused(data);
    if (!force) await requireNothingThere(moves);
    const owner = await ownerFor(data);
    await giveTo(owner, moves);
    await makeParent(data, owner);
    const aside = await putInPlace(moves, `.before-${stampText()}`);
    return {
      ...{ data, madeBy: manifest.madeBy, madeAt: manifest.madeAt, files: manifest.files.length, aside },
      elsewhere: elsewhereOf(manifest, data),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function requireReadable({ layout, madeBy }: Manifest, file: string, version: string): void {
  if (layout <= LAYOUT) return;
  const text = `${file} was made by Sotto ${madeBy}, whose data this version (${version}) cannot read: install that one first.`;
  throw new SottoError('file_invalid', text);
}

/** Where it was, unless that leads out of the current folder: an archive does not say where anything is written. */
function dataPlace(was: string, file: string): string {
  if (placeOf(`data/${was}`)) return was;
  throw new SottoError(
    'invalid_argument',
    `The data folder of ${file} was ${was}: say by --data where it is to go.`,
  );
}

/** The folder in one move, and each file beside it; those that belong elsewhere stay in the folder. */
async function movesOf(manifest: Manifest, folder: string, data: string): Promise<Move[]> {
  const whole = join(folder, 'data');
  await mkdir(whole, { recursive: true, mode: 0o700 });
  await chmod(whole, 0o700);
  const places = manifest.files.map(({ path }) => ({ path, ...placeOf(path) }));
  if (places.some(({ place }) => place === 'elsewhere'))
    await rename(join(folder, 'elsewhere'), join(whole, 'elsewhere'));
  const beside = places.filter(({ place }) => place === 'beside');
  const moves = beside.map(({ path, rest = '' }) => ({ from: join(folder, path), to: rest }));
  const changed = await Promise.all(moves.map(async (move) => ((await isSame(move)) ? null : move)));
  return [{ from: whole, to: data }, ...changed.filter((move) => move !== null)];
}

async function isSame({ from, to }: Move): Promise<boolean> {
  const [left, right] = await Promise.all([hashOf(from), hashOf(to).catch(() => null)]);
  return left === right;
}

async function requireUnused(data: string): Promise<void> {
  const real = await realpath(data).catch(() => resolve(data)); // as the system names what is open
  const [holder] = await folderHolders(real);
  if (holder === undefined) return;
  throw new SottoError('file_unwritable', `${holder} uses ${data}: stop it, then restore.`);
}

async function requireNothingThere(moves: readonly Move[]): Promise<void> {
  for (const { to } of moves) {
    if (!(await isSomething(to))) continue;
    throw new SottoError('file_unwritable', `${to} is there already; --force puts it aside first.`);
  }
}

/** An empty folder makes way for another. */
async function isSomething(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && !(found.isDirectory() && (await readdir(path)).length === 0);
}

/** Root restores for whoever has the place; others can only own it themselves. */
async function ownerFor(data: string): Promise<Owner | null> {
  if (process.getuid?.() !== 0) return null;
  const place = resolve(data);
  return stat(place).catch(() => (dirname(place) === place ? null : ownerFor(dirname(place))));
}

/** The folders on the way to the data folder. */
async function makeParent(data: string, owner: Owner | null): Promise<void> {
  const parent = dirname(resolve(data));
  const first = await mkdir(parent, { recursive: true, mode: 0o700 });
  if (first === undefined || owner === null) return;
  for (let path = parent; path !== dirname(first); path = dirname(path)) {
    await chown(path, owner.uid, owner.gid);
  }
}

async function giveTo(owner: Owner | null, moves: readonly Move[]): Promise<void> {
  if (owner === null || owner.uid === 0) return;
  for (const { from } of moves) {
    const { folders, files } = await filesBelow(from).catch(() => ({ folders: [], files: [] }));
    for (const path of [from, ...folders, ...files]) await chown(path, owner.uid, owner.gid);
  }
}

/** What fails puts back what was moved. */
async function putInPlace(moves: readonly Move[], suffix: string): Promise<string[]> {
  const done: Move[] = [];
  const aside: string[] = [];
  const move = async (from: string, to: string): Promise<void> => {
    await rename(from, to);
    done.push({ from, to });
  };
  const near: Move[] = [];
  try {
    for (const each of moves) near.push(await brought(each));
    for (const { from, to } of near) {
      if (await isSomething(to)) {
        await move(to, `${to}${suffix}`);
        aside.push(`${to}${suffix}`);
      }
      await move(from, to);
    }
    for (const { to } of near) await flushFolder(dirname(resolve(to)));
    return aside;
  } catch (cause) {
    for (const { from, to } of done.toReversed()) await rename(to, from);
    throw new SottoError('file_unwritable', `Nothing was restored: ${reasonOf(cause)}.`, { cause });
  } finally {
    for (const { from } of near) await rm(from, { recursive: true, force: true });
  }
}

function reasonOf(cause: unknown): string {
  const isMounted = hasCode(cause, 'EBUSY') || hasCode(cause, 'EXDEV');
  if (!isMounted) return messageOf(cause);
  return `${messageOf(cause)}; what is a mount point cannot be replaced, so name a folder in it by --data`;
}

/** A file to beside its place, which may be on another disk; the folder is there already. */
async function brought({ from, to }: Move): Promise<Move> {
  const found = await stat(from);
  if (found.isDirectory()) return { from, to };
  const near = join(dirname(resolve(to)), `.${basename(to)}.restored.tmp`);
  await mkdir(dirname(near), { recursive: true });
  await copyFile(from, near);
  await chmod(near, found.mode);
  await chown(near, found.uid, found.gid).catch(() => {}); // only root may give files away
  return { from: near, to };
}

function elsewhereOf({ files }: Manifest, data: string): Restored['elsewhere'] {
  return files.flatMap(({ path }) => {
    const found = placeOf(path);
    return found?.place === 'elsewhere' ? [{ file: join(data, path), belongs: `/${found.rest}` }] : [];
  });
}

function stampText(): string {
  return new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
}
