/** The console: a page for whoever runs the node, on this machine alone. */

import { createServer, type Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { messageOf, SottoError } from '../errors.ts';
import { parseUrl, type RoadUrl } from '../transport/url.ts';
import type { ConsoleNode, ConsoleOptions } from './options.ts';
import { consoleApp } from './server/app.ts';
import type { Desk } from './server/desk.ts';
import { Entrance } from './server/entrance.ts';
import { Hub } from './server/hub.ts';
import { looking } from './server/looking.ts';
import { PeerNews } from './server/peer-news.ts';
import { TopicWatch } from './server/topic-watch.ts';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);
const MAX_CONNECTIONS = 128;
const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 30_000;
/** How long `close` waits for what is being answered, ms: it may be an answer about the change that closes us. */
const CLOSE_TIMEOUT = 500;

export class Console implements AsyncDisposable {
  /** Where it listens, with the port it really got. */
  readonly address: string;
  readonly #server: Server;
  readonly #entrance: Entrance;
  readonly #desk: Desk;
  readonly #endings: readonly (() => void)[];
  #closed: Promise<void> | null = null;

  /**
   * Listens, on this machine alone.
   *
   * @throws SottoError `invalid_url` for an address that others could reach, `address_in_use`, `listen_failed`,
   * `key_file_exposed`, `key_file_invalid` for its file of secrets.
   */
  static async start(node: ConsoleNode, options: ConsoleOptions): Promise<Console> {
    const place = localPlace(options.listen);
    const starting: { app: { fetch(request: Request): Response | Promise<Response> } | null } = { app: null };
    const server = createAdaptorServer({
      fetch: (request: Request) => starting.app?.fetch(request) ?? new Response(null, { status: 503 }),
      createServer,
      serverOptions: { headersTimeout: HEADERS_TIMEOUT, requestTimeout: REQUEST_TIMEOUT },
    }) as Server;
    server.maxConnections = MAX_CONNECTIONS;
    const port = await listen(server, place);
    const address = `http://${place.host.includes(':') ? `[${place.host}]` : place.host}:${port}`;
    try {
      const entrance = await Entrance.open(node.config.data, address);
      const desk = deskOf(node, options);
      starting.app = consoleApp(desk, entrance, () => port);
      return new Console(address, server, entrance, desk);
    } catch (error) {
      server.close();
      throw error;
    }
  }

  private constructor(address: string, server: Server, entrance: Entrance, desk: Desk) {
    this.address = address;
    this.#server = server;
    this.#entrance = entrance;
    this.#desk = desk;
    this.#endings = follow(desk);
  }

  /** A fresh link into it, good once, for ten minutes. */
  link(): string {
    return this.#entrance.link();
  }

  /** Ends every page's stream, and gives what is being answered a moment. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const end of this.#endings) end();
    this.#desk.hub.close();
    this.#desk.news.close();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSE_TIMEOUT);
    this.#server.closeIdleConnections();
    await closed;
    clearTimeout(timer);
    await this.#desk.watch.close();
  }
}

function deskOf(node: ConsoleNode, options: ConsoleOptions): Desk {
  const hub = new Hub({ traffic: node.traffic, look: looking(node, options) });
  const watch = new TopicWatch({
    broadcaster: () => node.running.broadcaster,
    onMessage: (message) => hub.topic(message),
    log: options.log,
  });
  return { node, options, hub, watch, news: new PeerNews(node, () => hub.changed('peers')) };
}

/** Pages are told what happens; parts that were started anew are listened to anew. @returns what ends it. */
function follow({ node, options, hub, watch, news }: Desk): (() => void)[] {
  let endSessions = (): void => {};
  const followSessions = (): void => {
    endSessions();
    const { sessions } = node.running;
    const changed = (): void => hub.changed('sessions');
    const endings = (['join', 'leave', 'away', 'back', 'room'] as const).map((type) =>
      sessions?.on(type, changed),
    );
    endSessions = () => endings.forEach((end) => void end?.());
  };
  followSessions();
  return [
    options.chat.on((line) => hub.chat(line)),
    node.on('part', () => {
      hub.changed('node', 'topics', 'peers', 'lookup', 'sessions', 'limits');
      news.follow();
      followSessions();
      watch.follow().catch((error: unknown) => {
        options.log.warn({ error }, 'the console cannot listen to topics again');
      });
    }),
    node.on('reload', () => hub.changed('node', 'config', 'limits', 'bridges')),
    () => endSessions(),
  ];
}

/** @throws SottoError `invalid_url`. */
function localPlace(listen: string): RoadUrl {
  const place = parseUrl(listen);
  if (place.scheme === 'http' && LOOPBACK.has(place.host)) return place;
  const text = `The console listens on this machine alone, such as http://127.0.0.1:7300; not at ${listen}.`;
  throw new SottoError('invalid_url', `${text} From another machine: ssh -L 7300:127.0.0.1:7300 HOST.`);
}

/** @returns the port. */
async function listen(server: Server, { host, port }: RoadUrl): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (cause) {
    const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
    const text = `The console cannot listen at ${host}:${port}: ${messageOf(cause)}`;
    throw new SottoError(isTaken ? 'address_in_use' : 'listen_failed', text, { cause });
  }
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}
