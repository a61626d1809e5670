/** A message that comes in parts, one message at a time, whichever way it comes. */

import { type Bytes, sameBytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import { type CollectedMessage, MessageCollector } from '../delivery/message.ts';

/** What part 0 says of the whole. */
interface Start {
  readonly identifier: Bytes;
  /** Bytes of all parts together. */
  readonly compressedLength: bigint;
  readonly decompressedLength: bigint;
  readonly sha512: Bytes;
  readonly body: Bytes;
}

interface Limits {
  /** Bytes. */
  readonly maxMessage: number;
  /** Longer messages go to disk, bytes. */
  readonly spoolSize: number;
}

/** What has come with a part: the last, or one that others follow. */
export type Come<S> =
  | { readonly isWhole: true; readonly start: S; readonly body: CollectedMessage }
  | { readonly isWhole: false; readonly start: S; readonly part: bigint };

export class Incoming<S extends Start> {
  readonly #limits: Limits;
  #current: { readonly start: S; readonly collector: MessageCollector; nextPart: bigint } | null = null;
  #isOver = false;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** @throws SottoError `invalid_message` while the parts of a message are coming. */
  requireNone(): void {
    if (this.#current) throw invalid('a message came among the parts of another');
  }

  /** The start of the message whose next part this is. @throws SottoError `invalid_message` where it is not. */
  startOf({ identifier, part }: { readonly identifier: Bytes; readonly part: bigint }): S {
    const current = this.#current;
    if (current?.nextPart === part && sameBytes(current.start.identifier, identifier)) return current.start;
    throw invalid('a part came out of turn');
  }

  /** @throws SottoError `invalid_message`, `file_unwritable`. */
  async begin(start: S): Promise<Come<S>> {
    const { compressedLength, decompressedLength, sha512, body } = start;
    const { maxMessage, spoolSize } = this.#limits;
    if (compressedLength > maxMessage || decompressedLength > maxMessage)
      throw invalid('it is longer than may be');
    const collector = await MessageCollector.open({ length: Number(compressedLength), sha512 }, spoolSize);
    this.#current = { start, collector, nextPart: 0n };
    if (this.#isOver) this.abandon(); // while the file was being opened
    return this.add(body);
  }

  /** @throws SottoError `invalid_message`, `file_unwritable`. */
  async add(body: Bytes): Promise<Come<S>> {
    const current = this.#current;
    if (!current) throw invalid('a part came out of turn');
    const { start, collector } = current;
    await collector.add(body);
    if (this.#current !== current) throw invalid('it ended while a part was being taken');
    if (!collector.isWhole) return { isWhole: false, start, part: current.nextPart++ };
    const whole = collector.finish();
    this.#current = null;
    return { isWhole: true, start, body: whole };
  }

  /** Gives up what has come; nothing more is taken. */
  abandon(): void {
    this.#isOver = true;
    this.#current?.collector.abandon().catch(() => {}); // a temporary file of nobody's
    this.#current = null;
  }
}

function invalid(why: string): SottoError {
  return new SottoError('invalid_message', `A WebSocket is ended: ${why}.`);
}
