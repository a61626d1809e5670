/** One question of the kit, and what its answer may be. */

import { isDeepStrictEqual } from 'node:util';

/** What goes over the wire: an object of JSON. Byte strings are lower-case hex. */
export type Fields = Readonly<Record<string, unknown>>;

export type Answer =
  | { readonly kind: 'output'; readonly output: Fields }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'unsupported' };

/**
 * Asks the program under test.
 *
 * @throws SottoError `closed` where it ended, `timeout`, `invalid_message` for what is no answer.
 */
export type Ask = (operation: string, input: Fields) => Promise<Answer>;

export type Verdict =
  | { readonly kind: 'passed' | 'unsupported' }
  /** `accepted`: an answer to what had to be rejected. `refused`: what had to be answered was rejected. */
  | { readonly kind: 'wrong' | 'accepted' | 'refused'; readonly expected: unknown; readonly got: unknown };

export interface Case {
  readonly family: string;
  readonly operation: string;
  readonly name: string;
  /** May ask more than once. @throws as {@link Ask} does. */
  judge(ask: Ask): Promise<Verdict>;
}

/** What an answer may be. */
export type Acceptable =
  | 'rejected'
  /** These members with just these values; there may be others. */
  | { readonly output: Fields }
  /** Where more than one output is right. A check that throws is one that fails. */
  | { readonly describes: string; check(output: Fields): boolean };

/** A case of one question. */
export interface Question {
  readonly operation: string;
  readonly name: string;
  readonly input: Fields;
  /** Any of these. */
  readonly accepts: readonly Acceptable[];
}

export function caseOf(family: string, { operation, name, input, accepts }: Question): Case {
  return {
    ...{ family, operation, name },
    judge: async (ask) => judged(await ask(operation, input), accepts),
  };
}

export function judged(answer: Answer, accepts: readonly Acceptable[]): Verdict {
  if (answer.kind === 'unsupported') return { kind: 'unsupported' };
  if (accepts.some((acceptable) => isMet(acceptable, answer))) return { kind: 'passed' };
  const expected = accepts.map(shown).reduce((all, each) => (all === undefined ? each : [all, each]));
  if (answer.kind === 'rejected') return { kind: 'refused', expected, got: 'rejected' };
  const isRejection = accepts.every((acceptable) => acceptable === 'rejected');
  return { kind: isRejection ? 'accepted' : 'wrong', expected, got: answer.output };
}

function isMet(acceptable: Acceptable, answer: Answer): boolean {
  if (acceptable === 'rejected') return answer.kind === 'rejected';
  if (answer.kind !== 'output') return false;
  const { output } = answer;
  if ('output' in acceptable) {
    return Object.entries(acceptable.output).every(
      ([name, value]) => Object.hasOwn(output, name) && isDeepStrictEqual(output[name], value),
    );
  }
  try {
    return acceptable.check(output);
  } catch {
    return false; // it was asked to read what a stranger made
  }
}

function shown(acceptable: Acceptable): unknown {
  if (acceptable === 'rejected') return acceptable;
  return 'output' in acceptable ? acceptable.output : acceptable.describes;
}
