/** Listeners by URL. */

import { sockets } from '#sockets';
import { messageOf, SottoError } from '../errors.ts';
import type { HttpLimits, Pipe } from '../platform/types.ts';
import { framedPipe } from './framed.ts';
import { mountHttp } from './http.ts';
import { HttpMount } from './http-mount.ts';
import { messagePipe, type PacketPipe } from './packet-pipe.ts';
import { PipeConnections } from './pipe-listener.ts';
import type { Listener, ListenOptions } from './transport.ts';
import { listenUdp } from './udp.ts';
import { formatUrl, parseUrl, type RoadUrl } from './url.ts';

/**
 * Listens on every URL, or on none. HTTP and WebSocket URLs of one host and port share it.
 *
 * @throws SottoError `invalid_url`, `address_in_use`, `listen_failed`.
 */
export async function listenAll(urls: readonly string[], options: ListenOptions): Promise<Listener[]> {
  const parsed = urls.map((url) => requireListenable(parseUrl(url)));
  const mounts = new Map<string, HttpMount>();
  const listeners: Listener[] = [];
  try {
    for (const url of parsed) listeners.push(await listen(url, options, mounts));
    for (const [index, url] of parsed.entries()) await openMount(url, urls[index] ?? '', options, mounts);
    return listeners;
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()));
    throw error;
  }
}

async function listen(
  url: RoadUrl,
  options: ListenOptions,
  mounts: Map<string, HttpMount>,
): Promise<Listener> {
  switch (url.scheme) {
    case 'udp':
      return listenDatagrams(url, options);
    case 'tcp':
      return listenTcp(url, options, (pipe) => framedPipe(pipe, options.limits.maxPacket));
    case 'memory':
      if (!options.hub) throw new SottoError('invalid_option', `${formatUrl(url)} needs the option hub.`);
      return options.hub.listen(url, options);
    case 'ws':
      return mountWebSocket(url, mountOf(url, mounts), options);
    default:
      return mountHttp(url, mountOf(url, mounts), options);
  }
}

/** @throws SottoError `address_in_use`, `listen_failed`. */
export function listenDatagrams(url: RoadUrl, options: ListenOptions): Promise<Listener> {
  return told(url, listenUdp(url, options));
}

/**
 * @param packetsOf how packets lie in the byte stream of a connection.
 * @throws SottoError `address_in_use`, `listen_failed`.
 */
export async function listenTcp(
  url: RoadUrl,
  options: ListenOptions,
  packetsOf: (pipe: Pipe) => PacketPipe,
): Promise<Listener> {
  const { limits, reusePort } = options;
  const connections = new PipeConnections('tcp', options);
  const { host, port } = url;
  const onPipe = (pipe: Pipe): void => connections.add(packetsOf(pipe));
  const { maxConnections } = limits;
  const socket = await told(url, sockets.listenStreams({ host, port, reusePort, maxConnections, onPipe }));
  // No wait for the last connection to end: they are told to, and the port is free at once.
  let closed: Promise<void> | null = null;
  const closeSocket = (): Promise<void> => {
    closed ??= socket.close();
    return closed;
  };
  return {
    address: formatUrl({ ...url, port: socket.port }),
    async stop() {
      connections.stop();
      void closeSocket();
    },
    async close() {
      connections.close();
      await closeSocket();
    },
  };
}

function mountWebSocket(url: RoadUrl, mount: HttpMount, options: ListenOptions): Listener {
  const connections = new PipeConnections('ws', options);
  mount.onPipe(url.path, (pipe) => connections.add(messagePipe(pipe)));
  return {
    get address() {
      return formatUrl({ ...url, port: mount.port });
    },
    stop: async () => connections.stop(),
    async close() {
      connections.close();
      await mount.leave();
    },
  };
}

function mountOf(url: RoadUrl, mounts: Map<string, HttpMount>): HttpMount {
  const place = `${url.host} ${url.port}`;
  const mount = mounts.get(place) ?? new HttpMount();
  mounts.set(place, mount);
  return mount;
}

/** Makes the mount of a URL listen, once all its users are on it. */
async function openMount(
  url: RoadUrl,
  text: string,
  { limits, reusePort, onDrop }: ListenOptions,
  mounts: Map<string, HttpMount>,
): Promise<void> {
  const place = `${url.host} ${url.port}`;
  const mount = mounts.get(place);
  if (!mount || (url.scheme !== 'http' && url.scheme !== 'ws')) return;
  mounts.delete(place);
  const httpLimits: HttpLimits = {
    maxBody: limits.maxPacket,
    maxConnections: limits.maxConnections,
    maxConnectionsPerHost: limits.maxConnectionsPerHost,
    requestTimeout: limits.packetTimeout,
    idleTimeout: limits.idleTimeout,
  };
  await told(
    parseUrl(text),
    mount.listen({ host: url.host, port: url.port, reusePort, limits: httpLimits, onDrop }),
  );
}

function requireListenable(url: RoadUrl): RoadUrl {
  if (url.scheme !== 'https' && url.scheme !== 'wss') return url;
  const plain = formatUrl({ ...url, scheme: url.scheme === 'https' ? 'http' : 'ws' });
  const text = `${formatUrl(url)} cannot be listened on: packets are sealed already; use ${plain}, behind a proxy if need be.`;
  throw new SottoError('invalid_url', text);
}

/**
 * What the system says against a bind, as a sentence.
 *
 * @throws SottoError `address_in_use`, `listen_failed`.
 */
export async function told<T>(url: RoadUrl, listening: Promise<T>): Promise<T> {
  try {
    return await listening;
  } catch (cause) {
    const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : '';
    const address = formatUrl(url);
    if (code === 'EADDRINUSE') {
      const text = `${address} is in use; stop what listens there, or choose another port (0 takes any).`;
      throw new SottoError('address_in_use', text, { cause });
    }
    const hint = code === 'EACCES' ? ' Ports below 1024 need rights; choose a higher one.' : '';
    throw new SottoError('listen_failed', `${address} cannot be listened on: ${messageOf(cause)}.${hint}`, {
      cause,
    });
  }
}
