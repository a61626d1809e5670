/** A once-window's store in SQLite: known after a restart, and shared by the processes of one machine. */

import { primitives } from '#crypto';
import { openDatabase } from '#files';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeHex } from '../../bytes/text.ts';
import type { Database, Statement } from '../../platform/types.ts';
import { type Claim, ENTRY_OVERHEAD, type OnceStore, STORE_LIMITS, type StoreLimits } from './store.ts';

/** A process says this often that it lives, ms; one that has not for three times as long has stopped. */
const HEARTBEAT = 1000;
const LEASE = 3 * HEARTBEAT;
const CLEAN_EVERY = 10_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS exchanges (
    exchange BLOB PRIMARY KEY, claimed_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, owner TEXT NOT NULL, packet BLOB
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS exchanges_by_expiry ON exchanges (expires_at);
  CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, alive_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** In an SQLite file, on disk before the handler runs; shared by the processes of one machine. */
export class SqliteOnceStore implements OnceStore {
  readonly persistent: boolean = true;
  readonly #database: Database;
  readonly #limits: StoreLimits;
  readonly #statements: Statements;
  readonly #owner = encodeHex(primitives.randomBytes(8));
  readonly #timers: ReturnType<typeof setInterval>[];
  #entries = 0;
  #bytes = 0;
  #latestClaim = 0;
  /** Why the lease could not be renewed, or the file be cleaned: the disk may be full. Null where all is well. */
  #trouble: { readonly error: unknown } | null = null;

  /** @param path a file (made where it is missing), or `:memory:`. */
  constructor(path: string, limits: Partial<StoreLimits> = {}) {
    this.#limits = { ...STORE_LIMITS, ...limits };
    this.#database = openDatabase(path);
    try {
      this.#database.execute(SCHEMA);
      this.#statements = prepareStatements(this.#database);
      this.#clean();
      this.#beat();
    } catch (error) {
      this.#database.close();
      throw error;
    }
    this.#timers = [
      setInterval(() => this.#attempt(() => this.#beat()), HEARTBEAT),
      setInterval(() => this.#attempt(() => this.#clean()), CLEAN_EVERY),
    ];
    for (const timer of this.#timers) timer.unref?.();
  }

  get latestClaim(): number {
    return this.#latestClaim;
  }

  claim(exchange: Bytes, now: number, expiresAt: number): Promise<Claim> {
    return this.#database.write(() => this.#claim(exchange, now, expiresAt));
  }

  answer(exchange: Bytes, packet: Bytes): Promise<void> {
    return this.#database.write(() => {
      this.#statements.answer.run(packet, exchange);
      this.#bytes += packet.length;
    });
  }

  close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#database.flush();
    // Without its lease, what this process left unanswered is known to be abandoned at once; else when it has run out.
    this.#attempt(() => this.#statements.retire.run(this.#owner));
    this.#database.close();
    return Promise.resolve();
  }

  #claim(exchange: Bytes, now: number, expiresAt: number): Claim {
    this.#latestClaim = Math.max(this.#latestClaim, now);
    const row = this.#statements.find.get(exchange);
    if (row) return this.#claimed(row.packet, String(row.owner));
    // Without a lease, others would take it for abandoned.
    if (this.#trouble) throw this.#trouble.error;
    const { maxEntries, maxBytes } = this.#limits;
    if (this.#entries >= maxEntries || this.#bytes + ENTRY_OVERHEAD > maxBytes) return { state: 'full' };
    this.#statements.insert.run(exchange, now, expiresAt, this.#owner);
    this.#entries += 1;
    this.#bytes += ENTRY_OVERHEAD;
    return { state: 'claimed' };
  }

  #claimed(packet: unknown, owner: string): Claim {
    if (packet instanceof Uint8Array) return { state: 'answered', packet };
    const alive = owner === this.#owner || this.#statements.alive.get(owner, Date.now()) !== undefined;
    return { state: alive ? 'running' : 'abandoned' };
  }

  /** Nobody waits for this work: whoever claims next is told that it failed. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#trouble = { error };
    }
  }

  #beat(): void {
    this.#statements.beat.run(this.#owner, Date.now() + LEASE);
    this.#trouble = null;
  }

  /** Drops what has expired, and counts what the other processes added. */
  #clean(): void {
    this.#statements.clean.run(Date.now());
    const count = this.#database.prepare(
      'SELECT count(*) AS entries, coalesce(sum(length(packet)), 0) AS bytes, max(claimed_at) AS latest FROM exchanges',
    );
    const row = count.get();
    this.#entries = Number(row?.entries ?? 0);
    this.#bytes = Number(row?.bytes ?? 0) + ENTRY_OVERHEAD * this.#entries;
    this.#latestClaim = Math.max(this.#latestClaim, Number(row?.latest ?? 0));
  }
}

type Statements = Readonly<
  Record<'insert' | 'find' | 'answer' | 'beat' | 'alive' | 'clean' | 'retire', Statement>
>;

function prepareStatements(database: Database): Statements {
  const prepare = (sql: string): Statement => database.prepare(sql);
  return {
    insert: prepare('INSERT INTO exchanges (exchange, claimed_at, expires_at, owner) VALUES (?, ?, ?, ?)'),
    find: prepare('SELECT packet, owner FROM exchanges WHERE exchange = ?'),
    answer: prepare('UPDATE exchanges SET packet = ? WHERE exchange = ? AND packet IS NULL'),
    beat: prepare(
      'INSERT INTO owners VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET alive_until = excluded.alive_until',
    ),
    alive: prepare('SELECT 1 FROM owners WHERE owner = ? AND alive_until > ?'),
    clean: prepare('DELETE FROM exchanges WHERE expires_at < ?'),
    retire: prepare('DELETE FROM owners WHERE owner = ?'),
  };
}
