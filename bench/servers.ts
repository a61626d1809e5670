/** Servers to be loaded, each in a process of its own: bare echoes, and ours. Prints its address; on SIGUSR2 its CPU time. */

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { encodeFrames, FrameDecoder } from '../src/bytes/framing.ts';
import { Identity } from '../src/keys/identity.ts';
import { type LookupScheme, LookupServer } from '../src/lookup/index.ts';
import { RequestServer } from '../src/request/server.ts';
import { BENCH_KEY } from './keys.ts';

const [kind = '', key = '', port = '0'] = process.argv.slice(2);
/** Of the lookup servers: the file in place of a key. */
const file = key;
const NO_LIMIT = Number.POSITIVE_INFINITY;

const KINDS: Readonly<Record<string, () => Promise<string>>> = {
  'udp-echo': startUdpEcho,
  'tcp-echo': startTcpEcho,
  'udp-sotto': () => startSotto('udp'),
  'tcp-sotto': () => startSotto('tcp'),
  'udp-worker': () => startSotto('udp', true),
  'line-echo': startLineEcho,
  'lookup-plain': () => startLookup(['plain']),
  'lookup-sealed': () => startLookup(['sealed']),
};
process.on('SIGUSR2', () => {
  const { user, system } = process.cpuUsage();
  process.stdout.write(`${user + system}\n`);
});
process.stdout.write(`${await KINDS[kind]?.()}\n`);

function startUdpEcho(): Promise<string> {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: 4 << 20,
    lookup: (host, _options, done) => done(null, host, 4),
  });
  socket.on('message', (datagram, from) => socket.send(datagram, from.port, from.address));
  return new Promise((resolve) => {
    socket.bind(0, '127.0.0.1', () => resolve(`udp://127.0.0.1:${socket.address().port}`));
  });
}

function startTcpEcho(): Promise<string> {
  const server = createServer({ noDelay: true }, (socket) => {
    const decoder = new FrameDecoder(1 << 20);
    socket.on('data', (chunk: Buffer) => socket.write(encodeFrames(decoder.push(chunk))));
    socket.on('error', () => {});
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`tcp://127.0.0.1:${(server.address() as { port: number }).port}`),
    );
  });
}

/** One line, one connection. */
function startLineEcho(): Promise<string> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.once('data', (line: Buffer) => socket.end(line));
    socket.on('error', () => {});
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`tcp://127.0.0.1:${(server.address() as { port: number }).port}`),
    );
  });
}

async function startLookup(schemes: readonly LookupScheme[]): Promise<string> {
  const server = await LookupServer.start({
    port: 0,
    files: { [file]: 'id' },
    schemes,
    identity: Identity.from(BENCH_KEY),
    unsealedReplyRate: 1e12,
    limits: { rate: NO_LIMIT, maxInFlight: 100_000, maxConnections: 10_000, maxConnectionsPerHost: 10_000 },
  });
  return `udp://${server.address}`;
}

async function startSotto(scheme: 'udp' | 'tcp', reusePort = false): Promise<string> {
  const server = await RequestServer.start((ctx) => ctx.bytes, {
    identity: Identity.from(key),
    listen: `${scheme}://127.0.0.1:${port}`,
    payload: 'raw',
    limits: { rate: NO_LIMIT, replyFactor: 10, maxInFlight: 100_000, maxInFlightPerConnection: 10_000 },
    ...(reusePort ? { reusePort, onceWindow: { store: 'sqlite::memory:' } } : {}),
  });
  return server.addresses[0] ?? '';
}
