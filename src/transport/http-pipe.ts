/**
 * A pipe of messages over plain HTTP, for where WebSockets do not get through: one POST at a time brings what is to be sent,
 * another is held until there is something to hear.
 *
 * The format is in src/wire/http-batch.ts.
 */

import { sockets } from '#sockets';
import { type Bytes, concat, EMPTY } from '../bytes/bytes.ts';
import { encodeHex } from '../bytes/text.ts';
import { messageOf, SottoError } from '../errors.ts';
import type { HttpExchange, Pipe, PipeEvents, SocketAddress } from '../platform/types.ts';
import {
  BATCH_CONTENT_TYPE,
  BATCH_ID_SIZE,
  BATCH_OVERHEAD,
  type BatchRequest,
  decodeBatch,
  decodeBatchRequest,
  encodeBatch,
  encodeBatchRequest,
  type NumberedMessage,
} from '../wire/http-batch.ts';
import type { HttpMount } from './http-mount.ts';
import { formatUrl, type RoadUrl } from './url.ts';

const OK = 200;
const BAD_REQUEST = 400;
const NOT_FOUND = 404;
const UNSUPPORTED_MEDIA_TYPE = 415;
const UNAVAILABLE = 503;

/** So long a question is held at the most, ms; proxies cut what is silent for a minute. */
const HOLD = 20_000;
/** Who has not asked again for so long is gone, ms. */
const GONE_AFTER = 30_000;
/** For the last answers of a server that closes, ms. */
const FAREWELL = 1000;
/** Of one body, bytes; a message more at the most. */
export const MAX_BATCH: number = 256 * 1024;
/** Of messages that have come before their turn, bytes: answers may overtake each other, what is sent cannot. */
const MAX_EARLY = { served: 0, asked: 4 * MAX_BATCH } as const;

export interface HttpPipeLimits {
  /** Bytes of one message. */
  readonly maxMessage: number;
  readonly maxPipes: number;
  /** 16 random bytes, by which a pipe is known: whoever guesses them can cut it. */
  readonly newId: () => Bytes;
}

/** Messages on their way out, numbered, in batches that fit; kept until they are known to have come. */
class Outgoing {
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
class Incoming {
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

/** The serving side: takes pipes at a path of a mount, and below it. */
export class HttpPipes {
  readonly #limits: HttpPipeLimits;
  readonly #onPipe: (pipe: Pipe) => void;
  readonly #onDrop: (reason: string) => void;
  readonly #pipes = new Map<string, ServedPipe>();
  #isTaking = true;

  constructor(limits: HttpPipeLimits, onPipe: (pipe: Pipe) => void, onDrop: (reason: string) => void) {
    this.#limits = limits;
    this.#onPipe = onPipe;
    this.#onDrop = onDrop;
  }

  mountAt(path: string, mount: HttpMount): void {
    mount.onPost(path, (exchange) => this.#open(exchange));
    mount.onPostBelow(path, (exchange) => this.#goOn(exchange));
  }

  /** Takes nobody new. */
  stop(): void {
    this.#isTaking = false;
  }

  /** Ends all; those that have something to say yet are asked for it, or not, within a second. */
  async close(): Promise<void> {
    this.#isTaking = false;
    const all = [...this.#pipes.values()];
    for (const pipe of all) if (!pipe.isEnding) pipe.destroy();
    const closed = Promise.all(all.map((pipe) => pipe.closed));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FAREWELL);
    });
    await Promise.race([closed, late]).finally(() => clearTimeout(timer));
    for (const pipe of all) pipe.destroy();
  }

  #open(exchange: HttpExchange): void {
    if (!isBatch(exchange)) return exchange.answer(UNSUPPORTED_MEDIA_TYPE);
    if (!this.#isTaking || this.#pipes.size >= this.#limits.maxPipes) {
      this.#onDrop('connection_limit');
      return exchange.answer(UNAVAILABLE);
    }
    const id = this.#limits.newId();
    const name = encodeHex(id);
    const pipe = new ServedPipe(exchange.remote, this.#limits.maxMessage, () => this.#pipes.delete(name));
    this.#pipes.set(name, pipe);
    this.#onPipe(pipe);
    if (this.#pipes.has(name)) pipe.take(exchange, id);
    else exchange.answer(UNAVAILABLE); // whoever got it does not want it
  }

  #goOn(exchange: HttpExchange): void {
    if (!isBatch(exchange)) return exchange.answer(UNSUPPORTED_MEDIA_TYPE);
    const pipe = this.#pipes.get(exchange.path.slice(exchange.path.lastIndexOf('/') + 1));
    if (pipe) pipe.take(exchange, EMPTY);
    else exchange.answer(NOT_FOUND);
  }
}

class ServedPipe implements Pipe {
  readonly remote: SocketAddress;
  readonly #maxMessage: number;
  readonly #incoming = new Incoming(MAX_EARLY.served);
  readonly #outgoing = new Outgoing();
  readonly #onGone: () => void;
  #events: PipeEvents | null = null;
  /** Who waits for something to hear. */
  #held: { readonly exchange: HttpExchange; readonly timer: ReturnType<typeof setTimeout> } | null = null;
  #goneTimer: ReturnType<typeof setTimeout> | null = null;
  #isFlushing = false;
  readonly #closing = Promise.withResolvers<void>();
  #isEnding = false;
  #isClosed = false;

  constructor(remote: SocketAddress, maxMessage: number, onGone: () => void) {
    this.remote = remote;
    this.#maxMessage = maxMessage;
    this.#onGone = onGone;
    this.#waitForNext();
  }

  /** Resolves when it is closed. */
  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  /** Whether it is to be closed once all was heard. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  get buffered(): number {
    return this.#outgoing.bytes;
  }

  start(events: PipeEvents): void {
    this.#events = events;
  }

  /** @param head what goes before the answer. */
  take(exchange: HttpExchange, head: Bytes): void {
    const request = this.#requestIn(exchange.body);
    if (!request) return exchange.answer(BAD_REQUEST);
    const isQuestion = request.messages.length === 0 && head.length === 0;
    // Questions come one after the other: what the last answer brought is confirmed by now, or lost.
    if (isQuestion) {
      this.#outgoing.repeat();
      this.#waitForNext();
    }
    if (isQuestion && !this.#outgoing.isWaiting && !this.#isEnding) return this.#hold(exchange);
    // Soon, so that what is answered at once goes back with this.
    sockets.soon(() => this.#answer(exchange, head));
  }

  send(data: readonly Bytes[]): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#outgoing.add(data);
    this.#flushSoon();
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.#isEnding = true;
    this.#flushSoon();
    if (!this.#outgoing.isWaiting) this.destroy();
  }

  destroy(): void {
    this.#close(null);
  }

  /** What it brings is delivered; null where it is not what it should be. */
  #requestIn(body: Bytes): BatchRequest | null {
    try {
      const request = decodeBatchRequest(body, this.#maxMessage);
      this.#outgoing.confirm(request.received);
      for (const message of this.#incoming.take(request.messages)) {
        if (!this.#isClosed) this.#events?.onData(message);
      }
      return request;
    } catch (error) {
      this.#close(messageOf(error));
      return null;
    }
  }

  /** One is held; one more is the other end's repetition after a cut, and the first is nobody's any more. */
  #hold(exchange: HttpExchange): void {
    this.#release();
    if (this.#goneTimer) clearTimeout(this.#goneTimer);
    const timer = setTimeout(() => this.#release(), HOLD);
    timer.unref?.();
    this.#held = { exchange, timer };
    exchange.closed.addEventListener('abort', () => {
      if (this.#held?.exchange !== exchange) return;
      this.#held = null;
      clearTimeout(timer);
      this.#waitForNext();
    });
  }

  /** Answers who is held, with what there is. */
  #release(): void {
    const held = this.#held;
    if (!held) return;
    this.#held = null;
    clearTimeout(held.timer);
    this.#waitForNext();
    this.#answer(held.exchange, EMPTY);
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    sockets.soon(() => {
      this.#isFlushing = false;
      if (this.#outgoing.isWaiting || this.#isEnding) this.#release();
    });
  }

  #answer(exchange: HttpExchange, head: Bytes): void {
    const batch = this.#isClosed ? EMPTY : this.#outgoing.takeBatch();
    exchange.answer(OK, concat(head, batch), BATCH_CONTENT_TYPE);
    if (this.#outgoing.isWaiting) return;
    if (this.#isEnding) this.destroy();
    else this.#events?.onDrain();
  }

  #waitForNext(): void {
    if (this.#goneTimer) clearTimeout(this.#goneTimer);
    if (this.#isClosed) return;
    this.#goneTimer = setTimeout(() => this.#close('it does not ask any more'), GONE_AFTER);
    this.#goneTimer.unref?.();
  }

  #close(why: string | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#goneTimer) clearTimeout(this.#goneTimer);
    this.#release();
    this.#onGone();
    this.#events?.onClose(why);
    this.#closing.resolve();
  }
}

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
  readonly #incoming = new Incoming(MAX_EARLY.asked);
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

function isBatch({ contentType }: HttpExchange): boolean {
  return contentType.startsWith(BATCH_CONTENT_TYPE);
}
