/** What a run found, for people. */

import { type Failure, failedOf, type RunResult, type Tally } from './run.ts';

const COLUMNS = ['passed', 'wrong', 'accepted', 'refused', 'faults', 'skipped', 'unsupported'] as const;
/** Chosen, characters of a value. */
const MAX_SHOWN = 300;

/** A table, a line for each family. */
export function tableLines(tallies: readonly Tally[]): string[] {
  const rows = [
    ['family', ...COLUMNS],
    ...tallies.map((tally) => [tally.family, ...COLUMNS.map((column) => String(tally[column]))]),
  ];
  const widths = ['family', ...COLUMNS].map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  '),
  );
}

const MEANINGS: Readonly<Record<Failure['kind'], string>> = {
  wrong: 'another answer',
  accepted: 'accepted, and must be rejected',
  refused: 'rejected, and must be accepted',
  fault: 'no answer',
};

/** The first failures, three lines each. */
export function failureLines(failures: readonly Failure[]): string[] {
  return failures.flatMap(({ family, operation, name, kind, expected, got }) => [
    `${family} ${operation}: ${name}: ${MEANINGS[kind]}`,
    `  expected ${shown(expected)}`,
    `  got      ${shown(got)}`,
  ]);
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length} characters)` : text;
}

/** The sum, in a sentence. */
export function summary({ tallies, ok }: RunResult): string {
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((all, tally) => all + of(tally), 0);
  const [passed, failed, unsupported] = [sum((t) => t.passed), sum(failedOf), sum((t) => t.unsupported)];
  if (passed + failed === 0) return 'Nothing was judged: it supports none of these operations.';
  const rest = unsupported > 0 ? `, ${unsupported} not supported` : '';
  return `${ok ? 'It conforms' : 'It does not conform'}: ${passed} passed, ${failed} failed${rest}.`;
}
