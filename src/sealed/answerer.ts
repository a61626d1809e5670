/** From an opened request to its sealed reply: freshness, memory, access, and the app in the middle. */

import type { Dispatcher } from '../app/app.ts';
import type { Reply } from '../app/message.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { messageOf, SottoError } from '../errors.ts';
import type { PublicKey } from '../keys/public-key.ts';
import type { Arrival } from '../transport/transport.ts';
import { CipherSuite, replyOverhead } from '../wire/pssst.ts';
import { decodeRoutedRequest, type RoutedRequest } from '../wire/routed.ts';
import {
  errorReplyBytes,
  fromRawReply,
  fromReply,
  type Peer,
  rawInbound,
  routedInbound,
  senderOf,
} from './adapter.ts';
import type { Counters } from './counters.ts';
import { KEY_ROUTE, keyReply } from './newer-key.ts';
import { MAX_AGE, MAX_AHEAD, OnceWindow, type Outcome } from './once-window.ts';
import type { OnceWindowOptions, ResolvedAnswering, SealedLimits } from './options.ts';
import { STATUS } from './status.ts';
import { MemoryOnceStore } from './stores/memory.ts';
import { SqliteOnceStore } from './stores/sqlite.ts';
import type { OnceStore } from './stores/store.ts';
import type { OpenedRequest } from './unsealer.ts';

/** How long a copy of a `once` request waits for another process to finish with it, ms. */
const PATIENCE = 30_000;

/** A request that opened, and all that answering it needs to know. */
interface Asked {
  readonly arrival: Arrival;
  readonly request: OpenedRequest;
  readonly sender: PublicKey | null;
  /** The longest plaintext that the way back takes, bytes: refusals are cut to it. */
  readonly room: number;
}

/** The longest reply packet that may go back: to an unproven address none longer than what came, or `replyFactor` times. */
export function longestReply(
  { packet, addressProven, maxReply }: Arrival,
  { replyFactor }: SealedLimits,
): number {
  return addressProven ? maxReply : Math.min(maxReply, Math.floor(packet.length * replyFactor));
}

export class Answerer {
  readonly #app: Dispatcher;
  readonly #options: ResolvedAnswering;
  readonly #counters: Counters;
  readonly #currentKey: (suite: CipherSuite) => string;
  readonly #window: OnceWindow;
  /** Reply packets to be sent again byte for byte: all of suite 1, and those that were too large for their road. */
  readonly #memory = new MemoryOnceStore();
  readonly #startedAt: number;
  readonly #closing = new AbortController();

  /** @param currentKey the server's key as text, as clients of that suite know it. */
  constructor(
    app: Dispatcher,
    options: ResolvedAnswering,
    counters: Counters,
    currentKey: (suite: CipherSuite) => string,
  ) {
    this.#app = app;
    this.#options = options;
    this.#counters = counters;
    this.#currentKey = currentKey;
    this.#window = new OnceWindow(storeOf(options.onceWindow), {
      clock: options.now,
      patience: PATIENCE,
      onStoreError: (error) => options.log.error({ error }, 'the store of the once-window failed'),
    });
    this.#startedAt = options.now();
  }

  /** The reply packet, or null where nothing is to be sent. */
  answer(arrival: Arrival, request: OpenedRequest): Promise<Bytes | null> {
    const room = longestReply(arrival, this.#options.limits) - replyOverhead(request.cipherSuite);
    const asked = { arrival, request, sender: senderOf(request.clientPublicKey), room };
    // specs/pssst.md, section 9.1
    return isReplayable(request) ? this.#answerFromMemory(asked) : this.#answerAnew(asked);
  }

  /** Keeps a reply for copies of its request that come by a wider road. */
  keep(exchange: Bytes, packet: Bytes): void {
    const now = this.#options.now();
    if (this.#memory.claimNow(exchange, now, now + MAX_AGE).state === 'claimed') {
      this.#memory.answerNow(exchange, packet);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#memory.close();
    await this.#window.close();
  }

  async #answerFromMemory(asked: Asked): Promise<Bytes | null> {
    const { exchange } = asked.request;
    const now = this.#options.now();
    const claim = this.#memory.claimNow(exchange, now, now + MAX_AGE);
    if (claim.state === 'answered') return this.#repeat(claim.packet);
    if (claim.state !== 'claimed') return this.#silence('reply_memory_full');
    const packet = await this.#handle(asked);
    if (packet === null) this.#memory.release(exchange);
    else this.#memory.answerNow(exchange, packet);
    return packet;
  }

  #answerAnew(asked: Asked): Promise<Bytes | null> {
    const kept = this.#memory.find(asked.request.exchange);
    return kept ? Promise.resolve(this.#repeat(kept)) : this.#handle(asked);
  }

  #handle(asked: Asked): Promise<Bytes | null> {
    return this.#options.payload === 'raw' ? this.#handleRaw(asked) : this.#handleRouted(asked);
  }

  async #handleRaw(asked: Asked): Promise<Bytes | null> {
    if (!this.#isAllowed(asked.sender)) return this.#silence('not_allowed');
    const { request, arrival } = asked;
    const reply = await this.#app.dispatch(rawInbound(request.message, this.#peer(asked, arrival.signal)));
    const body = fromRawReply(reply);
    return body === null ? this.#silence('raw_error') : request.packReply(body);
  }

  async #handleRouted(asked: Asked): Promise<Bytes | null> {
    const { request, sender } = asked;
    let routed: RoutedRequest;
    try {
      routed = decodeRoutedRequest(request.message);
    } catch (error) {
      this.#counters.add('invalid_message');
      // What has no stamp cannot be known to be fresh.
      if (isReplayable(request)) return null;
      return refuse(asked, STATUS.badRequest, messageOf(error));
    }
    // A reply memory forgets: what is older than it must not be answered at all, not even by a refusal.
    if (isReplayable(request) && !this.#isFresh(routed.sentAt)) return this.#silence('stale');
    if (!this.#isAllowed(sender)) {
      this.#counters.add('not_allowed');
      return refuse(asked, STATUS.notAllowed, 'This key may not ask here.');
    }
    const packet = await this.#handleAllowed(asked, routed);
    return routed.oneWay ? null : packet;
  }

  #handleAllowed(asked: Asked, routed: RoutedRequest): Promise<Bytes | null> {
    if (routed.route === KEY_ROUTE) return Promise.resolve(this.#tellKey(asked));
    const isOnce = routed.once || this.#app.isOnce(routed.route);
    return isOnce ? this.#handleInWindow(asked, routed) : this.#handleAnyTime(asked, routed);
  }

  #tellKey({ request }: Asked): Bytes {
    const { cipherSuite, keyEndsAt } = request;
    return request.packReply(fromReply(keyReply(this.#currentKey(cipherSuite), keyEndsAt)));
  }

  async #handleAnyTime(asked: Asked, routed: RoutedRequest): Promise<Bytes | null> {
    const reply = await this.#dispatch(asked, routed, asked.arrival.signal);
    if (reply.status === STATUS.callerGone) return this.#silence('caller_gone');
    return asked.request.packReply(fromReply(reply));
  }

  /** A request whose stamp, or whose missing flag, would let a copy of it run later is refused with the time. */
  async #handleInWindow(asked: Asked, routed: RoutedRequest): Promise<Bytes> {
    const { request, room } = asked;
    const time = routed.once ? this.#window.refusal(routed.sentAt) : this.#window.time;
    if (time !== null) {
      this.#counters.add('too_early');
      return request.packReply(errorReplyBytes(STATUS.tooEarly, String(time)));
    }
    // The caller may go and ask again: the handler runs on, and its answer is kept.
    const handle = async (): Promise<Bytes> =>
      request.packReply(fromReply(await this.#dispatch(asked, routed, this.#closing.signal), room));
    return this.#packetOf(await this.#window.run(request.exchange, routed.sentAt, handle), asked);
  }

  #packetOf(outcome: Outcome, asked: Asked): Bytes {
    switch (outcome.state) {
      case 'answered':
        return outcome.packet;
      case 'full':
        this.#counters.add('once_window_full');
        return refuse(asked, STATUS.unavailable, 'The server cannot remember more; ask later.');
      case 'unknown':
        this.#counters.add('outcome_unknown');
        return refuse(
          asked,
          STATUS.outcomeUnknown,
          'The server stopped meanwhile: this may have run or not.',
        );
    }
  }

  #dispatch(asked: Asked, routed: RoutedRequest, signal: AbortSignal): Promise<Reply> {
    return this.#app.dispatch(routedInbound(routed, this.#peer(asked, signal)));
  }

  #peer({ arrival, sender }: Asked, signal: AbortSignal): Peer {
    return { protocol: this.#options.protocol, arrival, sender, signal };
  }

  #isFresh(sentAt: number): boolean {
    const now = this.#options.now();
    return sentAt >= Math.max(now - MAX_AGE, this.#startedAt) && sentAt <= now + MAX_AHEAD;
  }

  #isAllowed(sender: PublicKey | null): boolean {
    try {
      return this.#options.allow(sender) === true;
    } catch {
      return false;
    }
  }

  #repeat(packet: Bytes): Bytes {
    this.#counters.add('repeated');
    return packet;
  }

  #silence(reason: string): null {
    this.#counters.add(reason);
    return null;
  }
}

/** Whether two different replies to this request would give both texts away. */
function isReplayable({ cipherSuite }: OpenedRequest): boolean {
  return cipherSuite === CipherSuite.X25519_AESGCM128;
}

function refuse({ request, room }: Asked, status: number, text: string): Bytes {
  return request.packReply(errorReplyBytes(status, text, room));
}

function storeOf({ store = 'memory', maxEntries, maxBytes }: OnceWindowOptions): OnceStore {
  if (typeof store === 'object') return store;
  const limits = {
    ...(maxEntries === undefined ? {} : { maxEntries }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  };
  if (store === 'memory') return new MemoryOnceStore(limits);
  if (store.startsWith('sqlite:')) return new SqliteOnceStore(store.slice('sqlite:'.length), limits);
  throw new SottoError('invalid_option', `onceWindow.store is "memory" or "sqlite:FILE", not "${store}".`);
}
