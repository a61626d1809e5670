/** What is to become of a row, and a file after it. */

import type { Bytes } from '../../bytes/bytes.ts';
import { StatusError } from '../../errors.ts';

/**
 * New values by column, the rest of the row staying as it is (a row that is not there yet is made); a whole row as an
 * array; or null, which takes every row with that key away.
 */
export type RowUpdate = Readonly<Record<string, unknown>> | readonly unknown[] | null;

/** A file after a change. */
export interface Edited {
  readonly bytes: Bytes;
  /** The row as it will be read; null where it is gone. */
  readonly row: unknown;
}

/** @throws StatusError 400 for what is no update. */
export function requireUpdate(value: unknown): RowUpdate {
  if (typeof value === 'object') return value as RowUpdate;
  throw badUpdate(
    'A row is changed by { column: value, … }, by a whole row as an array, or removed by null.',
  );
}

export function badUpdate(text: string): StatusError {
  return new StatusError(400, text, { code: 'bad_request' });
}
