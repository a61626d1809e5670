/** A simulated world: hosts, the network between them, and time, which passes only from one event to the next. */

import { SottoError } from '../errors.ts';
import { Disk } from './disk.ts';
import { realNow, settled } from './globals.ts';
import { Host, type HostOptions } from './host.ts';
import { Machine } from './machine.ts';
import { type Conditions, Network } from './network.ts';
import { Program } from './program.ts';
import { Random } from './random.ts';
import { systemOf } from './system.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';

export interface WorldOptions {
  /** Of every way that `link` says nothing of. */
  readonly network?: Conditions;
  /** The longest that a scenario may take, simulated ms. Default an hour. */
  readonly within?: number;
}

const HOUR = 3_600_000;
/** Of the real world, ms. */
const LONGEST_OUTSIDE = 60_000;
/** Of one scenario: above it something goes round in circles. */
const MOST_EVENTS = 5_000_000;
const SCENARIO = 'scenario';

type HostLike = Host | string;

/**
 * What a scenario of {@link simulate} acts on. Time passes while the scenario waits for anything; it stands still while code
 * runs. `setTimeout`, `Date` and their kin are the simulation's here too.
 *
 * @example
 * ```ts
 * import { simulate } from 'sotto/testing';
 * await simulate({ seeds: 10, network: { loss: 0.1 } }, async (world) => {
 *   const [left, right] = [world.host('left'), world.host('right')];
 *   world.link(left, right, { delay: [20, 80] });
 *   world.partition([left], [right]);
 *   await world.advance(60_000);
 *   world.heal();
 *   await world.settle();
 * });
 * ```
 */
export class World {
  readonly seed: number;
  /** Draws for the scenario itself. */
  readonly random: Random;
  readonly #timeline = new Timeline();
  readonly #trace = new Trace();
  readonly #network: Network;
  readonly #program: Program;
  readonly #hosts = new Map<string, Host>();
  readonly #machines: Machine[] = [];
  readonly #within: number;
  /** Looked at after each event. */
  readonly #waiting = new Set<() => void>();
  /** Work of the real world that the clock waits for. */
  #outside = 0;
  /** Real ms. */
  #outsideUntil = 0;
  #failure: { readonly error: unknown } | null = null;

  /** @internal */
  constructor(seed: number, { network = {}, within = HOUR }: WorldOptions = {}) {
    this.seed = seed;
    this.random = new Random(`${seed}/${SCENARIO}`);
    this.#within = within;
    const parts = { timeline: this.#timeline, random: new Random(`${seed}/network`), trace: this.#trace };
    this.#network = new Network(parts, network);
    this.#program = new Program({
      ...{ name: SCENARIO, timeline: this.#timeline, random: this.random.fork('timers') },
      ...{ skew: () => 0, machine: null },
    });
  }

  /** ms since the start. */
  get now(): number {
    return this.#timeline.now;
  }

  /** A hash of all that has happened: the same seed, scenario and program give the same. */
  get digest(): string {
    return this.#trace.digest;
  }

  /** How many things have happened. */
  get events(): number {
    return this.#trace.count;
  }

  /** The host of that name; made when it is first asked for, and then with these options. */
  host(name: string, options: HostOptions = {}): Host {
    const known = this.#hosts.get(name);
    if (known) return known;
    const { address = `10.0.0.${this.#hosts.size + 1}`, lan = 'lan', skew = 0 } = options;
    const disk = new Disk(() => machine.program.wallTime);
    const random = new Random(`${this.seed}/host/${name}`);
    const machine: Machine = new Machine(
      { name, address, lan },
      this.#network,
      disk,
      random,
      (own, program) => systemOf(this.#network, own, program, (work) => this.outside(work)),
    );
    machine.skew = skew;
    this.#network.add(machine);
    this.#machines.push(machine);
    const host = new Host(machine, this.#network);
    this.#hosts.set(name, host);
    return host;
  }

  /** How the way between two hosts is from now on, in both directions. */
  link(left: HostLike, right: HostLike, conditions: Conditions): void {
    this.#network.setLink(this.#machine(left), this.#machine(right), conditions);
  }

  /**
   * Nothing gets from the ones to the others any more, nor back: datagrams are lost, connections stand still until they are
   * given up or the partition is healed. Further partitions add to it.
   *
   * @param options.oneWay only what the first send to the second is held up. Default false.
   */
  partition(
    ones: readonly HostLike[],
    others: readonly HostLike[],
    { oneWay = false }: { readonly oneWay?: boolean } = {},
  ): void {
    for (const one of ones) {
      for (const other of others) {
        this.#network.block(this.#machine(one), this.#machine(other));
        if (!oneWay) this.#network.block(this.#machine(other), this.#machine(one));
      }
    }
    this.note(`partition: ${namesOf(ones)} | ${namesOf(others)}${oneWay ? ', one way' : ''}`);
    this.#network.changed();
  }

  /** Ends every partition. */
  heal(): void {
    this.#network.unblockAll();
    this.note('healed');
    this.#network.changed();
  }

  /** Lets simulated time pass, ms. */
  advance(ms: number): Promise<void> {
    return new Promise((resolve) => this.#program.later(ms, resolve));
  }

  /** Waits until nothing is on its way, and nothing is to happen now. */
  settle(): Promise<void> {
    return this.#until(() => {
      const isQuiet = this.#timeline.next === null || this.#timeline.next > this.#timeline.now;
      return isQuiet && this.#network.travelling === 0;
    });
  }

  /**
   * Waits until a condition holds, looked at after each event.
   *
   * @param options.within simulated ms. Default 60 000.
   * @param options.what for the error.
   * @throws SottoError `timeout`.
   */
  runUntil(
    condition: () => boolean,
    { within = 60_000, what = String(condition) }: { readonly within?: number; readonly what?: string } = {},
  ): Promise<void> {
    const late = Promise.withResolvers<never>();
    this.#program.later(within, () =>
      late.reject(new SottoError('timeout', `Within ${within} ms this did not come about: ${what}`)),
    );
    const met = this.#until(condition);
    late.promise.catch(() => {}); // it comes even if nobody waits any more
    return Promise.race([met, late.promise]);
  }

  /** Keeps the clock until work of the real world (a file, a thread) is done: time would pass without it. */
  async outside<T>(work: Promise<T>): Promise<T> {
    this.#outside += 1;
    this.#outsideUntil = realNow() + LONGEST_OUTSIDE;
    try {
      return await work;
    } finally {
      this.#outside -= 1;
    }
  }

  /** Writes into the trace, which a failure shows the end of. */
  note(event: string): void {
    this.#network.note(SCENARIO, event);
  }

  /** The last of what happened: ms since the start, host, event. */
  tail(count: number): readonly string[] {
    return this.#trace.tail(count);
  }

  /** @internal Runs a scenario to its end, and then ends everything. */
  async play(scenario: (world: World) => unknown): Promise<void> {
    const onRejection = (error: unknown): void => this.#fail(error);
    process.on('unhandledRejection', onRejection);
    try {
      await this.#drive(scenario);
    } finally {
      process.off('unhandledRejection', onRejection);
      for (const program of [this.#program, ...this.#machines.map((each) => each.program)])
        program.endQuietly();
      await settled();
      for (const { disk } of this.#machines) disk.close();
    }
  }

  async #drive(scenario: (world: World) => unknown): Promise<void> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    this.#program.run(async () => scenario(this)).then(over, (error: unknown) => this.#fail(error));
    for (let count = 0; !isOver; ) {
      await settled();
      if (this.#failure) throw this.#failure.error;
      if (isOver || this.#waitsOutside() || this.#wake()) continue;
      count += 1;
      this.#step(count);
    }
  }

  /** Whether something of the real world is waited for. */
  #waitsOutside(): boolean {
    if (this.#outside > 0 && realNow() > this.#outsideUntil) {
      throw new Error(
        'What world.outside waits for is not done after a minute: is it of the simulation itself?',
      );
    }
    return this.#outside > 0;
  }

  /** The next event happens. */
  #step(count: number): void {
    const event = this.#timeline.take();
    if (!event)
      throw new Error('The scenario waits for something that cannot come: nothing is planned any more.');
    if (count > MOST_EVENTS) throw new Error(`The scenario is not over after ${MOST_EVENTS} events.`);
    if (event.at > this.#within) {
      throw new Error(
        `The scenario is not over after ${this.#within} ms; the option "within" gives it longer.`,
      );
    }
    this.#trace.mix(event.at);
    event.run();
  }

  /** Those whose condition holds go on. @returns whether there are any. */
  #wake(): boolean {
    const before = this.#waiting.size;
    for (const look of this.#waiting) look();
    return this.#waiting.size < before;
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        try {
          if (!condition()) return;
          resolve();
        } catch (error) {
          reject(error);
        }
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
  }

  #machine(host: HostLike): Machine {
    const name = typeof host === 'string' ? host : host.name;
    const machine = this.#network.named(name);
    if (machine) return machine;
    throw new SottoError('invalid_argument', `There is no host ${name}; world.host('${name}') makes one.`);
  }
}

function namesOf(hosts: readonly HostLike[]): string {
  return hosts.map((host) => (typeof host === 'string' ? host : host.name)).join(', ');
}
