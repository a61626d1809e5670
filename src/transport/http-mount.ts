/** One HTTP port for several users: each takes paths of its own, none knows of the others. */

import { sockets } from '#sockets';
import type { BindOptions, BoundSocket, HttpExchange, HttpLimits, Pipe } from '../platform/types.ts';

interface Taker {
  readonly onPost: ((exchange: HttpExchange) => void) | null;
  /** For paths that have one name more. */
  readonly onPostBelow: ((exchange: HttpExchange) => void) | null;
  readonly onPipe: ((pipe: Pipe) => void) | null;
}

export class HttpMount {
  readonly #takers = new Map<string, Taker>();
  #socket: BoundSocket | null = null;
  #users = 0;
  #port = 0;

  /** The port it really got, once it listens. */
  get port(): number {
    return this.#port;
  }

  onPost(path: string, onPost: (exchange: HttpExchange) => void): void {
    this.#add(path, { onPost });
    this.#users += 1;
  }

  /** For whoever takes POSTs at the path already: those to paths with one name more. */
  onPostBelow(path: string, onPostBelow: (exchange: HttpExchange) => void): void {
    this.#add(path, { onPostBelow });
  }

  onPipe(path: string, onPipe: (pipe: Pipe) => void): void {
    this.#add(path, { onPipe });
    this.#users += 1;
  }

  async listen(
    options: BindOptions & { readonly limits: HttpLimits; onDrop(reason: string, remote: string): void },
  ): Promise<void> {
    this.#socket = await sockets.listenHttp({
      ...options,
      accepts: (path) => this.#takerOf(path) !== null,
      onPost: (exchange) => this.#takerOf(exchange.path)?.(exchange),
      channelHandler: (path) => this.#takers.get(path)?.onPipe ?? null,
    });
    this.#port = this.#socket.port;
  }

  #add(path: string, more: Partial<Taker>): void {
    const none = { onPost: null, onPostBelow: null, onPipe: null };
    this.#takers.set(path, { ...none, ...this.#takers.get(path), ...more });
  }

  #takerOf(path: string): ((exchange: HttpExchange) => void) | null {
    const above = path.slice(0, path.lastIndexOf('/'));
    return this.#takers.get(path)?.onPost ?? this.#takers.get(above)?.onPostBelow ?? null;
  }

  /** The port is given back when its last user has left. */
  async leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    const socket = this.#socket;
    this.#socket = null;
    await socket?.close();
  }
}
