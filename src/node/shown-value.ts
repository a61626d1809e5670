/** The beginning of any value as people may see it, whatever stranger sent it. */

import { isAsyncIterable } from '../app/message.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { cutText, decodeUtf8, encodeHex } from '../bytes/text.ts';

/** Characters that are shown of a value. */
export const SHOWN = 2000;

/** What programs sent, as text, cut before it is written out. */
export function shownValue(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return cutText(value, SHOWN);
  if (value instanceof Uint8Array) return shownBytes(value);
  if (isAsyncIterable(value)) return '(a stream)';
  try {
    return cutText(JSON.stringify(value, plainly) ?? String(value), SHOWN);
  } catch {
    return `(${typeof value})`;
  }
}

/** What JSON has no word for. */
export function plainly(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return shownBytes(value);
  if (value instanceof Map) return Object.fromEntries(value);
  return value instanceof Set ? [...value] : value;
}

function shownBytes(bytes: Bytes): string {
  const start = bytes.subarray(0, SHOWN);
  try {
    return decodeUtf8(bytes.length > SHOWN ? start.subarray(0, SHOWN - 4) : start);
  } catch {
    return `0x${encodeHex(start.subarray(0, SHOWN / 2))}`;
  }
}
