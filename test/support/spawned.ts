/** Runs a program of the tests on a host of a test's network. */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Journal } from './journal.ts';
import type { Host } from './network.ts';

/** A program on a host that takes orders and reports, lines of JSON both. */
export class Spawned<Order, Report extends { readonly ready?: string }> {
  readonly child: ChildProcess;
  readonly journal: Journal<Report> = new Journal<Report>();
  protected readonly order: (order: Order) => void;

  protected constructor(host: Host, ...args: readonly [string, ...string[]]) {
    const child = host.spawn(...args);
    createInterface({ input: child.stdout }).on('line', (line) =>
      this.journal.add(JSON.parse(line) as Report),
    );
    this.child = child;
    this.order = (what) => void child.stdin.write(`${JSON.stringify(what)}\n`);
  }

  /** @returns what it says of itself. */
  protected async ready(): Promise<string> {
    const { ready = '' } = await Promise.race([
      this.journal.until('ready', (report) => report.ready !== undefined),
      once(this.child, 'exit').then(([code]) => Promise.reject(new Error(`the process ended with ${code}`))),
    ]);
    return ready;
  }

  /** Lets it end in good order. */
  async end(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.stdin?.end();
    await ended;
  }

  async kill(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
