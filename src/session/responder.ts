/** The serving side of a session: the streams that the other end has opened, handled so many at a time, and answered. */

import type { InboundMessage, Reply } from '../app/message.ts';
import { isAsyncIterable, OK } from '../app/message.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { type SottoError, StatusError } from '../errors.ts';
import { STATUS } from '../sealed/status.ts';
import { decodeBody, loadingToDecode, loadingToEncode } from '../wire/representation.ts';
import type { RoutedRequest } from '../wire/routed.ts';
import { costOfItem, encodeCount, encodeFailure, type KeptKind } from '../wire/session.ts';
import { answerOf, single } from './answer.ts';
import { failureIn, itemIn } from './calls.ts';
import { Inflow, Outflow } from './flow.ts';
import { isOneWay, type Opening, openingFrom } from './opening.ts';
import { type PourOptions, pour } from './pour.ts';
import { RequestQueue } from './request-queue.ts';
import type { Sender } from './sender.ts';

export interface ResponderOptions extends PourOptions {
  /** Questions and pushes of the other end that are handled at a time; more of them wait. */
  readonly maxStreams: number;
  /** Of what waits to be handled, bytes. */
  readonly maxOutbox: number;
  /** Answers what the other end asks. Never rejects. */
  readonly dispatch: (message: InboundMessage) => Promise<Reply>;
  /** Who and where the other end is; read for every message. */
  readonly facts: () => Pick<InboundMessage, 'sender' | 'transport' | 'remote' | 'session'>;
  /** Runs what is to be handled once, until its own signal, for it outlives the session; null where nothing is. */
  readonly once:
    | ((id: Bytes, sentAt: number, run: (signal: AbortSignal) => Promise<Bytes>) => Promise<Bytes>)
    | null;
  /** So many pushes of the other end are lost, because this one took them too slowly, or could not take them. */
  readonly onSkipped: (count: number) => void;
  /** The other end does what no honest one does: the session is to be closed. */
  readonly onBroken: (why: string) => void;
}

/** A stream that the other end has opened. */
interface Served {
  /** Nobody here waits for the answer any more. */
  readonly stopped: AbortController;
  /** Because the caller said so, and did not just go. */
  readonly cancelled: AbortController;
  readonly body: Inflow<unknown> | null;
  values: Outflow | null;
}

/** Refusals of requests while nothing is confirmed, after which the other end cannot be honest. */
const MAX_REFUSED = 2 ** 16;

export class Responder {
  readonly #options: ResponderOptions;
  readonly #sender: Sender;
  readonly #onReleased: () => void;
  readonly #served = new Map<number, Served>();
  /** What has come while as much as may be was being handled. */
  readonly #waiting: RequestQueue;
  /** How many wait for what reads them, as in pages: nothing may overtake them. */
  #loading = 0;
  #refused = 0;

  /** @param onReleased one stream less is being handled. */
  constructor(options: ResponderOptions, sender: Sender, onReleased: () => void) {
    this.#options = options;
    this.#sender = sender;
    this.#onReleased = onReleased;
    this.#waiting = new RequestQueue(options.maxOutbox);
  }

  /** Whether an answer is owed. */
  get isServing(): boolean {
    return this.#served.size > 0;
  }

  /** Whether nothing is being handled, nor waits for it. */
  get isDone(): boolean {
    return this.#served.size === 0 && this.#waiting.isEmpty;
  }

  /** What has come for a stream. @throws SottoError for what does not decode. */
  take(stream: number, kind: KeptKind, content: Bytes): void {
    const opening = openingFrom(kind, content);
    if (opening) return this.#begin(stream, opening);
    if (kind === 'cancel' && this.#waiting.remove(stream)) return;
    const served = this.#served.get(stream);
    if (!served) return; // it was answered before the last of the question came
    if (kind === 'cancel') return this.#unserve(stream, served);
    if (kind === 'item') served.body?.push(itemIn(content), costOfItem(content));
    else if (kind === 'end') served.body?.finish();
    else served.body?.finish(failureIn(content));
  }

  /**
   * Whose it was is told; the rest of the session goes on.
   *
   * @param beginning of the content; null where it is compressed, and so cannot be read.
   */
  takeTooLong(stream: number, kind: KeptKind, beginning: Bytes | null, why: string): void {
    const error = new StatusError(STATUS.replyTooLarge, why);
    if (kind === 'item') return this.#served.get(stream)?.body?.finish(error);
    // Where it may be a push or a question, both are told: a gap that is none is better than a loss in silence.
    const isPush = beginning ? isOneWay(kind, beginning) : null;
    if (isPush ?? kind === 'data') this.#options.onSkipped(1);
    if (!isPush) this.#sender.sendAtOnce('error', stream, encodeFailure(error.status, why));
  }

  /** So many more items of the answer may be sent. */
  allow(stream: number, items: number): void {
    this.#served.get(stream)?.values?.allow(items);
  }

  /** The other end has taken what it was sent. */
  forgiveRefusals(): void {
    this.#refused = 0;
  }

  /** Nothing is handled any more. */
  end(error: SottoError): void {
    this.#waiting.clear();
    for (const served of this.#served.values()) stop(served, error);
    this.#served.clear();
  }

  #begin(stream: number, opening: Opening): void {
    if (this.#served.has(stream) || this.#waiting.has(stream)) {
      return this.#options.onBroken('a stream is opened twice');
    }
    // Whose body is a stream cannot wait here.
    const isFree = this.#loading === 0 || opening.isStreaming;
    if (isFree && this.#served.size < this.#options.maxStreams) return void this.#serve(stream, opening);
    const mayWait = !opening.isStreaming && this.#waiting.add(stream, opening);
    if (!mayWait) this.#refuse(stream, opening.request);
  }

  async #serve(stream: number, { request, id, isStreaming }: Opening): Promise<void> {
    const body = isStreaming ? this.#bodyOf(stream) : null;
    const served: Served = {
      ...{ stopped: new AbortController(), cancelled: new AbortController() },
      ...{ body, values: null },
    };
    this.#served.set(stream, served);
    try {
      const loading = loadingToDecode(request.body, request.representation);
      if (loading && !(await this.#isLoaded(loading, stream, request, served))) return this.#serveWaiting();
      const answered = id
        ? this.#serveOnce(stream, request, served, id)
        : this.#serveAnyTime(stream, request, served);
      if (loading) this.#serveWaiting();
      await answered;
    } catch (error) {
      this.#options.log.error(
        { error, route: request.route },
        'a request of a session could not be answered',
      );
    } finally {
      if (this.#served.get(stream) === served) this.#release(stream);
      body?.finish(new StatusError(STATUS.callerGone, 'The answer was given.', { code: 'caller_gone' }));
    }
  }

  /** @returns false where it cannot be read, which is told. */
  async #isLoaded(
    loading: Promise<void>,
    stream: number,
    request: RoutedRequest,
    { stopped }: Served,
  ): Promise<boolean> {
    this.#loading += 1;
    try {
      await loading;
      return true;
    } catch (error) {
      this.#options.log.error({ error, route: request.route }, 'a message of a session cannot be read');
      if (!stopped.signal.aborted) this.#refuse(stream, request, 'It cannot be read here now.');
      return false;
    } finally {
      this.#loading -= 1;
    }
  }

  async #serveAnyTime(stream: number, request: RoutedRequest, served: Served): Promise<void> {
    const reply = await this.#dispatch(request, served, served.stopped.signal);
    await this.#answer(stream, request, reply, served);
  }

  #bodyOf(stream: number): Inflow<unknown> {
    return new Inflow(
      (credit) => this.#sender.sendAtOnce('credit', stream, encodeCount(credit)),
      () => {}, // the answer ends it
    );
  }

  async #serveOnce(stream: number, request: RoutedRequest, served: Served, id: Bytes): Promise<void> {
    const { once } = this.#options;
    if (!once) return this.#refuse(stream, request, 'Nothing is handled once here.');
    // Who comes back by another session asks for the same answer: only a caller who wants it no more ends the work.
    let compress = false; // as it stays for an answer that was kept: that is known as bytes alone
    const run = async (closing: AbortSignal): Promise<Bytes> => {
      const signal = AbortSignal.any([closing, served.cancelled.signal]);
      const reply = single(await this.#dispatch(request, served, signal));
      compress = reply.compress ?? false;
      return answerOf(reply, this.#options.maxMessage);
    };
    const answer = await once(id, request.sentAt, run);
    await this.#sendAnswer(stream, answer, served, compress);
  }

  async #dispatch(
    { route, representation, body }: RoutedRequest,
    served: Served,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { dispatch, facts } = this.#options;
    const flow = served.body;
    const reply = await dispatch({
      ...facts(),
      ...{ route, bytes: body, representation, signal },
      ...{ proof: 'session', protocol: 'session', isSealed: true },
      get body() {
        return flow ?? decodeBody(body, representation);
      },
    });
    const loadingAnswer = isAsyncIterable(reply.value) ? null : loadingToEncode(reply.value);
    if (loadingAnswer) await loadingAnswer;
    return reply;
  }

  async #answer(stream: number, request: RoutedRequest, reply: Reply, served: Served): Promise<void> {
    const { value, compress = false } = reply;
    const isMany = reply.status === OK && isAsyncIterable(value);
    if (isMany) served.values = new Outflow(value);
    if (request.oneWay || served.stopped.signal.aborted) return served.values?.stop();
    if (served.values) return pour(this.#sender, stream, served.values, this.#options, reply);
    await this.#sendAnswer(stream, answerOf(reply, this.#options.maxMessage), served, compress);
  }

  #sendAnswer(stream: number, answer: Bytes, { stopped }: Served, compress: boolean): Promise<void> {
    return this.#sender.sendInTurn('data', stream, answer, {
      compress,
      isWanted: () => !stopped.signal.aborted,
    });
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
    else this.#sender.sendAtOnce('error', stream, encodeFailure(STATUS.unavailable, why));
  }

  #unserve(stream: number, served: Served): void {
    const gone = new StatusError(STATUS.callerGone, 'The caller is gone.', { code: 'caller_gone' });
    served.cancelled.abort(gone);
    stop(served, gone);
    this.#sender.wake();
    this.#release(stream);
  }

  /** One less is being handled. */
  #release(stream: number): void {
    this.#served.delete(stream);
    this.#sender.touch();
    this.#serveWaiting();
    this.#onReleased();
  }

  #serveWaiting(): void {
    while (this.#loading === 0 && this.#served.size < this.#options.maxStreams) {
      const next = this.#waiting.shift();
      if (!next) return;
      void this.#serve(next.stream, next.opening);
    }
  }
}

function stop({ stopped, values, body }: Served, why: SottoError): void {
  stopped.abort(why);
  values?.stop();
  body?.finish(why);
}
