/** Routed questions in sealed packets: fresh stamps, room for replies, and answers or errors for the caller. */

import type { Bytes } from '../bytes/bytes.ts';
import { decodeUtf8 } from '../bytes/text.ts';
import { messageOf, SottoError } from '../errors.ts';
import {
  decodeSoon,
  type EncodedBody,
  encodeBody,
  loadingToEncode,
  type Representation,
} from '../wire/representation.ts';
import { decodeRoutedReply, encodeRoutedRequest, type RoutedReply } from '../wire/routed.ts';
import { KEY_ROUTE, type NewerKey, newerKeyIn, type OnNewerKey } from './newer-key.ts';
import type { Payload, ResolvedAsking } from './options.ts';
import { PacketClient, type Roads } from './packet-client.ts';
import { ServerClock } from './server-clock.ts';
import { errorOfStatus, STATUS } from './status.ts';

/** Of one request. */
export interface RequestOptions {
  /** Until an answer must be there, ms. Default: the client's. */
  readonly timeout?: number;
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
  /** Run the handler at most once, however often the request arrives. Default false. */
  readonly once?: boolean;
  /** How the body is written. Default `auto`. */
  readonly representation?: Representation | 'auto';
}

/** A `once` request may be told the time twice: when it first asks, and after a restart of the server. */
const MAX_SEALINGS = 3;
/**
 * Datagrams shorter than this are filled up: to an unproven address no reply may be longer than its request, and a
 * refusal needs 70 bytes; one that tells the time, which is what a `once` request meets first, needs 81.
 */
const MIN_DATAGRAM = 70;
const MIN_ONCE_DATAGRAM = 128;
/** What an answer to the question for the newer key takes, bytes. Of the post-quantum suite it comes by a stream. */
const NEWER_KEY_ROOM = 192;
/** How long an answer is held back to ask for a newer key, ms, and how long after a try that failed there is another. */
const NEWER_KEY_TIMEOUT = 1000;
const NEWER_KEY_RETRY = 60_000;
/** What is remembered of routes is forgotten, all at once, beyond this many. */
const MAX_ROUTES = 1024;

/** Asks one server, by one URL or by several at once; any number of requests in flight. */
export class SealedClient implements AsyncDisposable {
  readonly #options: ResolvedAsking;
  readonly #packets: PacketClient;
  readonly #clock: ServerClock;
  /** Routes that the server answers only once, as it told us. */
  readonly #onceRoutes = new Set<string>();
  /** How long a datagram must be so that the reply of a route may be as long, as the server told us. */
  readonly #room = new Map<string, number>([[KEY_ROUTE, NEWER_KEY_ROOM]]);
  /** When it may next be asked for a newer key, by the clock that nobody sets. */
  #asksKeyAt = 0;

  /** @throws SottoError `invalid_url`, `invalid_key`, `invalid_option`, `low_order_point`. */
  protected constructor(urls: readonly string[], options: ResolvedAsking, roads: Roads) {
    this.#options = options;
    this.#packets = new PacketClient(urls, options, roads);
    this.#clock = new ServerClock(options.now);
  }

  /** How often each thing happened: `sent`, `answered`, and every reason why a packet was not taken as a reply. */
  get counters(): Readonly<Record<string, number>> {
    return this.#packets.counters.snapshot();
  }

  /**
   * Asks `route` and waits for its answer.
   *
   * @returns the handler's value.
   * @throws StatusError where the server answered with a status; SottoError `timeout`, `unreachable`, `refused`,
   * `aborted`, `closed`, `request_too_large`, `reply_too_large`, `invalid_body`, `invalid_route`.
   */
  async request(route: string, body?: unknown, options: RequestOptions = {}): Promise<unknown> {
    this.#requirePayload('routed');
    const loading = loadingToEncode(body, options.representation);
    if (loading) await loading;
    const encoded = encodeBody(body, options.representation);
    const deadline = performance.now() + (options.timeout ?? this.#options.timeout);
    const reply = await this.#askWithRoom(route, encoded, options, deadline);
    if (reply.newerKey) await this.#hearNewerKey(deadline);
    return answerOf(reply);
  }

  /**
   * Sends a plaintext as it is and waits for the reply's; for `payload: 'raw'`, as PSSST's own programs speak.
   *
   * @throws SottoError as `request` does.
   */
  requestRaw(message: Bytes, options: Pick<RequestOptions, 'timeout' | 'signal'> = {}): Promise<Bytes> {
    this.#requirePayload('raw');
    return this.#packets.ask(message, {
      timeout: options.timeout ?? this.#options.timeout,
      signal: options.signal,
    });
  }

  /**
   * Sends without wanting an answer: resolves when the first road has taken it. A datagram may be lost.
   *
   * @throws SottoError `unreachable`, `timeout`, `aborted`, `closed`, `request_too_large`.
   */
  async send(route: string, body?: unknown, options: Omit<RequestOptions, 'once'> = {}): Promise<void> {
    this.#requirePayload('routed');
    const loading = loadingToEncode(body, options.representation);
    if (loading) await loading;
    const message = this.#seal(route, encodeBody(body, options.representation), {
      once: false,
      oneWay: true,
    });
    const { timeout = this.#options.timeout, signal } = options;
    await this.#packets.ask(message, { timeout, signal, oneWay: true });
  }

  /** Rejects what is in flight with `closed`, and closes every socket. */
  close(): Promise<void> {
    return this.#packets.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Asks for the newer key, and tells it; once. That it does not come spoils nothing. */
  async #hearNewerKey(deadline: number): Promise<void> {
    const { onNewerKey, log } = this.#options;
    const now = performance.now();
    if (!onNewerKey || now < this.#asksKeyAt) return;
    this.#asksKeyAt = Number.POSITIVE_INFINITY; // before anything is waited for: one question is enough
    try {
      const until = Math.min(deadline, now + NEWER_KEY_TIMEOUT);
      const reply = await this.#askWithRoom(KEY_ROUTE, encodeBody(undefined), {}, until);
      const newer = newerKeyIn(await answerOf(reply));
      if (newer) void this.#tellNewerKey(newer, onNewerKey);
    } catch (error) {
      this.#asksKeyAt = performance.now() + NEWER_KEY_RETRY;
      log.debug({ why: messageOf(error) }, 'the server did not tell its newer key');
    }
  }

  /** Never rejects: what the listener does is not waited for. */
  async #tellNewerKey(newer: NewerKey, onNewerKey: OnNewerKey): Promise<void> {
    try {
      await onNewerKey(newer);
    } catch (error) {
      this.#asksKeyAt = performance.now() + NEWER_KEY_RETRY;
      this.#options.log.error({ error }, 'onNewerKey failed');
    }
  }

  /** Asks, and asks anew in a longer datagram where the reply needs one and there is no stream to get it by. */
  async #askWithRoom(
    route: string,
    body: EncodedBody,
    options: RequestOptions,
    deadline: number,
  ): Promise<RoutedReply> {
    const hadRoom = this.#room.has(route);
    try {
      return await this.#askInTime(route, body, options, deadline);
    } catch (error) {
      const isTooLarge = error instanceof SottoError && error.code === 'reply_too_large';
      // What ran once must not run again in another packet.
      if (!isTooLarge || hadRoom || !this.#room.has(route) || options.once) throw error;
      return await this.#askInTime(route, body, options, deadline);
    }
  }

  /** Asks, and asks anew with the right stamp where the server answers only with its time. */
  async #askInTime(
    route: string,
    body: EncodedBody,
    options: RequestOptions,
    deadline: number,
  ): Promise<RoutedReply> {
    let once = options.once === true || this.#onceRoutes.has(route);
    for (let sealing = 1; ; sealing++) {
      const reply = await this.#askRoute(route, this.#seal(route, body, { once, oneWay: false }), {
        timeout: Math.max(1, deadline - performance.now()),
        signal: options.signal,
      });
      if (reply.status !== STATUS.tooEarly || sealing === MAX_SEALINGS) return reply;
      const time = Number.parseInt(decodeUtf8(reply.body), 10);
      if (!Number.isSafeInteger(time) || time < 0) return reply;
      this.#clock.learn(time);
      if (!once) this.#learnOnce(route);
      once = true;
    }
  }

  async #askRoute(
    route: string,
    message: Bytes,
    options: { readonly timeout: number; readonly signal: AbortSignal | undefined },
  ): Promise<RoutedReply> {
    const isTooLarge = (reply: Bytes): boolean => {
      const { status, body } = decodeRoutedReply(reply);
      if (status === STATUS.replyTooLarge) this.#learnRoom(route, Number.parseInt(decodeUtf8(body), 10));
      return status === STATUS.replyTooLarge;
    };
    return decodeRoutedReply(await this.#packets.ask(message, { ...options, isTooLarge }));
  }

  #seal(
    route: string,
    body: EncodedBody,
    flags: { readonly once: boolean; readonly oneWay: boolean },
  ): Bytes {
    const { representation, bytes } = body;
    const sentAt = flags.once ? this.#clock.onceStamp() : this.#clock.stamp();
    return encodeRoutedRequest(
      { representation, ...flags, sentAt, route, body: bytes },
      this.#padTo(route, flags.once),
    );
  }

  #padTo(route: string, once: boolean): number {
    if (!this.#packets.usesDatagrams) return 0;
    const { pad, maxDatagram } = this.#options;
    const size = Math.max(pad, this.#room.get(route) ?? 0, once ? MIN_ONCE_DATAGRAM : MIN_DATAGRAM);
    return Math.min(size, maxDatagram) - this.#packets.overhead;
  }

  #learnRoom(route: string, size: number): void {
    if (!(size > 0 && size <= this.#options.maxDatagram)) return;
    if (this.#room.size >= MAX_ROUTES) this.#room.clear();
    this.#room.set(route, size);
  }

  #learnOnce(route: string): void {
    if (this.#onceRoutes.size >= MAX_ROUTES) this.#onceRoutes.clear();
    this.#onceRoutes.add(route);
  }

  #requirePayload(payload: Payload): void {
    if (this.#options.payload === payload) return;
    const call = this.#options.payload === 'raw' ? 'requestRaw' : 'request and send';
    throw new SottoError(
      'invalid_argument',
      `With payload "${this.#options.payload}" this client has ${call} alone.`,
    );
  }
}

/** The value, or a promise of it. */
function answerOf(reply: RoutedReply): unknown {
  if (reply.status === 0) return decodeSoon(reply.body, reply.representation);
  throw errorOfStatus(reply.status, decodeUtf8(reply.body));
}
