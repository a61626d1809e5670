/** One message to many subscribers, against a loop over bare WebSockets and against brokers of other protocols. */

import { connect } from 'node:net';
import { Child } from './child.ts';
import type { FanOutAnswer, FanOutQuestion } from './fan-out-clients.ts';
import { cpuOf, pidOf } from './proc.ts';

/** Subscribers, and notifications outstanding at one time. */
const SIZES: readonly (readonly [number, number])[] = [
  [1, 256],
  [100, 32],
  [1000, 8],
];
const ROUNDS = 3;
const DURATION = 1000;

interface Contender {
  readonly name: string;
  readonly protocol: string;
  /** One of ours to start, or a broker that runs here. */
  readonly server: string | { readonly program: string; readonly port: number };
}

const REFERENCE = 'ws, send each';
const CONTENDERS: readonly Contender[] = [
  { name: REFERENCE, protocol: 'ws', server: 'ws' },
  { name: 'ws, a turn in one write', protocol: 'ws', server: 'ws-joined' },
  { name: 'the same, each confirmed', protocol: 'ws-confirmed', server: 'ws-joined' },
  { name: 'ours, each confirmed', protocol: 'lonelyps', server: 'ours' },
  { name: 'ours, without metrics', protocol: 'lonelyps', server: 'ours-unwatched' },
  { name: 'aedes', protocol: 'mqtt', server: 'aedes' },
  { name: 'Mosquitto', protocol: 'mqtt', server: { program: 'mosquitto', port: 1883 } },
  { name: 'NATS', protocol: 'nats', server: { program: 'nats-server', port: 4222 } },
];

/** A server that runs, with its subscribers. */
interface Running {
  readonly name: string;
  readonly pid: number;
  readonly clients: Child;
  readonly children: readonly Child[];
}

interface Measured {
  readonly perSecond: number;
  /** CPU time of the server, us a delivery. */
  readonly cost: number;
}

export async function benchFanOut(only: string | undefined): Promise<void> {
  for (const [subscribers, outstanding] of SIZES) {
    if (only !== undefined && Number(only) !== subscribers) continue;
    const running: Running[] = [];
    for (const contender of CONTENDERS) {
      const started = await start(contender, subscribers);
      if (started) running.push(started);
    }
    const burst = await measureAll(running, { outstanding, duration: DURATION });
    const single = await measureAll(running, { outstanding: 1, duration: DURATION });
    for (const { children } of running) for (const child of children) child.stop();
    print(subscribers, outstanding, { running, burst, single });
  }
}

async function start({ name, protocol, server }: Contender, subscribers: number): Promise<Running | null> {
  if (typeof server !== 'string' && !(await isThere(server.port))) {
    console.log(`(${name} is left out: nothing listens at 127.0.0.1:${server.port})`);
    return null;
  }
  const own = typeof server === 'string' ? await Child.start('fan-out-servers.ts', server) : null;
  const port = typeof server === 'string' ? own?.ready : server.port;
  const clients = await Child.start('fan-out-clients.ts', protocol, String(port), String(subscribers));
  const pid = own?.pid ?? (typeof server === 'string' ? 0 : pidOf(server.program));
  return { name, pid, clients, children: own ? [own, clients] : [clients] };
}

function isThere(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Each by turns, so that all meet the same noise; the best of the rounds. */
async function measureAll(running: readonly Running[], question: FanOutQuestion): Promise<Measured[]> {
  const best: Measured[] = running.map(() => ({ perSecond: 0, cost: Number.NaN }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, each] of running.entries()) {
      const measured = await measure(each, question);
      if (measured.perSecond > (best[index]?.perSecond ?? 0)) best[index] = measured;
    }
  }
  return best;
}

async function measure({ name, pid, clients }: Running, question: FanOutQuestion): Promise<Measured> {
  const before = cpuOf(pid);
  const { perSecond, total, lost } = await clients.ask<FanOutAnswer>(question);
  if (lost > 0) console.log(`(${name} has lost ${lost} of ${total + lost})`);
  return { perSecond, cost: (cpuOf(pid) - before) / total };
}

function print(
  subscribers: number,
  outstanding: number,
  found: { readonly running: readonly Running[]; readonly burst: Measured[]; readonly single: Measured[] },
): void {
  const { running, burst, single } = found;
  console.log(
    `\nDeliveries a second of 128 bytes to ${subscribers}; CPU time of the server, us a delivery (best of ${ROUNDS})`,
  );
  console.log(
    `${' '.repeat(26)}${`${outstanding} outstanding`.padStart(14)}  times ws   CPU        one at a time  times ws   CPU`,
  );
  for (const [index, { name }] of running.entries()) {
    const cells = [burst, single].map((all) => cellsFor(all[index], all[0]));
    console.log(`${name.padEnd(26)}${cells.join('       ')}`);
  }
}

function cellsFor(own: Measured | undefined, reference: Measured | undefined): string {
  if (!own || !reference) return '';
  return [
    own.perSecond.toFixed(0).padStart(14),
    (own.perSecond / reference.perSecond).toFixed(2).padStart(8),
    (Number.isNaN(own.cost) ? '-' : own.cost.toFixed(2)).padStart(6),
  ].join('  ');
}
