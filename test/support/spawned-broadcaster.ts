/** Starts a broadcaster in a process that a test may kill. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BroadcasterOptions } from '../../src/pubsub/options.ts';

const PROCESS = fileURLToPath(new URL('./broadcaster-process.ts', import.meta.url));

/** What can be told a process. */
type SpawnedOptions = Pick<BroadcasterOptions, 'listen' | 'limits' | 'sweepInterval'> & {
  readonly store: `sqlite:${string}`;
};

export class SpawnedBroadcaster implements AsyncDisposable {
  readonly address: string;
  readonly #child: ChildProcess;

  /** @param command what runs node; default node itself. */
  static async start(
    options: SpawnedOptions,
    env: Readonly<Record<string, string>> = {},
    command: readonly string[] = [],
  ): Promise<SpawnedBroadcaster> {
    const [first = '', ...rest] = [...command, process.execPath, PROCESS, JSON.stringify(options)];
    const child = spawn(first, rest, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    const [address] = (await Promise.race([
      once(createInterface({ input: child.stdout }), 'line'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`the broadcaster ended with ${code}`))),
    ])) as [string];
    return new SpawnedBroadcaster(child, address);
  }

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.address = address;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async kill(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
