/** A whole node with a console, and a browser that does as it is told, for tests of the console. */

import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { App } from '../../src/app/app.ts';
import { SILENT } from '../../src/app/message.ts';
import { Console } from '../../src/console/console.ts';
import type { KeyRing } from '../../src/console/options.ts';
import { Chat } from '../../src/node/chat.ts';
import type { PartialNodeConfig } from '../../src/node/config.ts';
import { LogTail } from '../../src/node/log-tail.ts';
import type { Node } from '../../src/node/node.ts';
import { serve } from '../../src/node/serve.ts';

/** In place of keys that are really changed. */
class NotedRing implements KeyRing {
  readonly overlaps: number[] = [];
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  list(): ReturnType<KeyRing['list']> {
    return [{ publicKey: this.#node.publicKey, until: null }];
  }

  async rotate(overlap: number): Promise<void> {
    this.overlaps.push(overlap);
  }
}

/** A node whose console is at hand. */
export class NodeWithConsole implements AsyncDisposable {
  readonly node: Node;
  readonly console: Console;
  readonly keys: NotedRing;
  readonly chat: Chat;
  readonly log: LogTail;

  static async start(
    app: App,
    config: PartialNodeConfig,
    options: { readonly configFile: string; readonly page: string; readonly now?: () => number },
  ): Promise<NodeWithConsole> {
    const log = new LogTail(SILENT);
    const node = await serve(app, { ...config, console: false }, { log });
    const keys = new NotedRing(node);
    const chat = new Chat(() => node.running.peers);
    node.take((message) =>
      chat.take(message) ? Promise.resolve({ status: 0, value: undefined, representation: 'auto' }) : null,
    );
    const listen = 'http://127.0.0.1:0';
    const console = await Console.start(node, { ...options, listen, chat, keys, log });
    return new NodeWithConsole(node, console, { keys, chat, log });
  }

  private constructor(
    node: Node,
    console: Console,
    { keys, chat, log }: { keys: NotedRing; chat: Chat; log: LogTail },
  ) {
    this.node = node;
    this.console = console;
    this.keys = keys;
    this.chat = chat;
    this.log = log;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.console.close();
    await this.node.close();
  }
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** Null where it is no JSON. */
  readonly json: unknown;
}

export interface Question {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS' | 'HEAD';
  /** Sent as JSON; text as it is. */
  readonly body?: unknown;
  /** Undefined takes one away. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** Keeps its cookies, and says where its pages are from, as browsers do. */
export class Browser {
  readonly #origin: string;
  cookie = '';

  constructor(address: string) {
    this.#origin = address;
  }

  /** Goes where a link leads. */
  enter(link: string): Promise<Answered> {
    return this.ask('/api/enter', { method: 'POST', body: { token: link.split('#')[1] ?? '' } });
  }

  async ask(path: string, question: Question = {}): Promise<Answered> {
    const response = await this.open(path, question);
    const content = await text(response);
    const [cookie] = response.headers['set-cookie'] ?? [];
    if (cookie !== undefined) this.cookie = cookie.split(';', 1)[0] ?? '';
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      text: content,
      json: jsonOf(content),
    };
  }

  /** The answer while it comes. */
  open(path: string, { method = 'GET', body, headers = {} }: Question = {}): Promise<IncomingMessage> {
    const isChange = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
    const usual = {
      'sec-fetch-site': 'same-origin',
      ...(this.cookie === '' ? {} : { cookie: this.cookie }),
      ...(isChange
        ? { origin: this.#origin, 'x-sotto-console': '1', 'content-type': 'application/json' }
        : {}),
    };
    const content = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const isWhole = content !== undefined && headers['transfer-encoding'] === undefined;
    const length = isWhole ? { 'content-length': String(Buffer.byteLength(content)) } : {};
    const sent = Object.fromEntries(
      Object.entries({ ...usual, ...length, ...headers }).filter(([, value]) => value !== undefined),
    );
    return new Promise((resolve, reject) => {
      // By hand: `fetch` would tidy up paths, and sends no foreign host.
      const { hostname, port } = new URL(this.#origin);
      const asking = request({ hostname, port, path, method, headers: sent, agent: false }, resolve);
      asking.on('error', reject);
      asking.end(content);
    });
  }
}

function jsonOf(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return null;
  }
}
