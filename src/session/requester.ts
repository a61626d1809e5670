/** The asking side of a session: the streams that this end has opened, until they are answered or given up. */

import { isAsyncIterable } from '../app/message.ts';
import { type Bytes, concat, EMPTY } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import { encodeBody, loadingToEncode, type Representation } from '../wire/representation.ts';
import { encodeRoutedRequest } from '../wire/routed.ts';
import { encodeCount, type KeptKind } from '../wire/session.ts';
import { Asked, type Call, type Part, Streamed } from './calls.ts';
import { Inflow, Outflow } from './flow.ts';
import { type PourOptions, pour } from './pour.ts';
import type { Sender } from './sender.ts';

export interface RequesterOptions extends PourOptions {
  readonly role: 'client' | 'server';
}

/** Of one message. */
export interface SendOptions {
  /** How the body is written. Default `auto`. */
  readonly representation?: Representation | 'auto';
  /**
   * Whether the body, or each value that it streams, is sent compressed (zstd), where it has 256 bytes and more, gets
   * shorter by it, and both ends can; else it is sent as it is. Default false: whoever sees how long a message is learns
   * something of what is in it, and where a secret stands beside text that an attacker may choose, letter by letter the
   * secret itself (the attacks called CRIME and BREACH).
   */
  readonly compress?: boolean;
}

/** By what a request is known again that is to be handled once. */
export interface OnceStamp {
  /** 16 bytes. */
  readonly id: Bytes;
  /** The server's time, ms since 1970. */
  readonly sentAt: number;
}

export type QuestionOptions = SendOptions & { readonly once?: OnceStamp; readonly signal?: AbortSignal };

const MAX_STREAM = 2 ** 32 - 1;

export class Requester {
  readonly #options: RequesterOptions;
  readonly #sender: Sender;
  readonly #calls = new Map<number, Call>();
  #nextStream: number;

  constructor(options: RequesterOptions, sender: Sender) {
    this.#options = options;
    this.#sender = sender;
    this.#nextStream = options.role === 'client' ? 1 : 2;
  }

  /** Whether an answer is outstanding. */
  get isWaiting(): boolean {
    return this.#calls.size > 0;
  }

  /** Asks; the answer's value. @throws StatusError; SottoError `timeout`, `aborted`, and whatever ended the session. */
  async request(route: string, body: unknown, options: QuestionOptions): Promise<unknown> {
    const loading = isAsyncIterable(body) ? null : loadingToEncode(body, options.representation);
    if (loading) await loading;
    const call = new Asked();
    this.#open(call, route, body, options);
    return call.answer;
  }

  /** Asks for many values. A body that is an async iterable is sent as a stream of its own, at the same time. */
  stream(
    route: string,
    body: unknown,
    options: SendOptions & { readonly signal?: AbortSignal },
  ): AsyncIterableIterator<unknown, void, void> {
    let stream = 0;
    const values = new Inflow<unknown>(
      (credit) => this.#sender.sendAtOnce('credit', stream, encodeCount(credit)),
      () => this.cancel(stream, new SottoError('aborted', 'The stream was left.')),
    );
    try {
      stream = this.#open(new Streamed(values), route, body, options);
    } catch (error) {
      values.finish(error);
    }
    return values;
  }

  /** Tells; there is no answer. @returns false where it was skipped. */
  push(route: string, body: unknown, options: SendOptions): boolean {
    this.#sender.requireOpen();
    const content = this.#question(route, body, { ...options, oneWay: true });
    if (this.#sender.skips()) return false;
    this.#sender.send('data', this.#newStream(), content, options.compress);
    return true;
  }

  /** What has come for a stream. @throws SottoError for what does not decode. */
  take(stream: number, kind: KeptKind, content: Bytes): void {
    const call = this.#calls.get(stream);
    const part = partOf(kind, content);
    if (!call || !part) return; // what is late for a call that was given up is nobody's
    if (call.take(part)) this.#forget(stream, call);
  }

  /** What came for a call could not be read. */
  fail(stream: number, error: unknown): void {
    const call = this.#calls.get(stream);
    if (!call) return;
    this.#forget(stream, call);
    call.fail(error);
  }

  /** So many more items of the question itself may be sent. */
  allow(stream: number, items: number): void {
    this.#calls.get(stream)?.body?.allow(items);
  }

  /** Gives a call up, and tells the other end. */
  cancel(stream: number, error: SottoError): void {
    const call = this.#calls.get(stream);
    if (!call) return;
    this.#forget(stream, call);
    this.#sender.send('cancel', stream, EMPTY);
    call.fail(error);
  }

  /** No answer will come any more. */
  end(error: SottoError): void {
    for (const [stream, call] of this.#calls) {
      this.#forget(stream, call);
      call.fail(error);
    }
  }

  #open(call: Call, route: string, body: unknown, options: QuestionOptions): number {
    this.#sender.requireOpen();
    const { once, signal, compress = false } = options;
    if (signal?.aborted) throw abortedBy(signal);
    const isStreaming = isAsyncIterable(body);
    if (isStreaming && once) {
      throw new SottoError('invalid_argument', 'A stream of values cannot be sent once; send it whole.');
    }
    const question = this.#question(route, isStreaming ? undefined : body, options);
    const stream = this.#newStream();
    this.#calls.set(stream, call);
    const onAbort = (): void => this.cancel(stream, abortedBy(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    call.release = () => signal?.removeEventListener('abort', onAbort);
    if (isStreaming) this.#sender.send('open', stream, question, compress);
    else if (once) this.#sender.send('once', stream, concat(once.id, question), compress);
    else this.#sender.send('data', stream, question, compress);
    if (isStreaming) {
      call.body = new Outflow(body);
      void pour(this.#sender, stream, call.body, this.#options, { compress });
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
    this.#sender.requireFits(bytes);
    return bytes;
  }

  #forget(stream: number, call: Call): void {
    this.#calls.delete(stream);
    call.release();
    call.body?.stop();
    this.#sender.wake(); // a value of it may wait for room
  }

  #newStream(): number {
    const stream = this.#nextStream;
    if (stream > MAX_STREAM) throw new SottoError('closed', 'The session is used up; connect again.');
    this.#nextStream += 2;
    return stream;
  }
}

function partOf(kind: KeptKind, content: Bytes): Part | null {
  if (kind === 'end') return { kind };
  return kind === 'data' || kind === 'item' || kind === 'error' ? { kind, content } : null;
}

function abortedBy(signal: AbortSignal | undefined): SottoError {
  return new SottoError('aborted', 'It was aborted.', { cause: signal?.reason });
}
