/** A server in a process of its own, and the CPU time that it takes. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** One of servers.ts. */
export class Server {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  url = '';

  static async start(kind: string, ...args: string[]): Promise<Server> {
    const server = new Server([kind, ...args]);
    server.url = await server.#line();
    return server;
  }

  private constructor(args: readonly string[]) {
    const script = fileURLToPath(new URL('servers.ts', import.meta.url));
    this.child = spawn(process.execPath, [script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.child.stdout ?? process.stdin })[Symbol.asyncIterator]();
  }

  /** us since the start. */
  async cpu(): Promise<number> {
    this.child.kill('SIGUSR2');
    return Number(await this.#line());
  }

  async #line(): Promise<string> {
    return String((await this.#lines.next()).value);
  }
}
