/**
 * What both ends of a TCP connection live through, whatever it carries: all arrives in order or not at all, what is lost
 * comes later, a partition holds it up, and an end that hears nothing for long gives up.
 */

import type { Machine } from './machine.ts';
import type { Network } from './network.ts';
import type { Program } from './program.ts';
import type { Planned } from './timeline.ts';

/** 0 is who has connected. */
export type Side = 0 | 1;

export interface ConnectionEnd {
  readonly machine: Machine;
  readonly program: Program;
  /** It is lost, with what the system says. Not called for an end that has closed. */
  onBroken(why: string): void;
}

const RESET = 'read ECONNRESET';
const TIMED_OUT = 'read ETIMEDOUT';
/** The longest until TCP tries again, once the way is open, ms. */
const MOST_BACKED_OFF = 1000;

/** Something on its way. */
interface Parcel {
  readonly at: number;
  /** A word that the connection is over: to an end that knows, it means nothing. */
  readonly isReset: boolean;
  readonly arrive: () => void;
}

/** One direction, and the end that sends. */
interface Direction {
  readonly end: ConnectionEnd;
  onBroken: (why: string) => void;
  readonly waiting: Parcel[];
  isPumping: boolean;
  isStalled: boolean;
  /** Whether the end still has it. */
  isOpen: boolean;
  /** Gives up when it happens. */
  patience: Planned | null;
}

export class Connection {
  readonly #network: Network;
  readonly #directions: readonly [Direction, Direction];
  readonly #mostSilent: number;

  /** @param mostSilent ms without a word from the other end before an end gives up. */
  constructor(network: Network, ends: readonly [ConnectionEnd, ConnectionEnd], mostSilent: number) {
    this.#network = network;
    this.#directions = [directionOf(ends[0]), directionOf(ends[1])];
    this.#mostSilent = mostSilent;
    network.keep(this);
  }

  isOf(machine: Machine): boolean {
    return this.#directions.some(({ end }) => end.machine === machine);
  }

  /** Who is told at that end from now on. */
  onBroken(side: Side, tell: (why: string) => void): void {
    this.#directions[side].onBroken = tell;
  }

  isOpenAt(side: Side): boolean {
    return this.#directions[side].isOpen;
  }

  /** Something happens at the other end, after what was sent before. */
  send(from: Side, arrive: () => void): void {
    if (this.#directions[from].isOpen) this.#push(from, arrive);
  }

  /** An end has no more to do with it; what it has sent still arrives. */
  close(side: Side): void {
    const direction = this.#directions[side];
    direction.isOpen = false;
    this.#bePatient(direction, null);
    this.#forgetIfOver();
  }

  /** An end drops it, and the other one hears so. */
  abort(side: Side): void {
    if (!this.#directions[side].isOpen) return;
    this.#pushReset(side);
    this.close(side);
  }

  /** Both ends lose it, and what was on its way. */
  cut(): void {
    for (const side of [0, 1] as const) this.#break(side, RESET);
  }

  /** Looks at what has become of the way and of the machines. */
  look(): void {
    for (const side of [0, 1] as const) {
      const direction = this.#directions[side];
      if (!direction.end.program.isAlive) {
        direction.isOpen = false;
        this.#bePatient(direction, null);
      }
      if (direction.isStalled && this.#isPassable(side)) {
        direction.isStalled = false;
        this.#network.travel(this.#network.random.between(1, MOST_BACKED_OFF), () => {
          this.#pumpSoon(side);
        });
      }
    }
    for (const side of [0, 1] as const) this.#listen(side);
    this.#forgetIfOver();
  }

  /** An end that hears nothing gives up after a while; one whose other end is no more is told so. */
  #listen(side: Side): void {
    const direction = this.#directions[side];
    if (!direction.isOpen) return;
    const { end } = this.#directions[other(side)];
    if (!end.machine.isUp || !this.#network.isOpen(end.machine, direction.end.machine)) {
      if (!direction.patience) this.#bePatient(direction, this.#plan(side, this.#mostSilent, TIMED_OUT));
      return;
    }
    this.#bePatient(direction, null);
    if (end.program.isAlive || !this.#network.isOpen(direction.end.machine, end.machine)) return;
    this.#bePatient(
      direction,
      this.#plan(side, this.#network.delay(end.machine, direction.end.machine), RESET),
    );
  }

  #plan(side: Side, after: number, why: string): Planned {
    return this.#network.timeline.plan(after, () => this.#break(side, why));
  }

  #bePatient(direction: Direction, until: Planned | null): void {
    if (direction.patience) direction.patience.isCancelled = true;
    direction.patience = until;
  }

  #pushReset(from: Side): void {
    this.#push(from, () => this.#break(other(from), RESET), true);
  }

  #push(from: Side, arrive: () => void, isReset = false): void {
    const direction = this.#directions[from];
    const [sender, receiver] = [direction.end.machine, this.#directions[other(from)].end.machine];
    const before = direction.waiting.at(-1)?.at ?? 0;
    const at = Math.max(before, this.#network.timeline.now + this.#network.reliableDelay(sender, receiver));
    direction.waiting.push({ at, arrive, isReset });
    this.#pumpSoon(from);
  }

  #pumpSoon(from: Side): void {
    const direction = this.#directions[from];
    const [first] = direction.waiting;
    if (!first || direction.isPumping || direction.isStalled) return;
    direction.isPumping = true;
    this.#network.travel(first.at - this.#network.timeline.now, () => {
      direction.isPumping = false;
      this.#pump(from);
    });
  }

  #pump(from: Side): void {
    const direction = this.#directions[from];
    if (!this.#isPassable(from)) {
      // Nobody is left to send again what a program has sent that has ended.
      if (!direction.end.program.isAlive) direction.waiting.length = 0;
      direction.isStalled = true;
      return;
    }
    const receiving = this.#directions[other(from)];
    const first = direction.waiting.shift();
    if (!first) return;
    if (receiving.isOpen && receiving.end.program.isAlive) receiving.end.program.tell(first.arrive);
    else if (!first.isReset) this.#reset(from);
    this.#pumpSoon(from);
    this.#forgetIfOver();
  }

  /** Whether what is sent reaches the other machine, be the program there what it may. */
  #isPassable(from: Side): boolean {
    const [sender, receiver] = [this.#directions[from].end, this.#directions[other(from)].end];
    return receiver.machine.isUp && this.#network.isOpen(sender.machine, receiver.machine);
  }

  /** The other machine knows nothing of this connection any more. */
  #reset(side: Side): void {
    this.#directions[side].waiting.length = 0;
    this.#pushReset(other(side));
  }

  #break(side: Side, why: string): void {
    const direction = this.#directions[side];
    direction.waiting.length = 0;
    if (!direction.isOpen) return;
    this.close(side);
    direction.end.program.tell(() => direction.onBroken(why));
  }

  #forgetIfOver(): void {
    if (this.#directions.every(({ isOpen, waiting }) => !isOpen && waiting.length === 0)) {
      this.#network.forget(this);
    }
  }
}

function directionOf(end: ConnectionEnd): Direction {
  const onBroken = (why: string): void => end.onBroken(why);
  return { end, onBroken, waiting: [], isPumping: false, isStalled: false, isOpen: true, patience: null };
}

function other(side: Side): Side {
  return side === 0 ? 1 : 0;
}
