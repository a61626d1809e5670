/** Runs a program as somebody at a terminal would: types lines, reads lines, waits for what it should say. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { Journal } from './journal.ts';

export class Program implements AsyncDisposable {
  /** What it says, standard output and error, without the line ends. */
  readonly lines: Journal<string> = new Journal<string>();
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<number | null>;

  /** @param words the file and its arguments. */
  constructor(cwd: string, ...words: readonly string[]) {
    const env = { ...process.env, NO_COLOR: '1' };
    this.#child = spawn(process.execPath, words, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdin.on('error', () => {}); // it may have ended
    for (const input of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input }).on('line', (line) => this.lines.add(line));
    }
    this.#ended = once(this.#child, 'close').then(([code]) => code as number | null);
  }

  /** A line that it says, or has said. */
  async says(what: RegExp | string): Promise<string> {
    const fits = (line: string): boolean => (typeof what === 'string' ? line === what : what.test(line));
    const never = this.#ended.then(() => {
      if (this.lines.entries.some(fits)) return new Promise<never>(() => {}); // the journal tells it
      throw new Error(`${what} was never said, but:\n${this.lines.entries.join('\n')}`);
    });
    return Promise.race([this.lines.until(String(what), fits), never]);
  }

  type(...lines: readonly string[]): void {
    for (const line of lines) this.#child.stdin.write(`${line}\n`);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** @returns its exit code, once it has ended by itself; null for one that a signal ended. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }
}
