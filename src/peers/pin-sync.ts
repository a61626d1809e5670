/**
 * Pins in memory and in their file. Several programs may share the file: each writes its own changes into what the file
 * says at that moment.
 */

import { files } from '#files';
import type { Logger } from '../app/message.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/text.ts';
import { codeOf, messageOf, SottoError } from '../errors.ts';
import { PinBook } from './pin-book.ts';
import { decodePinFile, encodePinFile, MAX_PIN_FILE } from './pin-file.ts';

/** Chosen: with more changes waiting for a disk that takes none, what is in memory replaces what is in the file. */
const MAX_WAITING = 10_000;

export interface PinSyncOptions {
  /** Null: in memory alone. */
  readonly path: string | null;
  readonly maxPins: number;
  /** ms. */
  readonly writeDelay: number;
  readonly log: Logger;
}

type Change = (book: PinBook) => void;

export class PinSync {
  readonly #options: PinSyncOptions;
  #book: PinBook;
  /** Made in memory, and not yet in the file. */
  #changes: Change[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #queue: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: PinSyncOptions) {
    this.#options = options;
    this.#book = new PinBook(options.maxPins);
  }

  get book(): PinBook {
    return this.#book;
  }

  /** Changes the pins now, and their file soon. */
  change(change: Change): void {
    change(this.#book);
    if (this.#options.path === null) return;
    this.#changes.push(change);
    if (this.#changes.length > MAX_WAITING) this.#changes = [replacementBy(this.#book)];
    if (this.#isClosed || this.#timer) return;
    this.#timer = setTimeout(() => void this.#writeSoon(), this.#options.writeDelay);
    this.#timer.unref?.();
  }

  /** Writes what waits. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#inTurn(async () => {
      if (this.#changes.length > 0) await this.#write();
    });
  }

  /** Takes over what the file says. */
  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      const book = await this.#read();
      for (const change of this.#changes) change(book);
      this.#book = book;
    });
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.flush();
  }

  async #writeSoon(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      this.#options.log.error(
        { file: this.#options.path, reason: messageOf(error) },
        'pins could not be written; the next change tries again',
      );
    }
  }

  /** One after the other: each reads the file before it writes it. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  async #write(): Promise<void> {
    const { path } = this.#options;
    if (path === null) return;
    const changes = this.#changes;
    this.#changes = [];
    try {
      const book = await this.#read();
      for (const change of changes) change(book);
      await files.writePrivate(path, encodeUtf8(encodePinFile(book.list())), { overwrite: true });
      for (const change of this.#changes) change(book); // made while it was being written
      this.#book = book;
    } catch (cause) {
      this.#changes = [...changes, ...this.#changes];
      throw cause;
    }
  }

  /** What the file says; where there is none any more, what is known. */
  async #read(): Promise<PinBook> {
    const { path, maxPins } = this.#options;
    if (path === null) return this.#book;
    try {
      return new PinBook(maxPins, decodePinFile(decodeUtf8(await files.readPrivate(path, MAX_PIN_FILE))));
    } catch (cause) {
      const code = codeOf(cause);
      if (code === 'key_file_missing') return new PinBook(maxPins, this.#book.list());
      if (code === 'key_file_exposed' || code === 'unsupported_platform') throw cause;
      throw new SottoError('key_file_invalid', `${path}: ${messageOf(cause)}`, { cause });
    }
  }
}

/** A change after which there are just these pins. */
function replacementBy(book: PinBook): Change {
  const pins = book.list();
  return (other) => {
    for (const { id } of other.list()) other.delete(id);
    for (const pin of pins) other.put(pin);
  };
}
