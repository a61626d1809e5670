/** What a doctor says: what it has looked at, what is wrong, and what mends it. */

export type FindingCode =
  /** This machine is on no network. */
  | 'no_network'
  | 'interface_down'
  | 'interface_no_multicast'
  /** A program has the UDP port for itself. */
  | 'udp_port_taken'
  /** The group's UDP port is closed on this machine: which way is not known. */
  | 'udp_blocked_here'
  | 'udp_in_blocked_here'
  | 'udp_out_blocked_here'
  | 'udp_in_blocked_there'
  | 'udp_out_blocked_there'
  /** Unicast gets through and multicast does not, though both machines let it: a switch, an access point. */
  | 'multicast_lost_between'
  /** No UDP gets through, though both machines hear themselves. */
  | 'udp_lost_between'
  | 'other_subnet'
  /** The way to a neighbour leads through another network's interface. */
  | 'vpn_route'
  | 'no_route'
  /** Nobody on this network answers for that address. */
  | 'host_absent'
  | 'tcp_refused'
  | 'tcp_blocked_there'
  | 'tcp_out_blocked_here'
  | 'tcp_blocked_back'
  /** Whatever listens there is no Sotto node. */
  | 'not_sotto'
  | 'original'
  | 'other_group'
  | 'other_udp_port'
  | 'other_secret'
  | 'hidden'
  | 'clock'
  | 'same_identity'
  | 'blocked_there'
  | 'blocked_here'
  | 'no_answer'
  | 'this_machine';

export interface Finding<Code extends string = FindingCode> {
  readonly code: Code;
  /** A `note` keeps nobody from seeing the other. */
  readonly severity: 'fault' | 'note';
  readonly where: 'here' | 'there' | 'between';
  readonly sure: 'certain' | 'likely';
  /** One sentence or two. */
  readonly what: string;
  readonly fix: Fix;
}

export interface Fix {
  /** What to do, and on which machine. */
  readonly step: string;
  /** To be typed there; where there are several, the one for that machine's system. */
  readonly commands: readonly string[];
}

export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'fault' | 'unknown';
  readonly detail: string;
}

export interface Diagnosis<Code extends string = FindingCode> {
  readonly checks: readonly Check[];
  /** Faults first. */
  readonly findings: readonly Finding<Code>[];
}

type Cause<Code extends string> = Omit<Finding<Code>, 'severity' | 'sure'> &
  Partial<Pick<Finding, 'severity' | 'sure'>>;

/** A fault, and certain, where nothing else is said. */
export function finding<const Code extends string>(cause: Cause<Code>): Finding<Code> {
  return { severity: 'fault', sure: 'certain', ...cause };
}

/** @param isOk null: nothing could tell. */
export function check(name: string, isOk: boolean | null, detail: string): Check {
  const state = isOk === null ? 'unknown' : isOk ? 'ok' : 'fault';
  return { name, state, detail };
}

/** For sorting. */
export function faultsFirst(left: Pick<Finding, 'severity'>, right: Pick<Finding, 'severity'>): number {
  return Number(left.severity === 'note') - Number(right.severity === 'note');
}
