/**
 * One session, as either end sees it: questions and answers, pushes and streams, all numbered, so that they outlive the
 * connection that carries them.
 *
 * Source: specs/native.md, section 4; src/wire/session.ts.
 */

import type { InboundMessage, Logger, Reply } from '../app/message.ts';
import { isAsyncIterable, OK } from '../app/message.ts';
import { type Bytes, concat, EMPTY } from '../bytes/bytes.ts';
import { codeOf, messageOf, SottoError, StatusError } from '../errors.ts';
import { errorReplyBytes, fromReply } from '../sealed/adapter.ts';
import { STATUS } from '../sealed/status.ts';
import { decodeBody, encodeBody, type Representation } from '../wire/representation.ts';
import { decodeRoutedRequest, encodeRoutedRequest, type RoutedRequest } from '../wire/routed.ts';
import {
  costOfItem,
  decodeCount,
  encodeCount,
  encodeFailure,
  KEPT_HEAD_SIZE,
  type KeptKind,
  type KeptMessage,
  ONCE_ID_SIZE,
} from '../wire/session.ts';
import { Assembly } from './assembly.ts';
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
  /** Questions and pushes of the other end that are handled at a time; more of them wait. */
  readonly maxStreams: number;
  /** Of what is not confirmed, bytes: above it pushes are skipped, answers and streams wait. Of what waits to be handled, too. */
  readonly maxOutbox: number;
}

export interface ConversationOptions extends ConversationLimits {
  readonly role: 'client' | 'server';
  /** Answers what the other end asks. Never rejects. */
  readonly dispatch: (message: InboundMessage) => Promise<Reply>;
  /** Who and where the other end is; read for every message. */
  readonly facts: () => Pick<InboundMessage, 'sender' | 'transport' | 'remote' | 'session'>;
  /** Runs what is to be handled once, until its own signal, for it outlives the session; null where nothing is. */
  readonly once:
    | ((id: Bytes, sentAt: number, run: (signal: AbortSignal) => Promise<Bytes>) => Promise<Bytes>)
    | null;
  /** The other end takes too slowly what it is sent: a push is being skipped. */
  readonly onSlow: () => void;
  /** So many pushes of the other end are lost, because this one took them too slowly, or could not take them. */
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
  /** Nobody here waits for the answer any more. */
  readonly stopped: AbortController;
  /** Because the caller said so, and did not just go. */
  readonly cancelled: AbortController;
  body: Inflow<unknown> | null;
  values: Outflow | null;
}

interface Waiting {
  readonly request: RoutedRequest;
  readonly id: Bytes | null;
}

/** Refusals of requests while nothing is confirmed, after which the other end cannot be honest. */
const MAX_REFUSED = 2 ** 16;
/** A credit that could be meant. */
const MAX_CREDIT = 2 ** 20;
const MAX_STREAM = 2 ** 32 - 1;

export class Conversation {
  readonly #options: ConversationOptions;
  readonly #outbox = new Outbox();
  readonly #calls = new Map<number, Call>();
  readonly #served = new Map<number, Served>();
  /** What has come while as much as may be was being handled, by stream, in its order. */
  readonly #waiting = new Map<number, Waiting>();
  readonly #assembly: Assembly;
  #waitingBytes = 0;
  #carrier: Carrier | null = null;
  #received = 0;
  #nextStream: number;
  #skipped = 0;
  #refused = 0;
  #attachments = 0;
  #activeAt = performance.now();
  #room = Promise.withResolvers<void>();
  #ended: SottoError | null = null;
  #onSettled: () => void = () => {};

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#assembly = new Assembly(options.maxMessage + ONCE_ID_SIZE);
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

  /** How many connections there have been. */
  get attachments(): number {
    return this.#attachments;
  }

  /** How long nothing has been asked or told, ms; 0 while an answer is outstanding, on either side. */
  get idleFor(): number {
    const isBusy = this.#served.size > 0 || this.#calls.size > 0;
    return isBusy ? 0 : performance.now() - this.#activeAt;
  }

  /**
   * Goes on by another connection.
   *
   * @param received so many of ours have come over there.
   * @throws SottoError `invalid_message` where that cannot be.
   */
  attach(carrier: Carrier, received: number): void {
    const again = this.#outbox.after(received);
    this.#attachments += 1;
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
      (credit) => this.#send('credit', stream, encodeCount(credit)),
      () => this.#cancel(stream, new SottoError('aborted', 'The stream was left.')),
    );
    try {
      stream = this.#open(new Streamed(values), route, body, options);
    } catch (error) {
      values.finish(error);
    }
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
    // Once one was skipped all are, until that can be told: so the other end learns where the gap is.
    if (this.#skipped > 0 || this.#outbox.bytes > this.#options.maxOutbox) {
      this.#skipped += 1;
      this.#options.onSlow();
      return false;
    }
    this.#send('data', this.#newStream(), content);
    return true;
  }

  /** Takes what comes next; what has come before is left. */
  take(message: KeptMessage): void {
    if (this.#ended) return;
    if (message.number > this.#received) return this.#options.onBroken('a message is missing');
    const isNew = message.number === this.#received;
    if (isNew) this.#received += 1;
    this.#carrier?.confirm(this.#received);
    if (!isNew) return;
    this.#activeAt = performance.now();
    try {
      const whole = this.#assembly.take(message);
      if (whole?.isTooLong) this.#takeTooLong(message, whole.content);
      else if (whole) this.#takeWhole(message, whole.content);
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
    return (
      this.#ended !== null || (this.#served.size === 0 && this.#waiting.size === 0 && this.#outbox.isEmpty)
    );
  }

  /** Over: nothing is taken or sent any more. */
  end(error: SottoError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#carrier = null;
    for (const [stream, call] of this.#calls) {
      this.#forget(stream, call);
      call.fail(error);
    }
    this.#waiting.clear();
    for (const served of this.#served.values()) stop(served, error);
    this.#served.clear();
    this.#room.resolve();
    this.#onSettled();
  }

  #open(call: Call, route: string, body: unknown, options: QuestionOptions): number {
    this.#requireOpen();
    const { once, signal } = options;
    if (signal?.aborted) throw abortedBy(signal);
    const isStreaming = isAsyncIterable(body);
    if (isStreaming && once) {
      throw new SottoError('invalid_argument', 'A stream of values cannot be sent once; send it whole.');
    }
    const question = this.#question(route, isStreaming ? undefined : body, options);
    const stream = this.#newStream();
    this.#calls.set(stream, call);
    const onAbort = (): void => this.#cancel(stream, abortedBy(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    call.release = () => signal?.removeEventListener('abort', onAbort);
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
    call.release();
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
    this.#activeAt = performance.now();
    const messages = this.#outbox.add(kind, stream, content);
    this.#carrier?.send(messages);
  }

  /** What was skipped is told as soon as there is room for it. */
  #madeRoom(): void {
    if (this.#isSettled) this.#onSettled();
    if (this.#outbox.bytes > this.#options.maxOutbox / 2) return;
    this.#room.resolve();
    this.#room = Promise.withResolvers();
    this.#refused = 0;
    if (this.#skipped === 0) return;
    this.#send('skipped', 0, encodeCount(this.#skipped));
    this.#skipped = 0;
  }

  /** What the other end brought about waits until it has taken what there is: it must not fill our memory. */
  get #isFull(): boolean {
    return !this.#ended && this.#outbox.bytes > this.#options.maxOutbox;
  }

  /** Whose it was is told; the rest of the session goes on. */
  #takeTooLong({ kind, stream }: KeptMessage, beginning: Bytes): void {
    const why = `A message is over the limit of ${this.#options.maxMessage} bytes.`;
    if (this.#isOurs(stream)) return this.#cancel(stream, new SottoError('frame_too_large', why));
    const error = new StatusError(STATUS.replyTooLarge, why);
    if (kind === 'item') return this.#served.get(stream)?.body?.finish(error);
    const question = kind === 'once' ? beginning.subarray(ONCE_ID_SIZE) : beginning;
    if (decodeRoutedRequest(question).oneWay) this.#options.onSkipped(1);
    else this.#send('error', stream, encodeFailure(error.status, why));
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
    if (!call || !part) return;
    try {
      if (call.take(part)) this.#forget(stream, call);
    } catch (error) {
      this.#forget(stream, call);
      call.fail(error);
      throw error;
    }
  }

  #takeFromOpener(stream: number, kind: KeptKind, content: Bytes): void {
    if (kind === 'data') return this.#begin(stream, decodeRoutedRequest(content), null, false);
    if (kind === 'open') return this.#begin(stream, decodeRoutedRequest(content), null, true);
    if (kind === 'once') {
      const id = content.subarray(0, ONCE_ID_SIZE);
      return this.#begin(stream, decodeRoutedRequest(content.subarray(ONCE_ID_SIZE)), id, false);
    }
    const [served, waiting] = [this.#served.get(stream), this.#waiting.get(stream)];
    if (waiting && kind === 'cancel') return this.#unwait(stream, waiting);
    if (!served) return; // it was answered before the last of the question came
    if (kind === 'cancel') return this.#unserve(stream, served);
    if (kind === 'item') served.body?.push(itemIn(content), costOfItem(content));
    else if (kind === 'end') served.body?.finish();
    else served.body?.finish(failureIn(content));
  }

  #begin(stream: number, request: RoutedRequest, id: Bytes | null, isStreaming: boolean): void {
    if (this.#served.has(stream) || this.#waiting.has(stream)) {
      return this.#options.onBroken('a stream is opened twice');
    }
    if (this.#served.size < this.#options.maxStreams) {
      return void this.#serve(stream, request, id, isStreaming);
    }
    const waiting = { request, id };
    const size = sizeOf(waiting);
    if (isStreaming || this.#waitingBytes + size > this.#options.maxOutbox)
      return this.#refuse(stream, request);
    this.#waiting.set(stream, waiting);
    this.#waitingBytes += size;
  }

  #unwait(stream: number, waiting: Waiting): void {
    this.#waiting.delete(stream);
    this.#waitingBytes -= sizeOf(waiting);
  }

  /** One less is being handled. */
  #release(stream: number): void {
    this.#served.delete(stream);
    this.#activeAt = performance.now();
    const [next] = this.#served.size < this.#options.maxStreams ? this.#waiting : [];
    if (next) {
      this.#unwait(...next);
      void this.#serve(next[0], next[1].request, next[1].id, false);
    }
    if (this.#isSettled) this.#onSettled();
  }

  async #serve(
    stream: number,
    request: RoutedRequest,
    id: Bytes | null,
    isStreaming: boolean,
  ): Promise<void> {
    const body = isStreaming ? this.#bodyOf(stream) : null;
    const served: Served = {
      ...{ stopped: new AbortController(), cancelled: new AbortController() },
      ...{ body, values: null },
    };
    this.#served.set(stream, served);
    try {
      if (id) await this.#serveOnce(stream, request, served, id);
      else
        await this.#answer(
          stream,
          request,
          await this.#dispatch(request, served, served.stopped.signal),
          served,
        );
    } catch (error) {
      this.#options.log.error(
        { error, route: request.route },
        'a request of a session could not be answered',
      );
    } finally {
      if (this.#served.get(stream) === served) this.#release(stream);
      served.body?.finish(
        new StatusError(STATUS.callerGone, 'The answer was given.', { code: 'caller_gone' }),
      );
    }
  }

  #bodyOf(stream: number): Inflow<unknown> {
    return new Inflow(
      (credit) => this.#send('credit', stream, encodeCount(credit)),
      () => {}, // the answer ends it
    );
  }

  /** A question is told so; a push is lost, and that is told here. */
  #refuse(
    stream: number,
    { oneWay }: RoutedRequest,
    why: string = 'Too many requests are being answered at one time.',
  ): void {
    if (oneWay) return this.#options.onSkipped(1);
    this.#refused += 1;
    if (this.#refused > MAX_REFUSED) this.#options.onBroken('too many refusals are not confirmed');
    else this.#send('error', stream, encodeFailure(STATUS.unavailable, why));
  }

  async #serveOnce(stream: number, request: RoutedRequest, served: Served, id: Bytes): Promise<void> {
    const { once } = this.#options;
    if (!once) return this.#refuse(stream, request, 'Nothing is handled once here.');
    // Who comes back by another session asks for the same answer: only a caller who wants it no more ends the work.
    const run = async (closing: AbortSignal): Promise<Bytes> => {
      const signal = AbortSignal.any([closing, served.cancelled.signal]);
      return this.#reply(single(await this.#dispatch(request, served, signal)));
    };
    const answer = await once(id, request.sentAt, run);
    while (this.#isFull) await this.#room.promise;
    if (!served.stopped.signal.aborted) this.#send('data', stream, answer);
  }

  #reply(reply: Reply): Bytes {
    const bytes = fromReply(reply);
    const { maxMessage } = this.#options;
    if (bytes.length <= maxMessage) return bytes;
    return errorReplyBytes(STATUS.replyTooLarge, `The answer is over the limit of ${maxMessage} bytes.`);
  }

  #dispatch(
    { route, representation, body }: RoutedRequest,
    served: Served,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { dispatch, facts } = this.#options;
    const flow = served.body;
    return dispatch({
      ...facts(),
      ...{ route, bytes: body, representation, signal },
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
    if (served.values) return this.#pour(stream, served.values);
    const answer = this.#reply(reply);
    while (this.#isFull) await this.#room.promise;
    if (!served.stopped.signal.aborted) this.#send('data', stream, answer);
  }

  /** All values of an iterable, or its error. Never rejects. */
  async #pour(stream: number, values: Outflow): Promise<void> {
    try {
      const isWhole = await values.run(async (value) => {
        const { representation, bytes } = encodeBody(value);
        if (bytes.length > this.#options.maxMessage) throw new StatusError(413, 'A value is too long.');
        const content = concat(Uint8Array.of(representation.charCodeAt(0)), bytes);
        while (this.#isFull) await this.#room.promise;
        if (!values.isStopped) this.#send('item', stream, content);
        return costOfItem(content);
      });
      if (isWhole) this.#send('end', stream, EMPTY);
    } catch (error) {
      values.stop();
      const status = error instanceof StatusError ? error.status : STATUS.handlerFailed;
      const why = error instanceof StatusError ? error.message : 'The stream failed.';
      if (!(error instanceof StatusError)) this.#options.log.error({ error }, 'a stream failed');
      this.#send('error', stream, encodeFailure(status, why));
    }
  }

  #unserve(stream: number, served: Served): void {
    const gone = new StatusError(STATUS.callerGone, 'The caller is gone.', { code: 'caller_gone' });
    served.cancelled.abort(gone);
    stop(served, gone);
    this.#release(stream);
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

function sizeOf({ request }: Waiting): number {
  return KEPT_HEAD_SIZE + request.route.length + request.body.length;
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
