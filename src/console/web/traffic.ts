/** What goes through the node, as far as this page remembers it. */

import type { TrafficRecord, TrafficSecond } from '../contract.ts';
import { fetchSeries, fetchTraffic } from './api.ts';
import { on, onOpen } from './events.ts';
import { Store } from './store.ts';

/** Newest first. */
export const records: Store<readonly TrafficRecord[]> = new Store<readonly TrafficRecord[]>([]);
/** Oldest first. */
export const seconds: Store<readonly TrafficSecond[]> = new Store<readonly TrafficSecond[]>([]);
/** How many went by too fast to be shown one by one. */
export const skipped: Store<number> = new Store(0);

const RECORDS_KEPT = 1000;
const SECONDS_KEPT = 900;

export function startTraffic(): void {
  onOpen(() => {
    // Numbers begin anew with a node that was started again.
    records.set([]);
    void refill();
  });
  on('traffic', (event) => {
    records.set(newestFirst([...event.records, ...records.value]));
    skipped.set(skipped.value + event.skipped);
  });
  on('second', ({ second }) => seconds.set(oldestFirst([...seconds.value, second])));
}

/** Adds records that are older than all here. */
export function addOlder(older: readonly TrafficRecord[]): void {
  records.set(newestFirst([...records.value, ...older], records.value.length + older.length));
}

async function refill(): Promise<void> {
  const [page, series] = await Promise.all([fetchTraffic(undefined, 200), fetchSeries()]);
  if (page.ok) records.set(newestFirst([...page.value.records, ...records.value]));
  if (series.ok) seconds.set(oldestFirst([...series.value.seconds, ...seconds.value]));
}

function newestFirst(all: readonly TrafficRecord[], most = RECORDS_KEPT): readonly TrafficRecord[] {
  const byId = new Map(all.map((record) => [record.id, record]));
  return [...byId.values()].sort((one, other) => other.id - one.id).slice(0, most);
}

function oldestFirst(all: readonly TrafficSecond[]): readonly TrafficSecond[] {
  const byStart = new Map(all.map((second) => [second.at, second]));
  return [...byStart.values()].sort((one, other) => one.at - other.at).slice(-SECONDS_KEPT);
}
