import type { App } from '../app/app.ts';
import { appFrom, type Handler } from '../app/app.ts';
import { type Bytes, mapKey } from '../bytes/bytes.ts';
import { PssstServer, type UnpackedRequest } from '../envelope/pssst.ts';
import { codeOf, messageOf, SottoError } from '../errors.ts';
import type { PublicKey } from '../keys/public-key.ts';
import { listenAll } from '../transport/listen.ts';
import { RateLimiter } from '../transport/rate-limiter.ts';
import type { Arrival, Listener } from '../transport/transport.ts';
import { CipherSuite, decodeHeader } from '../wire/pssst.ts';
import { errorReplyBytes } from './adapter.ts';
import { Answerer, longestReply } from './answerer.ts';
import { Counters } from './counters.ts';
import { type RequestServerOptions, type ResolvedServerOptions, resolveServerOptions } from './options.ts';
import { STATUS } from './status.ts';

/** How long `close` waits for what is in flight, unless told otherwise, ms. */
const CLOSE_TIMEOUT = 5000;

/**
 * Answers sealed requests that stand alone, over any number of transports at once.
 *
 * @example
 * ```ts
 * import { createApp, Identity } from 'sotto';
 * import { RequestServer } from 'sotto/request';
 * const app = createApp().on('/hello/:name', (ctx) => `Hello, ${ctx.params.name}.`);
 * const server = await RequestServer.start(app, {
 *   identity: Identity.generate(),
 *   listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0'],
 * });
 * console.log(server.addresses, server.publicKey.toString());
 * await server.close();
 * ```
 */
export class RequestServer implements AsyncDisposable {
  /** The key that clients need. */
  readonly publicKey: PublicKey;
  readonly #options: ResolvedServerOptions;
  readonly #suites: ReadonlyMap<number, PssstServer>;
  readonly #limiter: RateLimiter;
  readonly #answerer: Answerer;
  readonly #counters = new Counters();
  /** Requests being handled, by exchange: copies join the first. */
  readonly #running = new Map<string, Promise<Bytes | null>>();
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #closed: Promise<void> | null = null;
  #listeners: readonly Listener[] = [];
  #idle: (() => void) | null = null;
  #warnedOfLargeReply = false;

  /**
   * Listens on every URL of `options.listen`, or on none.
   *
   * @param handler an app, or one function that answers every route.
   * @throws SottoError `invalid_option`, `invalid_url`, `address_in_use`, `listen_failed`.
   */
  static async start(handler: App | Handler, options: RequestServerOptions): Promise<RequestServer> {
    const resolved = resolveServerOptions(options);
    const app = typeof handler === 'function' ? appFrom(handler) : handler;
    const server = new RequestServer(app, resolved);
    try {
      server.#listeners = await listenAll(resolved.listen, {
        limits: resolved.limits,
        reusePort: resolved.reusePort,
        ...(resolved.hub === undefined ? {} : { hub: resolved.hub }),
        onArrival: (arrival) => server.#take(arrival),
        onDrop: (reason, remote) => server.#dropped(reason, remote),
      });
    } catch (error) {
      await server.#answerer.close();
      throw error;
    }
    return server;
  }

  private constructor(app: App, options: ResolvedServerOptions) {
    const { identity, limits } = options;
    this.publicKey = identity.publicKey;
    this.#options = options;
    this.#suites = new Map(options.suites.map((suite) => [suite, serverOf(options, suite)]));
    this.#limiter = new RateLimiter(limits.rate, limits.burst);
    this.#answerer = new Answerer(app, options, this.#counters);
  }

  /** Where it listens, with the ports it really got. */
  get addresses(): readonly string[] {
    return this.#listeners.map((listener) => listener.address);
  }

  /** How often each thing happened since the start: `received`, `answered`, and every reason for a drop. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  /**
   * Takes no more requests, finishes those in flight, then closes every socket.
   *
   * @param options.timeout how long to wait for handlers, ms. Default 5000.
   */
  close(options: { timeout?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(options.timeout ?? CLOSE_TIMEOUT);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeout: number): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
    await this.#drained(timeout);
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    await this.#answerer.close();
  }

  /** One arrival, from the cheapest check to the dearest; never rejects. */
  async #take(arrival: Arrival): Promise<void> {
    this.#counters.add('received');
    if (!this.#limiter.take(arrival.host)) return this.#drop(arrival, 'rate_limited');
    if (this.#inFlight >= this.#options.limits.maxInFlight) {
      // A datagram can be sent again; a stream waits, and its sender with it.
      if (!arrival.addressProven) return this.#drop(arrival, 'too_many_in_flight');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#inFlight += 1;
    try {
      await this.#answer(arrival);
    } catch (error) {
      this.#options.log.error({ error }, 'a request could not be answered');
      this.#drop(arrival, 'failed');
    } finally {
      this.#inFlight -= 1;
      this.#waiting.shift()?.();
      if (this.#inFlight === 0) this.#idle?.();
    }
  }

  async #answer(arrival: Arrival): Promise<void> {
    let request: UnpackedRequest;
    try {
      request = this.#suiteServer(arrival.packet).unpackRequest(arrival.packet);
    } catch (error) {
      return this.#drop(arrival, codeOf(error));
    }
    this.#send(arrival, request, await this.#replyOnce(arrival, request));
  }

  #suiteServer(packet: Bytes): PssstServer {
    const { suite } = decodeHeader(packet);
    const server = this.#suites.get(suite);
    if (server) return server;
    throw new SottoError('unsupported_cipher', `Cipher suite ${suite} is not accepted here.`);
  }

  /** The reply packet of an exchange; a copy that comes while the first is handled waits for the same. */
  #replyOnce(arrival: Arrival, request: UnpackedRequest): Promise<Bytes | null> {
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

  #send(arrival: Arrival, request: UnpackedRequest, packet: Bytes | null): void {
    if (packet === null) return arrival.done();
    const limit = longestReply(arrival, this.#options.limits);
    const sent = packet.length <= limit ? packet : this.#tooLarge(request, packet, limit);
    if (sent === null) return this.#drop(arrival, 'reply_too_large');
    this.#counters.add('answered');
    arrival.reply(sent);
  }

  /**
   * What is sent in place of a reply that the road does not take: the size needed, as a 413. The reply itself is
   * kept, so that the same request by a wider road gets it without a second run.
   */
  #tooLarge(request: UnpackedRequest, packet: Bytes, limit: number): Bytes | null {
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

  #drop(arrival: Arrival, reason: string): void {
    this.#dropped(reason, arrival.remote);
    arrival.refuse();
  }

  #dropped(reason: string, remote: string): void {
    this.#counters.add(reason);
    this.#options.log.debug({ reason, remote }, 'dropped');
  }

  #drained(timeout: number): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout);
      this.#idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function serverOf({ identity }: ResolvedServerOptions, suite: CipherSuite): PssstServer {
  const hybrid = suite === CipherSuite.MLKEM768X25519_AESGCM256;
  const privateKey = hybrid ? identity.hybridSeed : identity.privateKey;
  try {
    return new PssstServer(privateKey, { cipherSuite: suite });
  } catch (cause) {
    throw new SottoError('invalid_option', `This identity cannot serve suite ${suite}: ${messageOf(cause)}`, {
      cause,
    });
  }
}
