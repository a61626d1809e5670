/** What one end has sent and the other has not confirmed yet: numbered in one place, and kept to be sent again. */

import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import { KEPT_HEAD_SIZE, type KeptKind, type KeptMessage, MAX_CONTENT } from '../wire/session.ts';

export class Outbox {
  #messages: KeptMessage[] = [];
  /** How many have been added, and how many of them are confirmed. */
  #added = 0;
  #confirmed = 0;
  #bytes = 0;

  /** Of all that is kept, with its heads. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  /** Numbers a message, in parts where it is long. */
  add(kind: KeptKind, stream: number, content: Bytes, compressed: boolean = false): readonly KeptMessage[] {
    const parts: KeptMessage[] = [];
    let at = 0;
    do {
      const part = content.subarray(at, at + MAX_CONTENT);
      at += part.length;
      const more = at < content.length;
      parts.push({ kind, stream, number: this.#added, more, compressed, content: part });
      this.#added += 1;
      this.#bytes += KEPT_HEAD_SIZE + part.length;
    } while (at < content.length);
    this.#messages.push(...parts);
    return parts;
  }

  /**
   * The other end has so many.
   *
   * @throws SottoError `invalid_message` for more than there are.
   */
  confirm(received: number): void {
    if (received > this.#added) {
      throw new SottoError('invalid_message', `${received} messages are confirmed, of ${this.#added}.`);
    }
    const count = received - this.#confirmed;
    if (count <= 0) return;
    for (const { content } of this.#messages.slice(0, count)) this.#bytes -= KEPT_HEAD_SIZE + content.length;
    this.#messages = this.#messages.slice(count);
    this.#confirmed = received;
  }

  /**
   * What follows the first so many, to be sent again.
   *
   * @throws SottoError `invalid_message` where they are gone, or are not there yet.
   */
  after(received: number): readonly KeptMessage[] {
    if (received < this.#confirmed) {
      throw new SottoError('invalid_message', `Message ${received} was confirmed, and is gone.`);
    }
    this.confirm(received);
    return this.#messages;
  }
}
