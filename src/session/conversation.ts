/**
 * One session, as either end sees it: questions and answers, pushes and streams, all numbered, so that they outlive the
 * connection that carries them.
 *
 * Source: specs/native.md, section 4; src/wire/session.ts.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { codeOf, messageOf, SottoError } from '../errors.ts';
import { decodeCount, type KeptMessage, ONCE_ID_SIZE } from '../wire/session.ts';
import { Assembly, type Whole } from './assembly.ts';
import { decompressed } from './compression.ts';
import { type QuestionOptions, Requester, type RequesterOptions, type SendOptions } from './requester.ts';
import { Responder, type ResponderOptions } from './responder.ts';
import { type Carrier, Sender, type SenderOptions } from './sender.ts';

export type { SendOptions } from './requester.ts';
export type { Carrier } from './sender.ts';

export interface ConversationOptions extends SenderOptions, RequesterOptions, ResponderOptions {}

export type ConversationLimits = Pick<ConversationOptions, 'maxMessage' | 'maxStreams' | 'maxOutbox'>;

/** A credit that could be meant. */
const MAX_CREDIT = 2 ** 20;

export class Conversation {
  readonly #options: ConversationOptions;
  readonly #sender: Sender;
  readonly #requester: Requester;
  readonly #responder: Responder;
  /** Of a message put together, bytes. */
  readonly #most: number;
  readonly #assembly: Assembly;
  #received = 0;
  #attachments = 0;
  #onSettled: () => void = () => {};

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#sender = new Sender(options);
    this.#requester = new Requester(options, this.#sender);
    this.#responder = new Responder(options, this.#sender, () => this.#noteSettled());
    this.#most = options.maxMessage + ONCE_ID_SIZE;
    this.#assembly = new Assembly(this.#most);
  }

  /** How many kept messages of the other end have come. */
  get received(): number {
    return this.#received;
  }

  /** Bytes that the other end has not confirmed. */
  get unconfirmed(): number {
    return this.#sender.unconfirmed;
  }

  /** How many connections there have been. */
  get attachments(): number {
    return this.#attachments;
  }

  /** How long nothing has been asked or told, ms; 0 while an answer is outstanding, on either side. */
  get idleFor(): number {
    const isBusy = this.#responder.isServing || this.#requester.isWaiting;
    return isBusy ? 0 : this.#sender.quietFor;
  }

  /**
   * Goes on by another connection.
   *
   * @param received so many of ours have come over there.
   * @param readsCompressed whether the other end reads compressed contents. Default false.
   * @throws SottoError `invalid_message` where that cannot be.
   */
  attach(carrier: Carrier, received: number, readsCompressed: boolean = false): void {
    this.#sender.attach(carrier, received, readsCompressed);
    this.#attachments += 1;
    this.#madeRoom();
  }

  /** The connection is lost; what is sent from now on waits for the next. */
  detach(carrier: Carrier): void {
    this.#sender.detach(carrier);
  }

  /** The other end has so many. @throws SottoError `invalid_message`. */
  confirm(received: number): void {
    this.#sender.confirm(received);
    this.#madeRoom();
  }

  /** Asks; the answer's value. @throws StatusError; SottoError `timeout`, `aborted`, and whatever ended the session. */
  request(route: string, body: unknown, options: QuestionOptions = {}): Promise<unknown> {
    return this.#requester.request(route, body, options);
  }

  /** Asks for many values. A body that is an async iterable is sent as a stream of its own, at the same time. */
  stream(
    route: string,
    body: unknown,
    options: SendOptions & { readonly signal?: AbortSignal } = {},
  ): AsyncIterableIterator<unknown, void, void> {
    return this.#requester.stream(route, body, options);
  }

  /**
   * Tells; there is no answer.
   *
   * @returns false where it was skipped, because the other end takes too slowly what it is sent; it is told how many were.
   */
  push(route: string, body: unknown, options: SendOptions = {}): boolean {
    return this.#requester.push(route, body, options);
  }

  /** Takes what comes next; what has come before is left. */
  take(message: KeptMessage): void {
    if (this.#sender.isEnded) return;
    if (message.number > this.#received) return this.#options.onBroken('a message is missing');
    const isNew = message.number === this.#received;
    if (isNew) this.#received += 1;
    this.#sender.acknowledge(this.#received);
    if (!isNew) return;
    this.#sender.touch();
    try {
      const whole = this.#assembly.take(message);
      if (whole) this.#takeAssembled(message, whole);
    } catch (error) {
      // Its answer will not come again, though the session may go on.
      if (this.#isOurs(message.stream)) this.#requester.fail(message.stream, error);
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

  /** Over: nothing is taken or sent any more. */
  end(error: SottoError): void {
    if (this.#sender.isEnded) return;
    this.#sender.end(error);
    this.#requester.end(error);
    this.#responder.end(error);
    this.#onSettled();
  }

  get #isSettled(): boolean {
    return this.#sender.isEnded || (this.#responder.isDone && this.#sender.isAllConfirmed);
  }

  #noteSettled(): void {
    if (this.#isSettled) this.#onSettled();
  }

  #madeRoom(): void {
    this.#noteSettled(); // first, for news of what was skipped may follow
    if (this.#sender.makeRoom()) this.#responder.forgiveRefusals();
  }

  #takeAssembled(message: KeptMessage, { content, isTooLong }: Whole): void {
    const { compressed } = message;
    if (isTooLong) return this.#takeTooLong(message, compressed ? null : content);
    const plain = compressed ? decompressed(content, this.#most) : content;
    if (plain) this.#takeWhole(message, plain);
    else this.#takeTooLong(message, null);
  }

  /** @param beginning null where it is compressed. */
  #takeTooLong({ kind, stream }: KeptMessage, beginning: Bytes | null): void {
    const why = `A message is over the limit of ${this.#options.maxMessage} bytes.`;
    if (this.#isOurs(stream)) this.#requester.cancel(stream, new SottoError('frame_too_large', why));
    else this.#responder.takeTooLong(stream, kind, beginning, why);
  }

  #takeWhole({ kind, stream }: KeptMessage, content: Bytes): void {
    if (kind === 'skipped') return this.#options.onSkipped(decodeCount(content));
    const side = this.#isOurs(stream) ? this.#requester : this.#responder;
    if (kind === 'credit') side.allow(stream, Math.min(decodeCount(content), MAX_CREDIT));
    else side.take(stream, kind, content);
  }

  #isOurs(stream: number): boolean {
    return (stream % 2 === 1) === (this.#options.role === 'client');
  }
}
