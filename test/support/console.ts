/** The console of a node, and a browser that does as it is told. */

import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Node, RunningParts } from '../../src/node/node.ts';

/** Wherever there is room. */
export const CONSOLE = { listen: 'http://127.0.0.1:0' } as const;

export function consoleOf(node: Node): NonNullable<RunningParts['console']> {
  const { console } = node.running;
  if (console) return console;
  throw new Error(`The console is not up: ${node.parts.find(({ name }) => name === 'console')?.why}`);
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
