/** The messages of one subscription until somebody reads them: so many, and no more are confirmed. */

import type { Bytes } from '../../bytes/bytes.ts';
import { decodeUtf8 } from '../../bytes/text.ts';
import { messageOf } from '../../errors.ts';
import { bytesOf } from '../delivery/bytes-of.ts';
import type { CollectedMessage } from '../delivery/message.ts';
import type { Spans } from '../operations/spans.ts';
import type { Arrived } from './mailbox.ts';

/** A message as it came. Its body can be read until the next message is asked for. */
export class ReceivedMessage {
  readonly topic: Bytes;
  /** Made by whoever delivered it. */
  readonly identifier: Bytes;
  /** Bytes. */
  readonly length: number;
  readonly #body: CollectedMessage;
  readonly #tracing: Bytes;
  readonly #spans: Spans;

  constructor({ topic, identifier, tracing, body }: Arrived, spans: Spans) {
    this.topic = topic;
    this.identifier = identifier;
    this.length = body.length;
    this.#body = body;
    this.#tracing = tracing;
    this.#spans = spans;
  }

  /** Runs work in an OpenTelemetry span that goes on with the notifier's trace, where the program has OpenTelemetry. */
  async trace<T>(work: () => Promise<T>): Promise<T> {
    const { topic, identifier, length: bytes } = this;
    const span = this.#spans.start('receive', this.#tracing, { topic, identifier, bytes, url: null });
    if (!span) return work();
    let why = '';
    try {
      return await span.run(work);
    } catch (error) {
      why = messageOf(error);
      throw error;
    } finally {
      span.end(why);
    }
  }

  /** The body as it comes from memory or disk, for what is too long to hold. */
  chunks(): Iterable<Bytes> | AsyncIterable<Bytes> {
    return this.#body.chunks();
  }

  bytes(): Promise<Bytes> {
    return bytesOf(this.#body.chunks());
  }

  /** @throws SottoError `invalid_text` for a body that is not UTF-8. */
  async text(): Promise<string> {
    return decodeUtf8(await this.bytes());
  }

  remove(): Promise<void> {
    return this.#body.remove();
  }
}

export class Inbox {
  readonly #most: number;
  #waiting: ReceivedMessage[] = [];
  #reader: ((message: ReceivedMessage | null) => void) | null = null;
  #reading: ReceivedMessage | null = null;
  #closed = false;

  constructor(most: number) {
    this.#most = most;
  }

  /** Whether another message can be taken: one that cannot is not confirmed, and so is announced as missed. */
  get hasRoom(): boolean {
    return !this.#closed && this.#waiting.length < this.#most;
  }

  put(message: ReceivedMessage): void {
    if (this.#closed) return void message.remove().catch(() => {}); // it closed while the message came
    const reader = this.#reader;
    this.#reader = null;
    if (reader) reader(message);
    else this.#waiting.push(message);
  }

  /** Null once it is closed and empty. */
  async take(): Promise<ReceivedMessage | null> {
    await this.#forget();
    this.#reading = await this.#next();
    return this.#reading;
  }

  /** Whoever waits for a message is sent away without one: the next comes to the next who asks. */
  withdraw(): void {
    this.#reader?.(null);
    this.#reader = null;
  }

  /** What is there can still be read; nothing more comes. */
  close(): void {
    this.#closed = true;
    this.withdraw();
  }

  /** Gives up what nobody will read. */
  async discard(): Promise<void> {
    const left = this.#waiting;
    this.#waiting = [];
    await this.#forget();
    await Promise.all(left.map((message) => message.remove()));
  }

  #next(): Promise<ReceivedMessage | null> {
    const message = this.#waiting.shift();
    if (message) return Promise.resolve(message);
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  async #forget(): Promise<void> {
    await this.#reading?.remove();
    this.#reading = null;
  }
}
