/**
 * A pipe of messages over plain HTTP, for where WebSockets do not get through: one POST at a time brings what is to be sent,
 * another is held until there is something to hear.
 *
 * The format is in src/wire/http-batch.ts.
 */

import { sockets } from '#sockets';
import { type Bytes, concat, EMPTY } from '../bytes/bytes.ts';
import { encodeHex } from '../bytes/text.ts';
import { messageOf } from '../errors.ts';
import type { HttpExchange, Pipe, PipeEvents, SocketAddress } from '../platform/types.ts';
import { BATCH_CONTENT_TYPE, type BatchRequest, decodeBatchRequest } from '../wire/http-batch.ts';
import { GONE_AFTER, Incoming, Outgoing } from './http-batches.ts';
import type { HttpMount } from './http-mount.ts';

export { httpPipe } from './http-asking-pipe.ts';

const OK = 200;
const BAD_REQUEST = 400;
const NOT_FOUND = 404;
const UNSUPPORTED_MEDIA_TYPE = 415;
const UNAVAILABLE = 503;

/** So long a question is held at the most, ms; proxies cut what is silent for a minute. */
const HOLD = 20_000;
/** For the last answers of a server that closes, ms. */
const FAREWELL = 1000;
/** Of messages that have come before their turn, bytes: what is sent cannot overtake. */
const MAX_EARLY = 0;

export interface HttpPipeLimits {
  /** Bytes of one message. */
  readonly maxMessage: number;
  readonly maxPipes: number;
  /** 16 random bytes, by which a pipe is known: whoever guesses them can cut it. */
  readonly newId: () => Bytes;
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
  readonly #incoming = new Incoming(MAX_EARLY);
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

function isBatch({ contentType }: HttpExchange): boolean {
  return contentType.startsWith(BATCH_CONTENT_TYPE);
}
