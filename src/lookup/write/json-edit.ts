/** Changing one row of JSON or JSON Lines: what is not of that row keeps its bytes, and the row its manner of writing. */

import { applyEdits, type FormattingOptions, modify } from 'jsonc-parser';
import { type Bytes, concat, EMPTY } from '../../bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';
import type { TableImage } from '../table/image.ts';
import { type Column, keyOf } from '../table/row-format.ts';
import { badUpdate, type Edited, type RowUpdate } from './change.ts';

const LF = 0x0a;
const CR = 0x0d;
const MARK = '\ufeff';

type Path = readonly (string | number)[];

/** @param rows the numbers of all lines with that key; the last is the one that is changed. */
export function editJsonLines(
  { bytes, starts, description }: TableImage,
  rows: readonly number[],
  key: string,
  update: RowUpdate,
): Edited {
  const spans = rows.map((row) => lineAt(bytes, starts[row] ?? 0));
  if (update === null) return { bytes: without(bytes, spans), row: null };
  const last = spans.at(-1);
  const column = description.keys[0] ?? '';
  if (last === undefined) {
    const row = newRow(key, column, update);
    return { bytes: appended(bytes, JSON.stringify(row)), row };
  }
  const line = changed(decodeUtf8(bytes.subarray(last.start, last.end)), [], update, {});
  const row: unknown = JSON.parse(line);
  requireKey(row, column, key);
  const after = bytes.subarray(last.end);
  return { bytes: concat(bytes.subarray(0, last.start), encodeUtf8(line), after), row };
}

/**
 * @param column the column that rows are found by; null where they are found by their place in the document.
 */
export function editJson(bytes: Bytes, column: Column | null, key: string, update: RowUpdate): Edited {
  const text = decodeUtf8(bytes);
  const mark = text.startsWith(MARK) ? MARK : '';
  const body = text.slice(mark.length);
  const document: unknown = JSON.parse(body);
  if (typeof document !== 'object' || document === null) {
    throw badUpdate('This document has no rows: it is neither an object nor an array.');
  }
  const style = styleOf(body);
  const places = placesOf(document, column, key);
  const place = places.at(-1);
  const edit = (written: string, row: unknown): Edited => ({ bytes: encodeUtf8(mark + written), row });
  if (update === null) {
    // From the end, so that the places before stay what they are.
    const rest = places
      .toReversed()
      .reduce<string>((text, each) => written(text, [each], undefined, style), body);
    return edit(rest, null);
  }
  if (place === undefined) {
    const row = column === null ? { ...update } : newRow(key, column, update);
    const added = Array.isArray(document) ? document.length : key;
    return edit(written(body, [added], Array.isArray(update) ? update : row, style), row);
  }
  const changedText = changed(body, [place], update, style);
  const row: unknown = Reflect.get(JSON.parse(changedText) as object, place);
  if (column !== null) requireKey(row, column, key);
  return edit(changedText, row);
}

/** Where the rows with that key are. */
function placesOf(document: object, column: Column | null, key: string): (string | number)[] {
  const asPlace = (name: string): string | number => (Array.isArray(document) ? Number(name) : name);
  if (column === null) return Object.hasOwn(document, key) ? [asPlace(key)] : [];
  return Object.entries(document)
    .filter(([, row]) => keyOf(row, column) === key)
    .map(([name]) => asPlace(name));
}

/** The value at `path` with the update in it: columns one by one where it is an object, else the whole. */
function changed(text: string, path: Path, update: RowUpdate, style: FormattingOptions): string {
  const old: unknown = path.reduce<unknown>(
    (value, step) => Reflect.get(value as object, step),
    JSON.parse(text),
  );
  const isObject = typeof old === 'object' && old !== null;
  if (Array.isArray(update) || !isObject) return written(text, path, update, style);
  return Object.entries(update ?? {}).reduce((rest, [name, value]) => {
    const step = Array.isArray(old) ? indexIn(old, name) : name;
    return written(rest, [...path, step], value ?? null, style);
  }, text);
}

function indexIn(row: readonly unknown[], name: string): number {
  const number = Number(name);
  if (Number.isInteger(number) && number >= 0 && number <= row.length) return number;
  throw badUpdate(`This row has no column "${name}"; it has 0 to ${row.length - 1}.`);
}

/** @param value undefined takes the place away. */
function written(text: string, path: Path, value: unknown, style: FormattingOptions): string {
  const options = Object.keys(style).length === 0 ? {} : { formattingOptions: style };
  if (path.length === 0) return JSON.stringify(value);
  return applyEdits(text, modify(text, [...path], value, options));
}

function newRow(key: string, column: Column, update: RowUpdate): unknown {
  const row: unknown = Array.isArray(update) ? update : { [column]: key, ...update };
  requireKey(row, column, key);
  return row;
}

function requireKey(row: unknown, column: Column, key: string): void {
  if (keyOf(row, column) === key) return;
  throw badUpdate('The key of a row cannot be changed; remove the row and write another.');
}

/** Indentation and line ends as the document has them. */
function styleOf(text: string): FormattingOptions {
  const [, indent] = /\n([ \t]+)\S/.exec(text) ?? [];
  if (indent === undefined) return {};
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  return { insertSpaces: !indent.startsWith('\t'), tabSize: indent.length, eol };
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** A line without its line end. */
function lineAt(bytes: Bytes, start: number): Span {
  const found = bytes.indexOf(LF, start);
  const end = found === -1 ? bytes.length : found;
  return { start, end: end > start && bytes[end - 1] === CR ? end - 1 : end };
}

function without(bytes: Bytes, lines: readonly Span[]): Bytes {
  const parts: Bytes[] = [];
  let at = 0;
  for (const { start, end } of lines) {
    parts.push(bytes.subarray(at, start));
    const lineEnd = bytes.indexOf(LF, end);
    at = lineEnd === -1 ? bytes.length : lineEnd + 1;
  }
  return concat(...parts, bytes.subarray(at));
}

function appended(bytes: Bytes, line: string): Bytes {
  const first = bytes.indexOf(LF);
  const lineEnd = encodeUtf8(first > 0 && bytes[first - 1] === CR ? '\r\n' : '\n');
  const isEnded = bytes.length === 0 || bytes.at(-1) === LF;
  return concat(bytes, isEnded ? EMPTY : lineEnd, encodeUtf8(line), isEnded ? lineEnd : EMPTY);
}
