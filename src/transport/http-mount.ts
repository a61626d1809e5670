/** One HTTP port for several users: each takes paths of its own, none knows of the others. */

import { sockets } from '#sockets';
import type { BindOptions, BoundSocket, HttpExchange, HttpLimits, Pipe } from '../platform/types.ts';

interface Taker {
  readonly onPost: ((exchange: HttpExchange) => void) | null;
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
    this.#takers.set(path, { onPipe: null, ...this.#takers.get(path), onPost });
    this.#users += 1;
  }

  onPipe(path: string, onPipe: (pipe: Pipe) => void): void {
    this.#takers.set(path, { onPost: null, ...this.#takers.get(path), onPipe });
    this.#users += 1;
  }

  async listen(
    options: BindOptions & { readonly limits: HttpLimits; onDrop(reason: string, remote: string): void },
  ): Promise<void> {
    this.#socket = await sockets.listenHttp({
      ...options,
      accepts: (path) => this.#takers.get(path)?.onPost != null,
      onPost: (exchange) => this.#takers.get(exchange.path)?.onPost?.(exchange),
      channelHandler: (path) => this.#takers.get(path)?.onPipe ?? null,
    });
    this.#port = this.#socket.port;
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
