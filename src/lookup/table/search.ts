/** Searching rows one after the other, and pages of what is found. */

import { decodeUtf8 } from '../../bytes/text.ts';
import { fold, matcher } from './fold.ts';
import { findRow, type LocateKey, newPlace } from './hash-index.ts';
import { keyLocator, type TableImage } from './image.ts';
import { type KeyOrder, keyText, placeOf } from './key-order.ts';
import { formatOf } from './row-format.ts';
import type { Search } from './table.ts';

/** Rows by number, and where the next page begins. */
export interface FoundRows {
  readonly rows: readonly number[];
  readonly next: string | null;
}

/** Goes through every row: for what no index answers. In a thread where there are many. */
export function scanImage({ bytes, starts, description }: TableImage, search: Search): FoundRows {
  const format = formatOf(description, bytes);
  const column = search.column ?? description.keys[0] ?? 0;
  format.requireColumn(bytes, column);
  const locate = keyLocator({ bytes, starts }, format, column);
  const fits = matcher(search.match, search.text);
  const place = newPlace();
  const rows: number[] = [];
  for (let row = numberIn(search.after); row < starts.length; row++) {
    if (!locate(row, place)) continue;
    if (!fits(decodeUtf8(place.bytes.subarray(place.start, place.end)))) continue;
    if (rows.length === search.limit) return { rows, next: String(row) };
    rows.push(row);
  }
  return { rows, next: null };
}

/** `prefix` and `fold` of the key, from its order: a page costs its own length. */
export function readOrder(image: TableImage, order: KeyOrder, search: Search): FoundRows {
  const format = formatOf(image.description, image.bytes);
  const locate = keyLocator(image, format, image.description.keys[0] ?? 0);
  const fits = matcher(search.match, search.text);
  const rows: number[] = [];
  for (let at = startIn(order, search, locate); at < order.length; at++) {
    const row = order[at] ?? 0;
    const key = keyText(row, locate);
    if (key === null || !fits(key)) break;
    if (!isLastOfItsKey(image, row, locate)) continue;
    if (rows.length === search.limit) return { rows, next: `${row}:${fold(key)}` };
    rows.push(row);
  }
  return { rows, next: null };
}

/** The page after begins with a key, and a row among those that share it: true even where rows come and go meanwhile. */
function startIn(order: KeyOrder, { text, after }: Search, locate: LocateKey): number {
  const start = placeOf(order, fold(text), locate);
  const [, row, key] = /^(\d+):(.*)$/s.exec(after ?? '') ?? [];
  return key === undefined ? start : Math.max(start, placeOf(order, key, locate, Number(row)));
}

function isLastOfItsKey(image: TableImage, row: number, locate: LocateKey): boolean {
  const place = newPlace();
  const index = image.indexes[0];
  return index !== undefined && locate(row, place) && findRow(index, place, locate) === row;
}

/** The row where a page begins; strangers name it, so that what is no row of any file is the first. */
export function numberIn(after: string | undefined): number {
  const number = Number(after ?? 0);
  return Number.isSafeInteger(number) && number >= 0 ? number : 0;
}
