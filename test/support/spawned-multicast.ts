/** Runs a multicast socket on a host of a test's network. */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type {
  DatagramSender,
  InterfaceAddress,
  MulticastOptions,
  SocketAddress,
} from '../../src/platform/types.ts';
import { Journal } from './journal.ts';
import type { Host } from './network.ts';

const PROCESS = fileURLToPath(new URL('./multicast-process.ts', import.meta.url));

export type SpawnedMulticastOptions = Omit<MulticastOptions, 'onDatagram' | 'onInterfaces'>;

/** Something to say, to the group or to one; nothing to say: look for changed interfaces. */
export interface MulticastOrder {
  readonly say?: string;
  readonly to?: SocketAddress;
}

export interface MulticastReport {
  readonly unicastPort?: number;
  readonly heard?: string;
  readonly from?: DatagramSender;
  readonly interfaces?: readonly InterfaceAddress[];
  readonly refreshed?: boolean;
}

export class SpawnedMulticast {
  readonly unicastPort: number;
  readonly journal: Journal<MulticastReport>;
  readonly #order: (order: MulticastOrder) => void;

  /** Ended with its host. Looks for changed interfaces ten times a second. */
  static async start(host: Host, options: SpawnedMulticastOptions): Promise<SpawnedMulticast> {
    const child = host.spawn(PROCESS, JSON.stringify({ refreshEvery: 100, ...options }));
    const journal = new Journal<MulticastReport>();
    createInterface({ input: child.stdout }).on('line', (line) =>
      journal.add(JSON.parse(line) as MulticastReport),
    );
    const { unicastPort = 0 } = await Promise.race([
      journal.until('ready', (report) => report.unicastPort !== undefined),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`the process ended with ${code}`))),
    ]);
    const order = (what: MulticastOrder): void => void child.stdin.write(`${JSON.stringify(what)}\n`);
    return new SpawnedMulticast(unicastPort, journal, order);
  }

  private constructor(
    unicastPort: number,
    journal: Journal<MulticastReport>,
    order: (what: MulticastOrder) => void,
  ) {
    this.unicastPort = unicastPort;
    this.journal = journal;
    this.#order = order;
  }

  send(say: string): void {
    this.#order({ say });
  }

  sendTo(say: string, to: SocketAddress): void {
    this.#order({ say, to });
  }

  /** Looks for changed interfaces, which it may be told not to do by itself. */
  async refresh(): Promise<void> {
    const before = this.journal.entries.length;
    this.#order({});
    await this.journal.until(
      'refreshing',
      (report) => report.refreshed === true && this.#isSince(report, before),
    );
  }

  /** Once, where nothing gets lost. */
  async hears(text: string): Promise<DatagramSender | undefined> {
    const { from } = await this.journal.until(`hearing ${text}`, ({ heard }) => heard === text);
    return from;
  }

  /** From others that repeat it, where it may get lost. */
  async hearsFrom(others: readonly SpawnedMulticast[], text: string): Promise<void> {
    const again = (): void => {
      for (const other of others) other.send(text);
    };
    await this.journal.until(`hearing ${text}`, ({ heard }) => heard === text, again);
  }

  hasHeard(text: string): boolean {
    return this.journal.entries.some(({ heard }) => heard === text);
  }

  #isSince(report: MulticastReport, before: number): boolean {
    return this.journal.entries.indexOf(report) >= before;
  }

  /** The newest list of interfaces has just these names. */
  async uses(...names: readonly string[]): Promise<void> {
    const wanted = names.toSorted().join();
    await this.journal.until(`using ${wanted}`, (report) => {
      const newest = this.journal.entries.findLast(({ interfaces }) => interfaces !== undefined);
      return report === newest && namesOf(report).toSorted().join() === wanted;
    });
  }
}

function namesOf({ interfaces = [] }: MulticastReport): string[] {
  return interfaces.map(({ name }) => name);
}
