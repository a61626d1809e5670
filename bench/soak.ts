/**
 * `npm run bench -- soak [MINUTES]`: one whole node under mixed load by every job, and whether its memory stays flat. Writes
 * a picture and the figures to bench/results; with 30 minutes these are what docs/benchmarks.md shows.
 */

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Identity } from '../src/keys/identity.ts';
import { PublicKey } from '../src/keys/public-key.ts';
import { RunningServer } from '../test/support/command.ts';
import { drawPlots } from './plot.ts';
import { runLoad, type SoakCounts } from './soak-load.ts';

const MINUTE = 60_000;
/** Between two looks, ms. */
const EVERY = 5000;
const RESULTS = 'bench/results';

interface Sample {
  /** Since the load began. */
  readonly minutes: number;
  /** MB, each. */
  readonly resident: number;
  readonly heap: number;
  readonly external: number;
  readonly perSecond: number;
  /** ms. */
  readonly slowest: number;
  readonly handles: number;
}

export async function benchSoak(option = '30'): Promise<void> {
  const minutes = Number(option);
  const folder = await mkdtemp(join(tmpdir(), 'sotto-soak-'));
  const udpPort = randomInt(20_000, 60_000);
  const { server, addresses } = await startNode(folder, udpPort);
  const stopping = new AbortController();
  const address = (part: string, scheme: string): string =>
    addresses.get(part)?.find((each) => each.startsWith(`${scheme}:`)) ?? '';
  const counts = await runLoad(
    {
      ...{ serverKey: PublicKey.from(server.publicKey), identity: Identity.generate(), address, udpPort },
      file: join(folder, '.sotto', 'things.csv'),
    },
    stopping.signal,
  );
  const samples = await watch(server, address('broadcaster', 'http'), counts, minutes);
  const result = structuredClone(counts); // what is cut off by the end has not failed
  stopping.abort();
  console.log(`the node ended with ${await server.stop('SIGTERM')}`);
  await report(samples, result, minutes);
  await rm(folder, { recursive: true });
  process.exit(); // what is in flight need not be answered
}

async function startNode(
  folder: string,
  udpPort: number,
): Promise<{ readonly server: RunningServer; readonly addresses: ReadonlyMap<string, readonly string[]> }> {
  const schemes = ['udp', 'tcp', 'http', 'ws'];
  const config = {
    request: {
      listen: schemes.map((scheme) => `${scheme}://127.0.0.1:0`),
      limits: { rate: 1e6, burst: 1e6 },
    },
    lookup: { port: 0 },
    broadcaster: { listen: 'http://127.0.0.1:0' },
    sessions: { listen: ['ws://127.0.0.1:0', 'http://127.0.0.1:0'], resumeWithin: 5000 },
    peers: { interfaces: ['127.0.0.1'], udpPort, tcpPort: 0 },
    console: { listen: 'http://127.0.0.1:0' },
  };
  await writeFile(join(folder, 'sotto.config.json'), JSON.stringify(config));
  const server = await RunningServer.start(['up', '--log-level', 'warn'], { cwd: folder });
  const addresses = new Map(server.parts.map(({ name, addresses: all }) => [name, all]));
  return { server, addresses };
}

/** A look every few seconds, with a line for whoever waits. */
async function watch(
  server: RunningServer,
  metrics: string,
  counts: SoakCounts,
  minutes: number,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const begun = performance.now();
  const ended = once(server.child, 'exit');
  let before = { done: counts.done, at: begun };
  let reloads = 0;
  while (performance.now() - begun < minutes * MINUTE) {
    await Promise.race([delay(EVERY), ended]);
    if (server.child.exitCode !== null) throw new Error(`The node ended: ${server.stderr.slice(-2000)}`);
    const at = performance.now();
    const perSecond = ((counts.done - before.done) / (at - before.at)) * 1000;
    before = { done: counts.done, at };
    const memory = await memoryOf(server.child.pid ?? 0, metrics);
    const sample = { minutes: (at - begun) / MINUTE, perSecond, slowest: counts.slowest, ...memory };
    counts.slowest = 0;
    samples.push(sample);
    if (Math.floor(sample.minutes) > reloads) server.child.kill('SIGHUP');
    reloads = Math.floor(sample.minutes);
    process.stderr.write(`\r${shown(sample)}  ${counts.failed} failed, ${counts.missed} missed `);
  }
  process.stderr.write('\n');
  return samples;
}

async function memoryOf(
  pid: number,
  metrics: string,
): Promise<Pick<Sample, 'resident' | 'heap' | 'external' | 'handles'>> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const text = await (await fetch(`${metrics}/metrics`)).text();
  const metric = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return {
    resident: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1000,
    heap: metric('nodejs_heap_size_used_bytes') / 1e6,
    external: metric('nodejs_external_memory_bytes') / 1e6,
    handles: metric('process_open_fds'),
  };
}

async function report(samples: readonly Sample[], counts: SoakCounts, minutes: number): Promise<void> {
  // The first part warms up: code is compiled, pools and tables grow to their size.
  const settled = samples.filter((sample) => sample.minutes > minutes / 3);
  const figures = {
    minutes,
    done: counts.done,
    failed: counts.failed,
    heard: counts.heard,
    missed: counts.missed,
    problems: Object.fromEntries(counts.problems),
    perSecond: mean(settled.map(({ perSecond }) => perSecond)),
    slowest: Math.max(...settled.map(({ slowest }) => slowest)),
    heap: { mean: mean(settled.map(({ heap }) => heap)), growthPerHour: slope(settled, ({ heap }) => heap) },
    resident: {
      mean: mean(settled.map(({ resident }) => resident)),
      growthPerHour: slope(settled, ({ resident }) => resident),
    },
    handles: { first: settled[0]?.handles, last: settled.at(-1)?.handles },
  };
  console.log(JSON.stringify(figures, null, 2));
  await mkdir(RESULTS, { recursive: true });
  await writeFile(join(RESULTS, 'soak.json'), JSON.stringify({ figures, samples }, null, 1));
  await drawPlots(
    join(RESULTS, 'soak.png'),
    samples.map((sample) => sample.minutes),
    [
      {
        title: 'Memory of one node, every job under load',
        unit: 'MB',
        lines: [
          { name: 'resident', colour: '#1f6f54', values: samples.map(({ resident }) => resident) },
          { name: 'heap used', colour: '#b5651d', values: samples.map(({ heap }) => heap) },
          { name: 'external', colour: '#44546a', values: samples.map(({ external }) => external) },
        ],
      },
      {
        title: 'Answers',
        unit: 'a second',
        lines: [
          { name: 'answers a second', colour: '#1f6f54', values: samples.map(({ perSecond }) => perSecond) },
        ],
      },
    ],
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the straight line that fits best, MB an hour. */
function slope(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const x = mean(samples.map(({ minutes }) => minutes));
  const y = mean(samples.map(of));
  const over = samples.reduce((sum, sample) => sum + (sample.minutes - x) * (of(sample) - y), 0);
  const under = samples.reduce((sum, { minutes }) => sum + (minutes - x) ** 2, 0);
  return (over / under) * 60;
}

function shown({ minutes, resident, heap, perSecond, slowest }: Sample): string {
  const time = `${minutes.toFixed(1)} min`;
  return `${time}: ${resident.toFixed(0)} MB resident, ${heap.toFixed(0)} MB heap, ${perSecond.toFixed(0)}/s, slowest ${slowest.toFixed(0)} ms`;
}
