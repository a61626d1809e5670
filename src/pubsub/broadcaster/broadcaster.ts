import { sockets } from '#sockets';
import { EMPTY } from '../../bytes/bytes.ts';
import type { BoundSocket, HttpRequest, HttpResponse, Pipe } from '../../platform/types.ts';
import { Counters } from '../../sealed/counters.ts';
import { told } from '../../transport/listen.ts';
import { formatUrl, type RoadUrl } from '../../transport/url.ts';
import { Announcer } from '../delivery/announcer.ts';
import { FanOut } from '../delivery/fan-out.ts';
import { RetryPolicy } from '../delivery/retry.ts';
import type { Endpoint } from '../endpoint.ts';
import { type BroadcasterOptions, type ResolvedBroadcasterOptions, resolveBroadcaster } from '../options.ts';
import { LiveSubscriptions } from './live-subscriptions.ts';
import { Session } from './session.ts';
import { StatelessRequests } from './stateless-requests.ts';
import { Subscriptions } from './subscriptions.ts';
import { intentCheck, webhookRoad } from './webhook-road.ts';

/** The first announcement of what was missed comes this long after, ms. */
const FIRST_ANNOUNCEMENT = 1000;
const HEADERS_TIMEOUT = 10_000;
/** Of a WebSocket, bytes: longer notifications come in parts. */
const MAX_CHANNEL_MESSAGE = 16 * 1024 * 1024;
const CONFIGURE_TIMEOUT = 5000;
/** Between two looks for WebSockets that do not confirm, ms. */
const EXPIRE_INTERVAL = 1000;
const WEBSOCKET = '/v1/websocket';
/** How long `close` waits for what is being answered, ms. */
const CLOSE_TIMEOUT = 5000;

/**
 * Takes notifications and posts them to whoever has subscribed; who did not get one is told that it has missed it.
 *
 * @example
 * ```ts
 * import { Broadcaster } from 'sotto/pubsub';
 * const broadcaster = await Broadcaster.start({ listen: 'http://127.0.0.1:3003', store: 'sqlite::memory:' });
 * console.log(broadcaster.address);
 * await broadcaster.close();
 * ```
 */
export class Broadcaster implements Endpoint, AsyncDisposable {
  readonly #options: ResolvedBroadcasterOptions;
  readonly #counters = new Counters();
  readonly #fanOut: FanOut;
  readonly #requests: StatelessRequests;
  readonly #announcer: Announcer;
  readonly #subscriptions: Subscriptions;
  readonly #live = new LiveSubscriptions();
  readonly #sessions = new Set<Session>();
  readonly #answering = new Set<Promise<unknown>>();
  #expiring: ReturnType<typeof setInterval> | null = null;
  #socket: BoundSocket | null = null;
  #closed: Promise<void> | null = null;

  /**
   * Reads the subscriptions, tells of what an earlier process had begun, then listens where it should.
   *
   * @throws SottoError `invalid_option`, `invalid_url`, `address_in_use`, `listen_failed`.
   */
  static async start(options: BroadcasterOptions): Promise<Broadcaster> {
    const resolved = resolveBroadcaster(options);
    const subscriptions = await Subscriptions.open(resolved.store);
    const broadcaster = new Broadcaster(resolved, subscriptions);
    try {
      await broadcaster.#begin();
    } catch (error) {
      await broadcaster.close();
      throw error;
    }
    return broadcaster;
  }

  private constructor(options: ResolvedBroadcasterOptions, subscriptions: Subscriptions) {
    const { store, auth, limits, now, log, sweepInterval } = options;
    this.#options = options;
    this.#subscriptions = subscriptions;
    const road = webhookRoad(options);
    const shared = {
      ...road,
      store,
      timeout: limits.deliveryTimeout,
      now,
      log,
      onEvent: (event: string) => this.#counters.add(event),
    };
    this.#fanOut = new FanOut({
      ...shared,
      subscriptions,
      live: this.#live,
      retry: new RetryPolicy(options.retry),
      dead: options.dead,
      firstAnnouncement: FIRST_ANNOUNCEMENT,
    });
    this.#announcer = new Announcer({ ...shared, interval: sweepInterval });
    const { maxMessage, spoolSize, maxSubscriptionsPerUrl: maxPerUrl } = limits;
    this.#requests = new StatelessRequests({
      intent: intentCheck(options, road),
      subscriptions,
      auth,
      fanOut: this.#fanOut,
      maxPerUrl,
      maxMessage,
      spoolSize,
      now,
      log,
    });
  }

  /** Where it listens, with the port it really got; empty where it does not. */
  get address(): string {
    const { listen } = this.#options;
    return listen ? formatUrl({ ...listen, port: this.#socket?.port ?? listen.port }) : '';
  }

  /** How often each thing happened, such as `delivery_received`, `delivery_failed`, `missed_announced`. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  /** Subscriptions there are now, without those of WebSockets. */
  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** Finishes what is being answered and announced, then closes everything. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #begin(): Promise<void> {
    await this.#fanOut.recover();
    this.#expiring = setInterval(() => {
      for (const session of this.#sessions) session.expire();
    }, EXPIRE_INTERVAL);
    this.#expiring.unref?.();
    const { listen } = this.#options;
    if (listen) await this.#listen(listen);
  }

  async #listen(listen: RoadUrl): Promise<void> {
    const { limits } = this.#options;
    const { maxConnections, maxConnectionsPerHost, idleTimeout } = limits;
    this.#socket = await told(
      listen,
      sockets.listenHttpStreams({
        host: listen.host,
        port: listen.port,
        reusePort: false,
        limits: {
          maxConnections,
          maxConnectionsPerHost,
          idleTimeout,
          headersTimeout: HEADERS_TIMEOUT,
          maxMessage: MAX_CHANNEL_MESSAGE,
        },
        onRequest: (request) => this.answer(request),
        channelHandler: (path) => this.channelHandler(path),
        onDrop: (reason) => this.#counters.add(reason),
      }),
    );
  }

  /** Who takes WebSockets that come to a server of one's own at this path; null for nobody. */
  channelHandler(path: string): ((pipe: Pipe) => void) | null {
    return path === WEBSOCKET && !this.#closed ? (pipe) => this.#accept(pipe) : null;
  }

  #accept(pipe: Pipe): void {
    const { auth, limits, now, log } = this.#options;
    const session = new Session(pipe, {
      auth,
      fanOut: this.#fanOut,
      live: this.#live,
      maxMessage: limits.maxMessage,
      spoolSize: limits.spoolSize,
      maxSubscriptions: limits.maxSubscriptionsPerUrl,
      maxWaiting: limits.maxWaitingPerUrl,
      deliveryTimeout: limits.deliveryTimeout,
      configureTimeout: CONFIGURE_TIMEOUT,
      now,
      log,
      onEvent: (event) => this.#counters.add(event),
      onEnd: (ended) => this.#sessions.delete(ended),
    });
    this.#sessions.add(session);
    this.#counters.add('websocket_opened');
  }

  /** Whether requests for this path are for it; see {@link Endpoint}. */
  takes(path: string): boolean {
    return path === WEBSOCKET || this.#requests.has(path);
  }

  /** Answers a request that came to a server of one's own. Never rejects. */
  answer(request: HttpRequest): Promise<HttpResponse> {
    const answer = this.#respond(request).finally(() => this.#answering.delete(answer));
    this.#answering.add(answer);
    return answer;
  }

  async #respond({ method, path, header, body }: HttpRequest): Promise<HttpResponse> {
    if (this.#closed) return { status: 503, body: EMPTY };
    if (!this.#requests.has(path)) return { status: 404, body: EMPTY };
    if (method !== 'POST') return { status: 405, headers: { allow: 'POST' }, body: EMPTY };
    const answer = await this.#requests.handle({ path, authorization: header('authorization'), body });
    this.#counters.add(`status_${answer.status}`);
    return answer.status === 200
      ? { ...answer, headers: { 'content-type': 'application/octet-stream' } }
      : answer;
  }

  async #close(): Promise<void> {
    if (this.#expiring) clearInterval(this.#expiring);
    const sessions = [...this.#sessions].map((session) => session.close());
    const done = Promise.allSettled([...this.#answering, ...sessions]);
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT).unref?.())]);
    await this.#socket?.close();
    await done;
    await this.#announcer.close();
    await this.#options.store.close();
  }
}
