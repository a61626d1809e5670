/** The bytes of one file as they leave by a connection: sealed, no faster than they are taken, and told when stored. */

import type { Bytes } from '../../bytes/bytes.ts';
import { FrameReader } from '../../bytes/framing.ts';
import { type FileStreamKeys, MAX_RECORD } from '../../envelope/file-stream.ts';
import { SottoError, StatusError } from '../../errors.ts';
import type { Pipe } from '../../platform/types.ts';
import {
  decodeFileStreamMessage,
  encodeFileStreamMessage,
  encodeStreamOpening,
} from '../../wire/file-stream.ts';

export interface OutgoingStreamOptions {
  readonly keys: FileStreamKeys;
  /** Without a word from the other end, while one is due, ms. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  readonly onWritten: (have: number) => void;
}

/** Above so many bytes that have not left nothing more is sealed. */
const MAX_BUFFERED = 1024 * 1024;

export class OutgoingStream {
  readonly #pipe: Pipe;
  readonly #options: OutgoingStreamOptions;
  readonly #reader = new FrameReader(MAX_RECORD);
  /** Stored over there, bytes; null before its first word. */
  #written: number | null = null;
  #error: unknown = null;
  #changed = Promise.withResolvers<void>();

  /**
   * @returns once the other end has shown that it is who agreed on this.
   * @throws as {@link send}.
   */
  static async open(pipe: Pipe, options: OutgoingStreamOptions): Promise<OutgoingStream> {
    const stream = new OutgoingStream(pipe, options);
    await stream.#until(() => stream.#written !== null);
    return stream;
  }

  private constructor(pipe: Pipe, options: OutgoingStreamOptions) {
    this.#pipe = pipe;
    this.#options = options;
    options.signal.addEventListener('abort', this.#onAbort);
    if (options.signal.aborted) this.#onAbort();
    pipe.start({
      onData: (chunk) => this.#take(chunk),
      onDrain: () => this.#wake(),
      onClose: (why) => this.#fail(cutOff(pipe, why)),
    });
    pipe.send([encodeStreamOpening(options.keys.id)]);
  }

  /** Stored over there, bytes. */
  get written(): number {
    return this.#written ?? 0;
  }

  /**
   * Sends what comes next; resolves when there is room for more.
   *
   * @param data up to 262 144 bytes.
   * @throws StatusError that the other end has told; SottoError `unreachable`, `timeout`, `aborted`.
   */
  async send(data: Bytes): Promise<void> {
    if (this.#error) throw this.#error;
    this.#pipe.send(this.#options.keys.sealing.seal(encodeFileStreamMessage({ type: 'data', data })));
    if (this.#pipe.buffered > MAX_BUFFERED) await this.#until(() => this.#pipe.buffered <= MAX_BUFFERED);
  }

  /** Resolves when so many bytes are stored over there. @throws as {@link send}. */
  stored(size: number): Promise<void> {
    return this.#until(() => this.written >= size);
  }

  close(): void {
    this.#fail(new SottoError('closed', 'The stream is closed.'));
  }

  async #until(isMet: () => boolean): Promise<void> {
    while (!isMet()) {
      if (this.#error) throw this.#error;
      const timer = setTimeout(() => this.#fail(silent(this.#pipe)), this.#options.timeout);
      await this.#changed.promise.finally(() => clearTimeout(timer));
    }
  }

  #take(chunk: Bytes): void {
    try {
      this.#reader.push(chunk, (record) => this.#takeRecord(record));
    } catch {
      this.#fail(cutOff(this.#pipe, 'what came does not open'));
    }
  }

  #takeRecord(record: Bytes): void {
    const message = decodeFileStreamMessage(this.#options.keys.opening.open(record));
    if (message.type === 'failed') return this.#fail(new StatusError(message.status, message.text));
    if (message.type !== 'written' || this.#error) return;
    this.#written = message.have;
    this.#options.onWritten(message.have);
    this.#wake();
  }

  /** The first reason stays. */
  #fail(error: unknown): void {
    this.#error ??= error;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#pipe.destroy();
    this.#wake();
  }

  readonly #onAbort = (): void => {
    this.#fail(new SottoError('aborted', 'It was aborted.', { cause: this.#options.signal.reason }));
  };

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function cutOff({ remote }: Pipe, why: string | null): SottoError {
  const text = `${remote.host} cut the connection of the file: ${why ?? 'it takes it no longer'}.`;
  return new SottoError('unreachable', text);
}

function silent({ remote }: Pipe): SottoError {
  return new SottoError('timeout', `${remote.host} has taken nothing more of the file.`);
}
