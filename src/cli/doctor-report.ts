/** What a doctor has to say, as lines for people. */

import { styleText } from 'node:util';
import { cleanLine } from '../node/clean-text.ts';
import { nameOf } from '../node/peer-text.ts';
import type { Check, Diagnosis, Finding } from '../peers/doctor/finding.ts';
import type { Neighbour, Observations } from '../peers/doctor/observations.ts';
import { formatAddress } from '../transport/url.ts';

const MARKS = { ok: ['green', 'ok'], fault: ['red', 'FAULT'], unknown: ['dim', '-'] } as const;
const MARK_WIDTH = 7;

/** The report of `sotto doctor peers`. */
export function peersReportLines(diagnosis: Diagnosis, { around, other }: Observations): string[] {
  const well =
    other?.asked.kind === 'answered'
      ? 'Nothing is wrong: the two see each other.'
      : 'Nothing is wrong with this machine.';
  return reportLines(diagnosis, { seen: other ? [] : aroundLines(around), well });
}

/**
 * @param seen lines that follow the checks.
 * @param well what is said where no fault was found.
 */
export function reportLines(
  { checks, findings }: Diagnosis<string>,
  { seen = [], well }: { readonly seen?: readonly string[]; readonly well: string },
): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const faults = findings.filter(({ severity }) => severity === 'fault').length;
  return [
    ...checks.map((check) => checkLine(check, width)),
    ...seen,
    ...findings.flatMap((finding) => ['', ...findingLines(finding)]),
    '',
    faults === 0 ? well : `${faults} ${faults === 1 ? 'fault' : 'faults'}. Mend the first, then ask again.`,
  ];
}

function checkLine({ name, state, detail }: Check, width: number): string {
  const [colour, mark] = MARKS[state];
  return `${styleText(colour, mark.padEnd(MARK_WIDTH))}${name.padEnd(width)}  ${cleanLine(detail)}`.trimEnd();
}

function aroundLines(around: readonly Neighbour[]): string[] {
  if (around.length === 0) return ['', 'Nobody else is heard.'];
  return ['', 'Heard:', ...around.map(neighbourLine)];
}

function neighbourLine(each: Neighbour): string {
  const where = each.isElsewhere ? '  in another group, or by another port' : '';
  const what = each.id === null ? '  an original of STP' : '';
  return `  ${nameOf(each)}  ${formatAddress({ host: each.host, port: each.tcpPort })}${where}${what}`;
}

function findingLines({ code, severity, sure, what, fix }: Finding<string>): string[] {
  const title = severity === 'fault' ? styleText('red', `FAULT ${code}`) : `note ${code}`;
  return [
    `${title}${sure === 'likely' ? ' (likely)' : ''}`,
    `  ${cleanLine(what)}`,
    `  ${fix.step}`,
    ...fix.commands.map((command) => `    ${styleText('bold', cleanLine(command))}`),
  ];
}
