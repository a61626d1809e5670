/** Opens sealed packets and answers them, whatever carried them: the part of a server that every sealed wire shares. */

import type { Dispatcher } from '../app/app.ts';
import { type Bytes, mapKey } from '../bytes/bytes.ts';
import { codeOf } from '../errors.ts';
import type { Arrival } from '../transport/transport.ts';
import { CipherSuite } from '../wire/pssst.ts';
import { errorReplyBytes } from './adapter.ts';
import { Answerer, longestReply } from './answerer.ts';
import type { Counters } from './counters.ts';
import type { ResolvedAnswering } from './options.ts';
import { STATUS } from './status.ts';
import { type OpenedRequest, Unsealer } from './unsealer.ts';

export class SealedServer {
  readonly #options: ResolvedAnswering;
  readonly #unsealer: Unsealer;
  readonly #answerer: Answerer;
  readonly #counters: Counters;
  /** Requests being handled, by exchange: copies join the first. */
  readonly #running = new Map<string, Promise<Bytes | null>>();
  #warnedOfLargeReply = false;

  constructor(app: Dispatcher, options: ResolvedAnswering, counters: Counters) {
    this.#options = options;
    this.#counters = counters;
    this.#unsealer = new Unsealer(options);
    this.#answerer = new Answerer(app, options, counters, (suite) => this.#unsealer.currentKey(suite));
  }

  /** Answers one arrival, from the cheapest check to the dearest. */
  async answer(arrival: Arrival): Promise<void> {
    let request: OpenedRequest;
    try {
      request = this.#unsealer.open(arrival.packet);
    } catch (error) {
      return this.drop(arrival, codeOf(error));
    }
    if (request.keyEndsAt !== null) {
      this.#counters.add('previous_key');
      this.#options.log.debug({ remote: arrival.remote }, 'a client has a previous key');
    }
    this.#send(arrival, request, await this.#replyOnce(arrival, request));
  }

  /** Refuses an arrival as quietly as its wire allows, and counts why. */
  drop(arrival: Arrival, reason: string): void {
    this.noteDrop(reason, arrival.remote);
    arrival.refuse();
  }

  noteDrop(reason: string, remote: string): void {
    this.#counters.add(reason);
    this.#options.log.debug({ reason, remote }, 'dropped');
  }

  close(): Promise<void> {
    return this.#answerer.close();
  }

  /** The reply packet of an exchange; a copy that comes while the first is handled waits for the same. */
  #replyOnce(arrival: Arrival, request: OpenedRequest): Promise<Bytes | null> {
    const name = mapKey(request.exchange);
    const running = this.#running.get(name);
    if (running) {
      this.#counters.add('joined');
      return running;
    }
    const reply = this.#answerer.answer(arrival, request).finally(() => this.#running.delete(name));
    this.#running.set(name, reply);
    return reply;
  }

  #send(arrival: Arrival, request: OpenedRequest, packet: Bytes | null): void {
    if (packet === null) return arrival.done();
    const limit = longestReply(arrival, this.#options.limits);
    const sent = packet.length <= limit ? packet : this.#tooLarge(request, packet, limit);
    if (sent === null) return this.drop(arrival, 'reply_too_large');
    this.#counters.add('answered');
    arrival.reply(sent);
  }

  /**
   * What is sent in place of a reply that the road does not take: the size needed, as a 413. The reply itself is
   * kept, so that the same request by a wider road gets it without a second run.
   */
  #tooLarge(request: OpenedRequest, packet: Bytes, limit: number): Bytes | null {
    this.#counters.add('reply_too_large');
    if (!this.#warnedOfLargeReply) {
      this.#warnedOfLargeReply = true;
      const text =
        'a reply is longer than its road takes; listen on tcp:// too, or raise maxDatagram or replyFactor';
      this.#options.log.warn({ bytes: packet.length, limit }, text);
    }
    this.#answerer.keep(request.exchange, packet);
    // In suite 1 a second text under the same key and nonce would give both away: silence is all it has.
    if (request.cipherSuite === CipherSuite.X25519_AESGCM128 || this.#options.payload === 'raw') return null;
    for (const text of [String(packet.length), '']) {
      const notice = request.packAnotherReply(errorReplyBytes(STATUS.replyTooLarge, text));
      if (notice.length <= limit) return notice;
    }
    return null;
  }
}
