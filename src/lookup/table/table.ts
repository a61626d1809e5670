/** What a query function sees of a file of rows: a dictionary from key to row. */

import type { Match } from './fold.ts';
import type { Column } from './row-format.ts';

/** What to look for in a table. */
export interface Search {
  readonly match: Match;
  readonly text: string;
  /** Look in this column; default the key's. */
  readonly column?: Column;
  /** The most rows to give. */
  readonly limit: number;
  /** Go on after this place, as the page before named it. */
  readonly after?: string;
}

/** One page of what was found. */
export interface Found<Row> {
  readonly keys: readonly string[];
  readonly rows: readonly Row[];
  /** Where the next page begins; null where this is the last. */
  readonly next: string | null;
}

/**
 * A dictionary by key of the rows of one file, as it was at one moment; where rows share a key the last one counts.
 *
 * `table.get(key)` and `table[key]` are the same, except that a key with the name of a method is reached by `get` alone.
 */
export interface Table<Row> extends Iterable<readonly [string, Row]> {
  /** How many rows there are, those that share a key too. */
  readonly size: number;
  /** The columns' names; null where the file has none. */
  readonly columns: readonly string[] | null;
  get(key: string): Row | undefined;
  has(key: string): boolean;
  /** Every row with that key, in the order of the file. */
  all(key: string): readonly Row[];
  keys(): Iterable<string>;
  values(): Iterable<Row>;
  /** The same rows by another of the file's keys. */
  by(column: Column): Table<Row>;
  /** Searches without blocking other answers. */
  search(search: Search): Promise<Found<Row>>;
}

/** A table that can be indexed like an object too. */
export type Dictionary<Row> = Table<Row> & { readonly [key: string]: Row | undefined };

export function asDictionary<Row>(table: Table<Row>): Dictionary<Row> {
  return new Proxy(table, INDEXED) as Dictionary<Row>;
}

const INDEXED: ProxyHandler<Table<unknown>> = {
  get(table, name) {
    if (typeof name === 'string' && !(name in table)) return table.get(name);
    const member: unknown = Reflect.get(table, name, table);
    return typeof member === 'function' ? member.bind(table) : member;
  },
  has: (table, name) => name in table || (typeof name === 'string' && table.has(name)),
  ownKeys: (table) => [...table.keys()],
  getOwnPropertyDescriptor(table, name) {
    const value = typeof name === 'string' ? table.get(name) : undefined;
    if (value === undefined) return undefined;
    return { value, configurable: true, enumerable: true, writable: false };
  },
  set: () => false,
  defineProperty: () => false,
  deleteProperty: () => false,
};
