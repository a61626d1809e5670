/** The golden vectors, which the tests of this house use too. */

import { readFileSync } from 'node:fs';
import type { Acceptable, Fields } from './case.ts';

/** One recorded call of an original. */
export interface Vector {
  readonly name: string;
  readonly op: string;
  readonly input: Fields;
  readonly output?: Fields;
  readonly error?: { readonly kind: string };
}

/** A file of conformance/vectors, which lies beside the sources and beside what is built of them alike. */
export function readVectors<File = { readonly vectors: readonly Vector[] }>(name: string): File {
  return JSON.parse(
    readFileSync(new URL(`../../conformance/vectors/${name}.json`, import.meta.url), 'utf8'),
  ) as File;
}

/** Just what the original did. */
export function acceptsOf({ output, error }: Vector): readonly Acceptable[] {
  return [error === undefined ? { output: output ?? {} } : 'rejected'];
}
