/** Messages that come in parts, put together again; of one that is too long only the beginning is kept. */

import { type Bytes, concatAll } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import { type KeptMessage, MAX_CONTENT } from '../wire/session.ts';

export interface Whole {
  readonly content: Bytes;
  /** Then `content` is its first part alone. */
  readonly isTooLong: boolean;
}

interface Open {
  readonly kind: KeptMessage['kind'];
  readonly stream: number;
  readonly compressed: boolean;
  readonly chunks: Bytes[];
  size: number;
}

export class Assembly {
  readonly #most: number;
  #open: Open | null = null;

  /** @param most bytes of one message. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * @returns the message, once its last part is there.
   * @throws SottoError `invalid_message` where another begins before the last part, and for a part before the last that is
   * not as long as may be: else endless ones without content could come.
   */
  take({ kind, stream, more, compressed, content }: KeptMessage): Whole | null {
    if (!this.#open && !more) return { content, isTooLong: content.length > this.#most };
    const open = this.#open ?? { kind, stream, compressed, chunks: [], size: 0 };
    if (open.kind !== kind || open.stream !== stream || open.compressed !== compressed) {
      throw new SottoError('invalid_message', 'A message has no end.');
    }
    if (more && content.length !== MAX_CONTENT) {
      throw new SottoError('invalid_message', 'A part of a message is too short.');
    }
    open.size += content.length;
    if (open.size <= this.#most || open.chunks.length === 0) open.chunks.push(content);
    else open.chunks.length = 1;
    this.#open = more ? open : null;
    if (more) return null;
    return { content: concatAll(open.chunks), isTooLong: open.size > this.#most };
  }
}
