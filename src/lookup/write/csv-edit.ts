/**
 * Changing one row of CSV. Every byte that need not change stays: other rows, other fields, quotes, the order of the
 * columns, line ends, a byte order mark, blank lines.
 */

import { type Bytes, concat, EMPTY } from '../../bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';
import { endOfRow, type Field, fieldsOf, fieldText, isQuoted, rowAt, writeField } from '../table/csv.ts';
import type { TableImage } from '../table/image.ts';
import { type Column, formatOf, type RowFormat } from '../table/row-format.ts';
import { badUpdate, type Edited, type RowUpdate } from './change.ts';

const LF = 0x0a;
const CR = 0x0d;

/**
 * @param rows the numbers of all rows with that key, in the order of the file; the last is the one that is changed.
 * @throws StatusError 400 for a column that the file does not have, and for a value that is no text.
 */
export function editCsv(image: TableImage, rows: readonly number[], key: string, update: RowUpdate): Edited {
  return new CsvEditor(image).edit(rows, key, update);
}

class CsvEditor {
  readonly #bytes: Bytes;
  readonly #starts: Uint32Array;
  readonly #keyColumn: Column;
  readonly #delimiter: string;
  readonly #format: RowFormat;
  readonly #description: TableImage['description'];

  constructor({ bytes, starts, description }: TableImage) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.#description = description;
    this.#keyColumn = description.keys[0] ?? 0;
    this.#delimiter = description.delimiter;
    this.#format = formatOf(description, bytes);
  }

  edit(rows: readonly number[], key: string, update: RowUpdate): Edited {
    const last = rows.at(-1);
    if (update === null) return { bytes: this.#without(rows), row: null };
    const edited = last === undefined ? this.#append(key, update) : this.#replace(last, update);
    const format = formatOf(this.#description, edited.bytes);
    const place = { bytes: EMPTY, start: 0, end: 0 };
    format.locateKey(edited.bytes, edited.start, this.#keyColumn, place);
    if (decodeUtf8(place.bytes.subarray(place.start, place.end)) !== key) {
      throw badUpdate('The key of a row cannot be changed; remove the row and write another.');
    }
    return { bytes: edited.bytes, row: format.row(edited.bytes, edited.start) };
  }

  #without(rows: readonly number[]): Bytes {
    const parts: Bytes[] = [];
    let at = 0;
    for (const row of rows) {
      const start = this.#starts[row] ?? 0;
      parts.push(this.#bytes.subarray(at, start));
      at = this.#afterLineEnd(this.#end(start));
    }
    return concat(...parts, this.#bytes.subarray(at));
  }

  #replace(row: number, update: RowUpdate): { bytes: Bytes; start: number } {
    const start = this.#starts[row] ?? 0;
    const fields = fieldsOf(this.#bytes, start, this.#delimiter.charCodeAt(0));
    const texts = this.#textsOf(update, fields.length);
    const count = Array.isArray(update)
      ? update.length
      : Math.max(fields.length, ...[...texts.keys()].map(next));
    const written = Array.from({ length: count }, (_, number) =>
      this.#field(fields[number], texts.get(number)),
    );
    const bytes = concat(
      this.#bytes.subarray(0, start),
      this.#row(written),
      this.#bytes.subarray(this.#end(start)),
    );
    return { bytes, start };
  }

  /** A row at the end, in the manner of the last one. */
  #append(key: string, update: RowUpdate): { bytes: Bytes; start: number } {
    const { columns } = this.#format;
    if (columns === null && this.#description.headed) {
      throw badUpdate('The file is empty: it needs its header before it can have a row.');
    }
    const lastStart = this.#starts.at(-1);
    const model =
      lastStart === undefined ? [] : fieldsOf(this.#bytes, lastStart, this.#delimiter.charCodeAt(0));
    const width = columns?.length ?? model.length;
    const texts = this.#textsOf(update, width);
    const keyNumber = this.#numberOf(this.#keyColumn, Math.max(width, 1));
    if (!texts.has(keyNumber)) texts.set(keyNumber, key);
    const count = Math.max(width, ...[...texts.keys()].map(next));
    const written = Array.from({ length: count }, (_, number) => {
      const field = model[number];
      return this.#write(texts.get(number) ?? '', field !== undefined && isQuoted(this.#bytes, field.start));
    });
    const lineEnd = encodeUtf8(this.#lineEnd());
    const isEnded = this.#bytes.length === 0 || isLineEnd(this.#bytes.at(-1)) || this.#isBareMark();
    const before = isEnded ? this.#bytes : concat(this.#bytes, lineEnd);
    const bytes = concat(before, this.#row(written), isEnded ? lineEnd : EMPTY);
    return { bytes, start: before.length };
  }

  /** Whether the file is a byte order mark and nothing else. */
  #isBareMark(): boolean {
    return this.#format.columns === null && this.#format.firstRow === this.#bytes.length;
  }

  /** The new texts by column number. */
  #textsOf(update: RowUpdate, width: number): Map<number, string> {
    if (Array.isArray(update)) {
      if (this.#format.columns !== null) {
        throw badUpdate('The columns of this file have names: write { column: value, … }.');
      }
      return new Map(update.map((value, number) => [number, textOf(value)]));
    }
    return new Map(
      Object.entries(update ?? {}).map(([name, value]) => [this.#numberOf(name, width), textOf(value)]),
    );
  }

  #numberOf(column: Column, width: number): number {
    const { columns } = this.#format;
    const named = columns?.lastIndexOf(String(column)) ?? -1;
    if (named !== -1) return named;
    const number = Number(column);
    // A row may grow by one column at a time; names must be there.
    if (columns === null && Number.isInteger(number) && number >= -width && number <= width) {
      return number < 0 ? number + width : number;
    }
    const known = columns === null ? `columns 0 to ${width - 1}` : `the columns ${columns.join(', ')}`;
    throw badUpdate(`This file has no column "${column}"; it has ${known}.`);
  }

  #field(field: Field | undefined, text: string | undefined): Bytes {
    const old = field && this.#bytes.subarray(field.start, field.end);
    if (text === undefined) return old ?? EMPTY;
    if (field && old && fieldText(this.#bytes, field) === text) return old;
    return this.#write(text, field !== undefined && isQuoted(this.#bytes, field.start));
  }

  #write(text: string, quoted: boolean): Bytes {
    return encodeUtf8(writeField(text, this.#delimiter, quoted));
  }

  #row(fields: readonly Bytes[]): Bytes {
    const delimiter = encodeUtf8(this.#delimiter);
    const row = concat(...fields.flatMap((field, number) => (number === 0 ? [field] : [delimiter, field])));
    return row.length === 0 ? encodeUtf8('""') : row; // a blank line would be no row
  }

  /** As the first line of the file ends. */
  #lineEnd(): string {
    const end = this.#end(rowAt(this.#bytes, 0));
    if (this.#bytes[end] !== CR) return '\n';
    return this.#bytes[end + 1] === LF ? '\r\n' : '\r';
  }

  #end(start: number): number {
    return endOfRow(this.#bytes, start, this.#delimiter.charCodeAt(0));
  }

  #afterLineEnd(end: number): number {
    const isPair = this.#bytes[end] === CR && this.#bytes[end + 1] === LF;
    return Math.min(this.#bytes.length, end + (isPair ? 2 : 1));
  }
}

function next(number: number): number {
  return number + 1;
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === LF || byte === CR;
}

/** @throws StatusError 400 for what cannot be a field. */
function textOf(value: unknown): string {
  const isText = typeof value === 'string' && value.isWellFormed();
  if (isText || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === null || value === undefined) return '';
  throw badUpdate('A field takes text, a number, true, false or null.');
}
