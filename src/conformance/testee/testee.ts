/** Sotto as a program under test: a question on each line of its input, an answer on each line of its output. */

import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { SottoError } from '../../errors.ts';
import type { Fields } from '../case.ts';
import { lonelypsOperations } from './lonelyps.ts';
import { nativeOperations } from './native.ts';
import type { Operations } from './operations.ts';
import { pssstOperations } from './pssst.ts';
import { sickservOperations } from './sickserv.ts';
import { simpleClientServerOperations } from './simple-client-server.ts';
import { stpOperations } from './stp.ts';

const FAMILIES: Readonly<Record<string, Operations>> = {
  pssst: pssstOperations(),
  sickserv: sickservOperations,
  lonelyps: lonelypsOperations,
  stp: stpOperations,
  'simple-client-server': simpleClientServerOperations,
  native: nativeOperations,
};

interface Line {
  readonly id: number;
  readonly family: string;
  readonly operation: string;
  readonly input: Fields;
}

/** Answers until the input ends. What is neither an answer nor a rejection is a mistake of ours, and thrown. */
export async function runTestee(input: Readable, output: Writable): Promise<void> {
  for await (const line of createInterface({ input })) {
    const { id, ...question } = JSON.parse(line) as Line;
    output.write(`${JSON.stringify({ id, ...(await answer(question)) })}\n`);
  }
}

async function answer({ family, operation, input }: Omit<Line, 'id'>): Promise<Fields> {
  const perform = FAMILIES[family]?.[operation];
  if (perform === undefined) return { unsupported: true };
  try {
    return { output: await perform(input) };
  } catch (error) {
    if (error instanceof SottoError) return { rejected: true };
    throw error;
  }
}
