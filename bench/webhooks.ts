/** Deliveries by HTTP against a bare loop over undici that posts the same bytes. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from './child.ts';
import { cpuOf } from './proc.ts';
import { Notifier } from './raw/lonelyps.ts';

const SIZES = [10, 100];
const ROUNDS = 3;
const DURATION = 1500;
/** Notifications that not everybody has yet: there is always a delivery that waits for its turn. */
const OUTSTANDING = 4;

const REFERENCE = 'undici, Pool.request in a loop';
const CONTENDERS = [
  { name: REFERENCE, kind: 'undici' },
  { name: 'our client in a loop', kind: 'poster' },
  { name: 'ours, from a notification to its confirmation', kind: 'ours' },
  { name: 'fetch in a loop', kind: 'fetch' },
] as const;

interface Running {
  readonly name: string;
  readonly poster: Child;
  setPosting(isPosting: boolean): Promise<void>;
  close(): void;
}

interface Measured {
  readonly perSecond: number;
  /** CPU time of who posts, us a delivery. */
  readonly cost: number;
}

export async function benchWebhooks(): Promise<void> {
  for (const urls of SIZES) {
    const sink = await Child.start('webhook-sink.ts');
    const running: Running[] = [];
    for (const { name, kind } of CONTENDERS) running.push(await start(name, kind, { sink, urls }));
    const best: Measured[] = running.map(() => ({ perSecond: 0, cost: 0 }));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, each] of running.entries()) {
        const measured = await measure(each, sink);
        if (measured.perSecond > (best[index]?.perSecond ?? 0)) best[index] = measured;
      }
    }
    for (const { poster, close } of running) {
      close();
      poster.stop();
    }
    sink.stop();
    print(urls, running, best);
  }
}

async function start(
  name: string,
  kind: string,
  { sink, urls }: { readonly sink: Child; readonly urls: number },
): Promise<Running> {
  const poster = await Child.start('webhook-posters.ts', kind, sink.ready, String(urls));
  if (kind !== 'ours')
    return { name, poster, setPosting: (isPosting) => poster.ask(isPosting), close: () => {} };
  return { name, poster, ...(await notifyingAt(Number(new URL(poster.ready).port))) };
}

/** Notifies over a WebSocket, the next once one is confirmed by all. */
async function notifyingAt(port: number): Promise<Pick<Running, 'setPosting' | 'close'>> {
  let isNotifying = false;
  let open = 0;
  const notifier = await Notifier.open(port, (count) => {
    open -= count;
    pump();
  });
  const pump = (): void => {
    const room = isNotifying ? OUTSTANDING - open : 0;
    if (room <= 0) return;
    open += room;
    notifier.notify(room);
  };
  return {
    async setPosting(isPosting) {
      isNotifying = isPosting;
      pump();
      while (!isPosting && open > 0) await sleep(10);
    },
    close: () => notifier.close(),
  };
}

async function measure({ poster, setPosting }: Running, sink: Child): Promise<Measured> {
  await setPosting(true);
  await sleep(DURATION / 4);
  const [before, cpu, started] = [await sink.ask<number>(null), cpuOf(poster.pid), performance.now()];
  await sleep(DURATION);
  const posted = (await sink.ask<number>(null)) - before;
  const [cost, seconds] = [(cpuOf(poster.pid) - cpu) / posted, (performance.now() - started) / 1000];
  await setPosting(false);
  await sleep(DURATION / 10); // what is under way ends
  return { perSecond: posted / seconds, cost };
}

function print(urls: number, running: readonly Running[], measured: readonly Measured[]): void {
  const reference = measured[0]?.perSecond ?? 1;
  console.log(`\nWebhooks of 128 bytes to ${urls} urls of one host, ${urls} connections (best of ${ROUNDS})`);
  console.log(`${' '.repeat(46)}  deliveries/s  times undici  CPU, us each`);
  for (const [index, { name }] of running.entries()) {
    const { perSecond, cost } = measured[index] ?? { perSecond: 0, cost: 0 };
    const cells = [
      perSecond.toFixed(0).padStart(12),
      (perSecond / reference).toFixed(2).padStart(12),
      cost.toFixed(1).padStart(12),
    ];
    console.log(`${name.padEnd(46)}  ${cells.join('  ')}`);
  }
}
