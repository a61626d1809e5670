/** Runs the kit against one program, and counts. */

import { codeOf, messageOf, SottoError } from '../errors.ts';
import type { Case, Verdict } from './case.ts';
import type { Testee } from './testee-process.ts';

/** Whoever answers. */
type Asked = Pick<Testee, 'ask'>;

/** Chosen: a program that fails to answer so often, one time after the other, will not answer at all. */
const MOST_FAULTS = 5;
/** Chosen: as many as a person reads. */
const SHOWN_FAILURES = 20;

export interface Failure {
  readonly family: string;
  readonly operation: string;
  readonly name: string;
  /** `fault`: it ended, was late, or answered what is no answer. */
  readonly kind: 'wrong' | 'accepted' | 'refused' | 'fault';
  readonly expected: unknown;
  readonly got: unknown;
}

export interface Tally {
  readonly family: string;
  passed: number;
  /** Another value. */
  wrong: number;
  /** A value for what must be rejected. */
  accepted: number;
  /** A rejection of what is good. */
  refused: number;
  /** No answer: it ended, was late, or garbled. */
  faults: number;
  unsupported: number;
  /** Never asked, after too many faults. */
  skipped: number;
}

export interface RunResult {
  readonly tallies: readonly Tally[];
  /** The first of each family. */
  readonly failures: readonly Failure[];
  /** Something was judged, and nothing failed. */
  readonly ok: boolean;
}

/** @param onProgress told how many cases of a family are done. */
export async function runKit(
  testee: Asked,
  families: ReadonlyMap<string, readonly Case[]>,
  onProgress: (family: string, done: number, total: number) => void = () => {},
): Promise<RunResult> {
  const results: { tally: Tally; failures: Failure[] }[] = [];
  for (const [family, cases] of families) {
    results.push(await runFamily(testee, family, cases, (done) => onProgress(family, done, cases.length)));
  }
  const tallies = results.map(({ tally }) => tally);
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
  return {
    tallies,
    failures: results.flatMap(({ failures }) => failures),
    ok: passed > 0 && tallies.every((tally) => failedOf(tally) === 0),
  };
}

export function failedOf({ wrong, accepted, refused, faults, skipped }: Tally): number {
  return wrong + accepted + refused + faults + skipped;
}

async function runFamily(
  testee: Asked,
  family: string,
  cases: readonly Case[],
  onProgress: (done: number) => void,
): Promise<{ tally: Tally; failures: Failure[] }> {
  const tally: Tally = {
    ...{ family, passed: 0, wrong: 0, accepted: 0, refused: 0 },
    ...{ faults: 0, unsupported: 0, skipped: 0 },
  };
  const failures: Failure[] = [];
  let faultsInARow = 0;
  for (const [at, each] of cases.entries()) {
    if (faultsInARow === MOST_FAULTS) {
      tally.skipped = cases.length - at;
      break;
    }
    const verdict = await verdictOf(testee, each);
    faultsInARow = verdict.kind === 'fault' ? faultsInARow + 1 : 0;
    count(tally, verdict.kind);
    if ('expected' in verdict && failures.length < SHOWN_FAILURES) {
      const { operation, name } = each;
      failures.push({ family, operation, name, ...verdict });
    }
    onProgress(at + 1);
  }
  return { tally, failures };
}

type Outcome = Verdict | { readonly kind: 'fault'; readonly expected: unknown; readonly got: unknown };

/** @throws SottoError `invalid_argument` where the program cannot be started. */
async function verdictOf(testee: Asked, { family, judge }: Case): Promise<Outcome> {
  try {
    return await judge((operation, input) => testee.ask({ family, operation, input }));
  } catch (error) {
    if (!(error instanceof SottoError) || codeOf(error) === 'invalid_argument') throw error;
    return { kind: 'fault', expected: 'an answer', got: messageOf(error) };
  }
}

function count(tally: Tally, kind: Outcome['kind']): void {
  if (kind === 'fault') tally.faults += 1;
  else tally[kind] += 1;
}
