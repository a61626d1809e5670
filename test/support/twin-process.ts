/** A man in the middle who takes another's address: user and own address as arguments, orders and reports as JSON. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { decodeStpFrame, encodeStpFrame, type StpFrame } from '../../src/wire/stp.ts';
import { PEER_GROUP, PEER_PORT, type TwinOrder, type TwinReport } from './spawned-peer.ts';
import { stripped } from './stripped.ts';

const [, , user = '', address = ''] = process.argv;
const frames: StpFrame[] = [];

const ear = createSocket({ type: 'udp4', reuseAddr: true });
ear.bind(PEER_PORT, () => ear.addMembership(PEER_GROUP, address));
ear.on('message', (datagram) => {
  const frame = decodeStpFrame(datagram);
  if (frame.header.user !== user) return;
  frames.push(frame);
  say({ heard: user });
});
await once(ear, 'listening');
say({ ready: 'twin' });

for await (const line of createInterface({ input: process.stdin })) {
  pretend((JSON.parse(line) as TwinOrder).pretend);
}

function pretend(other: string): void {
  const frame = frames.at(-1);
  if (!frame) throw new Error('nothing was heard');
  const { header, body } = stripped(frame);
  const voice = createSocket({ type: 'udp4', reuseAddr: true });
  voice.bind(0, other, () => {
    voice.setMulticastInterface(other);
    voice.send(encodeStpFrame({ header: { ...header, namespace: '/note' }, body }), PEER_PORT, PEER_GROUP);
  });
  createServer((socket) => {
    socket.on('data', (bytes) => say({ caught: bytes.toString('latin1') }));
    socket.on('error', () => {});
  }).listen(header.tcpport, other);
}

function say(report: TwinReport): void {
  console.log(JSON.stringify(report));
}
