/** Sessions over real WebSockets, through a wire that a test can cut, and with clients that do only what a test tells them. */

import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { type App, createApp } from '../../src/app/app.ts';
import type { Bytes } from '../../src/bytes/bytes.ts';
import type { RekeyingTransport } from '../../src/envelope/rekey.ts';
import { SessionClient } from '../../src/session/client.ts';
import { type ClientCredentials, ClientHandshake } from '../../src/session/handshake.ts';
import type { SessionClientOptions, SessionServerOptions } from '../../src/session/options.ts';
import { SessionServer } from '../../src/session/server.ts';
import {
  decodeSessionMessage,
  encodeKept,
  encodePassing,
  SESSION_ID_SIZE,
  type ServerHello,
  type SessionMessage,
} from '../../src/wire/session.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { Journal } from './journal.ts';

export const SECRET: Bytes = new Uint8Array(32).fill(5);
export const NOBODY: Bytes = new Uint8Array(SESSION_ID_SIZE);

/** How a server behind a proxy is spoken to. */
const schemes = new WeakMap<CuttingProxy, string>();

export async function serving(
  t: TestContext,
  app: App,
  options: Partial<SessionServerOptions> = {},
): Promise<SessionServer> {
  const server = await SessionServer.start(app, { listen: 'ws://127.0.0.1:0', secret: SECRET, ...options });
  t.after(() => server.close({ timeout: 0 }));
  return server;
}

export async function proxied(t: TestContext, server: SessionServer): Promise<CuttingProxy> {
  const proxy = await CuttingProxy.start(Number(new URL(urlOf(server)).port));
  t.after(() => proxy[Symbol.asyncDispose]());
  schemes.set(proxy, new URL(urlOf(server)).protocol);
  return proxy;
}

/** Of the proxy, where there is one. */
export function urlOf(target: SessionServer | CuttingProxy): string {
  if (target instanceof CuttingProxy) return target.url.replace('http:', schemes.get(target) ?? 'ws:');
  return target.addresses[0] ?? '';
}

export async function connected(
  t: TestContext,
  target: SessionServer | CuttingProxy,
  options: Partial<SessionClientOptions> = {},
): Promise<SessionClient> {
  const credentials = options.serverKey === undefined ? { secret: SECRET } : {};
  const client = await SessionClient.connect(urlOf(target), {
    reconnectAfter: 5,
    ...credentials,
    ...options,
  });
  t.after(() => client.close());
  return client;
}

/** All that happens to a client. */
export function eventsOf(client: SessionClient): Journal<string> {
  const journal = new Journal<string>();
  client.on('connected', ({ resumed }) => journal.add(resumed ? 'resumed' : 'begun'));
  client.on('disconnected', () => journal.add('disconnected'));
  client.on('gap', ({ missed }) => journal.add(`gap ${missed}`));
  client.on('closed', () => journal.add('closed'));
  return journal;
}

/** All that happens at a server. */
export function presence(server: SessionServer): Journal<string> {
  const journal = new Journal<string>();
  for (const type of ['join', 'leave', 'away', 'back', 'gap'] as const)
    server.on(type, () => journal.add(type));
  server.on('room', ({ room, isIn }) => journal.add(`${isIn ? 'in' : 'out of'} ${room}`));
  return journal;
}

/** An app that answers `/echo`, and what else a test wants. */
export function echoing(): App {
  return createApp().on('/echo', (ctx) => ctx.body);
}

export interface RawHello {
  readonly session?: Bytes;
  readonly received?: number;
  /** Default false. */
  readonly readsCompressed?: boolean;
  readonly credentials?: ClientCredentials;
}

/** A WebSocket that shakes hands, and then says only what it is told to. */
export class RawSession {
  readonly webSocket: WebSocket;
  readonly received: Journal<SessionMessage> = new Journal();
  readonly closed: Promise<unknown>;
  hello: ServerHello | null = null;
  #transport: RekeyingTransport | null = null;

  private constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    this.closed = new Promise((resolve) => webSocket.once('close', resolve));
    webSocket.on('error', () => {});
  }

  /** Connects, and says nothing. */
  static async dial(t: TestContext, target: SessionServer | CuttingProxy): Promise<RawSession> {
    const raw = new RawSession(new WebSocket(urlOf(target), { perMessageDeflate: false }));
    t.after(() => raw.webSocket.terminate());
    await once(raw.webSocket, 'open');
    return raw;
  }

  /** Shakes hands; the server believes nothing of it until it hears more. */
  static async shaken(
    t: TestContext,
    target: SessionServer | CuttingProxy,
    { session = NOBODY, received = 0, readsCompressed = false, credentials = { psk: SECRET } }: RawHello = {},
  ): Promise<RawSession> {
    const raw = await RawSession.dial(t, target);
    const handshake = new ClientHandshake(credentials, '127.0.0.1', { received, session, readsCompressed });
    raw.webSocket.send(handshake.first);
    const [answer] = await once(raw.webSocket, 'message');
    const { hello, transport } = handshake.finish(new Uint8Array(answer));
    raw.hello = hello;
    raw.#transport = transport;
    raw.webSocket.on('message', (data: Buffer) => {
      raw.received.add(decodeSessionMessage(transport.decrypt(new Uint8Array(data))));
    });
    return raw;
  }

  /** A session begun. */
  static async begun(
    t: TestContext,
    target: SessionServer | CuttingProxy,
    hello: RawHello = {},
  ): Promise<RawSession> {
    const raw = await RawSession.shaken(t, target, hello);
    raw.say({ kind: 'ping', received: 0 });
    await raw.received.until('the answer', ({ kind }) => kind === 'pong');
    return raw;
  }

  say(message: SessionMessage): void {
    this.sayBytes('number' in message ? encodeKept(message) : encodePassing(message));
  }

  sayBytes(plaintext: Bytes): void {
    if (!this.#transport) throw new Error('no handshake yet');
    this.webSocket.send(this.#transport.encrypt(plaintext).ciphertext);
  }
}
