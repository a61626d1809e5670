/** A simulated machine as the network sees it: its address, its ports, and the program that runs on it now. */

import type { SimulatedMachine } from '../platform/node/simulated.ts';
import type { Disk } from './disk.ts';
import type { Network } from './network.ts';
import { isLoopback, isWildcard } from './network.ts';
import { Program } from './program.ts';
import type { Random } from './random.ts';

/** What holds a port. */
export interface Door {
  /** The program that opened it. */
  readonly program: Program;
  /** The address that it was bound to, as it was given. */
  readonly host: string;
  readonly port: number;
  readonly isShared: boolean;
}

/** IANA's for what is given out, RFC 6335. */
const FIRST_EPHEMERAL = 49_152;

/** Ports of one kind on one machine. */
export class Ports<D extends Door> {
  readonly #doors = new Map<number, D[]>();

  /** @throws Error with the system's code. */
  open(door: D): void {
    const others = this.#doors.get(door.port) ?? [];
    const rival = others.find(
      (other) => overlap(other.host, door.host) && !(other.isShared && door.isShared),
    );
    if (rival) throw systemError('EADDRINUSE', `bind EADDRINUSE ${door.host}:${door.port}`);
    this.#doors.set(door.port, [...others, door]);
  }

  close(door: D): void {
    const left = (this.#doors.get(door.port) ?? []).filter((other) => other !== door);
    if (left.length > 0) this.#doors.set(door.port, left);
    else this.#doors.delete(door.port);
  }

  closeAll(): void {
    this.#doors.clear();
  }

  isFree(port: number): boolean {
    return !this.#doors.has(port);
  }

  /** Who hears what comes to a port; where several share it, one picked by where it comes from. */
  at(port: number, to: string, fromPort: number): D | null {
    const hearing = (this.#doors.get(port) ?? []).filter(({ host }) => isWildcard(host) || overlap(host, to));
    return hearing[fromPort % hearing.length] ?? null;
  }
}

export interface DatagramDoor extends Door {
  onDatagram(datagram: Uint8Array, from: { readonly host: string; readonly port: number }): void;
  /** Nobody hears where it has sent to; null where it does not care. */
  readonly onRefused: (() => void) | null;
}

/** A member of multicast groups. */
export interface Member {
  readonly program: Program;
  readonly groups: readonly string[];
  readonly port: number;
  onDatagram(datagram: Uint8Array, from: { readonly host: string; readonly port: number }): void;
}

export interface MachineOptions {
  readonly name: string;
  readonly address: string;
  /** Multicast reaches those of the same. */
  readonly lan: string;
}

export class Machine {
  readonly name: string;
  readonly address: string;
  readonly lan: string;
  readonly disk: Disk;
  readonly datagrams: Ports<DatagramDoor> = new Ports();
  readonly streams: Ports<Door> = new Ports();
  readonly members: Set<Member> = new Set();
  /** What its clock shows beyond the simulation's, ms. */
  skew = 0;
  readonly #network: Network;
  readonly #random: Random;
  readonly #system: (machine: Machine, program: () => Program) => SimulatedMachine;
  #program: Program;
  #isUp = true;
  #starts = 0;
  #lastPort = FIRST_EPHEMERAL - 1;

  constructor(
    { name, address, lan }: MachineOptions,
    network: Network,
    disk: Disk,
    random: Random,
    system: (machine: Machine, program: () => Program) => SimulatedMachine,
  ) {
    this.name = name;
    this.address = address;
    this.lan = lan;
    this.disk = disk;
    this.#network = network;
    this.#random = random;
    this.#system = system;
    this.#program = this.#begin();
  }

  /** What runs on it, or ran last. */
  get program(): Program {
    return this.#program;
  }

  /** Whether it has power: a machine whose program was killed has. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** The program ends in the middle of whatever it does; the machine goes too, or stays and says so to other ends. */
  stop({ isUp }: { readonly isUp: boolean }): void {
    this.#program.end();
    this.#isUp = isUp;
    this.datagrams.closeAll();
    this.streams.closeAll();
    this.members.clear();
    this.#network.changed();
  }

  /** Runs a new program, with the disk as the last one left it. */
  start(): void {
    if (this.#program.isAlive) this.stop({ isUp: true });
    this.#program = this.#begin();
    this.#isUp = true;
    this.#network.changed();
  }

  /** The port itself, or any that is free where it is 0. */
  portFor(wanted: number): number {
    if (wanted !== 0) return wanted;
    do this.#lastPort = this.#lastPort === 0xffff ? FIRST_EPHEMERAL : this.#lastPort + 1;
    while (!this.datagrams.isFree(this.#lastPort) || !this.streams.isFree(this.#lastPort));
    return this.#lastPort;
  }

  /** @throws Error with the system's code for an address of another machine. */
  requireOwn(host: string): void {
    if (isWildcard(host) || isLoopback(host) || host === this.address || host === this.name) return;
    throw systemError('EADDRNOTAVAIL', `bind EADDRNOTAVAIL ${host}: ${this.name} has ${this.address}`);
  }

  /** Its own address as another machine, or itself by loopback, sees it. */
  addressTo(host: string): string {
    return isLoopback(host) || isWildcard(host) ? '127.0.0.1' : this.address;
  }

  #begin(): Program {
    this.#starts += 1;
    const program: Program = new Program({
      name: this.name,
      timeline: this.#network.timeline,
      random: this.#random.fork(String(this.#starts)),
      skew: () => this.skew,
      machine: this.#system(this, () => program),
    });
    return program;
  }
}

export function systemError(code: string, text: string): Error {
  return Object.assign(new Error(text), { code });
}

function overlap(left: string, right: string): boolean {
  if (isWildcard(left) || isWildcard(right)) return true;
  return isLoopback(left) === isLoopback(right); // a machine has one address besides
}
