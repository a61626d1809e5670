/** Sotto as a program under test: a question on each line of its input, an answer on each line of its output. */

import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { SottoError } from '../../errors.ts';
import type { Answer, Fields } from '../case.ts';
import type { Question } from '../testee-process.ts';
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

interface Line extends Question {
  readonly id: number;
}

/** Answers until the input ends. What is neither an answer nor a rejection is a mistake of ours, and thrown. */
export async function runTestee(input: Readable, output: Writable): Promise<void> {
  for await (const line of createInterface({ input })) {
    const { id, ...question } = JSON.parse(line) as Line;
    output.write(`${JSON.stringify({ id, ...lineOf(await answerTo(question)) })}\n`);
  }
}

function lineOf(answer: Answer): Fields {
  return answer.kind === 'output' ? { output: answer.output } : { [answer.kind]: true };
}

export async function answerTo({ family, operation, input }: Question): Promise<Answer> {
  const perform = FAMILIES[family]?.[operation];
  if (perform === undefined) return { kind: 'unsupported' };
  try {
    return { kind: 'output', output: await perform(input) };
  } catch (error) {
    if (error instanceof SottoError) return { kind: 'rejected' };
    throw error;
  }
}
