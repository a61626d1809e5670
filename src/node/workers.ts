/**
 * Several processes on one port: each binds by itself with `reusePort`, and the kernel spreads what comes in. Measured
 * against worker threads in docs/benchmarks.md. A worker that dies is replaced.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Logger } from '../app/message.ts';
import { SottoError } from '../errors.ts';
import { backoffDelay, delay } from '../transport/backoff.ts';

/** Set for worker processes, which then share their ports and report where they listen. */
const WORKER_VARIABLE = 'SOTTO_WORKER';
const RESTART = { first: 100, tries: 8 };
/** A worker that lived this long was not born broken, ms. */
const HEALTHY_AFTER = 5000;

export interface WorkersOptions {
  readonly count: number;
  /** The script and the arguments of every worker. */
  readonly script: string;
  readonly args: readonly string[];
  readonly listen: readonly string[];
  /**
   * What a worker is to do, as JSON. It is told, for its parent may have another config in force than the file says.
   *
   * @param listen what the first one got, so that a port of 0 is the same for all.
   */
  assignment(listen: readonly string[]): object;
  readonly log: Logger;
}

export interface Workers {
  readonly addresses: readonly string[];
  readonly pids: readonly number[];
  /** Resolves when every worker has ended. */
  close(): Promise<void>;
}

export function isWorker(): boolean {
  return process.env[WORKER_VARIABLE] === '1';
}

/** What the parent of this worker wants of it. */
export async function assignment(): Promise<unknown> {
  const [message] = (await once(process, 'message')) as [unknown];
  return message;
}

/** Tells the parent where this worker listens. */
export function reportListening(addresses: readonly string[]): void {
  process.send?.({ listening: addresses });
}

/** Lets a worker end: the channel to its parent would keep it. */
export function leaveParent(): void {
  if (process.connected) process.disconnect?.();
}

/**
 * Starts the first worker, then the others on the ports that it got.
 *
 * @throws SottoError `listen_failed` where a worker does not come up; none is left then.
 */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const pool = new Pool(options);
  try {
    const addresses = await pool.spawn(options.listen);
    await Promise.all(Array.from({ length: options.count - 1 }, () => pool.spawn(addresses)));
    return {
      addresses,
      get pids() {
        return pool.pids;
      },
      close: () => pool.close(),
    };
  } catch (error) {
    await pool.close(); // those that came up hold the ports
    throw error;
  }
}

class Pool {
  readonly #options: WorkersOptions;
  readonly #children = new Set<ChildProcess>();
  #closing = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  get pids(): readonly number[] {
    return [...this.#children].flatMap((child) => child.pid ?? []);
  }

  async spawn(listen: readonly string[], failures = 0): Promise<readonly string[]> {
    const child = fork(this.#options.script, [...this.#options.args], {
      env: { ...process.env, [WORKER_VARIABLE]: '1' },
    });
    child.send(this.#options.assignment(listen), () => {}); // where it could not be told, it has ended
    const startedAt = performance.now();
    this.#children.add(child);
    const exited = once(child, 'exit').then(([code, signal]) => {
      this.#children.delete(child);
      return `${signal ?? `code ${code}`}`;
    });
    const first = await Promise.race([
      once(child, 'message').then(([message]) => message as unknown),
      exited,
    ]);
    if (!isReport(first)) {
      throw new SottoError(
        'listen_failed',
        `A worker ended before it listened (${String(first)}); see above.`,
      );
    }
    void exited.then((how) => this.#replace(first.listening, how, startedAt, failures));
    return first.listening;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(
      [...this.#children].map(async (child) => {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }),
    );
  }

  async #replace(listen: readonly string[], how: string, startedAt: number, failures: number): Promise<void> {
    if (this.#closing) return;
    const healthy = performance.now() - startedAt > HEALTHY_AFTER;
    const attempt = healthy ? 0 : Math.min(failures, RESTART.tries);
    this.#options.log.warn({ how }, 'a worker ended and is replaced');
    await delay(backoffDelay(RESTART, attempt));
    if (this.#closing) return;
    await this.spawn(listen, attempt + 1).catch((error: unknown) => {
      this.#options.log.error({ error }, 'a worker could not be replaced');
      return this.#replace(listen, 'not started', performance.now(), attempt + 1);
    });
  }
}

function isReport(message: unknown): message is { readonly listening: readonly string[] } {
  return (
    typeof message === 'object' &&
    message !== null &&
    'listening' in message &&
    Array.isArray(message.listening)
  );
}
