/** Another tool of multicast DNS on a host of a test's network. */

import { fileURLToPath } from 'node:url';
import type { Link } from './link.ts';
import type { Host } from './network.ts';
import { Spawned } from './spawned.ts';

const PROCESS = fileURLToPath(new URL('./mdns-process.ts', import.meta.url));

export interface MdnsAsking {
  readonly ask: string;
  readonly type: 'PTR' | 'SRV' | 'TXT' | 'A' | 'ANY';
  /** From a port of its own, so that the answer is for it alone. */
  readonly alone?: boolean;
}

interface ToldRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly flush?: boolean;
  readonly data: unknown;
}

export interface MdnsTold {
  readonly ready?: string;
  readonly road?: 'group' | 'alone';
  readonly id?: number;
  readonly from?: string;
  readonly records?: readonly object[];
}

export class SpawnedMdns extends Spawned<MdnsAsking, MdnsTold> {
  static async start(host: Host, link: Link = host.link): Promise<SpawnedMdns> {
    const mdns = new SpawnedMdns(host, PROCESS, link.address);
    await mdns.ready();
    return mdns;
  }

  ask(asking: MdnsAsking): void {
    this.order(asking);
  }

  /** A packet with such a record; from now on where it did so before. */
  async hears(
    isIt: (record: ToldRecord, told: MdnsTold) => boolean,
    since = 0,
  ): Promise<{
    readonly told: MdnsTold;
    readonly record: ToldRecord;
    readonly records: readonly ToldRecord[];
  }> {
    const { entries } = this.journal;
    const find = (told: MdnsTold): ToldRecord | undefined =>
      recordsOf(told).find((record) => isIt(record, told));
    const told = await this.journal.until(
      `hearing ${isIt}`,
      (each) => entries.indexOf(each) >= since && find(each) !== undefined,
    );
    const record = find(told);
    if (!record) throw new Error('it was there just now');
    return { told, record, records: recordsOf(told) };
  }

  /** Names under which services are told of now. */
  get instances(): ReadonlySet<unknown> {
    const names = new Set<unknown>();
    for (const { type, name, data, ttl } of this.journal.entries.flatMap(recordsOf)) {
      if (type !== 'PTR' || name !== '_sotto._tcp.local') continue;
      if (ttl === 0) names.delete(data);
      else names.add(data);
    }
    return names;
  }
}

function recordsOf({ records = [] }: MdnsTold): readonly ToldRecord[] {
  return records as readonly ToldRecord[];
}
