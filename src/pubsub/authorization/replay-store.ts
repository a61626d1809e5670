/** Codes that were seen, so that nobody uses one again. */

import { openDatabase } from '#files';
import { type Bytes, mapKey } from '../../bytes/bytes.ts';
import type { Database, Statement } from '../../platform/types.ts';

/** Remembers which codes have been used, so that each is good for once. */
export interface ReplayStore {
  /**
   * Remembers a code.
   *
   * @param now seconds since 1970.
   * @param expiresAt when it may be forgotten, seconds since 1970.
   * @returns `seen` where it was there already; `full` where it cannot be remembered, and so must not be believed.
   */
  remember(
    code: Bytes,
    now: number,
    expiresAt: number,
  ): 'new' | 'seen' | 'full' | Promise<'new' | 'seen' | 'full'>;
  close(): void;
}

/** Codes remembered at one time, unless told otherwise. */
const MOST_CODES = 1_000_000;
/** Between two sweeps, s. */
const SWEEP_EVERY = 10;

/** Forgotten when the process ends: a code could then be used again for as long as its time has not run out. */
export class MemoryReplayStore implements ReplayStore {
  readonly #codes = new Map<string, number>();
  readonly #most: number;

  constructor(most: number = MOST_CODES) {
    this.#most = most;
  }

  remember(code: Bytes, now: number, expiresAt: number): 'new' | 'seen' | 'full' {
    // In the order of their coming, which is nearly that of their expiry.
    for (const [name, until] of this.#codes) {
      if (until >= now) break;
      this.#codes.delete(name);
    }
    const name = mapKey(code);
    const until = this.#codes.get(name);
    if (until !== undefined && until >= now) return 'seen';
    if (this.#codes.size >= this.#most) return 'full';
    this.#codes.delete(name);
    this.#codes.set(name, expiresAt);
    return 'new';
  }

  close(): void {
    this.#codes.clear();
  }
}

/** In the table of the original, which other processes of the machine may share. */
export class SqliteReplayStore implements ReplayStore {
  readonly #database: Database;
  readonly #insert: Statement;
  readonly #sweep: Statement;
  #sweptAt = 0;

  /** @throws SottoError `invalid_option` for a file that is no database. */
  constructor(path: string) {
    this.#database = openDatabase(path);
    this.#database.execute(`
      CREATE TABLE IF NOT EXISTS httppubsub_hmacs (
        code BLOB PRIMARY KEY,
        expires_at INTEGER NOT NULL
      ) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS httppubsub_hmacs_expires_at ON httppubsub_hmacs (expires_at);
    `);
    this.#insert = this.#database.prepare(
      'INSERT INTO httppubsub_hmacs VALUES (?, ?) ON CONFLICT DO NOTHING',
    );
    this.#sweep = this.#database.prepare('DELETE FROM httppubsub_hmacs WHERE expires_at < ?');
  }

  remember(code: Bytes, now: number, expiresAt: number): 'new' | 'seen' {
    if (now - this.#sweptAt >= SWEEP_EVERY) {
      this.#sweptAt = now;
      this.#sweep.run(now);
    }
    return this.#insert.run(code, expiresAt) === 1 ? 'new' : 'seen';
  }

  close(): void {
    this.#database.close();
  }
}
