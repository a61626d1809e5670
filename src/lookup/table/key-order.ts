/** The rows of a table in the alphabetical order of their folded keys: what completions are read from. */

import { decodeUtf8 } from '../../bytes/text.ts';
import { fold } from './fold.ts';
import { type LocateKey, newPlace, type RowChange, sharedUint32 } from './hash-index.ts';

/** Every row that has a key, by its folded key and then by its number. */
export type KeyOrder = Uint32Array;

/** The key of a row as text; null for a row without one. */
export function keyText(row: number, locate: LocateKey): string | null {
  const place = newPlace();
  return locate(row, place) ? decodeUtf8(place.bytes.subarray(place.start, place.end)) : null;
}

export function buildOrder(rowCount: number, locate: LocateKey): KeyOrder {
  const keys: (string | null)[] = [];
  for (let row = 0; row < rowCount; row++) keys.push(foldedKey(row, locate));
  const rows = Uint32Array.from(keys.keys()).filter((row) => keys[row] !== null);
  rows.sort((left, right) => compareTexts(keys[left] ?? '', keys[right] ?? '') || left - right);
  const order = sharedUint32(rows.length);
  order.set(rows);
  return order;
}

/** The order after a change of few rows. */
export function patchOrder(old: KeyOrder, { first, oldEnd, newEnd }: RowChange, locate: LocateKey): KeyOrder {
  const kept = new Uint32Array(old.length);
  let count = 0;
  for (const row of old) {
    if (row >= first && row < oldEnd) continue;
    kept[count] = row < oldEnd ? row : row + newEnd - oldEnd;
    count += 1;
  }
  const added: { readonly row: number; readonly key: string }[] = [];
  for (let row = first; row < newEnd; row++) {
    const key = foldedKey(row, locate);
    if (key !== null) added.push({ row, key });
  }
  added.sort((left, right) => compareTexts(left.key, right.key) || left.row - right.row);
  return merged(kept.subarray(0, count), added, locate);
}

/**
 * The first place in the order that is not before a folded key.
 *
 * @param row among rows of that same key, the number from which on. Default 0.
 */
export function placeOf(order: KeyOrder, folded: string, locate: LocateKey, row = 0): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = order[middle] ?? 0;
    if ((compareTexts(foldedKey(other, locate) ?? '', folded) || other - row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function merged(
  kept: Uint32Array,
  added: readonly { readonly row: number; readonly key: string }[],
  locate: LocateKey,
): KeyOrder {
  const order = sharedUint32(kept.length + added.length);
  let from = 0;
  for (const [index, { row, key }] of added.entries()) {
    const to = placeOf(kept, key, locate, row);
    order.set(kept.subarray(from, to), from + index);
    order[to + index] = row;
    from = to;
  }
  order.set(kept.subarray(from), from + added.length);
  return order;
}

function foldedKey(row: number, locate: LocateKey): string | null {
  const key = keyText(row, locate);
  return key === null ? null : fold(key);
}

/** By code units: any order does, as long as a text comes before what it begins. */
function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
