/** Subscriptions in SQLite, in the original's tables, so that anyone can look at them and either can open the file. */

import { openDatabase } from '#files';
import type { Bytes } from '../../bytes/bytes.ts';
import type { Database, SqlValue, Statement } from '../../platform/types.ts';
import {
  type Missed,
  MOST_MISSED,
  nameOfPattern,
  type Pattern,
  type Subscription,
  type SubscriptionStore,
  type UnderAnnouncement,
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

/**
 * Who is gone is owed nothing, whoever deleted it: the original, or somebody by hand. Whoever gets its number would be
 * owed it otherwise. What is there already is from before there were triggers.
 */
const DELETE_ORPHANS = `
  CREATE TRIGGER IF NOT EXISTS sotto_exacts_gone AFTER DELETE ON httppubsub_subscription_exacts BEGIN
    DELETE FROM sotto_missed WHERE kind = 'exact' AND subscription = OLD.id;
  END;
  CREATE TRIGGER IF NOT EXISTS sotto_globs_gone AFTER DELETE ON httppubsub_subscription_globs BEGIN
    DELETE FROM sotto_missed WHERE kind = 'glob' AND subscription = OLD.id;
  END;
  DELETE FROM sotto_missed WHERE kind = 'exact' AND subscription NOT IN (SELECT id FROM httppubsub_subscription_exacts);
  DELETE FROM sotto_missed WHERE kind = 'glob' AND subscription NOT IN (SELECT id FROM httppubsub_subscription_globs);
`;

/** What was missed, each with its subscription. */
const OWED = `
  sotto_missed AS missed
  LEFT JOIN httppubsub_subscription_exacts AS exacts ON missed.kind = 'exact' AND exacts.id = missed.subscription
  LEFT JOIN httppubsub_subscription_globs AS globs ON missed.kind = 'glob' AND globs.id = missed.subscription
`;
const IS_OWED = 'coalesce(exacts.id, globs.id) IS NOT NULL';
const DUE = `
  SELECT missed.id AS missed_id, missed.kind, missed.topic, missed.times, missed.attempts, missed.subscription AS id,
    coalesce(exacts.url, globs.url) AS url, coalesce(exacts.exact, globs.glob) AS pattern,
    coalesce(exacts.missed_url, globs.missed_url) AS missed_url
  FROM ${OWED}
  WHERE missed.next_at <= ? AND ${IS_OWED}
    AND missed.id NOT IN (SELECT value FROM json_each(?))
    AND coalesce(exacts.missed_url, globs.missed_url, '') NOT IN (SELECT value FROM json_each(?))
  ORDER BY missed.next_at, missed.id LIMIT ?
`;

const NOTHING_ANNOUNCED: UnderAnnouncement = { ids: [], recoveries: [] };

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
  readonly miss: Statement;
  /** Where no more topics are remembered. */
  readonly missMore: Statement;
}

/** Subscriptions in an SQLite file: on disk before they are confirmed. */
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
    database.execute(DELETE_ORPHANS);
    this.#database = database;
    this.#of = { exact: statementsFor(database, 'exact'), glob: statementsFor(database, 'glob') };
    this.#dueMissed = database.prepare(DUE);
    this.#retryMissed = database.prepare(
      'UPDATE sotto_missed SET attempts = attempts + 1, next_at = ? WHERE id = ?',
    );
    this.#forgetMissed = database.prepare('DELETE FROM sotto_missed WHERE id = ? AND times = ?');
    this.#countMissed = database.prepare(`SELECT count(*) AS count FROM ${OWED} WHERE ${IS_OWED}`);
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

  set(
    url: string,
    wanted: readonly Wanted[],
    mayRemove: (pattern: Pattern) => boolean = () => true,
  ): Promise<{ added: Subscription[]; removed: Subscription[] } | null> {
    return this.#database.write(() => {
      const before = this.#listNow(url);
      const names = (list: readonly Wanted[]): Set<string> =>
        new Set(list.map(({ pattern }) => nameOfPattern(pattern)));
      const [kept, known] = [names(wanted), names(before)];
      const obsolete = before.filter(({ pattern }) => !kept.has(nameOfPattern(pattern)));
      if (!obsolete.every(({ pattern }) => mayRemove(pattern))) return null;
      const added = wanted
        .filter(({ pattern }) => !known.has(nameOfPattern(pattern)))
        .flatMap((each) => this.#insert(url, each) ?? []);
      const removed = obsolete.flatMap(({ pattern }) => this.#remove(url, pattern) ?? []);
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
        const { miss, missMore } = this.#of[pattern.kind];
        const whose = [id, url, patternValue(pattern)] as const;
        if (miss.run(topic, nextAt, ...whose) === 0) missMore.run(...whose);
      }
    });
  }

  async dueMissed(
    now: number,
    limit: number,
    { ids, recoveries }: UnderAnnouncement = NOTHING_ANNOUNCED,
  ): Promise<readonly Missed[]> {
    this.#database.flush();
    return this.#dueMissed.all(now, JSON.stringify(ids), JSON.stringify(recoveries), limit).map((row) => ({
      id: Number(row.missed_id),
      times: Number(row.times),
      attempts: Number(row.attempts),
      topic: bytesIn(row.topic),
      subscription: subscriptionOf(row.kind === 'glob' ? 'glob' : 'exact', row),
    }));
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
    const row = this.#of[pattern.kind].remove.get(url, patternValue(pattern));
    return row ? subscriptionOf(pattern.kind, row) : null;
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
    // A subscription that is gone is owed nothing, though another may have its number now.
    miss: database.prepare(
      `INSERT INTO sotto_missed (kind, subscription, topic, times, attempts, next_at)
       SELECT '${kind}', id, ?1, 1, 0, ?2 FROM ${table} WHERE id = ?3 AND url = ?4 AND ${column} = ?5 AND (
         EXISTS (SELECT 1 FROM sotto_missed WHERE kind = '${kind}' AND subscription = ?3 AND topic = ?1)
         OR (SELECT count(*) FROM sotto_missed WHERE kind = '${kind}' AND subscription = ?3) < ${MOST_MISSED}
       )
       ON CONFLICT DO UPDATE SET times = times + 1, attempts = 0`,
    ),
    missMore: database.prepare(
      `UPDATE sotto_missed SET times = times + 1, attempts = 0 WHERE id = (
         SELECT max(missed.id) FROM sotto_missed AS missed JOIN ${table} AS owed ON owed.id = missed.subscription
         WHERE missed.kind = '${kind}' AND owed.id = ? AND owed.url = ? AND owed.${column} = ?
       )`,
    ),
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
