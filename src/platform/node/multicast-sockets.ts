/** The single sockets that a multicast socket is made of, and calls on them that may fail at any moment. */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Bytes } from '../../bytes/bytes.ts';
import { messageOf, SottoError } from '../../errors.ts';
import type { Family, LocalInterface } from './interfaces.ts';

// As in udp.ts: room for bursts.
const BUFFER_SIZE = 4 * 1024 * 1024;

/**
 * What the system says against a bind, as a sentence.
 *
 * @throws SottoError `address_in_use`, `listen_failed`.
 */
export async function told(port: number, opening: Promise<Socket>): Promise<Socket> {
  try {
    return await opening;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE') {
      const text = `UDP port ${port} is held by a program that does not share it; stop that, or choose another port.`;
      throw new SottoError('address_in_use', text, { cause });
    }
    throw new SottoError('listen_failed', `UDP port ${port} cannot be listened on: ${messageOf(cause)}`, {
      cause,
    });
  }
}

export async function openSocket(
  family: Family,
  { port, host, shared }: { port: number; host?: string; shared: boolean },
): Promise<Socket> {
  const socket = createSocket({
    type: family === 'IPv4' ? 'udp4' : 'udp6',
    reuseAddr: shared,
    ipv6Only: family === 'IPv6',
    recvBufferSize: BUFFER_SIZE,
    lookup: (address, _options, callback) => callback(null, address, family === 'IPv4' ? 4 : 6),
  });
  try {
    const listening = once(socket, 'listening'); // before the call: it happens within it
    socket.bind({ port, address: host ?? (family === 'IPv4' ? '0.0.0.0' : '::'), exclusive: true });
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  // What an earlier datagram met on its way is nobody's concern here.
  return socket.on('error', () => {});
}

export function sendBy(where: LocalInterface, socket: Socket, ttl: number): void {
  socket.setMulticastInterface(where.reference);
  socket.setMulticastTTL(ttl);
  socket.setMulticastLoopback(true);
}

/** What the system says against it; null for nothing. Interfaces go at any moment, so that ends nothing here. */
export function attempt(work: () => void): string | null {
  try {
    work();
    return null;
  } catch (error) {
    return codeIn(error);
  }
}

/** Sends, and what the system said against that; null for nothing. */
export function sendTold(
  socket: Socket,
  datagram: Bytes,
  { port, to }: { readonly port: number; readonly to: string },
): Promise<string | null> {
  return new Promise((resolve) => {
    const said = attempt(() =>
      socket.send(datagram, port, to, (error) => resolve(error ? codeIn(error) : null)),
    );
    if (said !== null) resolve(said);
  });
}

function codeIn(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
