/**
 * One session, as either end sees it: questions and answers, pushes and streams, all numbered, so that they outlive the
 * connection that carries them.
 *
 * Source: specs/native.md, section 4; src/wire/session.ts.
 */

import type { InboundMessage, Logger, Reply } from '../app/message.ts';
import { isAsyncIterable, OK } from '../app/message.ts';
import { type Bytes, concat, concatAll, EMPTY } from '../bytes/bytes.ts';
import { codeOf, messageOf, SottoError, StatusError } from '../errors.ts';
import { fromReply } from '../sealed/adapter.ts';
import { STATUS } from '../sealed/status.ts';
import { decodeBody, encodeBody, type Representation } from '../wire/representation.ts';
import { decodeRoutedRequest, encodeRoutedRequest, type RoutedRequest } from '../wire/routed.ts';
import {
  decodeCount,
  encodeCount,
  encodeFailure,
  type KeptKind,
  type KeptMessage,
  ONCE_ID_SIZE,
} from '../wire/session.ts';
import { Asked, type Call, failureIn, itemIn, type Part, Streamed } from './calls.ts';
import { Inflow, Outflow } from './flow.ts';
import { Outbox } from './outbox.ts';

/** What a connection does for a session. */
export interface Carrier {
  send(messages: readonly KeptMessage[]): void;
  /** So many kept messages have come: the other end may forget them. Told when the carrier sees fit. */
  confirm(received: number): void;
}

export interface ConversationLimits {
  /** Of one question, answer or value, bytes, put together. */
  readonly maxMessage: number;
  /** Streams that the other end has opened. */
  readonly maxStreams: number;
  /** Of what is not confirmed, bytes: above it pushes are skipped and streams wait. */
  readonly maxOutbox: number;
}

export interface ConversationOptions extends ConversationLimits {
  readonly role: 'client' | 'server';
  /** Answers what the other end asks. Never rejects. */
  readonly dispatch: (message: InboundMessage) => Promise<Reply>;
  /** Who and where the other end is; read for every message. */
  readonly facts: () => Pick<InboundMessage, 'sender' | 'transport' | 'remote' | 'session'>;
  /** Runs what is to be handled once; null where nothing is. */
  readonly once: ((id: Bytes, sentAt: number, run: () => Promise<Bytes>) => Promise<Bytes>) | null;
  /** The other end has skipped so many messages, because this one took them too slowly. */
  readonly onSkipped: (count: number) => void;
  /** The other end does what no honest one does: the session is to be closed. */
  readonly onBroken: (why: string) => void;
  readonly log: Logger;
}

export interface SendOptions {
  /** How the body is written. Default `auto`. */
  readonly representation?: Representation | 'auto';
}

/** By what a request is known again that is to be handled once. */
export interface OnceStamp {
  /** 16 bytes. */
  readonly id: Bytes;
  /** The server's time, ms since 1970. */
  readonly sentAt: number;
}

type QuestionOptions = SendOptions & { readonly once?: OnceStamp; readonly signal?: AbortSignal };

/** A stream that the other end has opened. */
interface Served {
  readonly stopped: AbortController;
  body: Inflow<unknown> | null;
  values: Outflow | null;
}

/** A credit that could be meant. */
const MAX_CREDIT = 2 ** 20;
const MAX_STREAM = 2 ** 32 - 1;

export class Conversation {
  readonly #options: ConversationOptions;
  readonly #outbox = new Outbox();
  readonly #calls = new Map<number, Call>();
  readonly #served = new Map<number, Served>();
  /** What has come of messages in parts, by stream. */
  readonly #parts = new Map<number, { readonly kind: KeptKind; readonly chunks: Bytes[]; size: number }>();
  #carrier: Carrier | null = null;
  #received = 0;
  #nextStream: number;
  #skipped = 0;
  #room = Promise.withResolvers<void>();
  #ended: SottoError | null = null;
  #onSettled: () => void = () => {};

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#nextStream = options.role === 'client' ? 1 : 2;
  }

  /** How many kept messages of the other end have come. */
  get received(): number {
    return this.#received;
  }

  /** Bytes that the other end has not confirmed. */
  get unconfirmed(): number {
    return this.#outbox.bytes;
  }

  /**
   * Goes on by another connection.
   *
   * @param received so many of ours have come over there.
   * @throws SottoError `invalid_message` where that cannot be.
   */
  attach(carrier: Carrier, received: number): void {
    const again = this.#outbox.after(received);
    this.#carrier = carrier;
    if (again.length > 0) carrier.send(again);
    this.#madeRoom();
  }

  /** The connection is lost; what is sent from now on waits for the next. */
  detach(carrier: Carrier): void {
    if (this.#carrier === carrier) this.#carrier = null;
  }

  /** The other end has so many. @throws SottoError `invalid_message`. */
  confirm(received: number): void {
    this.#outbox.confirm(received);
    this.#madeRoom();
  }

  /** Asks; the answer's value. @throws StatusError; SottoError `timeout`, `aborted`, and whatever ended the session. */
  async request(route: string, body: unknown, options: QuestionOptions = {}): Promise<unknown> {
    const call = new Asked();
    this.#open(call, route, body, options);
    return call.answer;
  }

  /** Asks for many values. A body that is an async iterable is sent as a stream of its own, at the same time. */
  stream(
    route: string,
    body: unknown,
    options: SendOptions & { readonly signal?: AbortSignal } = {},
  ): AsyncIterableIterator<unknown, void, void> {
    let stream = 0;
    const values = new Inflow<unknown>(
      (items) => this.#send('credit', stream, encodeCount(items)),
      () => this.#cancel(stream, new SottoError('aborted', 'The stream was left.')),
    );
    stream = this.#open(new Streamed(values), route, body, options);
    return values;
  }

  /**
   * Tells; there is no answer.
   *
   * @returns false where it was skipped, because the other end takes too slowly what it is sent; it is told how many were.
   */
  push(route: string, body: unknown, options: SendOptions = {}): boolean {
    this.#requireOpen();
    const content = this.#question(route, body, { ...options, oneWay: true });
    if (this.#outbox.bytes > this.#options.maxOutbox) {
      this.#skipped += 1;
      return false;
    }
    this.#send('data', this.#newStream(), content);
    return true;
  }

  /** Takes what comes next; what has come before is left. */
  take(message: KeptMessage): void {
    if (this.#ended || message.number < this.#received) return;
    if (message.number > this.#received) return this.#options.onBroken('a message is missing');
    this.#received += 1;
    this.#carrier?.confirm(this.#received);
    try {
      const content = this.#wholeOf(message);
      if (content) this.#takeWhole(message, content);
    } catch (error) {
      this.#options.log.debug({ why: messageOf(error) }, 'a session sends what no honest one does');
      this.#options.onBroken(codeOf(error));
    }
  }

  /** Resolves when nothing is being answered any more and all has come over there, or after so long, ms. */
  settled(timeout: number): Promise<void> {
    if (this.#isSettled) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout);
      this.#onSettled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  get #isSettled(): boolean {
    return this.#ended !== null || (this.#served.size === 0 && this.#outbox.isEmpty);
  }

  /** Over: nothing is taken or sent any more. */
  end(error: SottoError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#carrier = null;
    for (const call of this.#calls.values()) {
      call.body?.stop();
      call.fail(error);
    }
    for (const served of this.#served.values()) stop(served, error);
    this.#calls.clear();
    this.#served.clear();
    this.#parts.clear();
    this.#room.resolve();
    this.#onSettled();
  }

  #open(call: Call, route: string, body: unknown, options: QuestionOptions): number {
    this.#requireOpen();
    const { once, signal } = options;
    if (signal?.aborted) throw abortedBy(signal);
    const isStreaming = isAsyncIterable(body);
    const question = this.#question(route, isStreaming ? undefined : body, options);
    const stream = this.#newStream();
    this.#calls.set(stream, call);
    const onAbort = (): void => this.#cancel(stream, abortedBy(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    if (isStreaming) this.#send('open', stream, question);
    else if (once) this.#send('once', stream, concat(once.id, question));
    else this.#send('data', stream, question);
    if (isStreaming) {
      call.body = new Outflow(body);
      void this.#pour(stream, call.body);
    }
    return stream;
  }

  /** A question as it is written. @throws SottoError `invalid_body`, `invalid_route`, `request_too_large`. */
  #question(
    route: string,
    body: unknown,
    { representation = 'auto', once, oneWay = false }: QuestionOptions & { readonly oneWay?: boolean },
  ): Bytes {
    const encoded = encodeBody(body, representation);
    const sentAt = once?.sentAt ?? Date.now();
    const request = {
      route,
      once: once !== undefined,
      oneWay,
      sentAt,
      representation: encoded.representation,
    };
    const bytes = encodeRoutedRequest({ ...request, body: encoded.bytes });
    if (bytes.length <= this.#options.maxMessage) return bytes;
    const text = `A message of ${bytes.length} bytes is over the limit of ${this.#options.maxMessage}.`;
    throw new SottoError('request_too_large', text);
  }

  #cancel(stream: number, error: SottoError): void {
    const call = this.#calls.get(stream);
    if (!call) return;
    this.#forget(stream, call);
    this.#send('cancel', stream, EMPTY);
    call.fail(error);
  }

  #forget(stream: number, call: Call): void {
    this.#calls.delete(stream);
    call.body?.stop();
  }

  #newStream(): number {
    const stream = this.#nextStream;
    if (stream > MAX_STREAM) throw new SottoError('closed', 'The session is used up; connect again.');
    this.#nextStream += 2;
    return stream;
  }

  #send(kind: KeptKind, stream: number, content: Bytes): void {
    if (this.#ended) return;
    const messages = this.#outbox.add(kind, stream, content);
    this.#carrier?.send(messages);
  }

  /** What was skipped is told as soon as there is room for it. */
  #madeRoom(): void {
    if (this.#isSettled) this.#onSettled();
    if (this.#outbox.bytes > this.#options.maxOutbox / 2) return;
    this.#room.resolve();
    this.#room = Promise.withResolvers();
    if (this.#skipped === 0) return;
    this.#send('skipped', 0, encodeCount(this.#skipped));
    this.#skipped = 0;
  }

  /** The content of a message, once its last part is there. @throws SottoError `frame_too_large`, `invalid_message`. */
  #wholeOf({ kind, stream, more, content }: KeptMessage): Bytes | null {
    const before = this.#parts.get(stream);
    if (!before && !more) return content;
    if (before && before.kind !== kind) throw new SottoError('invalid_message', 'A message has no end.');
    const parts = before ?? { kind, chunks: [], size: 0 };
    if (!before && this.#parts.size >= this.#options.maxStreams) {
      throw new SottoError('too_many_requests', 'Too many messages come in parts at one time.');
    }
    this.#parts.set(stream, parts);
    parts.chunks.push(content);
    parts.size += content.length;
    if (parts.size > this.#options.maxMessage + ONCE_ID_SIZE) {
      throw new SottoError(
        'frame_too_large',
        `A message is over the limit of ${this.#options.maxMessage} bytes.`,
      );
    }
    if (more) return null;
    this.#parts.delete(stream);
    return concatAll(parts.chunks);
  }

  #takeWhole({ kind, stream }: KeptMessage, content: Bytes): void {
    if (kind === 'skipped') return this.#options.onSkipped(decodeCount(content));
    if (kind === 'credit') return this.#allow(stream, decodeCount(content));
    if (this.#isOurs(stream)) return this.#takeAnswer(stream, kind, content);
    this.#takeFromOpener(stream, kind, content);
  }

  #isOurs(stream: number): boolean {
    return (stream % 2 === 1) === (this.#options.role === 'client');
  }

  #allow(stream: number, items: number): void {
    const flow = this.#isOurs(stream) ? this.#calls.get(stream)?.body : this.#served.get(stream)?.values;
    flow?.allow(Math.min(items, MAX_CREDIT));
  }

  /** What is late for a call that was given up is nobody's. */
  #takeAnswer(stream: number, kind: KeptKind, content: Bytes): void {
    const call = this.#calls.get(stream);
    const part = partOf(kind, content);
    if (call && part && call.take(part)) this.#forget(stream, call);
  }

  #takeFromOpener(stream: number, kind: KeptKind, content: Bytes): void {
    if (kind === 'data') return void this.#serve(stream, decodeRoutedRequest(content), null, false);
    if (kind === 'open') return void this.#serve(stream, decodeRoutedRequest(content), null, true);
    if (kind === 'once') {
      const id = content.subarray(0, ONCE_ID_SIZE);
      return void this.#serve(stream, decodeRoutedRequest(content.subarray(ONCE_ID_SIZE)), id, false);
    }
    const served = this.#served.get(stream);
    if (!served) return; // it was answered before the last of the question came
    if (kind === 'cancel') return this.#unserve(stream, served);
    if (kind === 'item') served.body?.push(itemIn(content));
    else if (kind === 'end') served.body?.finish();
    else served.body?.finish(failureIn(content));
  }

  async #serve(
    stream: number,
    request: RoutedRequest,
    id: Bytes | null,
    isStreaming: boolean,
  ): Promise<void> {
    if (this.#served.has(stream)) return this.#options.onBroken('a stream is opened twice');
    if (this.#served.size >= this.#options.maxStreams) {
      return this.#refuse(stream, request, 'Too many requests are being answered at one time.');
    }
    const body = isStreaming ? this.#bodyOf(stream) : null;
    const served: Served = { stopped: new AbortController(), body, values: null };
    this.#served.set(stream, served);
    try {
      if (id) await this.#serveOnce(stream, request, served, id);
      else await this.#answer(stream, request, await this.#dispatch(request, served), served);
    } catch (error) {
      this.#options.log.error(
        { error, route: request.route },
        'a request of a session could not be answered',
      );
    } finally {
      if (this.#served.get(stream) === served) this.#served.delete(stream);
      if (this.#isSettled) this.#onSettled();
      served.body?.finish(
        new StatusError(STATUS.callerGone, 'The answer was given.', { code: 'caller_gone' }),
      );
    }
  }

  #bodyOf(stream: number): Inflow<unknown> {
    return new Inflow(
      (items) => this.#send('credit', stream, encodeCount(items)),
      () => {}, // the answer ends it
    );
  }

  #refuse(stream: number, { oneWay }: RoutedRequest, why: string): void {
    if (!oneWay) this.#send('error', stream, encodeFailure(STATUS.unavailable, why));
  }

  async #serveOnce(stream: number, request: RoutedRequest, served: Served, id: Bytes): Promise<void> {
    const { once } = this.#options;
    if (!once) return this.#refuse(stream, request, 'Nothing is handled once here.');
    const run = async (): Promise<Bytes> => fromReply(single(await this.#dispatch(request, served)));
    this.#send('data', stream, await once(id, request.sentAt, run));
  }

  #dispatch({ route, representation, body }: RoutedRequest, served: Served): Promise<Reply> {
    const { dispatch, facts } = this.#options;
    const flow = served.body;
    return dispatch({
      ...facts(),
      ...{ route, bytes: body, representation, signal: served.stopped.signal },
      ...{ proof: 'session', protocol: 'session' },
      get body() {
        return flow ?? decodeBody(body, representation);
      },
    });
  }

  async #answer(stream: number, request: RoutedRequest, reply: Reply, served: Served): Promise<void> {
    const { value } = reply;
    const isMany = reply.status === OK && isAsyncIterable(value);
    if (isMany) served.values = new Outflow(value);
    if (request.oneWay || served.stopped.signal.aborted) return served.values?.stop();
    if (served.values) await this.#pour(stream, served.values);
    else this.#send('data', stream, fromReply(reply));
  }

  /** All values of an iterable, or its error. Never rejects. */
  async #pour(stream: number, values: Outflow): Promise<void> {
    try {
      const isWhole = await values.run(async (value) => {
        const { representation, bytes } = encodeBody(value);
        if (bytes.length > this.#options.maxMessage) throw new StatusError(413, 'A value is too long.');
        this.#send('item', stream, concat(Uint8Array.of(representation.charCodeAt(0)), bytes));
        if (this.#outbox.bytes > this.#options.maxOutbox) await this.#room.promise;
      });
      if (isWhole) this.#send('end', stream, EMPTY);
    } catch (error) {
      const status = error instanceof StatusError ? error.status : STATUS.handlerFailed;
      const why = error instanceof StatusError ? error.message : 'The stream failed.';
      if (!(error instanceof StatusError)) this.#options.log.error({ error }, 'a stream failed');
      this.#send('error', stream, encodeFailure(status, why));
    }
  }

  #unserve(stream: number, served: Served): void {
    this.#served.delete(stream);
    stop(served, new StatusError(STATUS.callerGone, 'The caller is gone.', { code: 'caller_gone' }));
  }

  #requireOpen(): void {
    if (this.#ended) throw this.#ended;
  }
}

function stop({ stopped, values, body }: Served, why: SottoError): void {
  stopped.abort(why);
  values?.stop();
  body?.finish(why);
}

/** For what must be kept whole to be told again. */
function single(reply: Reply): Reply {
  if (reply.status !== OK || !isAsyncIterable(reply.value)) return reply;
  const value = 'A stream cannot be answered once.';
  return { status: STATUS.handlerFailed, value, representation: 't' };
}

function partOf(kind: KeptKind, content: Bytes): Part | null {
  if (kind === 'end') return { kind };
  return kind === 'data' || kind === 'item' || kind === 'error' ? { kind, content } : null;
}

function abortedBy(signal: AbortSignal | undefined): SottoError {
  return new SottoError('aborted', 'It was aborted.', { cause: signal?.reason });
}
