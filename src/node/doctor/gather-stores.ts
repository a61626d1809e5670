/** The SQLite files among others, and whether they are whole. */

import { open, stat } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../../errors.ts';
import type { StoreFacts } from './judge-stores.ts';

const HEADER = 'SQLite format 3\0';
/** Looked through in a second or two, bytes. */
const MAX_LOOKED_THROUGH = 256 * 2 ** 20;

export async function gatherStores(paths: readonly string[]): Promise<StoreFacts[]> {
  const stores: StoreFacts[] = [];
  for (const path of paths) if (await isStore(path)) stores.push(await gatherStore(path));
  return stores;
}

/** By its first bytes; an empty file is none yet. */
export async function isStore(path: string): Promise<boolean> {
  const handle = await open(path, 'r').catch(() => null);
  if (handle === null) return false;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER.length), 0, HEADER.length, 0);
    return bytesRead === HEADER.length && buffer.toString('latin1') === HEADER;
  } catch {
    return false;
  } finally {
    await handle.close();
  }
}

async function gatherStore(path: string): Promise<StoreFacts> {
  const { size } = await stat(path);
  if (size > MAX_LOOKED_THROUGH) return { path, size, outcome: { kind: 'not-looked' } };
  try {
    return { path, size, outcome: lookThrough(path) };
  } catch (error) {
    return { path, size, outcome: { kind: 'corrupt', why: `${messageOf(error)}.` } };
  }
}

function lookThrough(path: string): StoreFacts['outcome'] {
  // Loaded when first wanted: early releases of Node 24 print a warning for it.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const [said] = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {});
    if (said !== 'ok') return { kind: 'corrupt', why: `${String(said).replaceAll(/\s+/g, ' ')}.` };
    return { kind: 'whole', schema: schemaOf(database) };
  } finally {
    database.close();
  }
}

function schemaOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.user_version);
}
