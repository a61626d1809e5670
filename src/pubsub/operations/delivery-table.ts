/** The delivery log's table: writing to it, taking old rows out, and asking it. Runs wherever its database is. */

import { assertNumber } from '../../bytes/assert.ts';
import type { Bytes } from '../../bytes/bytes.ts';
import type { Database, SqlValue, Statement } from '../../platform/types.ts';
import {
  type Delivery,
  type DeliveryPage,
  type DeliveryQuery,
  type DeliveryStatus,
  LOG_SIZES,
  type LoggedDelivery,
} from './delivery-log.ts';

/** How much is kept. */
export interface DeliveryBounds {
  readonly maxRows: number;
  /** ms. */
  readonly maxAge: number;
}

/** A delivery in the order of {@link COLUMNS}. */
export type DeliveryRow = readonly SqlValue[];

const COLUMNS = 'at, topic, url, identifier, tries, status, subscribers, why, duration, bytes';

/**
 * Without an index: a row costs a fifth of what it does with those for topics and urls, and all of a hundred thousand rows
 * are gone through in some ten milliseconds, which nobody's delivery waits for.
 */
const SCHEMA = `
  PRAGMA synchronous = NORMAL; -- the last rows before a power cut may be lost; the file is not
  CREATE TABLE IF NOT EXISTS sotto_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    topic BLOB NOT NULL,
    url TEXT NOT NULL,
    identifier BLOB NOT NULL,
    tries INTEGER NOT NULL,
    status TEXT NOT NULL,
    subscribers INTEGER NOT NULL,
    why TEXT NOT NULL,
    duration INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  );
`;

/** Rows removed at one time. */
export const REMOVED_AT_ONCE = 1000;
const DEFAULT_LIMIT = 100;
const MOST = 1000;

/** Copies what it keeps: what it was given may be a view of something far larger. */
export function rowOf(delivery: Delivery): DeliveryRow {
  const { at, topic, url, identifier, tries, status, subscribers, why, duration, bytes } = delivery;
  return [
    Math.round(at),
    copyOf(topic),
    url.slice(0, LOG_SIZES.url),
    copyOf(identifier),
    tries,
    status,
    subscribers,
    why.slice(0, LOG_SIZES.why),
    Math.round(duration),
    bytes,
  ];
}

export class DeliveryTable {
  readonly #database: Database;
  readonly #bounds: DeliveryBounds;
  readonly #insert: Statement;
  readonly #removeFirst: Statement;
  readonly #removeBefore: Statement;
  readonly #count: Statement;
  #rows: number;

  constructor(database: Database, bounds: DeliveryBounds) {
    database.execute(SCHEMA);
    this.#database = database;
    this.#bounds = bounds;
    this.#insert = database.prepare(
      `INSERT INTO sotto_deliveries (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const remove = (condition: string): Statement =>
      database.prepare(
        `DELETE FROM sotto_deliveries WHERE id IN (SELECT id FROM sotto_deliveries ${condition})`,
      );
    this.#removeFirst = remove('ORDER BY id LIMIT ?');
    this.#removeBefore = remove('WHERE at < ? LIMIT ?');
    this.#count = database.prepare('SELECT COUNT(*) AS rows FROM sotto_deliveries');
    this.#rows = this.#countRows();
  }

  /** Writes rows and takes as many old ones out as they are too many, in one transaction. */
  write(rows: readonly DeliveryRow[]): Promise<void> {
    return this.#database.write(() => {
      for (const row of rows) this.#insert.run(...row);
      this.#rows += rows.length;
      const over = this.#rows - this.#bounds.maxRows;
      if (over > 0) this.#rows -= this.#removeFirst.run(Math.min(over, rows.length + REMOVED_AT_ONCE));
    });
  }

  /** Removes rows that are too old: how many; {@link REMOVED_AT_ONCE} says that there may be more. */
  removeOld(now: number): Promise<number> {
    return this.#database.write(() => {
      const removed = this.#removeBefore.run(now - this.#bounds.maxAge, REMOVED_AT_ONCE);
      this.#rows = this.#countRows(); // another process may write here too
      return removed;
    });
  }

  /** Sees what was written before. */
  query(query: DeliveryQuery): DeliveryPage {
    this.#database.flush();
    return queryDeliveries(this.#database, query);
  }

  #countRows(): number {
    return Number(this.#count.get()?.rows);
  }
}

/** @throws SottoError `invalid_option` for a limit out of range. */
export function checkQuery({ limit = DEFAULT_LIMIT }: DeliveryQuery): void {
  assertNumber(limit, 'limit', 1, MOST);
}

/** A database that is only read. */
export interface ReadableDatabase {
  prepare(sql: string): Pick<Statement, 'all'>;
}

/** Asks a log's database, whoever has opened it. @throws whatever the database throws where it is none of a log. */
export function queryDeliveries(database: ReadableDatabase, query: DeliveryQuery): DeliveryPage {
  const { limit = DEFAULT_LIMIT } = query;
  const wanted = conditionsOf(query);
  const conditions = wanted.map(([condition]) => condition);
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const statement = database.prepare(
    `SELECT id, ${COLUMNS} FROM sotto_deliveries ${where} ORDER BY id DESC LIMIT ?`,
  );
  // One more than asked for says whether there is another page.
  const rows = statement.all(...wanted.map(([, value]) => value), limit + 1);
  const deliveries = rows.slice(0, limit).map(deliveryOf);
  return { deliveries, next: rows.length > limit ? (deliveries.at(-1)?.id ?? null) : null };
}

function conditionsOf({ topic, url, status, since, before }: DeliveryQuery): [string, SqlValue][] {
  const all: [string, SqlValue | undefined][] = [
    ['topic = ?', topic && copyOf(topic)],
    ['url = ?', url?.slice(0, LOG_SIZES.url)],
    ['status = ?', status],
    ['at >= ?', since],
    ['id < ?', before],
  ];
  return all.flatMap(([condition, value]) => (value === undefined ? [] : [[condition, value]]));
}

function deliveryOf(row: Record<string, SqlValue>): LoggedDelivery {
  const number = (name: string): number => Number(row[name]);
  const bytes = (name: string): Bytes => (row[name] instanceof Uint8Array ? row[name] : new Uint8Array(0));
  return {
    id: number('id'),
    at: number('at'),
    topic: bytes('topic'),
    url: String(row.url),
    identifier: bytes('identifier'),
    tries: number('tries'),
    status: String(row.status) as DeliveryStatus,
    subscribers: number('subscribers'),
    why: String(row.why),
    duration: number('duration'),
    bytes: number('bytes'),
  };
}

function copyOf(bytes: Bytes): Uint8Array {
  return new Uint8Array(bytes.subarray(0, LOG_SIZES.topic));
}
