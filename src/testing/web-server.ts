/** HTTP and WebSocket servers at simulated ports: what `listenHttp` and `listenHttpStreams` promise. */

import type { Bytes } from '../bytes/bytes.ts';
import type {
  BindOptions,
  BoundSocket,
  HttpExchange,
  HttpResponse,
  HttpServerOptions,
  HttpStreamOptions,
  Pipe,
  SocketAddress,
} from '../platform/types.ts';
import type { Connection, ConnectionEnd } from './connection.ts';
import type { ListeningDoor } from './dial.ts';
import type { Machine } from './machine.ts';
import type { Network } from './network.ts';
import { SimulatedPipe } from './pipe.ts';

/** A request as it arrives. */
export interface WebRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
}

type Answer = (response: HttpResponse) => void;

/** What is done with a connection of HTTP. */
export interface WebService {
  /** Of one WebSocket message, bytes. */
  readonly maxMessage: number;
  /** @param closed aborted when the connection ends before the answer. */
  request(request: WebRequest, remote: SocketAddress, closed: () => AbortSignal, answer: Answer): void;
  upgrade(path: string): ((pipe: Pipe) => void) | null;
}

/** One connection at a server of HTTP. */
export class WebConnection {
  readonly #service: WebService;
  readonly #remote: SocketAddress;
  readonly #end: ConnectionEnd;
  readonly #onOver: () => void;
  readonly #network: Network;
  #connection: Connection | null = null;
  #closed: AbortController | null = null;
  #isOver = false;
  #pipe: SimulatedPipe | null = null;

  constructor(
    network: Network,
    machine: Machine,
    service: WebService,
    remote: SocketAddress,
    onOver: () => void,
  ) {
    this.#network = network;
    this.#service = service;
    this.#remote = remote;
    this.#onOver = onOver;
    this.#end = { machine, program: machine.program, onBroken: (why) => this.#broken(why) };
    network.note(machine.name, `is connected to by ${remote.host}:${remote.port}`);
  }

  get end(): ConnectionEnd {
    return this.#end;
  }

  serve(connection: Connection): void {
    this.#connection = connection;
  }

  /** A request has arrived; `deliver` is run at the asker when the answer has come there. */
  request(request: WebRequest, deliver: (response: HttpResponse) => void): void {
    const { method, path, body } = request;
    this.#network.note(
      this.#end.machine.name,
      `hears ${method} ${path} of ${this.#remote.host}, ${body.length} bytes`,
    );
    const closing = new AbortController();
    this.#closed = closing;
    const answer: Answer = (response) => {
      if (this.#closed !== closing) return;
      this.#closed = null;
      this.#connection?.send(1, () => deliver(response));
    };
    this.#service.request(request, this.#remote, () => closing.signal, answer);
  }

  /** A WebSocket is asked for. @returns whether there is one at that path. */
  upgrade(path: string, client: SimulatedPipe): boolean {
    const onPipe = this.#service.upgrade(path);
    if (!onPipe || !this.#connection) return false;
    const pipe = new SimulatedPipe({
      kind: 'messages',
      program: this.#end.program,
      remote: this.#remote,
      maxMessage: this.#service.maxMessage,
      onClosed: () => this.#over(),
    });
    this.#pipe = pipe;
    SimulatedPipe.join(this.#connection, [client, pipe]);
    onPipe(pipe);
    return true;
  }

  /** The server closes: a WebSocket is closed by whoever has it. */
  close(): void {
    if (this.#pipe) return;
    this.#connection?.abort(1);
    this.#broken('closed');
  }

  #broken(why: string): void {
    this.#closed?.abort();
    this.#closed = null;
    this.#pipe?.broken(why);
    this.#over();
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
  }
}

interface Limits {
  readonly maxConnections: number;
  readonly maxConnectionsPerHost: number;
}

export async function listenWeb(
  network: Network,
  machine: Machine,
  options: BindOptions & { readonly limits: Limits; onDrop(reason: string, remote: string): void },
  service: WebService,
): Promise<BoundSocket> {
  const open = new Map<WebConnection, string>();
  const door: ListeningDoor = {
    kind: 'web',
    program: machine.program,
    host: options.host,
    port: machine.portFor(options.port),
    isShared: options.reusePort,
    take(from) {
      const ofHost = [...open.values()].filter((host) => host === from.host).length;
      if (open.size >= options.limits.maxConnections || ofHost >= options.limits.maxConnectionsPerHost) {
        options.onDrop('connection_limit', from.host);
        return null;
      }
      const connection = new WebConnection(network, machine, service, from, () => open.delete(connection));
      open.set(connection, from.host);
      return { end: connection.end, web: connection, serve: (line) => connection.serve(line) };
    },
  };
  machine.requireOwn(options.host);
  machine.streams.open(door);
  return {
    port: door.port,
    async close() {
      machine.streams.close(door);
      for (const connection of [...open.keys()]) connection.close();
      await new Promise<void>((resolve) => door.program.later(0, resolve)); // as sockets take their time
    },
  };
}

/** POSTs with their whole body, as `listenHttp` takes them. */
export function serviceOfExchanges(options: HttpServerOptions): WebService {
  const empty = new Uint8Array(0);
  return {
    maxMessage: options.limits.maxBody,
    upgrade: (path) => options.channelHandler(path),
    request({ method, path, headers, body }, remote, closed, answer) {
      if (!options.accepts(path)) return answer({ status: 404, body: empty });
      if (method !== 'POST') return answer({ status: 405, body: empty });
      if (body.length > options.limits.maxBody) {
        options.onDrop('body_too_large', remote.host);
        return answer({ status: 413, body: empty });
      }
      options.onPost({
        ...{ path, body, remote, contentType: headers['content-type'] ?? '' },
        get closed() {
          return closed();
        },
        answer: (status, content = empty) => answer({ status, body: content }),
      } satisfies HttpExchange);
    },
  };
}

/** Any request, its body in pieces, as `listenHttpStreams` takes them. */
export function serviceOfStreams(options: HttpStreamOptions): WebService {
  return {
    maxMessage: options.limits.maxMessage,
    upgrade: (path) => options.channelHandler(path, null),
    request({ method, path, query, headers, body }, remote, _closed, answer) {
      const header = (name: string): string | null => headers[name.toLowerCase()] ?? null;
      options
        .onRequest({ method, path, query, header, body: inOnePiece(body), remote })
        .then(answer, () => answer({ status: 500, body: new Uint8Array(0) }));
    },
  };
}

async function* inOnePiece(body: Bytes): AsyncGenerator<Bytes, void, void> {
  if (body.length > 0) yield body;
}
