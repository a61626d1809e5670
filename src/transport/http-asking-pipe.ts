/** The asking side of a pipe over plain HTTP (`http-pipe.ts`): apart, for pages load it when they need it. */

import { sockets } from '#sockets';
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { encodeHex } from '../bytes/text.ts';
import { messageOf, SottoError } from '../errors.ts';
import type { Pipe, PipeEvents, SocketAddress } from '../platform/types.ts';
import { BATCH_CONTENT_TYPE, BATCH_ID_SIZE, decodeBatch, encodeBatchRequest } from '../wire/http-batch.ts';
import { GONE_AFTER, Incoming, MAX_BATCH, Outgoing } from './http-batches.ts';
import { formatUrl, type RoadUrl } from './url.ts';

const OK = 200;
/** Of messages that have come before their turn, bytes: answers may overtake each other. */
const MAX_EARLY: number = 4 * MAX_BATCH;

export interface HttpPipeOptions {
  /** Bytes of one message. */
  readonly maxMessage: number;
  /** For each POST that brings something, ms. */
  readonly timeout: number;
  /** The first POST has failed; just before the pipe is closed. */
  readonly onUnreachable: (error: SottoError) => void;
}

/** The asking side. It opens with what is sent first. */
export function httpPipe(url: RoadUrl, options: HttpPipeOptions): Pipe {
  return new AskingPipe(url, options);
}

class AskingPipe implements Pipe {
  readonly remote: SocketAddress;
  readonly #url: string;
  readonly #timeout: number;
  readonly #maxMessage: number;
  readonly #incoming = new Incoming(MAX_EARLY);
  readonly #outgoing = new Outgoing();
  readonly #gone = new AbortController();
  readonly #onUnreachable: (error: SottoError) => void;
  #id: string | null = null;
  #events: PipeEvents | null = null;
  #isSending = false;
  #isEnding = false;

  constructor(url: RoadUrl, { maxMessage, timeout, onUnreachable }: HttpPipeOptions) {
    this.#url = formatUrl(url);
    this.#onUnreachable = onUnreachable;
    this.remote = { host: url.host, port: url.port };
    this.#timeout = timeout;
    this.#maxMessage = maxMessage;
  }

  get buffered(): number {
    return this.#outgoing.bytes;
  }

  start(events: PipeEvents): void {
    this.#events = events;
  }

  send(data: readonly Bytes[]): void {
    if (this.#gone.signal.aborted || this.#isEnding) return;
    this.#outgoing.add(data);
    if (!this.#isSending) void this.#sendAll();
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.#isEnding = true;
    if (!this.#isSending) this.destroy();
  }

  destroy(): void {
    this.#close(null);
  }

  /** One after the other, so that they come in order. Never rejects. */
  async #sendAll(): Promise<void> {
    this.#isSending = true;
    try {
      // What is sent in one turn goes together.
      await new Promise<void>((resolve) => sockets.soon(resolve));
      while (this.#outgoing.isWaiting && !this.#gone.signal.aborted) {
        const batch = this.#outgoing.takeBatch();
        const answer = await this.#post(batch, this.#timeout);
        this.#outgoing.confirm(this.#outgoing.sent);
        if (this.#id === null) this.#begin(answer);
        else this.#deliver(answer);
      }
      this.#isSending = false;
      if (this.#isEnding) this.destroy();
      else this.#events?.onDrain();
    } catch (error) {
      if (this.#id === null && error instanceof SottoError) this.#onUnreachable(error);
      this.#close(messageOf(error));
    }
  }

  #begin(answer: Bytes): void {
    if (answer.length < BATCH_ID_SIZE) throw new SottoError('invalid_message', 'The answer has no id.');
    this.#id = encodeHex(answer.subarray(0, BATCH_ID_SIZE));
    this.#deliver(answer.subarray(BATCH_ID_SIZE));
    void this.#hear();
  }

  /** Asks on and on. Never rejects. */
  async #hear(): Promise<void> {
    try {
      while (!this.#gone.signal.aborted) this.#deliver(await this.#post(EMPTY, GONE_AFTER, true));
    } catch (error) {
      this.#close(messageOf(error));
    }
  }

  #deliver(batch: Bytes): void {
    for (const message of this.#incoming.take(decodeBatch(batch, this.#maxMessage))) {
      if (!this.#gone.signal.aborted) this.#events?.onData(message);
    }
  }

  /** @throws SottoError `unreachable`. */
  async #post(batch: Bytes, timeout: number, isHeld: boolean = false): Promise<Bytes> {
    const body = encodeBatchRequest(this.#incoming.received, batch);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeout);
    const signal = AbortSignal.any([this.#gone.signal, late.signal]);
    const url = this.#id === null ? this.#url : `${this.#url}/${this.#id}`;
    const maxAnswer = BATCH_ID_SIZE + 2 * MAX_BATCH;
    try {
      const answer = await sockets.post(url, {
        ...{ body, contentType: BATCH_CONTENT_TYPE, maxAnswer, signal, isHeld },
      });
      if (answer.status === OK) return answer.body;
      throw new SottoError('unreachable', `${this.#url} answered with status ${answer.status}.`);
    } finally {
      clearTimeout(timer);
    }
  }

  #close(why: string | null): void {
    if (this.#gone.signal.aborted) return;
    this.#gone.abort();
    this.#events?.onClose(why);
  }
}
