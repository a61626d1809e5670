/** Datagrams by node:dgram. */

import { createSocket, type Socket, type SocketType } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { isIP } from 'node:net';
import type { Bytes } from '../../bytes/bytes.ts';
import type { ConnectedDatagrams, DatagramSocket, SocketAddress, Sockets } from '../types.ts';

// Room for bursts; the kernel cuts it to what the system allows.
const BUFFER_SIZE = 4 * 1024 * 1024;

export const bindDatagrams: Sockets['bindDatagrams'] = async ({ host, port, reusePort, onDatagram }) => {
  const { address, type } = await resolve(host);
  const socket = newSocket(type, reusePort);
  socket.on('message', withAddress(onDatagram));
  const listening = once(socket, 'listening'); // before the call: with a literal address it happens within it
  socket.bind(port, address);
  await listening;
  // What an earlier datagram met on its way is nobody's concern here.
  socket.on('error', () => {});
  const state = { open: true };
  // Those of one turn go together: who waits for them is woken once, which saves a fifth of a small answer's price.
  let waiting: (readonly [Bytes, SocketAddress])[] = [];
  const flush = (): void => {
    const datagrams = waiting;
    waiting = [];
    for (const [datagram, { host: address, port: to }] of datagrams) {
      if (state.open) socket.send(datagram, to, address);
    }
  };
  return {
    port: socket.address().port,
    send(datagram, to) {
      if (waiting.push([datagram, to]) === 1) setImmediate(flush);
    },
    close: () => closeSocket(socket, state),
  } satisfies DatagramSocket;
};

export const connectDatagrams: Sockets['connectDatagrams'] = async (
  { host, port },
  { onDatagram, onError },
) => {
  const { address, type } = await resolve(host);
  const socket = newSocket(type, false);
  socket.on('message', onDatagram);
  const connected = once(socket, 'connect');
  socket.connect(port, address);
  await connected;
  socket.on('error', (error) => onError(error.message));
  const state = { open: true };
  return {
    send(datagram) {
      if (state.open) socket.send(datagram);
    },
    close: () => closeSocket(socket, state),
  } satisfies ConnectedDatagrams;
};

function withAddress(
  onDatagram: (datagram: Bytes, from: { host: string; port: number }) => void,
): (datagram: Bytes, from: { address: string; port: number }) => void {
  return (datagram, { address, port }) => onDatagram(datagram, { host: address, port });
}

function newSocket(type: SocketType, reusePort: boolean): Socket {
  return createSocket({
    type,
    reusePort,
    recvBufferSize: BUFFER_SIZE,
    sendBufferSize: BUFFER_SIZE,
    // Addresses are resolved before: asking again for each datagram would cost a tenth of the throughput.
    lookup: (address, _options, callback) => callback(null, address, type === 'udp6' ? 6 : 4),
  });
}

async function resolve(host: string): Promise<{ address: string; type: SocketType }> {
  const family = isIP(host);
  if (family !== 0) return { address: host, type: family === 6 ? 'udp6' : 'udp4' };
  const found = await lookup(host);
  return { address: found.address, type: found.family === 6 ? 'udp6' : 'udp4' };
}

function closeSocket(socket: Socket, state: { open: boolean }): Promise<void> {
  if (!state.open) return Promise.resolve();
  state.open = false;
  return new Promise((done) => socket.close(() => done()));
}
