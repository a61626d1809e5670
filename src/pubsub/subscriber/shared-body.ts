/** One message in several inboxes: its space is given back once the last has read it. */

import type { Bytes } from '../../bytes/bytes.ts';
import type { CollectedMessage } from '../delivery/message.ts';

/** As many bodies as there are readers, over one. */
export function sharedBodies(body: CollectedMessage, readers: number): readonly CollectedMessage[] {
  let left = readers;
  const release = async (): Promise<void> => {
    left -= 1;
    if (left === 0) await body.remove();
  };
  return Array.from({ length: readers }, () => new SharedBody(body, release));
}

class SharedBody implements CollectedMessage {
  readonly #body: CollectedMessage;
  #release: (() => Promise<void>) | null;

  constructor(body: CollectedMessage, release: () => Promise<void>) {
    this.#body = body;
    this.#release = release;
  }

  get length(): number {
    return this.#body.length;
  }

  chunks(): Iterable<Bytes> | AsyncIterable<Bytes> {
    return this.#body.chunks();
  }

  async remove(): Promise<void> {
    const release = this.#release;
    this.#release = null;
    await release?.();
  }
}
