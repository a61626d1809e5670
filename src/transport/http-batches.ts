/** What both ends of a pipe over HTTP keep in order: batches on their way out and in. */

import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import { BATCH_OVERHEAD, encodeBatch, type NumberedMessage } from '../wire/http-batch.ts';

/** Of one body, bytes; a message more at the most. */
export const MAX_BATCH: number = 256 * 1024;
/** Who has not asked again, or answered, for so long is gone, ms. */
export const GONE_AFTER = 30_000;

/** Messages on their way out, numbered, in batches that fit; kept until they are known to have come. */
export class Outgoing {
  #kept: NumberedMessage[] = [];
  #added = 0;
  /** The number of the next to go, and how many have gone at least once. */
  #next = 0;
  #sent = 0;
  #bytes = 0;

  /** Of all that is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether something is yet to go. */
  get isWaiting(): boolean {
    return this.#next < this.#added;
  }

  /** How many have gone. */
  get sent(): number {
    return this.#sent;
  }

  add(messages: readonly Bytes[]): void {
    for (const message of messages) {
      this.#kept.push({ number: this.#added++, message });
      this.#bytes += message.length + BATCH_OVERHEAD;
    }
  }

  /** So many have come. @throws SottoError `invalid_message` for more than have gone. */
  confirm(received: number): void {
    if (received > this.#sent) throw new SottoError('invalid_message', 'More came than was sent.');
    this.#next = Math.max(this.#next, received);
    while (this.#kept[0] && this.#kept[0].number < received) {
      this.#bytes -= (this.#kept.shift()?.message.length ?? 0) + BATCH_OVERHEAD;
    }
  }

  /** What has gone and is not confirmed goes again. */
  repeat(): void {
    this.#next = this.#kept[0]?.number ?? this.#added;
  }

  /** One message at the least, where there is one. */
  takeBatch(): Bytes {
    const batch: NumberedMessage[] = [];
    let size = 0;
    for (const each of this.#kept) {
      if (each.number < this.#next) continue;
      size += each.message.length + BATCH_OVERHEAD;
      if (batch.length > 0 && size > MAX_BATCH) break;
      batch.push(each);
    }
    this.#next += batch.length;
    this.#sent = Math.max(this.#sent, this.#next);
    return encodeBatch(batch);
  }
}

/** Messages on their way in, put in order. */
export class Incoming {
  readonly #maxEarly: number;
  readonly #waiting = new Map<number, Bytes>();
  #bytes = 0;
  #next = 0;

  /** @param maxEarly of messages whose turn has not come, bytes. */
  constructor(maxEarly: number) {
    this.#maxEarly = maxEarly;
  }

  /** So many have come, all before them among them. */
  get received(): number {
    return this.#next;
  }

  /** Those that are due. @throws SottoError `invalid_message` for too much that is early. */
  take(messages: readonly NumberedMessage[]): Bytes[] {
    for (const { number, message } of messages) {
      if (number < this.#next || this.#waiting.has(number)) continue;
      this.#waiting.set(number, message);
      this.#bytes += message.length;
    }
    const due: Bytes[] = [];
    for (let message = this.#waiting.get(this.#next); message; message = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next);
      this.#bytes -= message.length;
      this.#next += 1;
      due.push(message);
    }
    const isTooEarly = this.#waiting.size > 0 && this.#bytes >= this.#maxEarly;
    if (isTooEarly) throw new SottoError('invalid_message', 'Too much came before its turn.');
    return due;
  }
}
