/** How each file is to be read: the seed's descriptions and ours, and the types of the data that come of them. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { SottoError } from '../../errors.ts';
import type { ImageDescription } from '../table/image.ts';
import type { Column } from '../table/row-format.ts';
import type { Dictionary } from '../table/table.ts';

/** A function of one's own that reads a file; the key is whatever stands beside it in the description. */
export type Reader<Data = unknown> = (file: string, key: unknown) => Data | Promise<Data>;

/** Makes another row of each row as it is read; the key is taken from what it returns. */
export type RowFunction<Row = unknown> = (row: never) => Row;

/** A row of a file with a header: each column's text, null where the row is short. */
export type NamedRow = Readonly<Record<string, string | null>>;

/** A row of a file without a header. */
export type PlainRow = readonly string[];

/** A description that says more than the seed's can. */
export interface FileOptions {
  /** The column that the dictionary is by: a name in the header, or a number. */
  readonly key: Column;
  /** Further columns that rows can be found by, with `table.by(column)`. */
  readonly indexes?: readonly Column[];
  /** Applied to each row as it is read. */
  readonly row?: RowFunction;
  /** Default by the file's name: `.tsv` a tabulator, `.jsonl` and `.ndjson` JSON Lines, `.json` JSON, else CSV. */
  readonly format?: 'csv' | 'tsv' | 'jsonl' | 'json';
  /** Between the fields of CSV: one character. Default a comma. */
  readonly delimiter?: string;
  /** What a row must be before it is written back: any Standard Schema. */
  readonly schema?: StandardSchemaV1;
}

/** How to read one file, or every file that a pattern fits. */
export type FileDescription =
  /** JSON, the whole document; of JSON Lines an array. */
  | null
  /** A column: rows as objects by its name, as arrays by its number. */
  | Column
  | Reader
  | readonly [Reader, unknown]
  | readonly [Column, RowFunction]
  | FileOptions;

export type FileDescriptions = Readonly<Record<string, FileDescription>>;

/** What a description makes of a file. */
export type DataOf<Description> = Description extends null
  ? unknown
  : Description extends string
    ? Dictionary<NamedRow>
    : Description extends number
      ? Dictionary<PlainRow>
      : Description extends (...args: never) => infer Data
        ? Awaited<Data>
        : Description extends readonly [(...args: never) => infer Data, unknown]
          ? Awaited<Data>
          : Description extends readonly [Column, (row: never) => infer Row]
            ? Dictionary<Row>
            : Description extends { readonly row: (row: never) => infer Row }
              ? Dictionary<Row>
              : Description extends { readonly key: infer Key }
                ? Dictionary<Key extends number ? PlainRow : NamedRow>
                : unknown;

/** A file's name without its folders. */
type BaseName<Path> = Path extends `${string}/${infer Rest}` ? BaseName<Rest> : Path;

/** What a query function is given: the data of each file by its base name. */
export type LookupData<Files extends FileDescriptions> = {
  readonly [Path in keyof Files as BaseName<Path>]: DataOf<Files[Path]>;
} & (keyof Files extends `${string}*${string}`
  ? Readonly<Record<string, DataOf<Files[keyof Files]>>>
  : unknown);

/** What is done to read a file. */
export type ReadingPlan =
  | { readonly kind: 'custom'; readonly reader: Reader; readonly key: unknown }
  | {
      readonly kind: 'document';
      readonly keys: readonly Column[];
      readonly row: RowFunction | null;
      readonly schema: StandardSchemaV1 | null;
    }
  | {
      readonly kind: 'rows';
      readonly image: ImageDescription;
      readonly row: RowFunction | null;
      readonly schema: StandardSchemaV1 | null;
    };

/** @throws SottoError `invalid_option` for a description that is none, or cannot be of that file. */
export function planOf(path: string, description: FileDescription): ReadingPlan {
  if (typeof description === 'function') return { kind: 'custom', reader: description, key: null };
  if (Array.isArray(description)) return planOfPair(path, description);
  if (description === null) return wholeDocument(path);
  if (typeof description === 'string' || isColumnNumber(description))
    return planOfRows(path, { key: description });
  if (typeof description === 'object' && 'key' in description) return planOfRows(path, description);
  throw badDescription(path);
}

function planOfPair(path: string, pair: readonly unknown[]): ReadingPlan {
  const [first, second] = pair;
  if (pair.length === 2 && typeof first === 'function') {
    return { kind: 'custom', reader: first as Reader, key: second };
  }
  if (pair.length === 2 && isColumn(first) && typeof second === 'function') {
    return planOfRows(path, { key: first, row: second as RowFunction });
  }
  throw badDescription(path);
}

function wholeDocument(path: string): ReadingPlan {
  if (formatFor(path) !== 'jsonl') return { kind: 'document', keys: [], row: null, schema: null };
  const image: ImageDescription = { kind: 'jsonl', delimiter: '', headed: false, keys: [] };
  return { kind: 'rows', image, row: null, schema: null };
}

function planOfRows(path: string, options: FileOptions): ReadingPlan {
  const { key, indexes = [], row = null, format = formatFor(path), schema = null } = options;
  const keys = [key, ...indexes];
  if (!keys.every(isColumn) || new Set(keys.map((each) => typeof each)).size > 1) throw badDescription(path);
  if (format === 'json') return { kind: 'document', keys, row, schema };
  const delimiter = options.delimiter ?? (format === 'tsv' ? '\t' : ',');
  if (!/^[^"\r\n\u0080-\uffff]$/.test(delimiter)) {
    throw new SottoError('invalid_option', `files: the delimiter of ${path} must be one ASCII character.`);
  }
  const headed = typeof key === 'string';
  const image = { kind: format === 'jsonl' ? format : 'csv', delimiter, headed, keys } as const;
  return { kind: 'rows', image, row, schema };
}

function formatFor(path: string): 'csv' | 'tsv' | 'jsonl' | 'json' {
  const name = path.toLowerCase().replace(/\.gz$/, '');
  if (/\.(tsv|tab)$/.test(name)) return 'tsv';
  if (/\.(jsonl|ndjson)$/.test(name)) return 'jsonl';
  return name.endsWith('.json') ? 'json' : 'csv';
}

function isColumn(value: unknown): value is Column {
  return typeof value === 'string' || isColumnNumber(value);
}

function isColumnNumber(value: unknown): value is number {
  return Number.isInteger(value);
}

function badDescription(path: string): SottoError {
  const text =
    `files: the description of ${path} is not understood. It is a column's name or number, null for JSON, a function, ` +
    '[function, key], [column, row function], or { key, … }.';
  return new SottoError('invalid_option', text);
}
