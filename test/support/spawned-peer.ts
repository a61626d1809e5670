/** Runs a peer node on a host of a test's network. */

import { fileURLToPath } from 'node:url';
import type { PeerEvent, PeerNodeOptions } from '../../src/peers/index.ts';
import type { Host } from './network.ts';
import { Spawned } from './spawned.ts';

const NODE = fileURLToPath(new URL('./peer-process.ts', import.meta.url));
const TWIN = fileURLToPath(new URL('./twin-process.ts', import.meta.url));
const CLOCK = new URL('./shifted-clock.ts', import.meta.url);

/** Of the group, for all nodes of tests on several hosts. */
export const PEER_PORT = 57078;
export const PEER_GROUP = '224.0.0.109';

export type PeerSettings = Omit<PeerNodeOptions, 'identity' | 'log' | 'files'> & {
  /** Hex. Default a new one. */
  readonly key?: string;
};

/** What a node is told to do; `number` comes back with the answer. */
export interface PeerOrder {
  readonly number?: number;
  readonly tell?: {
    readonly to: string;
    readonly route: string;
    readonly body: unknown;
    readonly keep?: number;
  };
  readonly broadcast?: unknown;
}

export interface PeerReport {
  readonly ready?: string;
  readonly event?: PeerEvent['type'];
  readonly id?: string;
  readonly user?: string;
  readonly detail?: string;
  readonly heard?: unknown;
  /** Of what was heard: `peer`, or `none`. */
  readonly proof?: string;
  readonly number?: number;
  readonly answer?: unknown;
  readonly error?: string;
  readonly warning?: string;
  /** What is different since they were told last. */
  readonly counters?: Readonly<Record<string, number>>;
}

/** What a man in the middle is told: be at this address, and repeat what its owner said without what Sotto adds. */
export interface TwinOrder {
  readonly pretend: string;
}

export interface TwinReport {
  readonly ready?: string;
  readonly heard?: string;
  /** What came by TCP. */
  readonly caught?: string;
}

export class SpawnedPeer extends Spawned<PeerOrder, PeerReport> {
  id = '';
  #orders = 0;

  /** @param clock how far it is ahead of the true time, ms. */
  static async start(
    host: Host,
    user: string,
    settings: Partial<PeerSettings> = {},
    clock = 0,
  ): Promise<SpawnedPeer> {
    const all: PeerSettings = { udpPort: PEER_PORT, group: PEER_GROUP, user, ...settings };
    const peer = new SpawnedPeer(host, '--import', `${CLOCK.href}?ahead=${clock}`, NODE, JSON.stringify(all));
    peer.id = await peer.ready();
    return peer;
  }

  /** An event about another. @param since entries of the journal before which nothing counts. */
  happens(event: PeerEvent['type'], { id }: { readonly id: string }, since = 0): Promise<PeerReport> {
    const { entries } = this.journal;
    return this.journal.until(
      `${event} of ${id}`,
      (report) => report.event === event && report.id === id && entries.indexOf(report) >= since,
    );
  }

  has(event: PeerEvent['type'], { id }: { readonly id: string }): boolean {
    return this.journal.entries.some((report) => report.event === event && report.id === id);
  }

  /** Something was counted so often. */
  async counts(name: string, least = 1): Promise<void> {
    await this.journal.until(`counting ${least} ${name}`, ({ counters }) => (counters?.[name] ?? 0) >= least);
  }

  /** @param keep ms. */
  async tell(to: SpawnedPeer | string, body: unknown, route = '/echo', keep = 0): Promise<PeerReport> {
    const number = this.#tell(to, body, route, keep);
    return this.journal.until(`the answer to ${number}`, (report) => report.number === number);
  }

  /** Tries once more where the line lost too much of it. @throws Error after six tries. */
  async insists(to: SpawnedPeer, body: unknown): Promise<void> {
    for (let tries = 0; tries < 6; tries++) {
      const { answer } = await this.tell(to, body);
      if (answer === body) return;
    }
    throw new Error('no answer in six tries');
  }

  /** Again and again until it is answered. */
  async tellUntilAnswered(to: SpawnedPeer, body: unknown): Promise<void> {
    const again = (): void => void this.#tell(to, body, '/echo');
    await this.journal.until(`the answer ${body}`, ({ answer }) => answer === body, again);
  }

  broadcast(body: unknown): void {
    this.order({ broadcast: body });
  }

  /** Where it is lost, it is said again. */
  async hears(body: string, from: SpawnedPeer): Promise<PeerReport> {
    const again = (): void => from.broadcast(body);
    return this.journal.until(`hearing ${body.slice(0, 40)}`, ({ heard }) => heard === body, again);
  }

  /** What it has heard so far. */
  get heard(): readonly unknown[] {
    return this.journal.entries.filter(({ heard }) => heard !== undefined).map(({ heard }) => heard);
  }

  #tell(to: SpawnedPeer | string, body: unknown, route: string, keep = 0): number {
    this.#orders += 1;
    const id = typeof to === 'string' ? to : to.id;
    this.order({ number: this.#orders, tell: { to: id, route, body, keep } });
    return this.#orders;
  }
}

/** Who knows what one user announces, and can say it as if it were that user, but without what names a key. */
export class SpawnedTwin extends Spawned<TwinOrder, TwinReport> {
  static async start(host: Host, user: string): Promise<SpawnedTwin> {
    const twin = new SpawnedTwin(host, TWIN, user, host.link.address);
    await twin.ready();
    return twin;
  }

  pretend(address: string): void {
    this.order({ pretend: address });
  }
}

/** They have all proved their keys to each other. */
export async function meet(nodes: readonly SpawnedPeer[]): Promise<void> {
  for (const node of nodes) {
    for (const other of nodes) if (other !== node) await node.happens('verified', other);
  }
}
