/** Reading members of what came as JSON. A missing one is a mistake of the kit or the program, never of the message. */

import type { Bytes } from '../bytes/bytes.ts';
import { decodeHex } from '../bytes/text.ts';
import type { Fields } from './case.ts';

export function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string') return value;
  throw new TypeError(`"${name}" must be text, not ${JSON.stringify(value)}.`);
}

export function numberOf(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number') return value;
  throw new TypeError(`"${name}" must be a number, not ${JSON.stringify(value)}.`);
}

export function bytesOf(fields: Fields, name: string): Bytes {
  return decodeHex(textOf(fields, name));
}

/** Null where it is absent or null. */
export function optionalText(fields: Fields, name: string): string | null {
  return fields[name] === undefined || fields[name] === null ? null : textOf(fields, name);
}

export function textsOf(fields: Fields, name: string): readonly string[] {
  const value = fields[name];
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw new TypeError(`"${name}" must be a list of texts, not ${JSON.stringify(value)}.`);
}
