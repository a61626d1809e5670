/** From what was seen to what is wrong: pure, so that every case can be made up. */

import { caseOf } from './case.ts';
import { checksOf } from './checks.ts';
import { type Diagnosis, faultsFirst } from './finding.ts';
import type { MachineFacts, Observations } from './observations.ts';
import { rulesBetween } from './rules-between.ts';
import { rulesHere } from './rules-here.ts';
import { rulesOfMeaning } from './rules-meaning.ts';
import { rulesOfReach } from './rules-reach.ts';

/** @returns no findings where nothing is wrong, or nothing more than notes. */
export function diagnose(seen: Observations, machine: MachineFacts): Diagnosis {
  const each = caseOf(seen, machine);
  const rules = [rulesHere, rulesOfReach, rulesOfMeaning, rulesBetween];
  return { checks: checksOf(each), findings: rules.flatMap((rule) => rule(each)).toSorted(faultsFirst) };
}
