/** sickserv's payloads as JSON, and what a version speaks. */

import { decodeHex, encodeHex } from '../bytes/text.ts';
import type { SickservDialect } from '../wire/sickserv.ts';

export function dialectOf(version: unknown): SickservDialect {
  return String(version) < '0.0.6' ? 'lz4' : 'plain';
}

/** Bytes in JSON are an object, since text is what it is. */
export function withoutBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: encodeHex(value) };
  if (Array.isArray(value)) return value.map(withoutBytes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutBytes(member)]));
}

export function withBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value !== 'object' || value === null) return value;
  if ('$bytes' in value) return decodeHex(String(value.$bytes));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withBytes(member)]));
}
