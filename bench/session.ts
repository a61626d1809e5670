/** Questions of sessions, answered by an echo in another process, against a bare echo of `ws`: so many in flight. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { SessionClient } from '../src/session/client.ts';
import { Child } from './child.ts';
import { printTable, type Row } from './table.ts';

const SIZE = 128;
const IN_FLIGHT = 64;
const ROUNDS = 4;
/** Of one round, ms. */
const DURATION = 2000;
const REFERENCE = 'ws';

/** Asks once; resolves when it was answered. */
type Ask = () => Promise<unknown>;

export async function benchSession(): Promise<void> {
  const secret = randomBytes(32);
  const servers = new Map<string, Child>();
  for (const role of [REFERENCE, 'session', 'http']) {
    servers.set(role, await Child.start('session-servers.ts', role, secret.toString('hex')));
  }
  const url = (role: string): string => servers.get(role)?.ready ?? '';
  const clients = [
    await SessionClient.connect(url('session'), { secret }),
    await SessionClient.connect(url('http'), { secret }),
  ] as const;
  const body = 'x'.repeat(SIZE);
  const asks: readonly (readonly [string, Ask])[] = [
    [`${REFERENCE}, bare echo`, await bareEcho(url(REFERENCE), body)],
    ['session by WebSocket', () => clients[0].request('/echo', body)],
    ['session by HTTP', () => clients[1].request('/echo', body)],
  ];
  const best = asks.map(() => 0);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, [, ask]] of asks.entries()) {
      const perSecond = await rate(ask);
      if (round > 0) best[index] = Math.max(best[index] ?? 0, perSecond); // the first round warms up
    }
  }
  const [reference = 0] = best;
  const rows: Row[] = asks.map(([name], index) => ({ name, perSecond: best[index] ?? 0, reference }));
  printTable(`Questions of ${SIZE} bytes, ${IN_FLIGHT} in flight, best of ${ROUNDS}`, REFERENCE, rows);
  for (const client of clients) await client.close();
  for (const server of servers.values()) server.stop();
}

/** Answers come in the order of the questions. */
async function bareEcho(url: string, body: string): Promise<Ask> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  const waiting: (() => void)[] = [];
  let next = 0;
  socket.on('message', () => {
    waiting[next]?.();
    next += 1;
    if (next < waiting.length) return;
    waiting.length = 0;
    next = 0;
  });
  return () =>
    new Promise((resolve) => {
      waiting.push(() => resolve(null));
      socket.send(body);
    });
}

/** Answers a second. */
async function rate(ask: Ask): Promise<number> {
  const start = performance.now();
  let answers = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() - start < DURATION) {
      await ask();
      answers += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, loop));
  return answers / ((performance.now() - start) / 1000);
}
