/** Copies what a node keeps, each file whole, while the node may be running. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, open, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf, SottoError } from '../../errors.ts';
import { previousFileOf } from '../../keys/previous-keys.ts';
import { hasCode } from '../../platform/node/files.ts';
import { isStore } from '../doctor/gather-stores.ts';
import { filesBelow } from '../files-below.ts';
import { isFile, type NodePlan } from '../plan.ts';
import type { BackupFile, PLACES } from './manifest.ts';

export interface Snapshot {
  readonly files: readonly BackupFile[];
  /** What lies in the folder and is no file: sockets, links to folders. */
  readonly leftOut: readonly string[];
}

interface Source {
  readonly from: string;
  /** In the archive. */
  readonly path: string;
}

const OWNER_ONLY = 0o600;
/** What SQLite keeps beside a database: its copy has all of it. */
const BESIDE_STORE = /-(wal|shm|journal)$/;
/** Files that are being written; see platform/node/files.ts. */
const UNFINISHED = /^\..*\.[0-9a-f]{12}\.tmp$/;
/** Of a file that is written to all the time. */
const TRIES = 5;

/** @param folder where the copies go: as in the archive. */
export async function takeSnapshot(plan: NodePlan, folder: string): Promise<Snapshot> {
  const { config } = plan;
  const { files: regular, others } = await filesBelow(config.data).catch((cause: unknown) => {
    const text = hasCode(cause, 'ENOENT')
      ? `${config.data} does not exist: run this where the node runs, or name its data folder by --data.`
      : `${config.data} cannot be read: ${messageOf(cause)}.`;
    throw new SottoError('file_unreadable', text, { cause });
  });
  const linked = await Promise.all(others.map(isFile));
  const sources = [...regular, ...others.filter((_path, index) => linked[index])]
    .filter((from) => !UNFINISHED.test(basename(from)))
    .map((from): Source => ({ from, path: archived('data', from, config.data) }));
  const leftOut = others.filter((_path, index) => !linked[index]);
  const inside = new Set(sources.map(({ from }) => resolve(from)));
  const keys = [config.identity, previousFileOf(config.identity)];
  const named = new Set([...keys, ...plan.files].map((file) => resolve(file)));
  for (const from of named) {
    if (!inside.has(from) && (await isFile(from))) sources.push(outside(from));
  }
  const stores = new Set<string>();
  for (const { from } of sources) if (await isStore(from)) stores.add(from);
  const isPartOfStore = ({ from }: Source): boolean =>
    stores.has(from.replace(BESIDE_STORE, '')) && !stores.has(from);
  const files: BackupFile[] = [];
  for (const source of sources.filter((each) => !isPartOfStore(each))) {
    files.push(await copied(source, folder, stores.has(source.from)));
  }
  return { files, leftOut };
}

/** By its content. */
export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function outside(from: string): Source {
  const way = relative(process.cwd(), from);
  const isBeside = !way.startsWith('..') && resolve(way) === from && !/^[a-z]:/i.test(way);
  return isBeside
    ? { from, path: archived('beside', from, process.cwd()) }
    : { from, path: `elsewhere/${from.replace(':', '').split(sep).filter(Boolean).join('/')}` };
}

function archived(place: (typeof PLACES)[number], from: string, folder: string): string {
  return [place, ...relative(folder, from).split(sep)].join('/');
}

async function copied({ from, path }: Source, folder: string, isStored: boolean): Promise<BackupFile> {
  const to = join(folder, path);
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  const { mode } = await stat(from);
  await (isStored ? copyStore(from, to) : copyWhole(from, to));
  await chmod(to, OWNER_ONLY);
  const { size } = await stat(to);
  return { path, size, mode: mode & 0o777, sha256: await hashOf(to) };
}

/** In one read transaction: what was committed, and nothing of what was not. */
async function copyStore(from: string, to: string): Promise<void> {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  try {
    const database = new DatabaseSync(from, { readOnly: true, timeout: 5000 });
    try {
      database.prepare('VACUUM INTO ?').run(to);
    } finally {
      database.close();
    }
  } catch (cause) {
    const text = `${from} cannot be saved: ${messageOf(cause)}; sotto doctor --only data tells more.`;
    throw new SottoError('file_unreadable', text, { cause });
  }
  await flush(to);
}

/** Again while it changes under our hands. */
async function copyWhole(from: string, to: string): Promise<void> {
  for (let left = TRIES; left > 0; left--) {
    const before = await stampOf(from);
    await copyFile(from, to);
    if (before === (await stampOf(from)) && (await hashOf(from)) === (await hashOf(to))) return flush(to);
  }
  throw new SottoError(
    'file_unreadable',
    `${basename(from)} changes too often to be saved; stop what writes it.`,
  );
}

async function stampOf(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(path, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
