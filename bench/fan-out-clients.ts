/** All subscribers of one server and a publisher, in a process of their own: `fan-out-clients.ts PROTOCOL PORT SUBSCRIBERS`. */

import { setTimeout as sleep } from 'node:timers/promises';
import { beChild } from './child.ts';
import { lonelyps } from './raw/lonelyps.ts';
import { mqtt } from './raw/mqtt.ts';
import { nats } from './raw/nats.ts';
import type { RawRoad } from './raw/socket.ts';
import { confirmedWebSockets, webSockets } from './raw/websocket.ts';

export interface FanOutQuestion {
  /** Notifications that not everybody has yet. */
  readonly outstanding: number;
  /** ms, after a quarter of it to warm up. */
  readonly duration: number;
}

export interface FanOutAnswer {
  readonly perSecond: number;
  /** Deliveries from the start to the end, with those that warmed up. */
  readonly total: number;
  /** Deliveries that never came. */
  readonly lost: number;
}

const PROTOCOLS: Readonly<Record<string, (port: number) => RawRoad>> = {
  lonelyps,
  mqtt,
  nats,
  ws: webSockets,
  'ws-confirmed': confirmedWebSockets,
};
/** Connections that are opened at the same time: fewer than any server lets wait. */
const AT_ONCE = 50;
const PATIENCE = 1000;

const [protocol = '', port = '', subscribers = ''] = process.argv.slice(2);
const count = Number(subscribers);
const road = PROTOCOLS[protocol]?.(Number(port));
if (!road) throw new Error(`There is no protocol ${protocol}.`);
let come = 0;
let published = 0;
let outstanding = 0;
const publish = await road.publisher();
for (let opened = 0; opened < count; opened += AT_ONCE) {
  const some = Math.min(AT_ONCE, count - opened);
  await Promise.all(Array.from({ length: some }, () => road.subscribe(onMessages)));
}
beChild('', (question) => measure(question as FanOutQuestion));

function onMessages(more: number): void {
  come += more;
  pump();
}

/** Publishes once half of what may be outstanding has been delivered, so that both ends always have something to do. */
function pump(): void {
  const room = outstanding - (published - Math.floor(come / count));
  if (room <= 0 || room * 2 < outstanding) return;
  published += room;
  publish(room);
}

async function measure({ outstanding: most, duration }: FanOutQuestion): Promise<FanOutAnswer> {
  const before = come;
  outstanding = most;
  pump();
  await sleep(duration / 4);
  const [started, warm] = [performance.now(), come];
  await sleep(duration);
  const perSecond = (1000 * (come - warm)) / (performance.now() - started);
  outstanding = 0;
  const lost = await drained();
  return { perSecond, total: come - before, lost };
}

/** Waits for what was published; how much of it does not come. */
async function drained(): Promise<number> {
  for (let last = -1; come > last; await sleep(PATIENCE / 10)) {
    if (come === published * count) return 0;
    last = come;
  }
  const lost = published * count - come;
  come += lost;
  return lost;
}
