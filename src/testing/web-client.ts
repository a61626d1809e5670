/** Requests and WebSockets from a simulated machine, over connections that are kept for the next one. */

import { type Bytes, concatAll } from '../bytes/bytes.ts';
import { messageOf, SottoError } from '../errors.ts';
import { AddressGuard } from '../platform/node/addresses.ts';
import type { AddressLimits, HttpAnswer, HttpResponse, Pipe, Sockets } from '../platform/types.ts';
import { type Dialled, dial } from './dial.ts';
import type { Machine } from './machine.ts';
import type { Network } from './network.ts';
import { SimulatedPipe } from './pipe.ts';
import type { WebRequest } from './web-server.ts';

// As `platform/node` has it, ms.
const CONNECT_TIMEOUT = 5000;
const KEPT_FOR = 30_000;
/** Until an answer begins, as undici waits. */
const ANSWER_TIMEOUT = 300_000;
/** Pings of a WebSocket that are not answered, three of them. */
const MOST_SILENT = 45_000;

type WebClient = Pick<Sockets, 'post' | 'postStream' | 'get' | 'connectChannel'>;
type PostOptions = Parameters<Sockets['postStream']>[1];

interface Kept {
  readonly line: Dialled;
  readonly since: number;
}

interface Limits {
  readonly maxAnswer: number;
  readonly cutAnswer?: boolean;
  readonly signal: AbortSignal;
}

export function webClient(network: Network, machine: Machine): WebClient {
  const client = new Client(network, machine);
  return {
    async post(url, { body, contentType, ...limits }) {
      const request = { method: 'POST', headers: { 'content-type': contentType }, body };
      const { status, body: answer } = await client.ask(url, request, limits);
      return { status, body: answer };
    },
    async postStream(url, { headers, body, ...limits }: PostOptions) {
      const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
      const parts: Bytes[] = [];
      for await (const part of body) parts.push(part);
      const request = { method: 'POST', headers: Object.fromEntries(lower), body: concatAll(parts) };
      return client.ask(checked(url), request, limits, limits);
    },
    get: async (url, limits) =>
      client.ask(checked(url), { method: 'GET', headers: {}, body: new Uint8Array(0) }, limits, limits),
    connectChannel: (url, options) => client.connect(url, options),
  };
}

class Client {
  readonly #network: Network;
  readonly #machine: Machine;
  readonly #kept = new Map<string, Kept[]>();

  constructor(network: Network, machine: Machine) {
    this.#network = network;
    this.#machine = machine;
  }

  async ask(
    url: string,
    request: Pick<WebRequest, 'method' | 'headers' | 'body'>,
    limits: Limits,
    addresses: AddressLimits = {},
  ): Promise<HttpAnswer> {
    try {
      const { pathname: path, search, host, hostname, port } = plainUrl(url);
      limits.signal.throwIfAborted();
      this.#guard(hostname, addresses);
      const line = this.#take(host) ?? (await this.#dial(bare(hostname), Number(port || 80), limits.signal));
      const whole = { ...request, path, query: search.slice(1), body: request.body.slice() };
      const response = await this.#exchange(line, whole, limits.signal);
      this.#keep(host, line);
      return answerOf(response, limits);
    } catch (cause) {
      throw new SottoError('unreachable', `${url} cannot be reached: ${messageOf(cause)}`, { cause });
    }
  }

  async connect(
    url: string,
    { maxMessage, timeout }: Parameters<Sockets['connectChannel']>[1],
  ): Promise<Pipe> {
    try {
      const { pathname, hostname, port } = plainUrl(url);
      return await this.#open(
        pathname,
        { host: bare(hostname), port: Number(port || 80) },
        { maxMessage, timeout },
      );
    } catch (cause) {
      throw new SottoError('unreachable', `${url} cannot be reached: ${messageOf(cause)}`, { cause });
    }
  }

  async #open(
    path: string,
    to: { readonly host: string; readonly port: number },
    { maxMessage, timeout }: { readonly maxMessage: number; readonly timeout: number },
  ): Promise<Pipe> {
    const { program } = this.#machine;
    const opening = Promise.withResolvers<void>();
    opening.promise.catch(() => {}); // it may fail before anybody waits for it
    const pipe = new SimulatedPipe({ kind: 'messages', program, remote: to, maxMessage });
    const onBroken = (why: string): void => {
      opening.reject(new Error(why));
      pipe.broken(why);
    };
    const options = { to, timeout, mostSilent: MOST_SILENT, pipe: null, onBroken };
    const { connection, web } = await dial(this.#network, this.#machine, options);
    connection.send(0, () => {
      const isTaken = web?.upgrade(path, pipe) === true;
      connection.send(1, () =>
        isTaken ? opening.resolve() : opening.reject(new Error('Unexpected server response: 404')),
      );
    });
    program.later(timeout, () => opening.reject(new Error('Opening handshake has timed out')));
    try {
      await opening.promise;
      return pipe;
    } catch (error) {
      connection.abort(0);
      throw error;
    }
  }

  /** @throws SottoError `not_allowed`. */
  #guard(host: string, { addresses = 'any', allow = [] }: AddressLimits): void {
    if (addresses === 'any') return;
    const guard = new AddressGuard(allow);
    const address = this.#network.find(bare(host), this.#machine)?.address ?? bare(host);
    if (!guard.permits(address)) throw guard.refusal(address);
  }

  async #dial(host: string, port: number, signal: AbortSignal): Promise<Dialled> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const dialling = dial(this.#network, this.#machine, {
      to: { host, port },
      timeout: CONNECT_TIMEOUT,
      mostSilent: ANSWER_TIMEOUT,
      pipe: null,
      onBroken: () => {},
    });
    try {
      return await Promise.race([dialling, aborted]);
    } catch (error) {
      dialling.then(({ connection }) => connection.abort(0)).catch(() => {});
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #exchange({ connection, web }: Dialled, request: WebRequest, signal: AbortSignal): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        signal.removeEventListener('abort', abort);
        connection.onBroken(0, () => {});
      };
      const abort = (): void => {
        end();
        connection.abort(0);
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      connection.onBroken(0, (why) => {
        end();
        reject(new Error(why));
      });
      const deliver = (response: HttpResponse): void => {
        end();
        resolve(response);
      };
      connection.send(0, () => web?.request(request, deliver));
    });
  }

  #take(host: string): Dialled | null {
    const kept = this.#kept.get(host) ?? [];
    const oldest = this.#network.timeline.now - KEPT_FOR;
    for (let last = kept.pop(); last; last = kept.pop()) {
      const { line, since } = last;
      if (since > oldest && line.connection.isOpenAt(0)) return line;
      line.connection.abort(0);
    }
    return null;
  }

  #keep(host: string, line: Dialled): void {
    if (!line.connection.isOpenAt(0)) return;
    const kept = this.#kept.get(host) ?? [];
    kept.push({ line, since: this.#network.timeline.now });
    this.#kept.set(host, kept);
  }
}

/** @throws Error for what is not simulated. */
function plainUrl(url: string): URL {
  const parsed = new URL(url);
  if (parsed.protocol === 'http:' || parsed.protocol === 'ws:') return parsed;
  throw new Error(`${parsed.protocol}// is not simulated; use http:// or ws://`);
}

/** @throws SottoError `invalid_url`. */
function checked(url: string): string {
  const protocol = URL.parse(url)?.protocol;
  if (protocol === 'http:' || protocol === 'https:') return url;
  throw new SottoError('invalid_url', `"${url}" cannot be asked: it is no URL of http:// or https://.`);
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function answerOf(
  { status, headers = {}, body }: HttpResponse,
  { maxAnswer, cutAnswer = false }: Limits,
): HttpAnswer {
  const [, retryAfter = null] =
    Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after') ?? [];
  if (body.length > maxAnswer && !cutAnswer) {
    throw new SottoError('body_too_large', `the answer is longer than ${maxAnswer} bytes`);
  }
  return { status, body: body.slice(0, maxAnswer), retryAfter };
}
