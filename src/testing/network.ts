/** The simulated network: who has which address, how long the ways are, what gets lost, and where nothing gets through. */

import type { Connection } from './connection.ts';
import type { Machine } from './machine.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** How the way between two hosts is, in both directions. */
export interface Conditions {
  /** One way, ms: the least and the most. Default 0.2 and 2. Datagrams overtake each other where it varies. */
  readonly delay?: readonly [least: number, most: number];
  /** Of datagrams, 0 to 1. Default 0. What is lost of a connection comes later: it is sent again. */
  readonly loss?: number;
  /** Of datagrams, 0 to 1: they come twice. Default 0. */
  readonly duplication?: number;
}

const USUAL: Required<Conditions> = { delay: [0.2, 2], loss: 0, duplication: 0 };
/** Of a machine to itself. */
const LOOPBACK: Required<Conditions> = { delay: [0, 0], loss: 0, duplication: 0 };
/** Until what is lost of a connection is sent again, ms. */
const RETRANSMIT = 200;

export interface NetworkParts {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly trace: Trace;
}

export class Network {
  readonly timeline: Timeline;
  readonly random: Random;
  /** What every way has that nothing was said of. */
  readonly #conditions: Required<Conditions>;
  readonly #trace: Trace;
  readonly #machines = new Map<string, Machine>();
  readonly #byAddress = new Map<string, Machine>();
  readonly #links = new Map<string, Required<Conditions>>();
  readonly #blocked = new Set<string>();
  readonly #connections = new Set<Connection>();
  #travelling = 0;

  constructor({ timeline, random, trace }: NetworkParts, conditions: Conditions) {
    this.timeline = timeline;
    this.random = random;
    this.#trace = trace;
    this.#conditions = { ...USUAL, ...conditions };
  }

  get machines(): Iterable<Machine> {
    return this.#machines.values();
  }

  add(machine: Machine): void {
    this.#machines.set(machine.name, machine);
    this.#byAddress.set(machine.address, machine);
  }

  /** By name or address, as `from` sees it; null where nobody has it. */
  find(host: string, from: Machine): Machine | null {
    if (isLoopback(host) || isWildcard(host)) return from;
    return this.#byAddress.get(host) ?? this.#machines.get(host) ?? null;
  }

  named(name: string): Machine | null {
    return this.#machines.get(name) ?? null;
  }

  /** Something is on its way, for so many ms. */
  travel(ms: number, arrive: () => void): void {
    this.#travelling += 1;
    this.timeline.plan(ms, () => {
      this.#travelling -= 1;
      arrive();
    });
  }

  /** How much is on its way now; what a partition holds up is not. */
  get travelling(): number {
    return this.#travelling;
  }

  note(host: string, event: string): void {
    this.#trace.add(this.timeline.now, host, event);
  }

  setLink(left: Machine, right: Machine, conditions: Conditions): void {
    const whole = { ...this.conditions(left, right), ...conditions };
    this.#links.set(wayOf(left, right), whole);
    this.#links.set(wayOf(right, left), whole);
  }

  conditions(from: Machine, to: Machine): Required<Conditions> {
    if (from === to) return LOOPBACK;
    return this.#links.get(wayOf(from, to)) ?? this.#conditions;
  }

  /** How long something takes on that way, ms. */
  delay(from: Machine, to: Machine): number {
    const [least, most] = this.conditions(from, to).delay;
    return this.random.between(least, most);
  }

  /** The same of what is sent again until it arrives. */
  reliableDelay(from: Machine, to: Machine): number {
    const isLost = this.random.chance(this.conditions(from, to).loss);
    return this.delay(from, to) + (isLost ? RETRANSMIT : 0);
  }

  /** Whether anything gets from one to the other now. */
  isOpen(from: Machine, to: Machine): boolean {
    return !this.#blocked.has(wayOf(from, to));
  }

  block(from: Machine, to: Machine): void {
    if (from !== to) this.#blocked.add(wayOf(from, to));
  }

  unblockAll(): void {
    this.#blocked.clear();
  }

  keep(connection: Connection): void {
    this.#connections.add(connection);
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  /** Something has changed that connections notice: a way, or a machine. */
  changed(): void {
    for (const connection of this.#connections) connection.look();
  }

  connectionsOf(machine: Machine): Connection[] {
    return [...this.#connections].filter((each) => each.isOf(machine));
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** All addresses of a machine to who listens; who connects to it, as Linux has it, connects to itself. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === '';
}

function wayOf(from: Machine, to: Machine): string {
  return `${from.name} > ${to.name}`;
}
