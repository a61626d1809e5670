/** A table over rows that are values already: those that a function made, and those of a JSON document. */

import { SottoError } from '../../errors.ts';
import { matcher } from './fold.ts';
import { type Column, keyOf } from './row-format.ts';
import { numberIn } from './search.ts';
import type { Found, Search, Table } from './table.ts';

/** Rows looked at before others get a turn. */
const ROWS_A_TURN = 4096;

export class MapTable<Row> implements Table<Row> {
  readonly columns: readonly string[] | null;
  readonly #rows: readonly Row[];
  /** The tables by each key of these rows, this one too. */
  readonly #family: ReadonlyMap<Column, MapTable<Row>>;
  /** Each row's key. */
  readonly #keys: readonly (string | null)[];
  readonly #numbers: ReadonlyMap<string, readonly number[]>;

  /** @param keys the columns that rows are found by; the first is the table's own. */
  static async of<Row>(
    rows: readonly Row[],
    keys: readonly Column[],
    columns: readonly string[] | null,
  ): Promise<MapTable<Row>> {
    const family = new Map<Column, MapTable<Row>>();
    for (const column of keys) {
      const { texts, numbers } = await indexed(rows, (row) => keyOf(row, column));
      family.set(column, new MapTable(rows, columns, family, texts, numbers));
    }
    const [first] = family.values();
    if (first) return first;
    throw new SottoError('invalid_argument', 'A table needs a key.');
  }

  /** Rows that bear no key of their own. */
  static async ofEntries<Row>(entries: readonly (readonly [string, Row])[]): Promise<MapTable<Row>> {
    const { texts, numbers } = await indexed(entries, ([key]) => key);
    return new MapTable(
      entries.map(([, row]) => row),
      null,
      new Map(),
      texts,
      numbers,
    );
  }

  private constructor(
    rows: readonly Row[],
    columns: readonly string[] | null,
    family: ReadonlyMap<Column, MapTable<Row>>,
    keys: readonly (string | null)[],
    numbers: ReadonlyMap<string, readonly number[]>,
  ) {
    this.#rows = rows;
    this.columns = columns;
    this.#family = family;
    this.#keys = keys;
    this.#numbers = numbers;
  }

  get size(): number {
    return this.#rows.length;
  }

  get(key: string): Row | undefined {
    return this.#rows[this.rowNumber(key)];
  }

  has(key: string): boolean {
    return this.#numbers.has(key);
  }

  all(key: string): readonly Row[] {
    return (this.#numbers.get(key) ?? []).map((number) => this.#rows[number] as Row);
  }

  keys(): Iterable<string> {
    return this.#numbers.keys();
  }

  *values(): Iterable<Row> {
    for (const [, row] of this) yield row;
  }

  *[Symbol.iterator](): Iterator<readonly [string, Row]> {
    for (const [key, numbers] of this.#numbers) yield [key, this.#rows[numbers.at(-1) ?? 0] as Row];
  }

  /** The number of the last row with that key, or -1. */
  rowNumber(key: string): number {
    return this.#numbers.get(key)?.at(-1) ?? -1;
  }

  by(column: Column): Table<Row> {
    const table = this.#family.get(column);
    if (table) return table;
    const known = [...this.#family.keys()].join(', ');
    throw new SottoError('invalid_argument', `"${column}" is no key of this file; ${known} are.`);
  }

  async search({ match, text, column, limit, after }: Search): Promise<Found<Row>> {
    const fits = matcher(match, text);
    const found: { keys: string[]; rows: Row[] } = { keys: [], rows: [] };
    for (let number = numberIn(after); number < this.#rows.length; number++) {
      if (number % ROWS_A_TURN === ROWS_A_TURN - 1) await othersTurn();
      const row = this.#rows[number] as Row;
      const key = this.#keys[number] ?? null;
      const looked = column === undefined ? key : keyOf(row, column);
      if (looked === null || !fits(looked)) continue;
      // By its own key only the last row of each counts, as for `get`.
      if (column === undefined && this.rowNumber(looked) !== number) continue;
      if (found.rows.length === limit) return { ...found, next: String(number) };
      found.keys.push(key ?? '');
      found.rows.push(row);
    }
    return { ...found, next: null };
  }
}

async function indexed<Row>(
  rows: readonly Row[],
  keyOfRow: (row: Row) => string | null,
): Promise<{ texts: (string | null)[]; numbers: Map<string, number[]> }> {
  const texts: (string | null)[] = [];
  const numbers = new Map<string, number[]>();
  for (const [number, row] of rows.entries()) {
    if (number % ROWS_A_TURN === ROWS_A_TURN - 1) await othersTurn();
    const key = keyOfRow(row);
    texts.push(key);
    if (key === null) continue;
    const same = numbers.get(key);
    if (same) same.push(number);
    else numbers.set(key, [number]);
  }
  return { texts, numbers };
}

/** Lets what waits run before going on. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
