/** CBOR as bodies have it (RFC 8949), by the library, and no more of it than a stranger may use. */

import { type DecodeOptions, decode, encode } from 'cbor2';
import type { Bytes } from './bytes.ts';
import { encodeHex } from './text.ts';

export interface CborCodec {
  /** @throws for a value that CBOR cannot hold. */
  encode(value: unknown): Bytes;
  /** @throws for what is not CBOR. */
  decode(bytes: Bytes): unknown;
}

/** Chosen: deeper values are refused in both directions, so that no decoder recurses without end. */
const MAX_DEPTH = 256;

// Chosen: the tags that are decoded (RFC 8949, section 3.4; sets, IANA 258). The library knows more, such as regular
// expressions and symbols, which no stranger should be able to make here; they stay plain `Tag` objects.
const TAGS: ReadonlyMap<number, (tag: Tag) => unknown> = new Map<number, (tag: Tag) => unknown>([
  [1, (tag) => new Date(Math.round(numberIn(tag) * 1000))],
  [2, (tag) => bigintIn(tag)],
  [3, (tag) => -1n - bigintIn(tag)],
  [258, (tag) => new Set(arrayIn(tag))],
]);
const OPTIONS: DecodeOptions = { maxDepth: MAX_DEPTH, ignoreGlobalTags: true, tags: new Map(TAGS) };

export const cborCodec: CborCodec = {
  encode: (value) => encode(value),
  decode: (bytes) => decode(bytes, OPTIONS),
};

interface Tag {
  readonly contents: unknown;
}

function numberIn({ contents }: Tag): number {
  if (typeof contents === 'number') return contents;
  throw new TypeError('A date must be a number.');
}

function bigintIn({ contents }: Tag): bigint {
  if (!(contents instanceof Uint8Array)) throw new TypeError('A big integer must be bytes.');
  return contents.length === 0 ? 0n : BigInt(`0x${encodeHex(contents)}`);
}

function arrayIn({ contents }: Tag): unknown[] {
  if (Array.isArray(contents)) return contents;
  throw new TypeError('A set must be an array.');
}
