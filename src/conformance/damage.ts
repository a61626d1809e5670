/** What a good message becomes on a bad way: cut short, made longer, one bit changed. None of it may be taken. */

import { type Bytes, concat } from '../bytes/bytes.ts';

/** Chosen: of long messages not every byte is tried. */
const MOST_FLIPS = 96;

export interface Damaged {
  readonly how: string;
  readonly bytes: Bytes;
}

/** One bit changed, in bytes spread over the message. @param from the first byte that may change. */
export function* flipped(bytes: Bytes, from = 0): Generator<Damaged, void, void> {
  const step = Math.max(1, Math.ceil((bytes.length - from) / MOST_FLIPS));
  for (let at = from; at < bytes.length; at += step) {
    const altered = Uint8Array.from(bytes);
    altered[at] = (altered[at] ?? 0) ^ (1 << (at % 8));
    yield { how: `bit ${at % 8} of byte ${at} flipped`, bytes: altered };
  }
}

/** The first so many bytes alone. @param edges where the parts of the message end. */
export function* cut(bytes: Bytes, edges: readonly number[]): Generator<Damaged, void, void> {
  const lengths = [...edges.flatMap((edge) => [edge - 1, edge]), bytes.length - 1];
  for (const length of new Set(lengths)) {
    if (length < 0 || length >= bytes.length) continue;
    yield { how: `cut to ${length} bytes`, bytes: bytes.subarray(0, length) };
  }
}

export function longer(bytes: Bytes): Damaged {
  return { how: 'one byte longer', bytes: concat(bytes, Uint8Array.of(0)) };
}
