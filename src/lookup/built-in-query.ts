/** The queries for people without code: by key, by its beginning, by a part of it, by a column. */

import { SottoError, StatusError } from '../errors.ts';
import type { Match } from './table/fold.ts';
import type { Column } from './table/row-format.ts';
import type { Search, Table } from './table/table.ts';

/** A query as an object; every part but `find` has a default. */
export interface LookupQuery {
  /** What to look for. */
  readonly find: string;
  /** Default: exactly, and where that finds nothing, without regard to case and accents' typing. */
  readonly match?: Match;
  /** A column by its name or number. Default the key's. */
  readonly column?: Column;
  /** A file's base name. Default: each, in their order. */
  readonly file?: string;
  /** The most rows of one answer, 1 to 1000. Default 20. */
  readonly limit?: number;
  /** Go on where the page before ended: its `next`. */
  readonly after?: string;
  /** Default `rows`: keys and rows; `keys` alone, for completions; `text` a line for each. */
  readonly as?: 'rows' | 'keys' | 'text';
}

/** What is found where more than one row can be. */
export interface LookupPage {
  readonly keys: readonly string[];
  readonly rows?: readonly unknown[];
  /** Ask on with `after`; null where this is all. */
  readonly next: string | null;
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1000;
const MATCHES: readonly Match[] = ['exact', 'fold', 'prefix', 'contains'];
const SHAPES = ['rows', 'keys', 'text'] as const;
const PARTS = ['find', 'match', 'column', 'file', 'limit', 'after', 'as'];

type Tables = ReadonlyMap<string, Table<unknown>>;

/**
 * Answers a text or a {@link LookupQuery}.
 *
 * ```text
 * spinach          the row with this key, else the one whose key differs in case alone; null where there is none
 * spin*            keys that begin so
 * *nac*            keys that contain it
 * colour=green     rows with this in a column; also colour=gr* and colour=*ee*
 * ```
 *
 * @param tables by base name, in the order in which they are asked.
 * @returns one row or null; a {@link LookupPage} where several can be found; text where `as` says so.
 * @throws StatusError 400 for a query that is none.
 */
export async function builtInQuery(query: unknown, tables: Tables): Promise<unknown> {
  const { as = 'rows', ...asked } = typeof query === 'string' ? { find: query } : parsedQuery(query);
  const isFree = asked.match === undefined && asked.column === undefined;
  const exact = isFree && asked.after === undefined ? findRow(asked.find, tables, asked.file) : undefined;
  if (exact !== undefined) return shaped({ keys: [asked.find], rows: [exact], next: null }, as, true);
  const { match, column, find } = isFree
    ? readText(asked.find, tables)
    : { match: 'fold' as const, ...asked };
  const search = { ...asked, match, find, ...(column === undefined ? {} : { column }) };
  const isSingle = isFree && match === 'fold' && column === undefined && asked.after === undefined;
  return shaped(await findPage(search, tables), as, isSingle);
}

/** @param isSingle whether one row was asked for: then it comes alone, or null. */
function shaped(
  { keys, rows, next }: Required<LookupPage>,
  as: NonNullable<LookupQuery['as']>,
  isSingle: boolean,
): unknown {
  if (as === 'text') return rows.map(textOf).join('\n');
  if (as === 'keys') return { keys, next };
  return isSingle && rows.length <= 1 ? (rows[0] ?? null) : { keys, rows, next };
}

/** The row with exactly this key, in the first file that has it. */
export function findRow(key: string, tables: Tables, file?: string): unknown {
  for (const [name, table] of tables) {
    if (file !== undefined && file !== name) continue;
    const row = table.get(key);
    if (row !== undefined) return row;
  }
  return undefined;
}

/** What stars and an equals sign in a text mean. */
function readText(text: string, tables: Tables): Pick<LookupQuery, 'column'> & ReturnType<typeof readStars> {
  const equals = text.indexOf('=');
  const column = text.slice(0, Math.max(0, equals)).trim();
  const isColumn = equals > 0 && [...tables.values()].some((table) => table.columns?.includes(column));
  return isColumn ? { ...readStars(text.slice(equals + 1).trim()), column } : readStars(text);
}

function readStars(text: string): { readonly find: string; readonly match: Match } {
  if (text.length > 2 && text.startsWith('*') && text.endsWith('*')) {
    return { find: text.slice(1, -1), match: 'contains' };
  }
  if (text.endsWith('*')) return { find: text.slice(0, -1), match: 'prefix' };
  return { find: text, match: 'fold' };
}

/** One page over all files, one after the other; `next` says in which it ended. */
async function findPage(
  { find, match = 'fold', column, file, limit = DEFAULT_LIMIT, after }: LookupQuery,
  tables: Tables,
): Promise<Required<LookupPage>> {
  const [, begin, place] = /^([^/]*)\/(.*)$/s.exec(after ?? '') ?? [];
  const keys: string[] = [];
  const rows: unknown[] = [];
  let refusal: SottoError | null = null;
  let searched = 0;
  let waiting = begin !== undefined;
  for (const [name, table] of tables) {
    const mark = encodeURIComponent(name);
    const begins = waiting && mark === begin;
    waiting &&= !begins;
    if (waiting || (file !== undefined && file !== name)) continue;
    if (keys.length === limit) return { keys, rows, next: `${mark}/` };
    const search: Search = {
      match,
      text: find,
      limit: limit - keys.length,
      ...(column === undefined ? {} : { column }),
      ...(begins && place ? { after: place } : {}),
    };
    try {
      const found = await table.search(search);
      searched += 1;
      keys.push(...found.keys);
      rows.push(...found.rows);
      if (found.next !== null) return { keys, rows, next: `${mark}/${found.next}` };
    } catch (error) {
      // Not every file has every column.
      if (!(error instanceof SottoError) || error.code !== 'file_invalid') throw error;
      refusal = error;
    }
  }
  if (searched === 0 && refusal) throw badQuery(refusal.message);
  return { keys, rows, next: null };
}

/** @throws StatusError 400 saying which part is wrong. */
function parsedQuery(value: unknown): LookupQuery {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badQuery('A query is text, or an object such as { "find": "spin", "match": "prefix" }.');
  }
  const query = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(query).find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw badQuery(`A query has no part "${unknown}"; it has ${PARTS.join(', ')}.`);
  const { find, match, column, file, limit, after, as } = query;
  requirePart(typeof find === 'string', 'find', 'is the text to look for');
  requirePart(match === undefined || isOneOf(match, MATCHES), 'match', `is one of ${MATCHES.join(', ')}`);
  requirePart(as === undefined || isOneOf(as, SHAPES), 'as', `is one of ${SHAPES.join(', ')}`);
  const isColumn = typeof column === 'string' || Number.isInteger(column);
  requirePart(column === undefined || isColumn, 'column', "is a column's name or number");
  requirePart(file === undefined || typeof file === 'string', 'file', "is a file's name");
  requirePart(after === undefined || typeof after === 'string', 'after', "is the page before's next");
  const isLimit = Number.isInteger(limit) && Number(limit) >= 1 && Number(limit) <= MAX_LIMIT;
  requirePart(limit === undefined || isLimit, 'limit', `is a whole number from 1 to ${MAX_LIMIT}`);
  return query as unknown as LookupQuery;
}

function requirePart(fits: boolean, part: string, is: string): void {
  if (!fits) throw badQuery(`The part "${part}" of a query ${is}.`);
}

function isOneOf(value: unknown, words: readonly string[]): boolean {
  return typeof value === 'string' && words.includes(value);
}

/** A row in one line: `name: drill, place: shed`. */
export function textOf(row: unknown): string {
  if (Array.isArray(row)) return row.map(wordOf).join(', ');
  if (typeof row !== 'object' || row === null) return wordOf(row);
  return Object.entries(row)
    .map(([name, value]) => `${name}: ${wordOf(value)}`)
    .join(', ');
}

/** A field in words. */
export function wordOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function badQuery(text: string): StatusError {
  return new StatusError(400, text, { code: 'bad_request' });
}
