/** The bytes of one file as they come by a connection: opened, stored in their order, and told how far they are. */

import type { Bytes } from '../../bytes/bytes.ts';
import { FrameReader } from '../../bytes/framing.ts';
import { type FileStreamKeys, MAX_RECORD } from '../../envelope/file-stream.ts';
import { codeOf, StatusError } from '../../errors.ts';
import type { Pipe, PipeEvents } from '../../platform/types.ts';
import {
  decodeFileStreamMessage,
  encodeFileStreamMessage,
  type FileStreamMessage,
} from '../../wire/file-stream.ts';

/** Above so many bytes that are not stored yet nothing more is read. */
const MAX_QUEUED = 2 * 1024 * 1024;
/** So many bytes are stored before the next word of it, unless nothing more is there. */
const TELL_EVERY = 1024 * 1024;

export interface IncomingStreamOptions {
  readonly keys: FileStreamKeys;
  /** Bytes that are stored already. */
  readonly have: number;
  /** Stores what comes next. @returns bytes that are stored now. @throws StatusError that ends the stream. */
  readonly store: (data: Bytes) => Promise<number>;
  readonly onProgress: (have: number) => void;
  /** What came is no good; the connection is cut. */
  readonly onDrop: (reason: string) => void;
}

export class IncomingStream implements PipeEvents {
  readonly #pipe: Pipe;
  readonly #options: IncomingStreamOptions;
  readonly #reader = new FrameReader(MAX_RECORD);
  readonly #queue: Bytes[] = [];
  #queued = 0;
  #told: number;
  #storing: Promise<void> | null = null;
  #isPaused = false;
  #isOpen = true;

  constructor(pipe: Pipe, options: IncomingStreamOptions) {
    this.#pipe = pipe;
    this.#options = options;
    this.#told = options.have;
    this.#send({ type: 'written', have: options.have });
  }

  onData(chunk: Bytes): void {
    if (!this.#isOpen) return;
    try {
      this.#reader.push(chunk, (record) => this.#take(record));
    } catch (error) {
      this.#options.onDrop(`stream_${codeOf(error)}`);
      this.#isOpen = false;
      this.#pipe.destroy();
    }
  }

  /** What has come so far is stored, or will not be. */
  get settled(): Promise<void> {
    return this.#storing ?? Promise.resolve();
  }

  onDrain(): void {}

  onClose(): void {
    this.#isOpen = false;
  }

  /** Says why nothing more is taken, and ends the connection. */
  end({ status, message }: StatusError): void {
    if (!this.#isOpen) return;
    this.#send({ type: 'failed', status, text: message });
    this.#isOpen = false;
    this.#pipe.end();
  }

  /** All has come: there is nothing more to say. */
  close(): void {
    this.#isOpen = false;
    this.#pipe.end();
  }

  #take(record: Bytes): void {
    const message = decodeFileStreamMessage(this.#options.keys.opening.open(record));
    if (message.type !== 'data') return;
    this.#queue.push(message.data);
    this.#queued += message.data.length;
    if (this.#queued > MAX_QUEUED && !this.#isPaused) {
      this.#isPaused = true;
      this.#pipe.pause();
    }
    this.#storeSoon();
  }

  #storeSoon(): void {
    this.#storing ??= this.#storeAll().then(() => {
      this.#storing = null;
      if (this.#queue.length > 0) this.#storeSoon();
    });
  }

  async #storeAll(): Promise<void> {
    for (let data = this.#queue.shift(); data; data = this.#queue.shift()) {
      try {
        const have = await this.#options.store(data);
        this.#queued -= data.length;
        this.#tell(have);
      } catch (error) {
        this.#queue.length = 0;
        if (error instanceof StatusError) this.end(error);
      }
    }
  }

  #tell(have: number): void {
    if (this.#isPaused && this.#queued <= MAX_QUEUED / 2) {
      this.#isPaused = false;
      this.#pipe.resume();
    }
    if (this.#queue.length > 0 && have - this.#told < TELL_EVERY) return;
    this.#told = have;
    this.#options.onProgress(have);
    this.#send({ type: 'written', have });
  }

  #send(message: FileStreamMessage): void {
    if (this.#isOpen) this.#pipe.send(this.#options.keys.sealing.seal(encodeFileStreamMessage(message)));
  }
}
