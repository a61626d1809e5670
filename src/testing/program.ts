/** One run of a program in a simulation: on a host until that stops, or the scenario itself. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { SottoError } from '../errors.ts';
import type { SimulatedMachine } from '../platform/node/simulated.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

const current = new AsyncLocalStorage<Program>();

/** The program that this code belongs to; undefined outside of every simulation. */
export function currentProgram(): Program | undefined {
  return current.getStore();
}

export interface ProgramParts {
  /** For people: the host's name. */
  readonly name: string;
  readonly timeline: Timeline;
  readonly random: Random;
  /** What the machine's clock shows beyond the simulation's, ms. */
  readonly skew: () => number;
  /** What it has in place of the system; null for the scenario, which is on no machine. */
  readonly machine: SimulatedMachine | null;
}

/** When every simulation begins, ms since 1970: 2030-01-01T00:00:00Z. */
const BEGINNING = 1_893_456_000_000;

export class Program {
  readonly name: string;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly machine: SimulatedMachine | null;
  /** ms since 1970 at which `performance.now()` was 0. */
  readonly timeOrigin: number;
  readonly #skew: () => number;
  readonly #onEnd = new Set<() => void>();
  #isAlive = true;

  constructor({ name, timeline, random, skew, machine }: ProgramParts) {
    this.name = name;
    this.timeline = timeline;
    this.random = random;
    this.machine = machine;
    this.#skew = skew;
    this.timeOrigin = BEGINNING + skew();
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** What its clock shows, ms since 1970. */
  get wallTime(): number {
    return BEGINNING + this.timeline.now + this.#skew();
  }

  /** Runs a part of it, with all that follows from that. */
  run<T>(work: () => T): T {
    return current.run(this, work);
  }

  /** Something happens to it; nothing does any more once it has ended. */
  tell(work: () => void): void {
    if (this.#isAlive) current.run(this, work);
  }

  /** Runs something later, unless it has ended by then. */
  later(ms: number, work: () => void): void {
    this.timeline.plan(ms, () => this.tell(work));
  }

  /** Nothing that it planned happens any more, and who waits for its work is told. */
  end(): void {
    const waiting = [...this.#onEnd];
    this.endQuietly();
    for (const tell of waiting) tell();
  }

  /** The same where the whole simulation is over. */
  endQuietly(): void {
    this.#isAlive = false;
    this.#onEnd.clear();
  }

  /** What it works on; rejects where it ends before. @throws SottoError `aborted`. */
  untilEnd<T>(work: Promise<T>): Promise<T> {
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const tell = (): void =>
      reject(new SottoError('aborted', `${this.name} has stopped in the middle of this.`));
    this.#onEnd.add(tell);
    return Promise.race([work, ended]).finally(() => this.#onEnd.delete(tell));
  }
}
