/** Work on tables, done at once where it is little and in the thread where it is much. */

import { threads } from '#threads';
import { type ErrorCode, SottoError } from '../../errors.ts';
import type { Thread } from '../../platform/types.ts';
import type { SearchEngine } from '../table/byte-table.ts';
import { keyLocator, type OnProgress, type TableImage } from '../table/image.ts';
import { buildOrder, type KeyOrder } from '../table/key-order.ts';
import { formatOf } from '../table/row-format.ts';
import { type FoundRows, scanImage } from '../table/search.ts';
import type { Search } from '../table/table.ts';
import type { ThreadAnswer, ThreadRequest, ThreadResults, ThreadTask } from './table-thread.ts';

/** Chosen: files below this are worked on at once, which takes a millisecond or two, bytes. */
export const SMALL_FILE: number = 256 * 1024;
/** Chosen: searches that wait for the thread; more are turned away. */
const MOST_WAITING = 256;

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: OnProgress | undefined;
}

export class TableWork implements SearchEngine {
  readonly #waiting = new Map<number, Waiting>();
  readonly #orders = new WeakMap<TableImage, Promise<KeyOrder>>();
  #thread: Thread | null = null;
  #lastId = 0;
  #closed = false;

  order(image: TableImage): Promise<KeyOrder> {
    const known = this.#orders.get(image);
    if (known) return known;
    const order = isSmall(image) ? Promise.resolve(orderOf(image)) : this.run({ type: 'order', image });
    this.#orders.set(image, order);
    return order;
  }

  /** The order where it has been made, so that it can be carried on to the next image. */
  async knownOrder(image: TableImage | null): Promise<KeyOrder | null> {
    return (image && (await this.#orders.get(image)?.catch(() => null))) ?? null;
  }

  setOrder(image: TableImage, order: KeyOrder): void {
    this.#orders.set(image, Promise.resolve(order));
  }

  async scan(image: TableImage, search: Search): Promise<FoundRows> {
    if (isSmall(image)) return scanImage(image, search);
    if (this.#waiting.size >= MOST_WAITING) {
      throw new SottoError('unavailable', 'Too many searches are waiting; ask again later.');
    }
    return this.run({ type: 'scan', image, search });
  }

  run<Task extends ThreadTask>(task: Task, onProgress?: OnProgress): Promise<ThreadResults[Task['type']]> {
    if (this.#closed) return Promise.reject(stopped('it is closed'));
    this.#thread ??= this.#start();
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<ThreadResults[Task['type']]>();
    this.#waiting.set(id, { resolve, reject, onProgress });
    this.#thread.post({ id, ...task } satisfies ThreadRequest);
    return promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const thread = this.#thread;
    this.#thread = null;
    await thread?.stop();
    this.#failAll('it is closed');
  }

  #start(): Thread {
    return threads.start(
      { base: import.meta.url, name: 'table-thread' },
      {
        onMessage: (message) => this.#receive(message as ThreadAnswer),
        onEnd: (why) => {
          this.#thread = null; // the next task starts another
          this.#failAll(why);
        },
      },
    );
  }

  #receive(answer: ThreadAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (!waiting) return;
    if (answer.type === 'progress') return waiting.onProgress?.(answer.done, answer.total);
    this.#waiting.delete(answer.id);
    if (answer.type === 'done') waiting.resolve(answer.result as never);
    else waiting.reject(new SottoError(answer.code as ErrorCode, answer.message));
  }

  #failAll(why: string): void {
    for (const { reject } of this.#waiting.values()) {
      reject(stopped(why));
    }
    this.#waiting.clear();
  }
}

function stopped(why: string): SottoError {
  return new SottoError('unavailable', `The thread that reads files has stopped: ${why}.`);
}

function isSmall({ bytes }: TableImage): boolean {
  return bytes.length <= SMALL_FILE;
}

function orderOf(image: TableImage): KeyOrder {
  const format = formatOf(image.description, image.bytes);
  return buildOrder(image.starts.length, keyLocator(image, format, image.description.keys[0] ?? 0));
}
