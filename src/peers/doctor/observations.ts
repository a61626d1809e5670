/** What a doctor has found out, without a judgement. */

import type { DoctorAnswer, TcpReach } from '../../wire/peers-doctor.ts';
import type { PeerId } from '../peer.ts';
import type { NotedTrace } from './traces.ts';

/** How this machine was examined: as the node that would run here with these options. */
export interface OwnFacts {
  /** Null where this machine has no identity yet. */
  readonly id: PeerId | null;
  readonly group: string;
  readonly udpPort: number;
  readonly tcpPort: number;
  readonly hasSecret: boolean;
  readonly isHidden: boolean;
  /** As the option has them: `host` or `host:port`. */
  readonly staticPeers: readonly string[];
}

/** What the system said against a multicast by an interface. */
export interface SentBy {
  readonly name: string;
  readonly address: string;
  /** A code such as `EPERM`; null for nothing. */
  readonly error: string | null;
}

export type UdpFacts =
  | { readonly kind: 'open'; readonly sent: readonly SentBy[] }
  /** A program has the port for itself. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'failed'; readonly why: string };

/** Who has the TCP port of this machine. */
export type TcpPortFacts = 'free' | 'own-node' | 'other-node' | 'program';

/** A node that was heard. */
export interface Neighbour {
  /** Null for an original of STP. */
  readonly id: PeerId | null;
  readonly user: string;
  readonly hostname: string;
  readonly host: string;
  readonly tcpPort: number;
  /** In another group, or by another port, than this machine. */
  readonly isElsewhere: boolean;
}

/** How the other took a frame by TCP. */
export type KnockFacts =
  | { readonly kind: 'greeted'; readonly id: PeerId; readonly user: string; readonly hostname: string }
  /** By what only a group can read, and this machine cannot. */
  | { readonly kind: 'sealed' }
  /** The connection was closed without a word. */
  | { readonly kind: 'mute' }
  | { readonly kind: Exclude<TcpReach, 'reached' | 'untried' | 'unreachable'> }
  | { readonly kind: 'unreachable'; readonly why: string };

/** How the other took a sealed question. */
export type AskedFacts =
  /** `clockAhead`: the other's clock less ours, ms. */
  | { readonly kind: 'answered'; readonly answer: DoctorAnswer; readonly clockAhead: number }
  /** This key is blocked there. */
  | { readonly kind: 'blocked' }
  /** It has no answer for this asker: an older Sotto, or a hidden one. */
  | { readonly kind: 'no-route' }
  | { readonly kind: 'silent'; readonly why: string }
  /** Nobody was asked: the other's key is not known. */
  | { readonly kind: 'unasked' };

export interface OtherFacts {
  readonly host: string;
  readonly tcpPort: number;
  readonly knock: KnockFacts;
  readonly asked: AskedFacts;
  /** Its clock less ours, ms, by whatever told it; null for nothing. */
  readonly clockAhead: number | null;
  readonly isBlockedHere: boolean;
}

export interface Observations {
  readonly own: OwnFacts;
  readonly udp: UdpFacts;
  readonly tcpPort: TcpPortFacts;
  /** Traces that came to this machine: its own, and the other's. */
  readonly traces: readonly NotedTrace[];
  readonly around: readonly Neighbour[];
  /** Null where no host was named. */
  readonly other: OtherFacts | null;
}

/** What the system tells of this machine; gathered by who knows the system. */
export interface MachineFacts {
  readonly interfaces: readonly MachineInterface[];
  readonly firewall: FirewallTool | null;
  /** Where nft filters; empty where it does not, or cannot be read. */
  readonly chains: readonly FirewallChain[];
  /** Programs that have the UDP port, as in `python3 (pid 77)`; empty where the system does not tell. */
  readonly udpHolders: readonly string[];
  /** The way to the host that was named. */
  readonly path: PathFacts | null;
}

export interface MachineInterface {
  readonly name: string;
  readonly isUp: boolean;
  readonly isLoopback: boolean;
  /** Null where the system does not tell. */
  readonly hasMulticast: boolean | null;
  /** Whether a cable is in, or a radio connected. */
  readonly hasCarrier: boolean | null;
  /** Whether it stands for hardware, or for what is made like it; tunnels and bridges do not. */
  readonly isLan: boolean;
  readonly addresses: readonly string[];
}

/** What manages this machine's firewall. */
export type FirewallTool = 'ufw' | 'firewalld' | 'nft' | 'iptables' | 'windows' | 'macos';

export interface FirewallChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook: 'input' | 'output';
}

export interface PathFacts {
  /** The host is this machine. */
  readonly isSelf: boolean;
  /** The interface by which the system would send; null where it knows no way. */
  readonly by: string | null;
  /** The interface in whose network the host lies; null for none. */
  readonly onLink: string | null;
  /** Whether the host answers on that network at all. */
  readonly neighbour: 'there' | 'absent' | 'unknown';
}
