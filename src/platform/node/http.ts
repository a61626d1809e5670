/** HTTP and WebSocket servers on one port, by bare node:http and ws. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { type Bytes, concatAll } from '../../bytes/bytes.ts';
import type {
  BindOptions,
  BoundSocket,
  HttpExchange,
  HttpLimits,
  HttpRequest,
  HttpResponse,
  HttpServerOptions,
  HttpStreamLimits,
  HttpStreamOptions,
  MessageKind,
  Pipe,
  Sockets,
} from '../types.ts';
import { closeServer, portOf } from './tcp.ts';
import { webSocketPipe } from './websocket.ts';

const MAX_HEADER_SIZE = 8 * 1024;
const MAX_STREAM_HEADER_SIZE = 16 * 1024;

// Packets are sealed and no cookie is ever looked at, so that any page that is let in may carry them.
const CORS = { 'access-control-allow-origin': '*' };
const PREFLIGHT = {
  ...CORS,
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'content-type',
  'access-control-max-age': '86400',
};

export const listenHttp: Sockets['listenHttp'] = async (options) => {
  const { limits } = options;
  const server = createServer({
    maxHeaderSize: MAX_HEADER_SIZE,
    requestTimeout: limits.requestTimeout,
    headersTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.idleTimeout,
    connectionsCheckingInterval: Math.max(20, Math.min(30_000, limits.requestTimeout / 2)),
    noDelay: true,
  });
  server.on('request', (incoming, response) => takeRequest(incoming, response, options));
  return listen(server, {
    ...options,
    limits: { ...limits, maxMessage: limits.maxBody },
    channelHandler: (path, _origin, incoming) =>
      isRefused(incoming, options) ? null : options.channelHandler(path),
  });
};

export const listenHttpStreams: Sockets['listenHttpStreams'] = async (options) => {
  const { headersTimeout, idleTimeout } = options.limits;
  const server = createServer({
    maxHeaderSize: MAX_STREAM_HEADER_SIZE,
    requestTimeout: 0, // a body may take as long as it moves
    headersTimeout,
    keepAliveTimeout: idleTimeout,
    connectionsCheckingInterval: Math.max(20, Math.min(30_000, headersTimeout / 2)),
    noDelay: true,
  });
  server.timeout = idleTimeout;
  server.on('request', requestListener(options.onRequest));
  // Who has sent everything waits for us, which is no idleness; the server itself sets the time anew after the answer.
  server.on('request', (incoming, response) => {
    incoming.on('end', () => {
      if (!response.writableEnded) incoming.socket.setTimeout(0);
    });
  });
  return listen(server, options);
};

/** Takes requests for a `node:http` server of somebody's. */
export function requestListener(
  onRequest: HttpStreamOptions['onRequest'],
): (incoming: IncomingMessage, response: ServerResponse) => void {
  return (incoming, response) => void takeStream(incoming, response, onRequest);
}

/** As of a server of streams, with the request itself for whoever looks at more of it. */
type ChannelHandler = (
  path: string,
  origin: string | null,
  incoming: IncomingMessage,
) => ((pipe: Pipe) => void) | null;

/** Takes WebSockets for a `node:http` server of somebody's; at a path that nobody wants, `onOther` is called. */
export function upgradeListener(
  maxMessage: number,
  channelHandler: ChannelHandler,
  onOther: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void,
  messages: MessageKind = 'binary',
): (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxMessage,
    clientTracking: false,
  });
  return (incoming, socket, head) => {
    const onPipe = channelHandler(pathOf(incoming), incoming.headers.origin ?? null, incoming);
    if (!onPipe) return onOther(incoming, socket, head);
    socket.on('error', () => {});
    webSockets.handleUpgrade(incoming, socket, head, (webSocket) => {
      onPipe(webSocketPipe(webSocket, remoteOf(incoming.socket), messages));
    });
  };
}

/** What both kinds of server have in common. */
async function listen(
  server: Server,
  options: Pick<HttpStreamOptions, keyof BindOptions | 'onDrop'> & {
    readonly channelHandler: ChannelHandler;
    readonly messages?: MessageKind;
    readonly limits: Pick<HttpStreamLimits, 'maxConnections' | 'maxConnectionsPerHost' | 'maxMessage'>;
  },
): Promise<BoundSocket> {
  const { host, port, reusePort, limits, channelHandler, messages } = options;
  server.maxConnections = limits.maxConnections;
  limitPerHost(server, limits, options.onDrop);
  server.on('upgrade', upgradeListener(limits.maxMessage, channelHandler, refuseUpgrade, messages));
  server.on('clientError', (_error, socket: Duplex) => {
    options.onDrop('bad_http', 'unknown');
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });
  server.listen({ host, port, reusePort });
  await once(server, 'listening');
  server.on('error', () => {});
  return { port: portOf(server.address()), close: () => closeHttp(server) } satisfies BoundSocket;
}

async function takeStream(
  incoming: IncomingMessage,
  response: ServerResponse,
  onRequest: HttpStreamOptions['onRequest'],
): Promise<void> {
  incoming.on('error', () => {}); // whoever reads the body is told
  response.on('error', () => {});
  const {
    status,
    headers = {},
    body,
  } = await answered(onRequest, {
    method: incoming.method ?? '',
    path: pathOf(incoming),
    query: queryOf(incoming),
    header(name) {
      const value = incoming.headers[name.toLowerCase()];
      return typeof value === 'string' ? value : null;
    },
    body: incoming,
    remote: remoteOf(incoming.socket),
  });
  if (response.destroyed) return;
  // Head and body in one write: the original reads an answer in single short reads.
  const rest = incoming.complete ? {} : { connection: 'close' };
  finish(response, status, { ...headers, ...rest }, body);
}

/** Whatever happens, somebody waits for an answer. */
async function answered(
  onRequest: HttpStreamOptions['onRequest'],
  request: HttpRequest,
): Promise<HttpResponse> {
  try {
    return await onRequest(request);
  } catch {
    return { status: 500, body: new Uint8Array(0) };
  }
}

function takeRequest(incoming: IncomingMessage, response: ServerResponse, options: HttpServerOptions): void {
  incoming.on('error', () => {}); // the response's close tells
  const path = pathOf(incoming);
  if (isRefused(incoming, options)) return finish(response, 403, {});
  if (incoming.method === 'OPTIONS') return finish(response, 204, PREFLIGHT);
  if (!options.accepts(path)) return finish(response, 404, CORS);
  if (incoming.method !== 'POST') return finish(response, 405, { ...CORS, allow: 'POST, OPTIONS' });
  readBody(incoming, options.limits.maxBody, (body) => {
    if (body) return options.onPost(exchangeOf(incoming, response, path, body));
    options.onDrop('body_too_large', remoteOf(incoming.socket).host);
    finish(response, 413, { ...CORS, connection: 'close' });
  });
}

function isRefused({ headers }: IncomingMessage, { acceptsOrigin }: HttpServerOptions): boolean {
  const { origin, host = '' } = headers;
  return origin !== undefined && acceptsOrigin?.(origin, host) === false;
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
    if (length <= max) done(parts.length === 1 && parts[0] ? parts[0] : concatAll(parts));
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

function refuseUpgrade(_incoming: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => {});
  socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
}

function limitPerHost(
  server: Server,
  { maxConnectionsPerHost }: Pick<HttpLimits, 'maxConnectionsPerHost'>,
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

function queryOf(incoming: IncomingMessage): string {
  const url = incoming.url ?? '';
  const query = url.indexOf('?');
  return query < 0 ? '' : url.slice(query + 1);
}

function remoteOf(socket: Socket): { host: string; port: number } {
  return { host: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 };
}
