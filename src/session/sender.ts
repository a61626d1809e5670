/** The sending half of a session: numbers what is sent, keeps it until it is confirmed, and says when there is room. */

import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import { encodeCount, type KeptKind, type KeptMessage } from '../wire/session.ts';
import { compressed } from './compression.ts';
import { Outbox } from './outbox.ts';

/** What a connection does for a session. */
export interface Carrier {
  send(messages: readonly KeptMessage[]): void;
  /** So many kept messages have come: the other end may forget them. Told when the carrier sees fit. */
  confirm(received: number): void;
}

export interface SenderOptions {
  /** Of one question, answer or value, bytes, put together. */
  readonly maxMessage: number;
  /** Of what is not confirmed, bytes: above it pushes are skipped, answers and streams wait. Of what waits to be handled, too. */
  readonly maxOutbox: number;
  /** The other end takes too slowly what it is sent: a push is being skipped. */
  readonly onSlow: () => void;
  /** The other end does what no honest one does: the session is to be closed. */
  readonly onBroken: (why: string) => void;
}

/** For what cannot wait, bytes. */
const SPARE = 1024 * 1024;

interface InTurn {
  readonly compress: boolean;
  /** Asked when there is room. */
  readonly isWanted: () => boolean;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #outbox = new Outbox();
  #carrier: Carrier | null = null;
  /** Unknown before the first connection. */
  #mayCompress = false;
  #skipped = 0;
  #room = Promise.withResolvers<void>();
  #activeAt = performance.now();
  #ended: SottoError | null = null;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Bytes that the other end has not confirmed. */
  get unconfirmed(): number {
    return this.#outbox.bytes;
  }

  get isAllConfirmed(): boolean {
    return this.#outbox.isEmpty;
  }

  get isEnded(): boolean {
    return this.#ended !== null;
  }

  /** How long nothing has been sent or touched, ms. */
  get quietFor(): number {
    return performance.now() - this.#activeAt;
  }

  /** Something else than sending has happened. */
  touch(): void {
    this.#activeAt = performance.now();
  }

  /**
   * Goes on by another connection.
   *
   * @param received so many of ours have come over there.
   * @param readsCompressed whether contents may be sent compressed.
   * @throws SottoError `invalid_message` where that cannot be.
   */
  attach(carrier: Carrier, received: number, readsCompressed: boolean): void {
    const again = this.#outbox.after(received);
    this.#mayCompress = readsCompressed;
    this.#carrier = carrier;
    if (again.length > 0) carrier.send(again);
  }

  detach(carrier: Carrier): void {
    if (this.#carrier === carrier) this.#carrier = null;
  }

  /** The other end has so many. @throws SottoError `invalid_message`. */
  confirm(received: number): void {
    this.#outbox.confirm(received);
  }

  /** Tells the other end how many of its messages have come. */
  acknowledge(received: number): void {
    this.#carrier?.confirm(received);
  }

  /** @param compress where both ends can, and it gets shorter by it. */
  send(kind: KeptKind, stream: number, content: Bytes, compress: boolean = false): void {
    if (this.#ended) return;
    this.touch();
    const shorter = compress && this.#mayCompress ? compressed(content) : null;
    const messages = this.#outbox.add(kind, stream, shorter ?? content, shorter !== null);
    this.#carrier?.send(messages);
  }

  /**
   * Sends once there is room, if it is still wanted then: what the other end brought about waits until it has taken what
   * there is, for it must not fill our memory.
   */
  async sendInTurn(
    kind: KeptKind,
    stream: number,
    content: Bytes,
    { compress, isWanted }: InTurn,
  ): Promise<void> {
    while (this.#isFull && isWanted()) await this.#room.promise;
    if (isWanted()) this.send(kind, stream, content, compress);
  }

  /**
   * What cannot wait: it is short, and answers what the other end does. One that goes on and on and confirms nothing is not
   * honest, and must not fill our memory.
   */
  sendAtOnce(kind: 'credit' | 'error', stream: number, content: Bytes): void {
    this.send(kind, stream, content);
    const isFlooded = this.#outbox.bytes > 2 * this.#options.maxOutbox + SPARE;
    if (isFlooded && !this.#ended) this.#options.onBroken('nothing is confirmed');
  }

  /** Something that waits for room may not be wanted any more. */
  wake(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  /** Whether a push must be skipped; then it is counted, and told later. */
  skips(): boolean {
    // Once one was skipped all are, until that can be told: so the other end learns where the gap is.
    if (this.#skipped === 0 && this.#outbox.bytes <= this.#options.maxOutbox) return false;
    this.#skipped += 1;
    this.#options.onSlow();
    return true;
  }

  /** Wakes who waits for room, if there is any; what was skipped is told as soon as that. @returns whether there is. */
  makeRoom(): boolean {
    if (this.#outbox.bytes > this.#options.maxOutbox / 2) return false;
    this.wake();
    if (this.#skipped > 0) {
      this.send('skipped', 0, encodeCount(this.#skipped));
      this.#skipped = 0;
    }
    return true;
  }

  /** @throws SottoError whatever ended the session. */
  requireOpen(): void {
    if (this.#ended) throw this.#ended;
  }

  /** @throws SottoError `request_too_large`. */
  requireFits(content: Bytes): void {
    const { maxMessage } = this.#options;
    if (content.length <= maxMessage) return;
    const text = `A message of ${content.length} bytes is over the limit of ${maxMessage}.`;
    throw new SottoError('request_too_large', text);
  }

  /** Nothing is sent any more. */
  end(error: SottoError): void {
    this.#ended = error;
    this.#carrier = null;
    this.#room.resolve();
  }

  get #isFull(): boolean {
    return !this.#ended && this.#outbox.bytes > this.#options.maxOutbox;
  }
}
