/**
 * From key to row, in arrays that threads share: open addressing with linear probing, and a chain from each row to the
 * row before it that has the same key. The last row with a key is the one that is found.
 *
 * Rows are numbered from 0 and written as number + 1, since 0 is an empty slot.
 */

import type { KeyPlace } from './row-format.ts';

const EMPTY = 0;
const REMOVED = 0xffff_ffff;
const SMALLEST = 16;

export interface HashIndex {
  /** Of each row's key; 0 for a row without one. */
  readonly hashes: Uint32Array;
  /** Row + 1 of the last row with a key; a power of two long. */
  readonly slots: Uint32Array;
  /** For each row, row + 1 of the row before it with the same key. */
  readonly previous: Uint32Array;
  /** Slots that are not empty, the removed ones too. */
  readonly used: number;
}

/** Where the key of a row is; false for a row without one. */
export type LocateKey = (row: number, place: KeyPlace) => boolean;

export function sharedUint32(length: number): Uint32Array<SharedArrayBuffer> {
  return new Uint32Array(new SharedArrayBuffer(4 * length));
}

export function newPlace(): KeyPlace {
  return { bytes: new Uint8Array(0), start: 0, end: 0 };
}

/** FNV-1a with a finish that spreads its low bits; never 0, which means no key. */
function hashOf({ bytes, start, end }: KeyPlace): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return hash >>> 0 || 1;
}

export function buildIndex(rowCount: number, locate: LocateKey): HashIndex {
  const builder = new IndexBuilder(
    sharedUint32(rowCount),
    newSlots(rowCount),
    sharedUint32(rowCount),
    0,
    locate,
  );
  for (let row = 0; row < rowCount; row++) builder.append(row);
  return builder.finish();
}

/** The last row with a key, or -1. */
export function findRow({ hashes, slots }: HashIndex, key: KeyPlace, locate: LocateKey): number {
  const hash = hashOf(key);
  const mask = slots.length - 1;
  const place = newPlace();
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const entry = slots[slot] ?? EMPTY;
    if (entry === EMPTY) return -1;
    if (entry === REMOVED || hashes[entry - 1] !== hash) continue;
    if (locate(entry - 1, place) && sameKey(place, key)) return entry - 1;
  }
}

/** A change of consecutive rows: those from `first` to before `oldEnd` gave way to those from `first` to before `newEnd`. */
export interface RowChange {
  readonly first: number;
  readonly oldEnd: number;
  readonly newEnd: number;
  readonly newCount: number;
}

/**
 * The index after a change of few rows, in new arrays unless every row has the key it had; null where too many slots are worn out and it should be built.
 *
 * @param locateOld the keys of the old rows.
 * @param locateNew the keys of the new rows, by their new numbers.
 */
export function patchIndex(
  old: HashIndex,
  change: RowChange,
  locateOld: LocateKey,
  locateNew: LocateKey,
): HashIndex | null {
  const { first, oldEnd, newEnd, newCount } = change;
  if (keysStay(change, locateOld, locateNew)) return old;
  const added = newEnd - first;
  if (2 * (old.used + added) > old.slots.length) return null;
  const pruned = new IndexBuilder(
    copyOf(old.hashes),
    copyOf(old.slots),
    copyOf(old.previous),
    old.used,
    locateOld,
  );
  for (let row = oldEnd - 1; row >= first; row--) pruned.remove(row);
  const { slots, previous, hashes, used } = pruned.finish();
  const builder = new IndexBuilder(
    spliced(hashes, change),
    renumbered(slots, oldEnd, newEnd - oldEnd),
    renumbered(spliced(previous, change), oldEnd, newEnd - oldEnd),
    used,
    locateNew,
  );
  for (let row = first; row < newEnd; row++) builder.insert(row);
  return newCount === builder.rowCount ? builder.finish() : null;
}

function keysStay({ first, oldEnd, newEnd }: RowChange, locateOld: LocateKey, locateNew: LocateKey): boolean {
  if (oldEnd !== newEnd) return false;
  const [before, after] = [newPlace(), newPlace()];
  for (let row = first; row < newEnd; row++) {
    if (!locateOld(row, before) || !locateNew(row, after) || !sameKey(before, after)) return false;
  }
  return true;
}

class IndexBuilder {
  readonly #hashes: Uint32Array;
  readonly #slots: Uint32Array;
  readonly #previous: Uint32Array;
  readonly #locate: LocateKey;
  readonly #mask: number;
  readonly #key = newPlace();
  readonly #other = newPlace();
  #used: number;

  constructor(
    hashes: Uint32Array,
    slots: Uint32Array,
    previous: Uint32Array,
    used: number,
    locate: LocateKey,
  ) {
    this.#hashes = hashes;
    this.#slots = slots;
    this.#previous = previous;
    this.#used = used;
    this.#locate = locate;
    this.#mask = slots.length - 1;
  }

  get rowCount(): number {
    return this.#hashes.length;
  }

  finish(): HashIndex {
    return { hashes: this.#hashes, slots: this.#slots, previous: this.#previous, used: this.#used };
  }

  /** Adds a row that comes after all others. */
  append(row: number): void {
    const slot = this.#slotFor(row);
    if (slot === -1) return;
    this.#previous[row] = this.#slots[slot] ?? EMPTY;
    this.#slots[slot] = row + 1;
  }

  /** Adds a row in the middle: its chain stays in the order of the rows. */
  insert(row: number): void {
    const slot = this.#slotFor(row);
    if (slot === -1) return;
    const head = this.#slots[slot] ?? EMPTY;
    if (head < row + 1) {
      this.#previous[row] = head;
      this.#slots[slot] = row + 1;
      return;
    }
    let later = head - 1;
    while ((this.#previous[later] ?? EMPTY) > row + 1) later = (this.#previous[later] ?? EMPTY) - 1;
    this.#previous[row] = this.#previous[later] ?? EMPTY;
    this.#previous[later] = row + 1;
  }

  remove(row: number): void {
    if (this.#hashes[row] === 0) return;
    const slot = this.#slotFor(row);
    const before = this.#previous[row] ?? EMPTY;
    if (this.#slots[slot] === row + 1) {
      this.#slots[slot] = before === EMPTY ? REMOVED : before;
      return;
    }
    let later = (this.#slots[slot] ?? EMPTY) - 1;
    while (this.#previous[later] !== row + 1) later = (this.#previous[later] ?? EMPTY) - 1;
    this.#previous[later] = before;
  }

  /** The slot of the row's key, a fresh one where the key is new; -1 for a row without a key. */
  #slotFor(row: number): number {
    if (!this.#locate(row, this.#key)) {
      this.#hashes[row] = 0;
      return -1;
    }
    const hash = hashOf(this.#key);
    this.#hashes[row] = hash;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const entry = this.#slots[slot] ?? EMPTY;
      if (entry === EMPTY) {
        this.#used += 1;
        return slot;
      }
      if (entry === REMOVED || this.#hashes[entry - 1] !== hash) continue;
      if (this.#locate(entry - 1, this.#other) && sameKey(this.#other, this.#key)) return slot;
    }
  }
}

function newSlots(rowCount: number): Uint32Array {
  return sharedUint32(2 ** Math.ceil(Math.log2(Math.max(SMALLEST, 2.5 * rowCount))));
}

function sameKey(left: KeyPlace, right: KeyPlace): boolean {
  const length = left.end - left.start;
  if (length !== right.end - right.start) return false;
  for (let at = 0; at < length; at++) {
    if (left.bytes[left.start + at] !== right.bytes[right.start + at]) return false;
  }
  return true;
}

function copyOf(array: Uint32Array): Uint32Array {
  const copy = sharedUint32(array.length);
  copy.set(array);
  return copy;
}

/** One number for each row: those of new rows are 0 for now. */
export function spliced(array: Uint32Array, { first, oldEnd, newEnd, newCount }: RowChange): Uint32Array {
  const result = sharedUint32(newCount);
  result.set(array.subarray(0, first));
  result.set(array.subarray(oldEnd), newEnd);
  return result;
}

/** Rows from `from` on have moved by `shift`. */
function renumbered(entries: Uint32Array, from: number, shift: number): Uint32Array {
  if (shift === 0) return entries;
  for (let at = 0; at < entries.length; at++) {
    const entry = entries[at] ?? EMPTY;
    if (entry > from && entry !== REMOVED) entries[at] = entry + shift;
  }
  return entries;
}
