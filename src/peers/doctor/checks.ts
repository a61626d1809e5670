/** What was looked at, and how it came out, line by line. */

import type { DoctorAnswer } from '../../wire/peers-doctor.ts';
import { answerOf, type Case, hearsItself, isInUse, isSameGroup, lanInterfaces } from './case.ts';
import { type Check, check } from './finding.ts';
import type { Observations, OtherFacts, SentBy } from './observations.ts';
import { isClockWrong } from './rules-meaning.ts';

const TCP_PORT: Readonly<Record<Observations['tcpPort'], string>> = {
  free: 'free: no node runs here now',
  'own-node': 'your node has it',
  'other-node': 'another node of this machine has it; yours takes any that is free',
  program: 'another program has it; a node takes any that is free',
};

export function checksOf(each: Case): Check[] {
  const { other } = each.seen;
  return [...checksHere(each), ...(other ? checksOfOther(each, other) : [])];
}

function checksHere({ seen, machine, ways }: Case): Check[] {
  const { udp, own } = seen;
  const inUse = lanInterfaces(machine).filter(isInUse);
  const networks = inUse.map(({ name, addresses: [first] }) => `${name} ${first}`).join(', ');
  const port = udp.kind === 'open' ? `group ${own.group}` : `cannot be had: ${udp.kind}`;
  return [
    check('networks', inUse.length > 0, networks || 'none with an address'),
    check(`UDP port ${own.udpPort}`, udp.kind === 'open', port),
    ...ways.facing.map((by) => ownMulticast(seen, by)),
    check(`TCP port ${own.tcpPort}`, true, TCP_PORT[seen.tcpPort]),
  ];
}

function ownMulticast(seen: Observations, by: SentBy): Check {
  const isHeard = hearsItself(seen, by);
  const lost = by.error === null ? 'does not come back' : `is refused: ${by.error}`;
  return check(
    `own multicast, ${by.name} ${by.address.includes(':') ? 'IPv6' : 'IPv4'}`,
    isHeard,
    isHeard ? 'comes back' : lost,
  );
}

function checksOfOther({ seen, ways }: Case, other: OtherFacts): Check[] {
  const { host, tcpPort, knock, asked, clockAhead } = other;
  const answer = answerOf(other);
  const isGreeted = knock.kind === 'greeted';
  const who = isGreeted ? `${knock.user}@${knock.hostname}` : knock.kind;
  const back = answer && answer.tcpBack !== 'untried' ? answer.tcpBack === 'reached' : null;
  const here = seen.traces.filter(({ isOwn }) => !isOwn);
  const clock = clockAhead === null ? null : !isClockWrong(seen);
  return [
    check(`TCP to ${host}:${tcpPort}`, isGreeted, who),
    check('sealed question', asked.kind === 'unasked' ? null : answer !== null, asked.kind),
    check('TCP back', back, answer?.tcpBack ?? ''),
    check(`multicast to ${host}`, ways.multicastThere, heardBy(answer?.heard ?? [])),
    check(`multicast from ${host}`, ways.multicastHere, heardBy(here)),
    check(`unicast UDP to ${host}`, unicast(ways.unicastThere, ways.multicastThere), ''),
    check(`unicast UDP from ${host}`, unicast(ways.unicastHere, ways.multicastHere), ''),
    check('group and port', answer && isSameGroup(seen), answer ? `${answer.group}:${answer.udpPort}` : ''),
    check('clock', clock, clockAhead === null ? '' : `${Math.abs(clockAhead)} ms apart`),
  ];
}

/** Of several programs that share the port one gets it, so that alone a loss says nothing. */
function unicast(isHeard: boolean | null, isMulticastHeard: boolean | null): boolean | null {
  return isHeard === false && isMulticastHeard ? null : isHeard;
}

function heardBy(heard: DoctorAnswer['heard']): string {
  const multicasts = heard.filter(({ way }) => way === 'multicast');
  const families = new Set(multicasts.map(({ host }) => (host.includes(':') ? 'IPv6' : 'IPv4')));
  return [...families].toSorted().join(', ');
}
