/** A part of a bench in a process of its own: says when it is ready, then answers one question after the other. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export class Child {
  readonly #process: ChildProcess;
  #asked: Promise<unknown> = Promise.resolve();
  /** What it said of itself: a server its url. */
  ready = '';

  /** @param script one of this folder. */
  static async start(script: string, ...args: string[]): Promise<Child> {
    const child = new Child(fork(fileURLToPath(new URL(script, import.meta.url)), args));
    child.ready = String(await child.#answer());
    return child;
  }

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  ask<Answer>(question: unknown): Promise<Answer> {
    const answer = this.#asked.then(() => {
      this.#process.send(question as object);
      return this.#answer();
    });
    this.#asked = answer;
    return answer as Promise<Answer>;
  }

  stop(): void {
    this.#process.kill();
  }

  async #answer(): Promise<unknown> {
    const over = new AbortController();
    const events = ['message', 'exit'].map((event) => once(this.#process, event, { signal: over.signal }));
    const [answer] = await Promise.race(events).finally(() => over.abort());
    if (this.#process.exitCode === null) return answer;
    throw new Error(`${this.#process.spawnargs.slice(1).join(' ')} has ended with ${answer}`);
  }
}

/** What a script of this folder is, when it is a child. */
export function beChild(ready: string, answer: (question: unknown) => Promise<unknown> | unknown): void {
  process.on('message', async (question) => process.send?.((await answer(question)) ?? null));
  process.on('disconnect', () => process.exit()); // the bench was stopped
  process.send?.(ready);
}
