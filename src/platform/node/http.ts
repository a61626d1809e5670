/** HTTP and WebSocket servers on one port, by bare node:http and ws; HTTP client by undici. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Agent, request } from 'undici';
import { WebSocketServer } from 'ws';
import { type Bytes, concat } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { BoundSocket, HttpExchange, HttpLimits, HttpServerOptions, Sockets } from '../types.ts';
import { closeServer, portOf, whyOf } from './tcp.ts';
import { webSocketPipe } from './websocket.ts';

const MAX_HEADER_SIZE = 8 * 1024;

// Packets are sealed and no cookie is ever looked at, so that any page may carry them.
const CORS = { 'access-control-allow-origin': '*' };
const PREFLIGHT = {
  ...CORS,
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'content-type',
  'access-control-max-age': '86400',
};

export const listenHttp: Sockets['listenHttp'] = async (options) => {
  const { host, port, reusePort, limits } = options;
  const server = createServer({
    maxHeaderSize: MAX_HEADER_SIZE,
    requestTimeout: limits.requestTimeout,
    headersTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.idleTimeout,
    connectionsCheckingInterval: Math.max(20, Math.min(30_000, limits.requestTimeout / 2)),
    noDelay: true,
  });
  server.maxConnections = limits.maxConnections;
  limitPerHost(server, limits, options.onDrop);
  server.on('request', (incoming, response) => takeRequest(incoming, response, options));
  acceptChannels(server, options);
  server.on('clientError', (_error, socket: Duplex) => {
    options.onDrop('bad_http', 'unknown');
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });
  server.listen({ host, port, reusePort });
  await once(server, 'listening');
  server.on('error', () => {});
  return { port: portOf(server.address()), close: () => closeHttp(server) } satisfies BoundSocket;
};

// Fewer connections than any server of ours takes from one host.
const agent = new Agent({ connections: 32, keepAliveTimeout: 30_000, connect: { timeout: 5000 } });

export const post: Sockets['post'] = async (url, { body, contentType, maxAnswer, signal }) => {
  try {
    const answer = await request(url, {
      method: 'POST',
      body,
      headers: { 'content-type': contentType },
      dispatcher: agent,
      signal,
    });
    const parts: Bytes[] = [];
    let length = 0;
    for await (const part of answer.body as AsyncIterable<Bytes>) {
      length += part.length;
      if (length > maxAnswer) throw new Error(`the answer is longer than ${maxAnswer} bytes`);
      parts.push(part);
    }
    return { status: answer.statusCode, body: concat(...parts) };
  } catch (cause) {
    throw new SottoError('unreachable', `${url} cannot be reached: ${whyOf(cause)}`, { cause });
  }
};

function takeRequest(incoming: IncomingMessage, response: ServerResponse, options: HttpServerOptions): void {
  incoming.on('error', () => {}); // the response's close tells
  const path = pathOf(incoming);
  if (incoming.method === 'OPTIONS') return finish(response, 204, PREFLIGHT);
  if (!options.accepts(path)) return finish(response, 404, CORS);
  if (incoming.method !== 'POST') return finish(response, 405, { ...CORS, allow: 'POST, OPTIONS' });
  readBody(incoming, options.limits.maxBody, (body) => {
    if (body) return options.onPost(exchangeOf(incoming, response, path, body));
    options.onDrop('body_too_large', remoteOf(incoming.socket).host);
    finish(response, 413, { ...CORS, connection: 'close' });
  });
}

/** The whole body, or null once it is longer than `max`. */
function readBody(incoming: IncomingMessage, max: number, done: (body: Bytes | null) => void): void {
  const parts: Bytes[] = [];
  let length = 0;
  incoming.on('data', (part: Bytes) => {
    length += part.length;
    if (length <= max) parts.push(part);
    else if (length - part.length <= max) done(null);
  });
  incoming.on('end', () => {
    if (length <= max) done(parts.length === 1 && parts[0] ? parts[0] : concat(...parts));
  });
}

function exchangeOf(
  incoming: IncomingMessage,
  response: ServerResponse,
  path: string,
  body: Bytes,
): HttpExchange {
  let controller: AbortController | null = null;
  const isGone = (): boolean => response.destroyed || (response.closed && !response.writableFinished);
  response.on('close', () => {
    if (!response.writableFinished) controller?.abort();
  });
  return {
    path,
    contentType: incoming.headers['content-type'] ?? '',
    body,
    remote: remoteOf(incoming.socket),
    get closed() {
      controller ??= new AbortController();
      if (isGone()) controller.abort();
      return controller.signal;
    },
    answer(status, content, contentType) {
      if (response.headersSent || isGone()) return;
      const headers = contentType === undefined ? CORS : { ...CORS, 'content-type': contentType };
      finish(response, status, headers, content);
    },
  };
}

function finish(response: ServerResponse, status: number, headers: object, body?: Bytes): void {
  response.writeHead(status, {
    ...headers,
    ...(status === 204 ? {} : { 'content-length': body?.length ?? 0 }),
  });
  response.end(body);
}

function acceptChannels(server: Server, options: HttpServerOptions): void {
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: options.limits.maxBody,
    clientTracking: false,
  });
  server.on('upgrade', (incoming, socket, head) => {
    socket.on('error', () => {});
    const onPipe = options.channelHandler(pathOf(incoming));
    if (!onPipe) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    webSockets.handleUpgrade(incoming, socket, head, (webSocket) => {
      onPipe(webSocketPipe(webSocket, remoteOf(incoming.socket)));
    });
  });
}

function limitPerHost(
  server: Server,
  { maxConnectionsPerHost }: HttpLimits,
  onDrop: HttpServerOptions['onDrop'],
): void {
  const counts = new Map<string, number>();
  server.on('drop', (drop) => onDrop('connection_limit', drop?.remoteAddress ?? 'unknown'));
  server.on('connection', (socket) => {
    const { host } = remoteOf(socket);
    const count = (counts.get(host) ?? 0) + 1;
    if (count > maxConnectionsPerHost) {
      onDrop('connection_limit', host);
      socket.destroy();
      return;
    }
    counts.set(host, count);
    socket.on('close', () => {
      const left = (counts.get(host) ?? 1) - 1;
      if (left > 0) counts.set(host, left);
      else counts.delete(host);
    });
  });
}

async function closeHttp(server: Server): Promise<void> {
  const closed = closeServer(server);
  server.closeAllConnections();
  await closed;
}

function pathOf(incoming: IncomingMessage): string {
  const url = incoming.url ?? '/';
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

function remoteOf(socket: Socket): { host: string; port: number } {
  return { host: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 };
}
