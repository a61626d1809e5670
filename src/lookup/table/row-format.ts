/**
 * How the rows of a file lie in its bytes: where each starts, what key it has, what it says. One format for each kind of
 * file; a description of it is plain data, so that a thread can make the same one.
 */

import type { Bytes } from '../../bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import {
  endOfField,
  endOfRow,
  fieldText,
  isQuoted,
  isSimplyQuoted,
  isUnclosed,
  readRow,
  rowAt,
} from './csv.ts';

/** A column by its name in the header, or by its number; negative ones count from the end. */
export type Column = string | number;

export interface FormatDescription {
  readonly kind: 'csv' | 'jsonl';
  /** CSV alone: one character. */
  readonly delimiter: string;
  /** CSV alone: whether the first row names the columns. */
  readonly headed: boolean;
}

/** A key in the file: bytes from `start` to `end` of `bytes`, which is the file's own wherever that is possible. */
export interface KeyPlace {
  bytes: Bytes;
  start: number;
  end: number;
}

export interface RowFormat {
  /** The columns' names, where the file has them. */
  readonly columns: readonly string[] | null;
  /** Where the first row starts, or later rows would. */
  readonly firstRow: number;
  /** Where the row after the one at `start` starts; the length of the file at its end. */
  next(bytes: Bytes, start: number): number;
  /** Sets `place` to the key in a column; false where the row has none. */
  locateKey(bytes: Bytes, start: number, column: Column, place: KeyPlace): boolean;
  row(bytes: Bytes, start: number): unknown;
  /** @throws SottoError `file_invalid` where the row at `start` is not whole. */
  requireWhole(bytes: Bytes, start: number): void;
  /** @throws SottoError `file_invalid` for a column that the file does not have. */
  requireColumn(bytes: Bytes, column: Column): void;
}

const BOM = [0xef, 0xbb, 0xbf];

export function formatOf(description: FormatDescription, bytes: Bytes): RowFormat {
  const start = BOM.every((byte, index) => bytes[index] === byte) ? BOM.length : 0;
  return description.kind === 'jsonl' ? new JsonLines(bytes, start) : new Csv(description, bytes, start);
}

class Csv implements RowFormat {
  readonly columns: readonly string[] | null;
  readonly firstRow: number;
  readonly #delimiter: number;
  readonly #numbers: ReadonlyMap<string, number>;

  constructor({ delimiter, headed }: FormatDescription, bytes: Bytes, start: number) {
    this.#delimiter = delimiter.charCodeAt(0);
    const header = rowAt(bytes, start);
    const hasHeader = headed && header < bytes.length;
    this.columns = hasHeader ? readRow(bytes, header, this.#delimiter) : null;
    this.firstRow = hasHeader ? this.next(bytes, header) : header;
    // Of columns with one name the last counts, as in a dictionary.
    this.#numbers = new Map(this.columns?.map((name, number) => [name, number]));
  }

  next(bytes: Bytes, start: number): number {
    return rowAt(bytes, endOfRow(bytes, start, this.#delimiter));
  }

  locateKey(bytes: Bytes, start: number, column: Column, place: KeyPlace): boolean {
    let number = typeof column === 'number' ? column : (this.#numbers.get(column) ?? Number.NaN);
    if (number < 0) number += this.#countFields(bytes, start);
    if (!(number >= 0)) return false;
    let at = start;
    let end = endOfField(bytes, at, this.#delimiter);
    for (; number > 0; number--) {
      if (bytes[end] !== this.#delimiter) return false;
      at = end + 1;
      end = endOfField(bytes, at, this.#delimiter);
    }
    const quotes = isQuoted(bytes, at) ? 1 : 0;
    // Only what stands in its quotes exactly as it reads needs no copy.
    if (quotes === 1 && !isSimplyQuoted(bytes, { start: at, end })) {
      return setKey(place, fieldText(bytes, { start: at, end }));
    }
    place.bytes = bytes;
    place.start = at + quotes;
    place.end = end - quotes;
    return true;
  }

  row(bytes: Bytes, start: number): unknown {
    const fields = readRow(bytes, start, this.#delimiter);
    return this.columns === null ? fields : named(this.columns, fields);
  }

  requireWhole(bytes: Bytes, start: number): void {
    if (!isUnclosed(bytes, start, this.#delimiter)) return;
    throw new SottoError('file_invalid', 'Its last row opens a quote that is never closed.');
  }

  requireColumn(bytes: Bytes, column: Column): void {
    if (typeof column === 'string') {
      if (this.columns === null || this.#numbers.has(column)) return;
      const text = `It has no column "${column}"; its columns are ${this.columns.join(', ')}.`;
      throw new SottoError('file_invalid', text);
    }
    if (this.firstRow >= bytes.length) return;
    const count = this.#countFields(bytes, this.firstRow);
    if (column < count && column >= -count) return;
    throw new SottoError('file_invalid', `It has no column ${column}; its first row has ${count}.`);
  }

  #countFields(bytes: Bytes, start: number): number {
    let count = 1;
    let at = endOfField(bytes, start, this.#delimiter);
    for (; bytes[at] === this.#delimiter; count++) at = endOfField(bytes, at + 1, this.#delimiter);
    return count;
  }
}

/** As Python's DictReader: missing fields are null, those too many a list under the name "null". */
function named(columns: readonly string[], fields: readonly string[]): Readonly<Record<string, unknown>> {
  const row: Record<string, unknown> = {};
  for (const [index, name] of columns.entries()) {
    if (name === '__proto__') Object.defineProperty(row, name, { ...OWN, value: fields[index] ?? null });
    else row[name] = fields[index] ?? null;
  }
  if (fields.length > columns.length) row.null = fields.slice(columns.length);
  return row;
}

/** A property like any other, under a name that an assignment takes for something else. */
const OWN = { configurable: true, enumerable: true, writable: true } as const;

const LF = 0x0a;

/** One JSON value a line. */
class JsonLines implements RowFormat {
  readonly columns = null;
  readonly firstRow: number;

  constructor(bytes: Bytes, start: number) {
    this.firstRow = lineAt(bytes, start);
  }

  next(bytes: Bytes, start: number): number {
    return lineAt(bytes, endOfLine(bytes, start) + 1);
  }

  locateKey(bytes: Bytes, start: number, column: Column, place: KeyPlace): boolean {
    const row = this.row(bytes, start);
    const text = keyOf(row, column);
    return text !== null && setKey(place, text);
  }

  row(bytes: Bytes, start: number): unknown {
    const line = decodeUtf8(bytes.subarray(start, endOfLine(bytes, start)));
    try {
      return JSON.parse(line);
    } catch (cause) {
      const shown = line.length > 60 ? `${line.slice(0, 60)}…` : line;
      throw new SottoError('file_invalid', `A line of it is not JSON: ${shown}`, { cause });
    }
  }

  requireWhole(bytes: Bytes, start: number): void {
    this.row(bytes, start);
  }

  requireColumn(): void {}
}

/** The first line at or after `offset` that is not blank. */
function lineAt(bytes: Bytes, offset: number): number {
  let at = offset;
  while (at < bytes.length && isBlankLine(bytes, at)) at = endOfLine(bytes, at) + 1;
  return Math.min(at, bytes.length);
}

function endOfLine(bytes: Bytes, start: number): number {
  const end = bytes.indexOf(LF, start);
  return end === -1 ? bytes.length : end;
}

function isBlankLine(bytes: Bytes, start: number): boolean {
  const end = endOfLine(bytes, start);
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  }
  return true;
}

function setKey(place: KeyPlace, key: string): true {
  place.bytes = encodeUtf8(key);
  place.start = 0;
  place.end = place.bytes.length;
  return true;
}

/** What a row has in a column, where it can be a key of a dictionary. */
export function keyOf(row: unknown, column: Column): string | null {
  if (typeof row !== 'object' || row === null) return null;
  const name = Array.isArray(row) && Number(column) < 0 ? row.length + Number(column) : column;
  const value: unknown = Object.hasOwn(row, name) ? Reflect.get(row, name) : null;
  const isKey = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return isKey ? String(value) : null;
}
