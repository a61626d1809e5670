/**
 * One end of a man in the middle, on the LAN of one of the two: knows nothing of frames. Arguments: its address, which is
 * that of the other, and the address of the one who is here. Orders and reports are lines of JSON.
 */

import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket as Stream } from 'node:net';
import { createInterface } from 'node:readline';
import type { MiddleOrder, MiddleReport } from './middle.ts';
import { PEER_GROUP, PEER_PORT } from './spawned-peer.ts';

const [, , own = '', other = ''] = process.argv;
const streams = new Map<string, Stream>();
const ports = new Set<string>();
let accepted = 0;

const ear = createSocket({ type: 'udp4', reuseAddr: true });
ear.bind(PEER_PORT, () => ear.addMembership(PEER_GROUP, own));
await once(ear, 'listening');
report(ear, 'group');
const voice = createSocket('udp4').bind(0, own);
await once(voice, 'listening');
voice.setMulticastInterface(own);
voice.setMulticastLoopback(false);
say({ ready: 'middle' });

for await (const line of createInterface({ input: process.stdin })) {
  await carryOut(JSON.parse(line) as MiddleOrder);
}

async function carryOut(order: MiddleOrder): Promise<void> {
  switch (order.do) {
    case 'listen':
      return await listen(order.udp, order.tcp);
    case 'datagram':
      return order.to === 'group'
        ? voice.send(Buffer.from(order.data, 'base64'), PEER_PORT, PEER_GROUP)
        : voice.send(Buffer.from(order.data, 'base64'), order.to, other);
    case 'connect':
      return hear(
        connect({ host: other, port: order.port, localAddress: own, allowHalfOpen: true }),
        order.id,
      );
    case 'data':
      return void streams.get(order.id)?.write(Buffer.from(order.data, 'base64'));
    case 'end':
      return void streams.get(order.id)?.end();
  }
}

/** Where the other is said to be reached: once each. */
async function listen(udp: number | undefined, tcp: number | undefined): Promise<void> {
  if (udp !== undefined && !ports.has(`udp ${udp}`)) {
    ports.add(`udp ${udp}`);
    const socket = createSocket('udp4').bind(udp, own);
    await once(socket, 'listening');
    report(socket, udp);
  }
  if (tcp !== undefined && !ports.has(`tcp ${tcp}`)) {
    ports.add(`tcp ${tcp}`);
    const server = createServer({ allowHalfOpen: true }, (stream) => {
      accepted += 1;
      const id = `${own} ${accepted}`;
      say({ what: 'connection', id, port: tcp });
      hear(stream, id);
    });
    await once(server.listen(tcp, own), 'listening');
  }
}

function report(socket: Datagrams, to: number | 'group'): void {
  socket.on('message', (datagram, { address }) => {
    if (address === other) say({ what: 'datagram', to, data: datagram.toString('base64') });
  });
}

function hear(stream: Stream, id: string): void {
  streams.set(id, stream);
  stream.on('data', (bytes: Buffer) => say({ what: 'data', id, data: bytes.toString('base64') }));
  stream.on('end', () => say({ what: 'end', id }));
  stream.on('error', () => say({ what: 'end', id }));
  stream.on('close', () => streams.delete(id));
}

function say(what: MiddleReport): void {
  console.log(JSON.stringify(what));
}
