/** What a house, an office and a few services do to one node all day, by every job at once, at a steady rate. */

import { appendFile, writeFile } from 'node:fs/promises';
import { createApp } from '../src/app/app.ts';
import type { Identity } from '../src/keys/identity.ts';
import type { PublicKey } from '../src/keys/public-key.ts';
import { LookupClient } from '../src/lookup/client.ts';
import { PeerNode } from '../src/peers/node.ts';
import { Subscriber } from '../src/pubsub/subscriber/subscriber.ts';
import { RequestClient } from '../src/request/client.ts';
import { SessionClient } from '../src/session/client.ts';

export interface SoakTarget {
  readonly serverKey: PublicKey;
  readonly identity: Identity;
  /** Of each part, by scheme. */
  address(part: string, scheme: string): string;
  /** The file that lookups answer from. */
  readonly file: string;
  readonly udpPort: number;
}

export interface SoakCounts {
  done: number;
  failed: number;
  /** ms, of what was done since it was last looked at. */
  slowest: number;
  /** Heard by subscribers. */
  heard: number;
  missed: number;
  /** What went wrong, each text once, with how often. */
  readonly problems: Map<string, number>;
}

type Work = () => Promise<unknown>;

const SESSIONS = 20;

/** Goes on until `signal` is aborted. */
export async function runLoad(target: SoakTarget, signal: AbortSignal): Promise<SoakCounts> {
  const counts: SoakCounts = { done: 0, failed: 0, slowest: 0, heard: 0, missed: 0, problems: new Map() };
  const every = (ms: number, work: Work): void => void repeat(ms, work, counts, signal);
  const { serverKey, identity } = target;
  for (const scheme of ['udp', 'tcp', 'http', 'ws']) {
    const url = target.address('request', scheme);
    const client = await RequestClient.connect(url, { serverKey, identity, pad: 300 });
    every(20, () => client.request('/echo', 'how is it going'));
    every(100, () => client.request('/count', undefined, { once: true }));
  }
  every(1000, () => comeAndGo(target));
  const { port } = new URL(target.address('lookup', 'tcp'));
  const lookup = LookupClient.connect({ host: '127.0.0.1', port: Number(port), serverKey });
  every(20, () => lookup.query('drill'));
  every(5000, () => edit(target.file));
  await subscribers(target, counts);
  const publisher = await Subscriber.connect({ broadcasters: target.address('broadcaster', 'http') });
  every(25, () => publisher.notify('echo', JSON.stringify({ at: Date.now(), text: 'x'.repeat(200) })));
  await sessions(target, every);
  await peer(target, every);
  return counts;
}

/** At a steady rate, whatever the answers do: what is late is not waited for. */
async function repeat(ms: number, work: Work, counts: SoakCounts, signal: AbortSignal): Promise<void> {
  let running = 0;
  const tick = setInterval(() => {
    if (running > 200) return void problem(counts, 'too many are waiting');
    running += 1;
    const begun = performance.now();
    work().then(
      () => {
        running -= 1;
        counts.done += 1;
        counts.slowest = Math.max(counts.slowest, performance.now() - begun);
      },
      (error: Error) => {
        running -= 1;
        problem(counts, error.message);
      },
    );
  }, ms);
  signal.addEventListener('abort', () => clearInterval(tick), { once: true });
}

function problem(counts: SoakCounts, text: string): void {
  counts.failed += 1;
  counts.problems.set(text, (counts.problems.get(text) ?? 0) + 1);
}

/** A client of each kind that stays for one question. */
async function comeAndGo(target: SoakTarget): Promise<void> {
  const { serverKey, identity } = target;
  await using request = await RequestClient.connect(target.address('request', 'ws'), { serverKey });
  await request.request('/echo', 1);
  await using session = await SessionClient.connect(target.address('sessions', 'ws'), {
    serverKey,
    identity,
  });
  await session.request('/echo', 1);
}

async function edit(file: string): Promise<void> {
  const rows = Array.from({ length: 500 }, (_, index) => `thing ${index},place ${index * Date.now()},2026`);
  await writeFile(file, `thing,place,since\ndrill,the cellar,2019\n${rows.join('\n')}\n`);
  await appendFile(file, 'ladder,the garage,2007\n');
}

/** One by WebSocket, one by webhook. */
async function subscribers(target: SoakTarget, counts: SoakCounts): Promise<void> {
  const broadcasters = target.address('broadcaster', 'http');
  const onMissed = (): void => {
    counts.missed += 1;
  };
  for (const options of [
    { transport: 'websocket' },
    { transport: 'http', listen: 'http://127.0.0.1:0' },
  ] as const) {
    const subscriber = await Subscriber.connect({ broadcasters, ...options });
    const subscription = await subscriber.subscribe({ glob: ['*'], onMissed });
    const app = createApp().on('/*', () => {
      counts.heard += 1;
    });
    void subscription.attach(app);
  }
}

async function sessions(target: SoakTarget, every: (ms: number, work: Work) => void): Promise<void> {
  const { serverKey } = target;
  for (let index = 0; index < SESSIONS; index++) {
    const scheme = index % 4 === 0 ? 'http' : 'ws';
    const client = await SessionClient.connect(target.address('sessions', scheme), { serverKey });
    every(200, () => client.request('/echo', { index, text: 'y'.repeat(100) }));
  }
}

async function peer(target: SoakTarget, every: (ms: number, work: Work) => void): Promise<void> {
  const { identity, udpPort, serverKey } = target;
  const place = { udpPort, tcpPort: 0, interfaces: ['127.0.0.1'] };
  const node = await PeerNode.start(createApp(), { identity, user: 'neighbour', ...place });
  const { promise: found, resolve } = Promise.withResolvers<void>();
  node.on('verified', ({ peer: { id } }) => id === serverKey.fingerprint && resolve());
  await found;
  every(100, () => node.tell(serverKey.fingerprint, '/echo', 'good morning'));
  every(1000, async () => node.broadcast('/chat/lobby', { user: 'neighbour', text: 'hello all' }));
}
