/** Servers of one topic, each in a process of its own: `fan-out-servers.ts KIND`. */

import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { type WebSocket, WebSocketServer } from 'ws';
import { Broadcaster } from '../src/pubsub/broadcaster/broadcaster.ts';
import type { BroadcasterOptions } from '../src/pubsub/options.ts';
import { beChild } from './child.ts';

const KINDS: Readonly<Record<string, () => Promise<number>>> = {
  ours: () => startOurs({}),
  'ours-unwatched': () => startOurs({ operations: 'off' }),
  ws: () => startWebSockets(sendEach),
  'ws-joined': () => startWebSockets(sendJoined),
  aedes: startAedes,
};
const [kind = ''] = process.argv.slice(2);
beChild(String(await KINDS[kind]?.()), () => null);

async function startOurs(options: Partial<BroadcasterOptions>): Promise<number> {
  const broadcaster = await Broadcaster.start({
    ...options,
    listen: 'http://127.0.0.1:0',
    store: 'sqlite::memory:',
    limits: { maxConnections: 10_000, maxConnectionsPerHost: 10_000 },
  });
  return Number(new URL(broadcaster.address).port);
}

async function startAedes(): Promise<number> {
  const broker = await Aedes.createBroker();
  return listening(createServer({ noDelay: true }, (socket) => void broker.handle(socket)));
}

type Publish = (message: Buffer, subscribers: ReadonlySet<WebSocket>) => void;

/** Who opens `/publish` publishes, everybody else subscribes; what subscribers say is read and dropped. */
function startWebSockets(publish: Publish): Promise<number> {
  const server = createHttpServer();
  const subscribers = new Set<WebSocket>();
  const webSockets = new WebSocketServer({ server, perMessageDeflate: false });
  webSockets.on('connection', (webSocket, { url }) => {
    if (url === '/publish') webSocket.on('message', (data) => publish(data as Buffer, subscribers));
    else subscribers.add(webSocket.on('message', () => {}));
  });
  return listening(server);
}

function sendEach(message: Buffer, subscribers: ReadonlySet<WebSocket>): void {
  for (const subscriber of subscribers) subscriber.send(message, { binary: true });
}

let waiting: Buffer[] = [];

/** The frames of one turn, made once, in one write to each. */
function sendJoined(message: Buffer, subscribers: ReadonlySet<WebSocket>): void {
  waiting.push(Buffer.from([0x82, 126, message.length >> 8, message.length & 0xff]), message);
  if (waiting.length > 2) return;
  setImmediate(() => {
    const frames = Buffer.concat(waiting);
    waiting = [];
    for (const subscriber of subscribers) socketOf(subscriber).write(frames);
  });
}

function socketOf(webSocket: WebSocket): Socket {
  return (webSocket as unknown as { _socket: Socket })._socket;
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}
