/** A case as the rules see it: observations, the machine, and what they say together of each way that a message may go. */

import type { TraceWay } from '../../wire/peers-doctor.ts';
import type {
  AskedFacts,
  MachineFacts,
  MachineInterface,
  Observations,
  OtherFacts,
  SentBy,
} from './observations.ts';

export interface Case {
  readonly seen: Observations;
  readonly machine: MachineFacts;
  readonly ways: Ways;
}

/** Whether traces got through; null where that is not known. */
interface Ways {
  /** The interfaces of this machine that count: the one towards the host, or all on a LAN. */
  readonly facing: readonly SentBy[];
  /** Own multicast comes back, by one of them at least. */
  readonly hearsSelf: boolean | null;
  readonly multicastThere: boolean | null;
  readonly multicastHere: boolean | null;
  readonly unicastThere: boolean | null;
  readonly unicastHere: boolean | null;
  readonly theyHearThemselves: boolean | null;
}

export function caseOf(seen: Observations, machine: MachineFacts): Case {
  const answer = answerOf(seen.other);
  const isOpen = seen.udp.kind === 'open';
  const facing = facingOf(seen, machine);
  const heardHere = (way: TraceWay): boolean | null =>
    answer && isOpen ? seen.traces.some((trace) => !trace.isOwn && trace.way === way) : null;
  const heardThere = (way: TraceWay): boolean | null =>
    answer && isOpen ? answer.heard.some((trace) => trace.way === way) : null;
  const ways = {
    facing,
    hearsSelf: isOpen && facing.length > 0 ? facing.some((each) => hearsItself(seen, each)) : null,
    multicastThere: heardThere('multicast'),
    multicastHere: heardHere('multicast'),
    unicastThere: heardThere('unicast'),
    unicastHere: heardHere('unicast'),
    theyHearThemselves: answer?.hearsItself ?? null,
  };
  return { seen, machine, ways };
}

/** Whether a multicast by that interface came back to this machine. */
export function hearsItself({ traces }: Observations, { address }: SentBy): boolean {
  const own = address.toLowerCase();
  return traces.some(({ isOwn, way, host }) => isOwn && way === 'multicast' && host === own);
}

export function answerOf(
  other: OtherFacts | null,
): Extract<AskedFacts, { kind: 'answered' }>['answer'] | null {
  return other?.asked.kind === 'answered' ? other.asked.answer : null;
}

/** Whether the other is of the same group and port, as far as that is known. */
export function isSameGroup({ own, other }: Observations): boolean {
  const answer = answerOf(other);
  return answer === null || (answer.group === own.group && answer.udpPort === own.udpPort);
}

/** Interfaces where others can be. */
export function lanInterfaces({ interfaces }: MachineFacts): MachineInterface[] {
  return interfaces.filter(({ isLoopback, isLan }) => isLan && !isLoopback);
}

export function isInUse({ isUp, hasCarrier, addresses }: MachineInterface): boolean {
  return isUp && hasCarrier !== false && addresses.length > 0;
}

/** On no network at all, which explains whatever else is wrong. */
export function isCut({ seen, machine }: Pick<Case, 'seen' | 'machine'>): boolean {
  const isReached = answerOf(seen.other) !== null; // by a tunnel, say
  return !isReached && !lanInterfaces(machine).some(isInUse);
}

function facingOf({ udp }: Observations, machine: MachineFacts): SentBy[] {
  if (udp.kind !== 'open') return [];
  const towards = machine.path?.onLink ?? null;
  const lans = new Set(lanInterfaces(machine).map(({ name }) => name));
  return udp.sent.filter(({ name }) => (towards === null ? lans.has(name) : name === towards));
}
