/** Guards for the public doors: inside, arguments are trusted. */

import { SottoError } from '../errors.ts';
import type { Bytes } from './bytes.ts';

/** @throws SottoError `invalid_argument` naming the argument. */
export function assertBytes(value: unknown, name: string): asserts value is Bytes {
  if (value instanceof Uint8Array) return;
  throw new SottoError('invalid_argument', `${name} must be a Uint8Array; it is ${describe(value)}.`);
}

/** @throws SottoError `invalid_option` naming the option and its range. */
export function assertNumber(
  value: unknown,
  name: string,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (typeof value === 'number' && value >= min && value <= max) return;
  const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `from ${min} to ${max}`;
  throw new SottoError('invalid_option', `${name} must be a number ${range}; it is ${describe(value)}.`);
}

/** A short description of a value for an error text, without its content where that could be a secret. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean') {
    return String(value);
  }
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
