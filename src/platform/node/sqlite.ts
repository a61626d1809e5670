/** SQLite by node:sqlite, set up so that what was committed survives a power cut. */

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { messageOf, SottoError } from '../../errors.ts';
import type { Database, SqlValue } from '../types.ts';
import { GroupCommit } from './group-commit.ts';
import { simulated } from './simulated.ts';

/** Waiting for another process' transaction, ms. */
const BUSY_TIMEOUT = 5000;
/** In the file as `user_version`: rises when an older Sotto could no longer read what a newer one has written. */
export const SQLITE_SCHEMA = 1;

/**
 * @param isPrivate whether a file that is made is for its owner alone. Default false.
 * @throws SottoError `invalid_option` for a file that cannot be opened as a database, or is of a newer Sotto; `unavailable`
 * for one that another program holds, or a disk that is full, which may pass.
 */
export function openDatabase(
  path: string,
  { isPrivate = false }: { readonly isPrivate?: boolean } = {},
): Database {
  const machine = simulated();
  if (isPrivate && path !== ':memory:' && !machine) makePrivate(path);
  const database = machine?.openDatabase(path) ?? open(path);
  const commit = new GroupCommit(database);
  return {
    execute: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        run: (...values: SqlValue[]) => Number(statement.run(...values.map(bound)).changes),
        get: (...values: SqlValue[]) =>
          statement.get(...values.map(bound)) as Record<string, SqlValue> | undefined,
        all: (...values: SqlValue[]) => statement.all(...values.map(bound)) as Record<string, SqlValue>[],
      };
    },
    write: (work) => commit.write(work),
    flush: () => commit.flush(),
    close() {
      commit.flush();
      if (!machine) database.close();
    },
  };
}

/** SQLite's other files take the mode of this one. Where it cannot be made, opening it says so. */
function makePrivate(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    closeSync(openSync(path, 'a', 0o600));
  } catch {}
}

/** Early releases of Node 24 take no bytes for NULL, unless they are somewhere. */
const NO_BYTES = new Uint8Array(new ArrayBuffer(1), 0, 0);

function bound(value: SqlValue): SqlValue {
  return value instanceof Uint8Array && value.length === 0 ? NO_BYTES : value;
}

/** Files of before there were versions say 0, and are as those of the first. */
function requireSchema(database: DatabaseSync): void {
  const found = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  if (found === 0) database.exec(`PRAGMA user_version = ${SQLITE_SCHEMA}`);
  if (found <= SQLITE_SCHEMA) return;
  throw new Error('a newer version of Sotto has written it; run that version');
}

function open(path: string): DatabaseSync {
  // Loaded when first wanted: early releases of Node 24 print a warning for it, which no other command deserves.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  let database: DatabaseSync | null = null;
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT });
    // FULL: in WAL mode NORMAL may lose the last commits when the power goes.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    requireSchema(database);
    return database;
  } catch (cause) {
    database?.close();
    const code = isPassing(cause) ? 'unavailable' : 'invalid_option';
    throw new SottoError(code, `The database "${path}" cannot be opened: ${messageOf(cause)}.`, { cause });
  }
}

/** SQLite's SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR and SQLITE_FULL; the extended codes have more in the higher bytes. */
const PASSING: ReadonlySet<number> = new Set([5, 6, 10, 13]);

function isPassing(error: unknown): boolean {
  if (!(error instanceof Error && 'errcode' in error)) return false;
  return PASSING.has(Number(error.errcode) & 0xff);
}
