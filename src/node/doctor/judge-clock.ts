/** The clock of this machine. */

import { check } from '../../peers/doctor/finding.ts';
import { examined, fault, fixBy, type NodeDiagnosis, note } from './node-finding.ts';

export interface ClockFacts {
  /** ms since 1970. */
  readonly now: number;
  /** Whether something keeps it right; null where nobody tells. */
  readonly isSynchronised: boolean | null;
  /** By how much it went otherwise than a clock that nobody sets, while this was looked at, ms. */
  readonly jumped: number;
  /** When the newest file of the data folder was written, ms since 1970; null for none. */
  readonly newestFile: number | null;
  /** Another clock's time less ours, ms, and whose; null where nobody was asked. */
  readonly other: { readonly ahead: number; readonly whose: string } | null;
}

/** No Sotto is older. */
const FIRST_RELEASE = Date.UTC(2026, 10, 1);
/** An HTTP date has whole seconds, and a road takes its time; what a group seals is good for 30 s. */
const TOLERANCE = 30_000;
const JUMP = 500;
const FILE_TOLERANCE = 120_000;
const SET = fixBy('Set it, and let it be kept right.', 'sudo timedatectl set-ntp true', 'timedatectl');

export function judgeClock(facts: ClockFacts): NodeDiagnosis {
  const { now, isSynchronised, jumped, newestFile, other } = facts;
  const isPast = now < FIRST_RELEASE;
  const isWrong = other !== null && Math.abs(other.ahead) > TOLERANCE;
  const isBehind = newestFile !== null && newestFile - now > FILE_TOLERANCE;
  const kept = isSynchronised === null ? '' : isSynchronised ? ', synchronised' : ', not synchronised';
  return examined(
    check('clock', !isPast && !isWrong && !isBehind, `${new Date(now).toISOString()}${kept}`),
    isPast
      ? fault(
          'clock_past',
          `The clock says ${new Date(now).toISOString()}, when there was no Sotto yet.`,
          SET,
        )
      : null,
    isWrong
      ? fault(
          'clock_wrong',
          `The clock is ${seconds(other.ahead)} ${other.ahead > 0 ? 'behind' : 'ahead of'} that of ${other.whose}: what is stamped here is taken for old, or for what is yet to come.`,
          SET,
        )
      : null,
    isBehind && !isPast
      ? fault(
          'clock_behind_files',
          `A file of the data folder was written ${seconds(newestFile - now)} from now: the clock was set back.`,
          SET,
        )
      : null,
    isSynchronised === false
      ? note('clock_unsynchronised', 'Nothing keeps the clock right, so it will go wrong.', SET)
      : null,
    Math.abs(jumped) > JUMP
      ? note('clock_jumped', `The clock was set by ${seconds(jumped)} while this was looked at.`, SET)
      : null,
  );
}

function seconds(ms: number): string {
  return `${Math.round(Math.abs(ms) / 100) / 10} s`;
}
