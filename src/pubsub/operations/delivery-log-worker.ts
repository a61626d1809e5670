/** The delivery log's thread as the broadcaster sees it: started when it is first needed, and again if it should end. */

import { threads } from '#threads';
import { type ErrorCode, SottoError } from '../../errors.ts';
import type { Thread } from '../../platform/types.ts';
import type { LogAnswer, LogRequest, LogResults, LogTask } from './delivery-log-thread.ts';

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

export class DeliveryLogWorker {
  readonly #open: LogTask & { type: 'open' };
  readonly #waiting = new Map<number, Waiting>();
  #thread: Thread | null = null;
  #lastId = 0;

  constructor(open: Omit<LogTask & { type: 'open' }, 'type'>) {
    this.#open = { type: 'open', ...open };
  }

  /** Opens the log. @throws SottoError `invalid_option` for a file that is none. */
  open(): Promise<null> {
    this.#thread = this.#start();
    return this.#post(this.#thread, this.#open);
  }

  /** @throws SottoError `unavailable`, or what the database says. */
  ask<Task extends Exclude<LogTask, { type: 'open' }>>(task: Task): Promise<LogResults[Task['type']]> {
    // Should it not open now, then this fails too, and says why: the thread takes one thing after the other.
    if (!this.#thread) this.open().catch(() => {});
    return this.#thread ? this.#post(this.#thread, task) : Promise.reject(stopped('it did not start'));
  }

  async stop(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.stop();
    this.#failAll('it is closed');
  }

  #start(): Thread {
    return threads.start(
      { base: import.meta.url, name: 'delivery-log-thread' },
      {
        onMessage: (message) => this.#receive(message as LogAnswer),
        onEnd: (why) => {
          this.#thread = null;
          this.#failAll(why);
        },
      },
    );
  }

  #post<Task extends LogTask>(thread: Thread, task: Task): Promise<LogResults[Task['type']]> {
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<LogResults[Task['type']]>();
    this.#waiting.set(id, { resolve, reject });
    thread.post({ id, ...task } satisfies LogRequest);
    return promise;
  }

  #receive(answer: LogAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (!waiting) return;
    this.#waiting.delete(answer.id);
    if (answer.type === 'done') return waiting.resolve(answer.result as never);
    const code = answer.code === 'unknown' ? 'unavailable' : (answer.code as ErrorCode);
    waiting.reject(new SottoError(code, answer.message));
  }

  #failAll(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(stopped(why));
    this.#waiting.clear();
  }
}

function stopped(why: string): SottoError {
  return new SottoError('unavailable', `The thread of the delivery log has stopped: ${why}.`);
}
