/** One packet to a server and what comes back, without any code of ours in between. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Long enough for an answer of a server on this machine: what is silent so long stays silent, ms. */
const SILENCE = 300;

/** Null where no answer came: silence by UDP, an end without a byte by TCP. */
export function rawExchange(
  transport: 'udp' | 'tcp',
  port: number,
  packet: Uint8Array,
): Promise<Uint8Array | null> {
  return transport === 'udp' ? byDatagram(port, packet) : byStream(port, packet);
}

async function byDatagram(port: number, packet: Uint8Array): Promise<Uint8Array | null> {
  const socket = createSocket('udp4');
  try {
    socket.send(packet, port, '127.0.0.1');
    const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(SILENCE) })) as [Uint8Array];
    return new Uint8Array(reply);
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') return null;
    throw error;
  } finally {
    socket.close();
  }
}

async function byStream(port: number, packet: Uint8Array): Promise<Uint8Array | null> {
  const socket = connect(port, '127.0.0.1');
  socket.end(packet);
  const reply = await buffer(socket);
  return reply.length === 0 ? null : new Uint8Array(reply);
}
