/** What carries a session between two ends for a while: a pipe of messages, each sealed; pings, confirmations, fresh keys. */

import type { Bytes } from '../bytes/bytes.ts';
import type { RekeyingTransport, RekeyMessage } from '../envelope/rekey.ts';
import { codeOf } from '../errors.ts';
import type { Pipe } from '../platform/types.ts';
import {
  decodeSessionMessage,
  encodeKept,
  encodePassing,
  type KeptMessage,
  type PassingMessage,
} from '../wire/session.ts';
import type { Carrier } from './sender.ts';

export interface ChannelEvents {
  /** It has been shown that the other end is there now, and no recording of it. Told once. */
  onProved(): void;
  onMessage(message: KeptMessage): void;
  /** So many of ours have come over there. @throws SottoError `invalid_message`. */
  onConfirmed(received: number): void;
  /** The other end has ended the session. */
  onClosed(status: number, why: string): void;
  /** There are fresh keys. */
  onFresh?(): void;
  /** The connection is over, whoever ended it. Told once. */
  onCut(why: string): void;
}

export interface ChannelOptions {
  /** Fresh keys after so many messages, and after so long, ms. */
  readonly rekeyAfter: { readonly messages: number; readonly time: number };
  /** Without a word for so long, the other end is asked for one, ms; without an answer for as long again it is gone. */
  readonly quiet: number;
}

/** So many have come, or so long ago, ms, before it is confirmed. */
const CONFIRM_AFTER = 16;
const CONFIRM_WITHIN = 100;
const TICKS = 4;
/** So much waits to leave, bytes, that the other end does not seem to read. */
const CHOKED = 256 * 1024;

export class Channel implements Carrier {
  readonly #pipe: Pipe;
  readonly #transport: RekeyingTransport;
  readonly #events: ChannelEvents;
  readonly #options: ChannelOptions;
  readonly #ticker: ReturnType<typeof setInterval>;
  #received = 0;
  #confirmed = 0;
  #confirming: ReturnType<typeof setTimeout> | null = null;
  readonly #tickEvery: number;
  /** In ticks, so that time in which this end itself stood still does not count, ms. */
  #silence = 0;
  #freshAt = performance.now();
  #epoch = 0;
  #isAsking = false;
  /** The last rekey that was asked for over there. */
  #askedFor = 0;
  #isProved = false;
  #isOpen = true;

  /** @param received so many kept messages had come when it began. */
  constructor(
    pipe: Pipe,
    transport: RekeyingTransport,
    received: number,
    options: ChannelOptions,
    events: ChannelEvents,
  ) {
    this.#pipe = pipe;
    this.#transport = transport;
    this.#received = received;
    this.#confirmed = received;
    this.#events = events;
    this.#options = options;
    this.#tickEvery = Math.min(options.quiet, options.rekeyAfter.time) / TICKS;
    this.#ticker = setInterval(() => this.#tick(), this.#tickEvery);
    this.#ticker.unref?.();
  }

  send(messages: readonly KeptMessage[]): void {
    for (const message of messages) this.#seal(encodeKept(message));
  }

  confirm(received: number): void {
    this.#received = received;
    if (received - this.#confirmed >= CONFIRM_AFTER) this.#pong();
    else this.#pongSoon();
  }

  /** Asks whether the other end is there. */
  ping(): void {
    this.#tellReceived('ping');
  }

  /** Asks for fresh keys; does nothing while that is under way already. */
  rekey(): void {
    const ask = this.#isOpen && !this.#isAsking ? this.#transport.ask() : null;
    if (!ask) return;
    this.#isAsking = true;
    this.#pass({ kind: 'rekey', ...ask });
  }

  /** Ends the session over there too. */
  close(status: number, why: string): void {
    if (this.#isOpen) this.#pass({ kind: 'close', status, why });
    this.#end('closed');
    this.#pipe.end();
  }

  /** Ends the connection alone. */
  cut(why: string): void {
    this.#end(why);
    this.#pipe.destroy();
  }

  /** What the pipe brings. */
  take(bytes: Bytes): void {
    if (!this.#isOpen) return;
    this.#silence = 0;
    try {
      this.#takeOpened(this.#transport.decrypt(bytes));
    } catch (error) {
      this.cut(codeOf(error));
    }
  }

  /** The pipe is closed. */
  closed(why: string | null): void {
    this.#end(why ?? 'the connection was closed');
  }

  #takeOpened(plaintext: Bytes): void {
    if (!this.#isProved) {
      this.#isProved = true;
      this.#events.onProved();
    }
    const message = decodeSessionMessage(plaintext);
    switch (message.kind) {
      case 'ping':
        this.#events.onConfirmed(message.received);
        return this.#pong();
      case 'pong':
        return this.#events.onConfirmed(message.received);
      case 'rekey':
        return this.#takeRekey(message);
      case 'close':
        this.#end('closed');
        this.#pipe.end();
        return this.#events.onClosed(message.status, message.why);
      default:
        this.#events.onMessage(message);
    }
  }

  #takeRekey(message: RekeyMessage): void {
    // Nothing is lost on the way, so nobody asks twice; each answer is one more that an end which never reads makes us keep.
    if (message.type === 'ask' && message.epoch <= this.#askedFor) return;
    if (message.type === 'ask') this.#askedFor = message.epoch;
    const before = this.#transport.epoch;
    const answer = this.#transport.receive(message);
    if (answer) this.#pass({ kind: 'rekey', ...answer });
    // The other end seals under the new keys once it has heard something under them.
    else if (this.#transport.epoch !== before) this.ping();
    this.#noteEpoch();
  }

  #noteEpoch(): void {
    if (this.#transport.epoch === this.#epoch) return;
    this.#epoch = this.#transport.epoch;
    this.#isAsking = false;
    this.#freshAt = performance.now();
    this.#events.onFresh?.();
  }

  /** At once, or when the other end has read what it was sent: so one that never reads fills no memory. */
  #pong(): void {
    if (this.#pipe.buffered > CHOKED) this.#pongSoon();
    else this.#tellReceived('pong');
  }

  #pongSoon(): void {
    if (!this.#isOpen || this.#confirming) return;
    this.#confirming = setTimeout(() => {
      this.#confirming = null;
      this.#pong();
    }, CONFIRM_WITHIN);
    this.#confirming.unref?.();
  }

  #tellReceived(kind: 'ping' | 'pong'): void {
    if (this.#confirming) clearTimeout(this.#confirming);
    this.#confirming = null;
    this.#confirmed = this.#received;
    this.#pass({ kind, received: this.#received });
  }

  #pass(message: PassingMessage): void {
    this.#seal(encodePassing(message));
  }

  #seal(plaintext: Bytes): void {
    if (!this.#isOpen) return;
    this.#pipe.send([this.#transport.encrypt(plaintext).ciphertext]);
    this.#noteEpoch();
    if (this.#transport.sent >= this.#options.rekeyAfter.messages) this.rekey();
  }

  #tick(): void {
    const { quiet, rekeyAfter } = this.#options;
    this.#silence += this.#tickEvery;
    if (this.#silence > 2 * quiet) return this.cut('the other end says nothing any more');
    if (this.#silence > quiet) this.ping();
    this.#noteEpoch();
    if (performance.now() - this.#freshAt > rekeyAfter.time) this.rekey();
  }

  #end(why: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearInterval(this.#ticker);
    if (this.#confirming) clearTimeout(this.#confirming);
    this.#transport.close();
    this.#events.onCut(why);
  }
}
