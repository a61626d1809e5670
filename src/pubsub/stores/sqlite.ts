/** Subscriptions in SQLite, in the original's tables, so that anyone can look at them and either can open the file. */

import { openDatabase } from '#files';
import type { Bytes } from '../../bytes/bytes.ts';
import type { Database, SqlValue, Statement } from '../../platform/types.ts';
import {
  type Missed,
  nameOfPattern,
  type Pattern,
  type Subscription,
  type SubscriptionStore,
  type UnderWay,
  type Wanted,
} from './store.ts';

/** Rows read at once when all are. */
const PAGE = 1000;

/** The first two tables are the original's (specs/lonelyps.md, section 13), whose missed columns stay empty here. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS httppubsub_subscription_exacts (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    exact BLOB NOT NULL,
    missed_url TEXT NULL,
    missed_lock_id INTEGER NULL,
    missed_lock_expires_at INTEGER NULL,
    missed_attempts INTEGER NULL,
    missed_next_retry_at INTEGER NULL
  );
  CREATE UNIQUE INDEX IF NOT EXISTS sotto_exacts ON httppubsub_subscription_exacts (exact, url);
  CREATE INDEX IF NOT EXISTS sotto_exacts_url ON httppubsub_subscription_exacts (url, exact);
  CREATE TABLE IF NOT EXISTS httppubsub_subscription_globs (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    glob TEXT NOT NULL,
    missed_url TEXT NULL,
    missed_lock_id INTEGER NULL,
    missed_lock_expires_at INTEGER NULL,
    missed_topic BLOB NULL,
    missed_attempts INTEGER NULL,
    missed_next_retry_at INTEGER NULL
  );
  CREATE UNIQUE INDEX IF NOT EXISTS sotto_globs ON httppubsub_subscription_globs (glob, url);
  CREATE INDEX IF NOT EXISTS sotto_globs_url ON httppubsub_subscription_globs (url, glob);
  CREATE TABLE IF NOT EXISTS sotto_missed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subscription INTEGER NOT NULL,
    topic BLOB NOT NULL,
    times INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX IF NOT EXISTS sotto_missed_once ON sotto_missed (kind, subscription, topic);
  CREATE INDEX IF NOT EXISTS sotto_missed_next ON sotto_missed (next_at);
  CREATE TABLE IF NOT EXISTS sotto_under_way (id INTEGER PRIMARY KEY AUTOINCREMENT, topic BLOB NOT NULL);
`;

type Row = Record<string, SqlValue>;
type Kind = Pattern['kind'];

const TABLES = {
  exact: { table: 'httppubsub_subscription_exacts', column: 'exact' },
  glob: { table: 'httppubsub_subscription_globs', column: 'glob' },
} as const;

/** The statements of one kind of pattern. */
interface Statements {
  readonly insert: Statement;
  readonly remove: Statement;
  readonly ofUrl: Statement;
  readonly page: Statement;
  readonly one: Statement;
  readonly miss: Statement;
  readonly forget: Statement;
}

export class SqliteSubscriptionStore implements SubscriptionStore {
  readonly #database: Database;
  readonly #of: Readonly<Record<Kind, Statements>>;
  readonly #dueMissed: Statement;
  readonly #retryMissed: Statement;
  readonly #forgetMissed: Statement;
  readonly #countMissed: Statement;
  readonly #insertUnderWay: Statement;
  readonly #removeUnderWay: Statement;
  readonly #allUnderWay: Statement;

  /**
   * @param path a file, made where it is missing, or `:memory:`.
   * @throws SottoError `invalid_option` for a file that is no database.
   */
  constructor(path: string) {
    const database = openDatabase(path);
    database.execute(SCHEMA);
    this.#database = database;
    this.#of = { exact: statementsFor(database, 'exact'), glob: statementsFor(database, 'glob') };
    this.#dueMissed = database.prepare(
      'SELECT * FROM sotto_missed WHERE next_at <= ? ORDER BY next_at, id LIMIT ?',
    );
    this.#retryMissed = database.prepare(
      'UPDATE sotto_missed SET attempts = attempts + 1, next_at = ? WHERE id = ?',
    );
    this.#forgetMissed = database.prepare('DELETE FROM sotto_missed WHERE id = ? AND times = ?');
    this.#countMissed = database.prepare('SELECT count(*) AS count FROM sotto_missed');
    this.#insertUnderWay = database.prepare('INSERT INTO sotto_under_way (topic) VALUES (?) RETURNING id');
    this.#removeUnderWay = database.prepare('DELETE FROM sotto_under_way WHERE id = ?');
    this.#allUnderWay = database.prepare('SELECT id, topic FROM sotto_under_way ORDER BY id');
  }

  subscribe(url: string, wanted: Wanted): Promise<Subscription | null> {
    return this.#database.write(() => this.#insert(url, wanted));
  }

  unsubscribe(url: string, pattern: Pattern): Promise<Subscription | null> {
    return this.#database.write(() => this.#remove(url, pattern));
  }

  set(url: string, wanted: readonly Wanted[]): Promise<{ added: Subscription[]; removed: Subscription[] }> {
    return this.#database.write(() => {
      const before = this.#listNow(url);
      const names = (list: readonly Wanted[]): Set<string> =>
        new Set(list.map(({ pattern }) => nameOfPattern(pattern)));
      const [kept, known] = [names(wanted), names(before)];
      const added = wanted
        .filter(({ pattern }) => !known.has(nameOfPattern(pattern)))
        .flatMap((each) => this.#insert(url, each) ?? []);
      const removed = before
        .filter(({ pattern }) => !kept.has(nameOfPattern(pattern)))
        .flatMap(({ pattern }) => this.#remove(url, pattern) ?? []);
      return { added, removed };
    });
  }

  async list(url: string): Promise<readonly Subscription[]> {
    this.#database.flush(); // what was asked for before is seen
    return this.#listNow(url);
  }

  async *all(): AsyncGenerator<Subscription, void, void> {
    this.#database.flush();
    for (const kind of ['exact', 'glob'] as const) {
      let last = -1;
      for (;;) {
        const rows = this.#of[kind].page.all(last, PAGE);
        for (const row of rows) yield subscriptionOf(kind, row);
        if (rows.length < PAGE) break;
        last = Number(rows.at(-1)?.id);
      }
    }
  }

  recordMissed(
    missed: readonly { subscription: Subscription; topic: Bytes }[],
    nextAt: number,
  ): Promise<void> {
    return this.#database.write(() => {
      for (const { subscription, topic } of missed) {
        const { id, url, pattern } = subscription;
        this.#of[pattern.kind].miss.run(topic, nextAt, id, url, patternValue(pattern));
      }
    });
  }

  async dueMissed(now: number, limit: number): Promise<readonly Missed[]> {
    this.#database.flush();
    return this.#dueMissed.all(now, limit).flatMap((row) => {
      const kind: Kind = row.kind === 'glob' ? 'glob' : 'exact';
      const found = this.#of[kind].one.get(row.subscription ?? null);
      // What has been unsubscribed since is owed nothing; its rows go with it.
      if (!found) return [];
      const [id, times, attempts] = [row.id, row.times, row.attempts].map(Number);
      const subscription = subscriptionOf(kind, found);
      return [
        { id: id ?? 0, times: times ?? 1, attempts: attempts ?? 0, topic: bytesIn(row.topic), subscription },
      ];
    });
  }

  async retryMissed({ id }: Missed, nextAt: number): Promise<void> {
    await this.#database.write(() => this.#retryMissed.run(nextAt, id));
  }

  async forgetMissed({ id, times }: Missed): Promise<void> {
    await this.#database.write(() => this.#forgetMissed.run(id, times));
  }

  async countMissed(): Promise<number> {
    this.#database.flush();
    return Number(this.#countMissed.get()?.count);
  }

  begin(topic: Bytes): Promise<UnderWay> {
    return this.#database.write(() => ({ id: Number(this.#insertUnderWay.get(topic)?.id), topic }));
  }

  async end({ id }: UnderWay): Promise<void> {
    await this.#database.write(() => this.#removeUnderWay.run(id));
  }

  async unfinished(): Promise<readonly UnderWay[]> {
    return this.#allUnderWay.all().map((row) => ({ id: Number(row.id), topic: bytesIn(row.topic) }));
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #insert(url: string, { pattern, recovery }: Wanted): Subscription | null {
    const row = this.#of[pattern.kind].insert.get(url, patternValue(pattern), recovery);
    return row ? { id: Number(row.id), url, pattern, recovery } : null;
  }

  #remove(url: string, pattern: Pattern): Subscription | null {
    const statements = this.#of[pattern.kind];
    const row = statements.remove.get(url, patternValue(pattern));
    if (!row) return null;
    statements.forget.run(row.id ?? null);
    return subscriptionOf(pattern.kind, row);
  }

  #listNow(url: string): Subscription[] {
    return (['exact', 'glob'] as const).flatMap((kind) =>
      this.#of[kind].ofUrl.all(url).map((row) => subscriptionOf(kind, row)),
    );
  }
}

function statementsFor(database: Database, kind: Kind): Statements {
  const { table, column } = TABLES[kind];
  const columns = `id, url, ${column} AS pattern, missed_url`;
  return {
    insert: database.prepare(
      `INSERT INTO ${table} (url, ${column}, missed_url) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING id`,
    ),
    remove: database.prepare(`DELETE FROM ${table} WHERE url = ? AND ${column} = ? RETURNING ${columns}`),
    // SQLite orders blobs by their bytes and text by its UTF-8: just what etags need.
    ofUrl: database.prepare(`SELECT ${columns} FROM ${table} WHERE url = ? ORDER BY ${column}`),
    page: database.prepare(`SELECT ${columns} FROM ${table} WHERE id > ? ORDER BY id LIMIT ?`),
    one: database.prepare(`SELECT ${columns} FROM ${table} WHERE id = ?`),
    // A subscription that is gone is owed nothing, though another may have its number now.
    miss: database.prepare(
      `INSERT INTO sotto_missed (kind, subscription, topic, times, attempts, next_at)
       SELECT '${kind}', id, ?, 1, 0, ? FROM ${table} WHERE id = ? AND url = ? AND ${column} = ?
       ON CONFLICT DO UPDATE SET times = times + 1`,
    ),
    forget: database.prepare(`DELETE FROM sotto_missed WHERE kind = '${kind}' AND subscription = ?`),
  };
}

function subscriptionOf(kind: Kind, row: Row): Subscription {
  const pattern: Pattern =
    kind === 'exact' ? { kind, topic: bytesIn(row.pattern) } : { kind, glob: String(row.pattern) };
  const recovery = row.missed_url === null ? null : String(row.missed_url);
  return { id: Number(row.id), url: String(row.url), pattern, recovery };
}

function patternValue(pattern: Pattern): SqlValue {
  return pattern.kind === 'exact' ? pattern.topic : pattern.glob;
}

function bytesIn(value: SqlValue | undefined): Bytes {
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}
