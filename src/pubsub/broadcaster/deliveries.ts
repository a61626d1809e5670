/**
 * What one connection is to get: one after the other, and no more unconfirmed than may be. What it will not get it has
 * missed, and is told so as soon as there is room.
 *
 * Source: specs/lonelyps.md, sections 5 to 7.
 */

import { type Bytes, EMPTY, mapKey, sameBytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import { encodeToSubscriber, type ToSubscriber } from '../../wire/lonelyps-stateful.ts';
import type { Authorizer } from '../authorization/authorization.ts';
import type { Told } from '../delivery/fan-out.ts';
import type { Outcome } from '../delivery/format.ts';
import type { LiveDelivery } from '../delivery/live.ts';
import type { MessageBody } from '../delivery/poster.ts';
import type { Rendition } from '../delivery/renditions.ts';
import { Fifo } from '../fifo.ts';
import type { Watch } from '../operations/watch.ts';
import type { ConnectionUrls } from '../stateful/connection-urls.ts';
import type { Outgoing } from '../stateful/outgoing.ts';
import { asOnePart, partSize, partsOf } from '../stateful/parts.ts';
import type { CompressionChange } from './compression.ts';

export interface DeliveriesOptions {
  readonly urls: ConnectionUrls;
  readonly outgoing: Outgoing;
  /** Proves the broadcaster. */
  readonly authorizer: Authorizer;
  /** The message as this connection takes it. */
  readonly encode: (notification: Told) => Promise<Rendition> | Rendition;
  /** Deliveries that may wait; more are missed. */
  readonly maxWaiting: number;
  /** A delivery that has waited so long is missed, ms; and a subscriber that confirms nothing for so long is gone. */
  readonly timeout: number;
  readonly now: () => number;
  /** Ends the connection. */
  readonly onFailure: (why: unknown) => void;
  readonly watch: Watch;
  /** Of the connection, for the delivery log. */
  readonly name: string;
}

interface Waiting {
  readonly delivery: LiveDelivery;
  readonly since: number;
}

/** What the subscriber has yet to say: that it goes on after a part, or that it has it all. */
interface Unconfirmed {
  readonly identifier: Bytes;
  /** Null for the last. */
  readonly part: bigint | null;
  readonly size: number;
  readonly delivery: LiveDelivery;
}

/** Unconfirmed at one time: parts, and bytes of them (one longer part may always be). */
const MOST_PARTS = 64;
const MOST_BYTES = 1024 * 1024;
/** Topics that one connection may have missed and not been told of; with more it is ended, which says the same. */
const MOST_MISSED = 1000;

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #waiting = new Fifo<Waiting>();
  readonly #missed = new Map<string, Bytes>();
  readonly #changes = new Fifo<CompressionChange>();
  readonly #unconfirmed = new Fifo<Unconfirmed>();
  #unconfirmedBytes = 0;
  #progressAt: number;
  #sending = false;
  #current: LiveDelivery | null = null;
  #onRoom: (() => void) | null = null;
  #closed = false;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#progressAt = options.now();
  }

  /** Deliveries that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  add(asked: LiveDelivery): void {
    const { maxWaiting, now } = this.#options;
    const delivery = this.#watched(asked);
    if (this.#closed) return delivery.settle(failed('its connection has ended'));
    if (this.#waiting.size >= maxWaiting)
      return this.#miss(delivery, 'too many deliveries to it are waiting');
    this.#waiting.push({ delivery, since: now() });
    this.#send();
  }

  /** How it compresses changes before the next delivery. */
  change(change: CompressionChange): void {
    if (this.#closed) return;
    this.#changes.push(change);
    this.#send();
  }

  /** A part of a message was taken. @throws SottoError `invalid_message` for one that was not expected. */
  goneOn(identifier: Bytes, part: bigint): void {
    this.#confirmed(identifier, part);
  }

  /** A whole message was taken. @throws SottoError `invalid_message` for one that was not expected. */
  received(identifier: Bytes, subscribers: number): void {
    this.#confirmed(identifier, null).settle({ state: 'received', subscribers });
    this.#options.watch.onEvent('delivery_received');
  }

  /** Gives up what has waited too long, and a subscriber that is silent. */
  expire(): void {
    const { now, timeout, onFailure } = this.#options;
    const before = now() - timeout;
    if (this.#unconfirmed.size > 0 && this.#progressAt < before) {
      return onFailure(new SottoError('timeout', 'It confirms nothing.'));
    }
    for (let oldest = this.#waiting.peek(); oldest && oldest.since < before; oldest = this.#waiting.peek()) {
      this.#waiting.shift();
      this.#miss(oldest.delivery, 'it has waited too long');
    }
  }

  /** Whatever was not confirmed has failed. */
  close(): void {
    this.#closed = true;
    const open = [...this.#unconfirmed.drain(), ...this.#waiting.drain()];
    const left = new Set<LiveDelivery>(open.map(({ delivery }) => delivery));
    if (this.#current) left.add(this.#current);
    this.#current = null;
    this.#onRoom?.();
    for (const delivery of left) delivery.settle(failed('its connection has ended'));
  }

  /** What goes on by another way is logged there. */
  #watched(delivery: LiveDelivery): LiveDelivery {
    const { watch, name } = this.#options;
    const { hasFallback } = delivery;
    const watched = watch.delivering(delivery.notification, name);
    if (!watched) return delivery;
    return {
      notification: watched.notification,
      hasFallback,
      settle: (outcome) => {
        if (outcome.state === 'received' || !hasFallback) watched.end(outcome, 1);
        delivery.settle(outcome);
      },
    };
  }

  #miss(delivery: LiveDelivery, why: string): void {
    this.#options.watch.onEvent('delivery_failed');
    delivery.settle(failed(why));
    if (delivery.hasFallback) return;
    const { topic } = delivery.notification;
    this.#missed.set(mapKey(topic), topic);
    if (this.#missed.size > MOST_MISSED) {
      return this.#options.onFailure(
        new SottoError('too_many_requests', 'It has missed too much to be told.'),
      );
    }
    this.#send();
  }

  /** Sends what there is room for, within this turn where nothing has to be waited for. */
  #send(): void {
    if (this.#sending) return;
    this.#sending = true;
    try {
      const sent = this.#sendNext();
      if (sent) sent.then(() => this.#sendOn()).catch((error: unknown) => this.#options.onFailure(error));
      else this.#sending = false;
    } catch (error) {
      this.#options.onFailure(error);
    }
  }

  #sendOn(): void {
    this.#sending = false;
    this.#send();
  }

  /** A promise where something had to be waited for: then it is not known whether that was all. */
  #sendNext(): Promise<void> | undefined {
    while (!this.#closed) {
      const change = this.#changes.shift();
      if (change) return this.#sendChange(change);
      if (!this.#hasRoom) return undefined;
      const [missed] = this.#missed.size > 0 ? this.#missed.values() : [];
      const delivery = missed ? undefined : this.#waiting.shift()?.delivery;
      if (!missed && !delivery) return undefined;
      const sent = missed ? this.#sendMissed(missed) : delivery && this.#sendDelivery(delivery);
      if (sent) return sent;
    }
    return undefined;
  }

  async #sendChange({ operation, message, onSent }: CompressionChange): Promise<void> {
    const url = this.#options.urls.nextBroadcaster();
    const signed = { operation: operation(url), tracing: EMPTY };
    this.#push(message(await this.#options.authorizer.authorize(signed)));
    onSent();
  }

  async #sendMissed(topic: Bytes): Promise<void> {
    this.#missed.delete(mapKey(topic));
    const operation: SignedOperation = {
      kind: 'missed',
      recovery: this.#options.urls.nextBroadcaster(),
      topic,
    };
    const authorization = await this.#options.authorizer.authorize({ operation, tracing: EMPTY });
    this.#push({ type: 'missed', authorization, tracing: EMPTY, topic });
    this.#options.watch.onEvent('missed_announced');
  }

  #sendDelivery(delivery: LiveDelivery): Promise<void> | undefined {
    this.#current = delivery;
    const encoded = this.#options.encode(delivery.notification);
    if (encoded instanceof Promise) return encoded.then((message) => this.#sendMessage(delivery, message));
    return this.#sendMessage(delivery, encoded);
  }

  #sendMessage(delivery: LiveDelivery, message: Rendition): Promise<void> | undefined {
    const { topic, identifier, tracing } = delivery.notification;
    const url = this.#options.urls.nextBroadcaster();
    const operation: SignedOperation = { kind: 'receive', url, topic, identifier, sha512: message.sha512 };
    const body = asOnePart(message.body);
    if (!body) return this.#sendParts(delivery, message, operation);
    const authorization = this.#options.authorizer.authorize({ operation, tracing });
    if (authorization instanceof Promise) {
      return authorization.then((proof) => this.#sendOnly(delivery, message, proof, body));
    }
    return this.#sendOnly(delivery, message, authorization, body);
  }

  #sendOnly(
    delivery: LiveDelivery,
    message: Rendition,
    authorization: string | null,
    body: Bytes,
  ): undefined {
    this.#expect(delivery, null, body.length);
    this.#options.outgoing.push(encodeWhole(delivery.notification, message, { authorization, body }));
    this.#current = null;
  }

  async #sendParts(delivery: LiveDelivery, message: Rendition, operation: SignedOperation): Promise<void> {
    const { identifier, tracing } = delivery.notification;
    const { length } = message.body;
    let part = 0n;
    let sent = 0;
    try {
      for await (const body of partsOf(message.body, partSize(length))) {
        // All parts bear the url of the first: the original's subscriber counts no other, ours knows.
        const authorization = await this.#options.authorizer.authorize({ operation, tracing });
        while (!this.#hasRoom && !this.#closed) await this.#room();
        if (this.#closed) return;
        sent += body.length;
        this.#expect(delivery, sent === length ? null : part, body.length);
        this.#push(
          part === 0n
            ? startOf(delivery.notification, message, { authorization, body })
            : { type: 'receive-stream-part', authorization, tracing, identifier, part, body },
        );
        part += 1n;
      }
      this.#current = null;
    } finally {
      await message.remove?.();
    }
  }

  #expect(delivery: LiveDelivery, part: bigint | null, size: number): void {
    if (this.#unconfirmed.size === 0) this.#progressAt = this.#options.now();
    this.#unconfirmed.push({ identifier: delivery.notification.identifier, part, size, delivery });
    this.#unconfirmedBytes += size;
  }

  #confirmed(identifier: Bytes, part: bigint | null): LiveDelivery {
    const expected = this.#unconfirmed.peek();
    if (!expected || expected.part !== part || !sameBytes(expected.identifier, identifier)) {
      throw new SottoError('invalid_message', 'It confirms what it was not sent, or out of turn.');
    }
    this.#unconfirmed.shift();
    this.#unconfirmedBytes -= expected.size;
    this.#progressAt = this.#options.now();
    this.#onRoom?.();
    this.#send();
    return expected.delivery;
  }

  get #hasRoom(): boolean {
    const { size } = this.#unconfirmed;
    return size === 0 || (size < MOST_PARTS && this.#unconfirmedBytes < MOST_BYTES);
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = () => {
        this.#onRoom = null;
        resolve();
      };
    });
  }

  #push(message: ToSubscriber): void {
    this.#options.outgoing.push(encodeToSubscriber(message));
  }
}

/** What is sent of a message first, or alone. */
interface Piece {
  readonly authorization: string | null;
  readonly body: Bytes;
}

function startOf(
  { topic, identifier, tracing, body: plain }: Told,
  { compressor, body: whole, sha512 }: Rendition,
  { authorization, body }: Piece,
): ToSubscriber {
  return {
    type: 'receive-stream-start',
    authorization,
    tracing,
    identifier,
    topic,
    compressor,
    compressedLength: BigInt(whole.length),
    decompressedLength: BigInt(plain.length),
    sha512,
    body,
  };
}

/** How a message in one piece was encoded last. */
interface Encoded extends Pick<Told, 'identifier' | 'tracing'>, Pick<Piece, 'authorization'> {
  readonly bytes: Bytes;
}

const encoded = new WeakMap<MessageBody, Encoded>();

/** Who gets the same, by the same trace and under the same proof, or none, gets the same bytes. */
function encodeWhole(notification: Told, message: Rendition, piece: Piece): Bytes {
  const { identifier, tracing } = notification;
  const { authorization } = piece;
  const known = encoded.get(message.body);
  const isSame = known?.identifier === identifier && known.tracing === tracing;
  if (isSame && known.authorization === authorization) return known.bytes;
  const bytes = encodeToSubscriber(startOf(notification, message, piece));
  encoded.set(message.body, { identifier, tracing, authorization, bytes });
  return bytes;
}

function failed(why: string): Outcome {
  return { state: 'failed', why };
}
