/** HTTP and WebSocket servers on one port, by bare node:http and ws; HTTP client by undici. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { WebSocketServer } from 'ws';
import { type Bytes, concat } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
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
  Sockets,
} from '../types.ts';
import { closeServer, portOf, whyOf } from './tcp.ts';
import { webSocketPipe } from './websocket.ts';

const MAX_HEADER_SIZE = 8 * 1024;
const MAX_STREAM_HEADER_SIZE = 16 * 1024;

// Packets are sealed and no cookie is ever looked at, so that any page may carry them.
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
  return listen(server, { ...options, limits: { ...limits, maxMessage: limits.maxBody } });
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
  server.on('request', (incoming, response) => void takeStream(incoming, response, options));
  return listen(server, options);
};

/** What both kinds of server have in common. */
async function listen(
  server: Server,
  options: Pick<HttpStreamOptions, keyof BindOptions | 'channelHandler' | 'onDrop'> & {
    readonly limits: Pick<HttpStreamLimits, 'maxConnections' | 'maxConnectionsPerHost' | 'maxMessage'>;
  },
): Promise<BoundSocket> {
  const { host, port, reusePort, limits } = options;
  server.maxConnections = limits.maxConnections;
  limitPerHost(server, limits, options.onDrop);
  acceptChannels(server, limits.maxMessage, options.channelHandler);
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
  { onRequest }: HttpStreamOptions,
): Promise<void> {
  incoming.on('error', () => {}); // whoever reads the body is told
  response.on('error', () => {});
  const {
    status,
    headers = {},
    body,
  } = await onRequest({
    method: incoming.method ?? '',
    path: pathOf(incoming),
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
    return { status: answer.statusCode, body: await readAnswer(answer.body, maxAnswer) };
  } catch (cause) {
    throw new SottoError('unreachable', `${url} cannot be reached: ${whyOf(cause)}`, { cause });
  }
};

/** Whatever happens, somebody waits for an answer. */
async function _answered(
  onRequest: HttpStreamOptions['onRequest'],
  request: HttpRequest,
): Promise<HttpResponse> {
  try {
    return await onRequest(request);
  } catch {
    return { status: 500, body: new Uint8Array(0) };
  }
}

// Deliveries to many urls; how many at one time to each is decided by whoever delivers.
const streams = new Agent({ connections: 128, keepAliveTimeout: 30_000, connect: { timeout: 5000 } });

export const postStream: Sockets['postStream'] = async (
  url,
  { headers, length, body, maxAnswer, signal },
) => {
  try {
    const answer = await request(url, {
      method: 'POST',
      body: length <= MAX_JOINED ? await joined(body) : Readable.from(body, { objectMode: false }),
      headers: { ...headers, 'content-length': String(length) },
      dispatcher: streams,
      signal,
    });
    return { status: answer.statusCode, body: await readAnswer(answer.body, maxAnswer) };
  } catch (cause) {
    throw new SottoError('unreachable', `${url} cannot be reached: ${whyOf(cause)}`, { cause });
  }
};

/** Below this, head and body are one write, bytes. */
const MAX_JOINED = 64 * 1024;

async function joined(body: Iterable<Bytes> | AsyncIterable<Bytes>): Promise<Bytes> {
  const parts: Bytes[] = [];
  for await (const part of body) parts.push(part);
  return concat(...parts);
}

async function readAnswer(body: AsyncIterable<Bytes>, maxAnswer: number): Promise<Bytes> {
  const parts: Bytes[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > maxAnswer) throw new Error(`the answer is longer than ${maxAnswer} bytes`);
    parts.push(part);
  }
  return concat(...parts);
}

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

function acceptChannels(
  server: Server,
  maxPayload: number,
  channelHandler: HttpStreamOptions['channelHandler'],
): void {
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload,
    clientTracking: false,
  });
  server.on('upgrade', (incoming, socket, head) => {
    socket.on('error', () => {});
    const onPipe = channelHandler(pathOf(incoming));
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

function remoteOf(socket: Socket): { host: string; port: number } {
  return { host: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 };
}
