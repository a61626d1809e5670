/** A TCP proxy whose connections a test can cut, as a network does. */

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class CuttingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #pairs = new Set<{ readonly front: Socket; readonly back: Socket }>();
  /** Bytes that went by, both ways. */
  carried = 0;
  #isDown = false;

  static async start(target: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor(target: number) {
    this.#server = createServer((front) => {
      if (this.#isDown) return void front.destroy();
      const back = connect(target, '127.0.0.1');
      for (const socket of [front, back]) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#sockets.delete(socket);
          front.destroy();
          back.destroy();
        });
      }
      for (const socket of [front, back]) {
        socket.on('data', (data) => {
          this.carried += data.length;
        });
      }
      front.pipe(back);
      back.pipe(front);
      const pair = { front, back };
      this.#pairs.add(pair);
      front.on('close', () => this.#pairs.delete(pair));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Every connection ends at once, whatever is on its way. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** From now on nothing of what the target sends gets through, and it waits; or it does again. */
  setHeld(isHeld: boolean): void {
    for (const { front, back } of this.#pairs) {
      if (isHeld) back.unpipe(front).pause();
      else back.pipe(front);
    }
  }

  /** From now on nobody gets through, or somebody does again. */
  setDown(isDown: boolean): void {
    this.#isDown = isDown;
    if (isDown) this.cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.setDown(true);
    this.#server.close();
    await once(this.#server, 'close');
  }
}
