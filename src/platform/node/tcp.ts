/** Byte streams by node:net. */

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type Bytes, concatAll } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { Pipe, PipeEvents, Sockets } from '../types.ts';

const KEEP_ALIVE_AFTER = 15_000;
/** From here on a copy costs more than a part of a list, bytes. */
const LONG = 16 * 1024;

export const listenStreams: Sockets['listenStreams'] = async ({
  host,
  port,
  reusePort,
  maxConnections,
  onPipe,
}) => {
  const server = createServer({
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_AFTER,
    allowHalfOpen: true,
  });
  server.maxConnections = maxConnections;
  server.on('connection', (socket) => onPipe(pipeOf(socket)));
  server.listen({ host, port, reusePort });
  await once(server, 'listening');
  server.on('error', () => {});
  return { port: portOf(server.address()), close: () => closeServer(server) };
};

export const connectStream: Sockets['connectStream'] = async ({ host, port }, timeout) => {
  const socket = connect({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_AFTER,
  });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(timeout) });
  } catch (cause) {
    socket.destroy();
    const timedOut = cause instanceof Error && cause.name === 'AbortError';
    const why = timedOut ? `no connection within ${timeout} ms` : whyOf(cause);
    throw new SottoError('unreachable', `tcp://${host}:${port} cannot be reached: ${why}`, { cause });
  }
  return pipeOf(socket);
};

function pipeOf(socket: Socket): Pipe {
  const remote = { host: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 };
  let why: string | null = null;
  socket.on('error', (error) => {
    why = whyOf(error);
  });
  return {
    remote,
    get buffered() {
      return socket.writableLength;
    },
    start(events: PipeEvents) {
      socket.on('data', (chunk: Bytes) => events.onData(chunk));
      socket.on('drain', () => events.onDrain());
      socket.on('close', () => events.onClose(why));
      // Nobody half-closes a conversation of packets, except where a line asks: else an end is an end.
      socket.on('end', () => (events.onFinish ? events.onFinish() : socket.end()));
      if (socket.destroyed) events.onClose(why);
    },
    send(data) {
      if (socket.writable) writeAll(socket, data);
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => socket.destroySoon(),
    destroy: () => void socket.destroy(),
  };
}

/** In one system call: what is short is copied together, which costs less than a list. */
function writeAll(socket: Socket, data: readonly Bytes[]): void {
  const [first] = data;
  if (!first) return;
  if (data.length === 1) return void socket.write(first);
  if (data.every(({ length }) => length < LONG)) return void socket.write(concatAll(data));
  socket.cork();
  for (const part of data) socket.write(part);
  socket.uncork();
}

/** Sockets fail with several errors at once where a name has several addresses: the first says enough. */
export function whyOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return whyOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

export function portOf(address: string | { port: number } | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export function closeServer(server: { close(done: () => void): unknown }): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
  });
}
