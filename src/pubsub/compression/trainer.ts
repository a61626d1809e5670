/** Trains dictionaries beside the main thread, one after the other. */

import { threads } from '#threads';
import { type Bytes, concatAll } from '../../bytes/bytes.ts';
import type { Thread } from '../../platform/types.ts';
import type { TrainingAnswer, TrainingRequest } from './trainer-thread.ts';

/** Chosen: connections that wait for their dictionary; to more it is worth less than their samples' memory. */
const MOST_WAITING = 256;

export class DictionaryTrainer {
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #closed = false;
  #stop: (() => Promise<void>) | null = null;

  /**
   * Never rejects.
   *
   * @param size bytes at the most.
   * @returns null where nothing is to be learnt, or it cannot be done.
   */
  async train(samples: readonly Bytes[], size: number): Promise<Bytes | null> {
    if (this.#waiting >= MOST_WAITING) return null;
    this.#waiting += 1;
    const trained = this.#turn.then(() => (this.#closed ? null : this.#train(samples, size)));
    this.#turn = trained;
    try {
      return await trained;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#stop?.();
  }

  /** In a thread of its own: it is needed so rarely that keeping one would cost more than starting it. */
  async #train(samples: readonly Bytes[], size: number): Promise<Bytes | null> {
    const { promise, resolve } = Promise.withResolvers<Bytes | null>();
    const thread = startThread(resolve);
    if (!thread) return null;
    this.#stop = async () => {
      await thread.stop();
      resolve(null);
    };
    thread.post(requestOf(samples, size));
    const dictionary = await promise;
    this.#stop = null;
    await thread.stop();
    return dictionary;
  }
}

/** Null where threads cannot be had now. */
function startThread(onAnswer: (answer: TrainingAnswer) => void): Thread | null {
  try {
    return threads.start(
      { base: import.meta.url, name: 'trainer-thread' },
      { onMessage: (message) => onAnswer(message as TrainingAnswer), onEnd: () => onAnswer(null) },
    );
  } catch {
    return null;
  }
}

function requestOf(samples: readonly Bytes[], size: number): TrainingRequest {
  let end = 0;
  const ends = Uint32Array.from(samples, ({ length }) => {
    end += length;
    return end;
  });
  return { text: concatAll(samples), ends, size };
}
