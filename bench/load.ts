/** Loads a server with a ring of packets made beforehand, so that the load is cheap: so many in flight, for so long. */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { encodeFrames, FrameDecoder } from '../src/bytes/framing.ts';

export interface Load {
  readonly packets: readonly Uint8Array[];
  readonly inFlight: number;
  /** ms. */
  readonly duration: number;
  /** Client sockets: one flow always meets the same process of a pool. */
  readonly sockets: number;
}

/** Answers a second. */
export function load(url: string, options: Load): Promise<number> {
  const { protocol, port } = new URL(url);
  return protocol === 'udp:' ? loadUdp(Number(port), options) : loadTcp(Number(port), options);
}

async function loadUdp(port: number, { packets, inFlight, duration, sockets }: Load): Promise<number> {
  const clients = await Promise.all(Array.from({ length: sockets }, () => connectedSocket(port)));
  let answers = 0;
  let next = 0;
  const send = (client: Socket): void => client.send(packets[next++ % packets.length] ?? new Uint8Array(1));
  for (const client of clients) {
    client.on('message', () => {
      answers += 1;
      send(client);
    });
    for (let index = 0; index < inFlight / sockets; index++) send(client);
  }
  const perSecond = await rate(() => answers, duration);
  for (const client of clients) client.close();
  return perSecond;
}

async function connectedSocket(port: number): Promise<Socket> {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: 4 << 20,
    lookup: (host, _options, done) => done(null, host, 4),
  });
  const connected = once(socket, 'connect');
  socket.connect(port, '127.0.0.1');
  await connected;
  return socket;
}

async function loadTcp(port: number, { packets, inFlight, duration }: Load): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const decoder = new FrameDecoder(1 << 20);
  let answers = 0;
  let next = 0;
  const some = (count: number): Uint8Array[] =>
    Array.from({ length: count }, () => packets[next++ % packets.length] ?? new Uint8Array(1));
  socket.on('data', (chunk: Buffer) => {
    const { length } = decoder.push(chunk);
    answers += length;
    if (length > 0) socket.write(encodeFrames(some(length)));
  });
  socket.write(encodeFrames(some(inFlight)));
  const perSecond = await rate(() => answers, duration);
  socket.destroy();
  return perSecond;
}

/** Answers a second where each line is a connection of its own. */
export async function loadLines(
  port: number,
  { packets, inFlight, duration }: Omit<Load, 'sockets'>,
): Promise<number> {
  let answers = 0;
  let next = 0;
  let isOver = false;
  const ask = (): void => {
    if (isOver) return;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.end(packets[next++ % packets.length] ?? new Uint8Array(1));
    socket.on('data', () => {
      answers += 1;
    });
    socket.on('error', () => {});
    socket.on('close', ask);
  };
  for (let index = 0; index < inFlight; index++) ask();
  const perSecond = await rate(() => answers, duration);
  isOver = true;
  return perSecond;
}

async function rate(count: () => number, duration: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, duration / 4)); // warm up
  const [start, before] = [performance.now(), count()];
  await new Promise((resolve) => setTimeout(resolve, duration));
  return (1000 * (count() - before)) / (performance.now() - start);
}
