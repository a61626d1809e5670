/** A table over an image: a row is parsed when it is asked for. */

import { encodeUtf8 } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import { findRow, type HashIndex, type LocateKey, newPlace } from './hash-index.ts';
import { keyLocator, type TableImage } from './image.ts';
import { type KeyOrder, keyText } from './key-order.ts';
import { type Column, formatOf, type RowFormat } from './row-format.ts';
import { type FoundRows, numberIn, readOrder } from './search.ts';
import type { Found, Search, Table } from './table.ts';

/** Who does the work that takes long. */
export interface SearchEngine {
  /** The key order of an image, made when first asked for. */
  order(image: TableImage): Promise<KeyOrder>;
  scan(image: TableImage, search: Search): Promise<FoundRows>;
}

export class ByteTable<Row> implements Table<Row> {
  readonly image: TableImage;
  readonly columns: readonly string[] | null;
  readonly #engine: SearchEngine;
  readonly #format: RowFormat;
  readonly #column: Column;
  readonly #index: HashIndex;
  readonly #locate: LocateKey;

  constructor(image: TableImage, engine: SearchEngine, keyNumber = 0) {
    const column = image.description.keys[keyNumber];
    const index = image.indexes[keyNumber];
    if (column === undefined || index === undefined) {
      throw new SottoError('invalid_argument', `This table has no key number ${keyNumber}.`);
    }
    this.image = image;
    this.#engine = engine;
    this.#column = column;
    this.#index = index;
    this.#format = formatOf(image.description, image.bytes);
    this.#locate = keyLocator(image, this.#format, column);
    this.columns = this.#format.columns;
  }

  get size(): number {
    return this.image.starts.length;
  }

  get(key: string): Row | undefined {
    const row = this.rowNumber(key);
    return row === -1 ? undefined : this.#read(row);
  }

  has(key: string): boolean {
    return this.rowNumber(key) !== -1;
  }

  all(key: string): readonly Row[] {
    return this.rowNumbers(key).map((row) => this.#read(row));
  }

  *keys(): Iterable<string> {
    for (const [key] of this.#found()) yield key;
  }

  *values(): Iterable<Row> {
    for (const [, row] of this.#found()) yield this.#read(row);
  }

  *[Symbol.iterator](): Iterator<readonly [string, Row]> {
    for (const [key, row] of this.#found()) yield [key, this.#read(row)];
  }

  by(column: Column): ByteTable<Row> {
    const number = this.image.description.keys.indexOf(column);
    if (number !== -1) return new ByteTable(this.image, this.#engine, number);
    const known = this.image.description.keys.join(', ');
    throw new SottoError('invalid_argument', `"${column}" is no key of this file; ${known} are.`);
  }

  async search(search: Search): Promise<Found<Row>> {
    const { rows, next } = await this.#rowsFor(search);
    return {
      keys: rows.map((row) => keyText(row, this.#locate) ?? ''),
      rows: rows.map((row) => this.#read(row)),
      next,
    };
  }

  /** The number of the last row with that key, or -1. */
  rowNumber(key: string): number {
    const bytes = encodeUtf8(key);
    return findRow(this.#index, { bytes, start: 0, end: bytes.length }, this.#locate);
  }

  /** The numbers of all rows with that key, in the order of the file. */
  rowNumbers(key: string): number[] {
    const rows: number[] = [];
    for (let entry = this.rowNumber(key) + 1; entry > 0; entry = this.#index.previous[entry - 1] ?? 0) {
      rows.push(entry - 1);
    }
    return rows.reverse();
  }

  async #rowsFor(search: Search): Promise<FoundRows> {
    const { image } = this;
    const { match, text, after } = search;
    const [firstKey] = image.description.keys;
    const column = search.column ?? this.#column;
    if (match === 'exact' && after === undefined && column === this.#column) {
      return { rows: this.rowNumbers(text).slice(-1), next: null };
    }
    if (match === 'exact' && image.description.keys.includes(column)) {
      return pageOf(this.by(column).rowNumbers(text), search);
    }
    const inOrder = match === 'prefix' || match === 'fold';
    if (inOrder && column === firstKey) return readOrder(image, await this.#engine.order(image), search);
    return this.#engine.scan(image, { ...search, column });
  }

  /** The last row of each key, in the order in which the keys first come. */
  *#found(): Iterable<readonly [string, number]> {
    const place = newPlace();
    for (let row = 0; row < this.size; row++) {
      const isFirst = this.#index.previous[row] === 0;
      if (!isFirst || !this.#locate(row, place)) continue;
      const last = findRow(this.#index, place, this.#locate);
      yield [keyText(row, this.#locate) ?? '', last];
    }
  }

  #read(row: number): Row {
    return this.#format.row(this.image.bytes, this.image.starts[row] ?? 0) as Row;
  }
}

/** A page of rows that are known all at once; the next begins with the number of its first row. */
function pageOf(numbers: readonly number[], { after, limit }: Search): FoundRows {
  const from = numberIn(after);
  const rows = numbers.filter((row) => row >= from);
  return { rows: rows.slice(0, limit), next: rows.length > limit ? String(rows[limit]) : null };
}
