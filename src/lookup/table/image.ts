/**
 * A file of rows as threads share it: its bytes as they are, where each row starts, and an index for each key. Nothing is
 * parsed before it is asked for, so a large file costs little more than its own size.
 */

import { dataFiles } from '#files';
import { type Bytes, EMPTY } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import {
  buildIndex,
  type HashIndex,
  type LocateKey,
  patchIndex,
  type RowChange,
  sharedUint32,
  spliced,
} from './hash-index.ts';
import { type Column, type FormatDescription, formatOf, type RowFormat } from './row-format.ts';

/** Chosen: a change of more rows than this part of a file is read as a new file. */
const MOST_PATCHED = 1 / 64;
const LEAST_PATCHED = 256;
/** Compared at once when looking for what has changed, bytes. */
const PIECE = 64 * 1024;
/** Rows between two reports of progress. */
const REPORT_EVERY = 65_536;

export interface ImageDescription extends FormatDescription {
  /** The columns with an index; the first is the key of the dictionary. */
  readonly keys: readonly Column[];
}

export interface TableImage {
  readonly description: ImageDescription;
  readonly bytes: Bytes;
  /** Where each row starts. */
  readonly starts: Uint32Array;
  readonly indexes: readonly HashIndex[];
}

export type OnProgress = (done: number, total: number) => void;

/** @throws SottoError `file_invalid` for what is not whole, not UTF-8 or has not the columns of the keys. */
export function buildImage(bytes: Bytes, description: ImageDescription, onProgress?: OnProgress): TableImage {
  requireText(bytes);
  const format = formatOf(description, bytes);
  for (const column of description.keys) format.requireColumn(bytes, column);
  const starts = startsOf(bytes, format, onProgress);
  requireWholeEnd(bytes, starts, format);
  const indexes = description.keys.map((column) =>
    buildIndex(starts.length, keyLocator({ bytes, starts }, format, column)),
  );
  return { description, bytes, starts, indexes };
}

/**
 * The image after an edit, at the price of the rows that changed; null where it should be built anew.
 *
 * @throws SottoError `file_invalid`.
 */
export function patchImage(old: TableImage, bytes: Bytes): PatchedImage | null {
  const format = formatOf(old.description, bytes);
  const found = findChange(old, bytes, format);
  if (found === null) return null;
  requireText(bytes);
  const { change } = found;
  const starts = movedStarts(old.starts, found);
  requireWholeEnd(bytes, starts, format);
  const oldFormat = formatOf(old.description, old.bytes);
  const indexes: HashIndex[] = [];
  for (const [number, column] of old.description.keys.entries()) {
    const index = old.indexes[number];
    const locateOld = keyLocator(old, oldFormat, column);
    const locateNew = keyLocator({ bytes, starts }, format, column);
    const patched = index && patchIndex(index, change, locateOld, locateNew);
    if (!patched) return null;
    indexes.push(patched);
  }
  return { image: { description: old.description, bytes, starts, indexes }, change };
}

export interface PatchedImage {
  readonly image: TableImage;
  readonly change: RowChange;
}

/** The place of a row's key in one column. */
export function keyLocator(
  { bytes, starts }: Pick<TableImage, 'bytes' | 'starts'>,
  format: RowFormat,
  column: Column,
): LocateKey {
  return (row, place) => format.locateKey(bytes, starts[row] ?? 0, column, place);
}

function startsOf(bytes: Bytes, format: RowFormat, onProgress: OnProgress | undefined): Uint32Array {
  const { length } = bytes;
  let starts = new Uint32Array(1024);
  let count = 0;
  for (let at = format.firstRow; at < length; at = format.next(bytes, at)) {
    if (count === starts.length) starts = grown(starts, count + Math.ceil(((length - at) * count) / at));
    starts[count] = at;
    count += 1;
    if (count % REPORT_EVERY === 0) onProgress?.(at, length);
  }
  const shared = sharedUint32(count);
  shared.set(starts.subarray(0, count));
  return shared;
}

function grown(array: Uint32Array<ArrayBuffer>, guess: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(Math.ceil(1.25 * array.length), guess));
  larger.set(array);
  return larger;
}

interface FoundChange {
  readonly change: RowChange;
  /** Where the new rows start. */
  readonly added: readonly number[];
  /** How far what follows has moved, bytes. */
  readonly shift: number;
}

/** Which rows differ; null where the header does, or too many. */
function findChange(old: TableImage, bytes: Bytes, format: RowFormat): FoundChange | null {
  const { starts } = old;
  const oldFirst = starts[0];
  if (oldFirst === undefined || bytes.length === 0) return null;
  const prefix = commonPrefix(old.bytes, bytes);
  // One row more, since what follows a line end may belong to it.
  const first = Math.max(0, rowOf(starts, prefix) - 1);
  const begin = starts[first] ?? 0;
  if (prefix < oldFirst || begin !== (first === 0 ? format.firstRow : begin)) return null;
  const suffix = commonSuffix(old.bytes, bytes, prefix);
  const shift = bytes.length - old.bytes.length;
  const most = Math.max(LEAST_PATCHED, starts.length * MOST_PATCHED);
  const added: number[] = [];
  for (let at = begin; added.length <= most; at = format.next(bytes, at)) {
    const oldEnd = at >= bytes.length ? starts.length : rowStartingAt(starts, at - shift);
    const isSame = at >= bytes.length - suffix && oldEnd !== -1;
    if (isSame && oldEnd >= first) {
      if (oldEnd - first > most) return null;
      const newEnd = first + added.length;
      const newCount = newEnd + starts.length - oldEnd;
      return { change: { first, oldEnd, newEnd, newCount }, added, shift };
    }
    if (at >= bytes.length) return null;
    added.push(at);
  }
  return null;
}

/** Where rows start after the change; the old array where nothing has moved. */
function movedStarts(old: Uint32Array, { change, added, shift }: FoundChange): Uint32Array {
  const { first, oldEnd, newEnd } = change;
  const stays =
    shift === 0 && oldEnd === newEnd && added.every((start, index) => start === old[first + index]);
  if (stays) return old;
  const starts = spliced(old, change);
  starts.set(added, first);
  for (let row = newEnd; row < starts.length; row++) starts[row] = (starts[row] ?? 0) + shift;
  return starts;
}

function commonPrefix(left: Bytes, right: Bytes): number {
  const most = Math.min(left.length, right.length);
  let at = 0;
  while (at < most) {
    const end = Math.min(most, at + PIECE);
    if (dataFiles.compare(left.subarray(at, end), right.subarray(at, end)) !== 0) break;
    at = end;
  }
  while (at < most && left[at] === right[at]) at += 1;
  return at;
}

/** @param prefix how many bytes at the front are spoken for. */
function commonSuffix(left: Bytes, right: Bytes, prefix: number): number {
  const most = Math.min(left.length, right.length) - prefix;
  let size = 0;
  while (size < most) {
    const next = Math.min(most, size + PIECE);
    const ends = [left, right].map((bytes) => bytes.subarray(bytes.length - next, bytes.length - size));
    if (dataFiles.compare(ends[0] ?? EMPTY, ends[1] ?? EMPTY) !== 0) break;
    size = next;
  }
  while (size < most && left[left.length - 1 - size] === right[right.length - 1 - size]) size += 1;
  return size;
}

/** The last row that starts at or before `offset`. */
function rowOf(starts: Uint32Array, offset: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function rowStartingAt(starts: Uint32Array, offset: number): number {
  const row = rowOf(starts, offset);
  return starts[row] === offset ? row : -1;
}

function requireText(bytes: Bytes): void {
  if (dataFiles.isUtf8(bytes)) return;
  const text = 'It is not UTF-8 text; save it as "CSV UTF-8", or with that character set.';
  throw new SottoError('file_invalid', text);
}

/** Only the last row can be unfinished. */
function requireWholeEnd(bytes: Bytes, starts: Uint32Array, format: RowFormat): void {
  const last = starts.at(-1);
  if (last !== undefined) format.requireWhole(bytes, last);
}
