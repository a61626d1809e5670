/** A multicast socket in a process of its own: options as an argument, orders and reports as lines of JSON. */

import { createInterface } from 'node:readline';
import { sockets } from '#sockets';
import type { MulticastSocket } from '../../src/platform/types.ts';
import type { MulticastOrder, MulticastReport, SpawnedMulticastOptions } from './spawned-multicast.ts';

const options = JSON.parse(process.argv[2] ?? '') as SpawnedMulticastOptions;

const socket = await sockets.bindMulticast({
  ...options,
  onDatagram: (datagram, from) => report({ heard: new TextDecoder().decode(datagram), from }),
  onInterfaces: (interfaces) => report({ interfaces }),
});
report({ unicastPort: socket.unicastPort });

for await (const line of createInterface({ input: process.stdin })) {
  carryOut(socket, JSON.parse(line) as MulticastOrder);
}
await socket.close();

function carryOut(socket: MulticastSocket, { say, to }: MulticastOrder): void {
  if (say === undefined) return void socket.refresh().then(() => report({ refreshed: true }));
  const datagram = new TextEncoder().encode(say);
  if (to) socket.sendTo(datagram, to);
  else socket.send(datagram);
}

function report(what: MulticastReport): void {
  console.log(JSON.stringify(what));
}
