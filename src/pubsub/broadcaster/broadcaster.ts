import { sockets } from '#sockets';
import { EMPTY } from '../../bytes/bytes.ts';
import type { BoundSocket, HttpRequest, HttpResponse, Pipe } from '../../platform/types.ts';
import { delay } from '../../transport/backoff.ts';
import { told } from '../../transport/listen.ts';
import { formatUrl, type RoadUrl } from '../../transport/url.ts';
import { Announcer } from '../delivery/announcer.ts';
import { FanOut } from '../delivery/fan-out.ts';
import { RetryPolicy } from '../delivery/retry.ts';
import type { Endpoint } from '../endpoint.ts';
import { type Operations, operationsResponse, sharedProbe } from '../operations/health.ts';
import { Watch } from '../operations/watch.ts';
import { within } from '../operations/within.ts';
import { type BroadcasterOptions, type ResolvedBroadcasterOptions, resolveBroadcaster } from '../options.ts';
import { LiveSubscriptions } from './live-subscriptions.ts';
import { Sessions } from './sessions.ts';
import { StatelessRequests } from './stateless-requests.ts';
import { Subscriptions } from './subscriptions.ts';
import { intentCheck, serveQuestion, type WebhookRoad, webhookRoad } from './webhook-road.ts';

/** The first announcement of what was missed comes this long after, ms. */
const FIRST_ANNOUNCEMENT = 1000;
const HEADERS_TIMEOUT = 10_000;
/** Of a WebSocket, bytes: longer notifications come in parts. */
const MAX_CHANNEL_MESSAGE = 16 * 1024 * 1024;
const WEBSOCKET = '/v1/websocket';
/** How long `close` waits for what is being answered, ms. */
const CLOSE_TIMEOUT = 5000;
/** What must be there must answer within this, ms. */
const PROBE_TIMEOUT = 2000;

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
  readonly #watch: Watch;
  readonly #subscriptions: Subscriptions;
  readonly #fanOut: FanOut;
  readonly #announcer: Announcer;
  readonly #requests: StatelessRequests;
  readonly #sessions: Sessions;
  readonly #operations: Operations;
  readonly #answering = new Set<Promise<unknown>>();
  #socket: BoundSocket | null = null;
  #closed: Promise<void> | null = null;
  #isEnding = false;
  #late: ReturnType<typeof setInterval> | undefined;

  /**
   * Reads the subscriptions, tells of what an earlier process had begun, then listens where it should.
   *
   * @throws SottoError `invalid_option`, `invalid_url`, `address_in_use`, `listen_failed`.
   */
  static async start(options: BroadcasterOptions): Promise<Broadcaster> {
    const resolved = resolveBroadcaster(options);
    const subscriptions = await Subscriptions.open(resolved.store);
    const live = new LiveSubscriptions();
    const road = webhookRoad(resolved);
    let sessions: Sessions | null = null;
    const watch = await Watch.open({
      ...resolved,
      sources:
        resolved.operations === 'off'
          ? null
          : {
              subscriptions: () => subscriptions.size + live.size,
              websockets: () => sessions?.size ?? 0,
              deliveriesRunning: () => road.gate.running,
              deliveriesWaiting: () => road.gate.waiting + (sessions?.waiting ?? 0),
              missedWaiting: () => resolved.store.countMissed(),
            },
    });
    const broadcaster = new Broadcaster(resolved, { subscriptions, live, road, watch });
    sessions = broadcaster.#sessions;
    try {
      broadcaster.#late = setInterval(() => void broadcaster.#fanOut.recordLate(), resolved.sweepInterval);
      broadcaster.#late.unref?.();
      await broadcaster.#fanOut.recover();
      if (resolved.listen) await broadcaster.#listen(resolved.listen);
    } catch (error) {
      await broadcaster.close();
      throw error;
    }
    return broadcaster;
  }

  private constructor(options: ResolvedBroadcasterOptions, { subscriptions, live, road, watch }: Parts) {
    const { store, auth, limits, now, log, sweepInterval, dead } = options;
    const { maxMessage, spoolSize, maxSubscriptionsPerUrl: maxPerUrl, deliveryTimeout: timeout } = limits;
    this.#options = options;
    this.#watch = watch;
    this.#subscriptions = subscriptions;
    const shared = { ...road, store, timeout, now, log, watch };
    this.#announcer = new Announcer({ ...shared, interval: sweepInterval });
    const retry = new RetryPolicy(options.retry);
    const fanOut = new FanOut({
      ...shared,
      ...{ subscriptions, live, retry, dead, spoolSize },
      isOrdered: limits.maxDeliveriesPerUrl === 1,
      firstAnnouncement: FIRST_ANNOUNCEMENT,
    });
    this.#fanOut = fanOut;
    const wantsToBeServed = serveQuestion(options);
    this.#sessions = new Sessions({ options, fanOut, live, watch, wantsToBeServed });
    const intent = intentCheck(options, road);
    const bounds = { maxPerUrl, maxMessage, spoolSize, patterns: limits };
    this.#requests = new StatelessRequests({ ...bounds, intent, subscriptions, auth, fanOut, now, log });
    this.#operations = {
      access: options.operations,
      probes: [sharedProbe({ name: 'store', check: () => store.countMissed() }, PROBE_TIMEOUT)],
      isDraining: () => this.#closed !== null,
      metrics: watch.metrics,
      probeTimeout: PROBE_TIMEOUT,
    };
  }

  /** Where it listens, with the port it really got; empty where it does not. */
  get address(): string {
    const { listen } = this.#options;
    return listen ? formatUrl({ ...listen, port: this.#socket?.port ?? listen.port }) : '';
  }

  /** How often each thing happened, such as `delivery_received`, `delivery_failed`, `missed_announced`. */
  get counters(): Readonly<Record<string, number>> {
    return this.#watch.counters;
  }

  /** Subscriptions there are now, without those of WebSockets. */
  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** WebSockets of subscribers that are open. */
  get webSockets(): number {
    return this.#sessions.size;
  }

  /**
   * Says at /readyz that it is going, and goes on for as long as `drainTime` has it; then finishes what is being answered and
   * announced, and closes everything.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(listen: RoadUrl): Promise<void> {
    const { maxConnections, maxConnectionsPerHost, idleTimeout } = this.#options.limits;
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
        onRequest: (request) => operationsResponse(request, this.#operations) ?? this.answer(request),
        channelHandler: (path, origin) => this.channelHandler(path, origin),
        onDrop: (reason) => this.#watch.onEvent(reason),
      }),
    );
  }

  /** Who takes WebSockets that come to a server of one's own at this path; null for nobody. */
  channelHandler(path: string, origin: string | null): ((pipe: Pipe) => void) | null {
    if (path !== WEBSOCKET || this.#isEnding) return null;
    if (!this.#options.isAllowedOrigin(origin)) {
      this.#watch.onEvent('origin_refused');
      return null;
    }
    return (pipe) => this.#sessions.accept(pipe);
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
    if (this.#isEnding) return { status: 503, body: EMPTY };
    if (!this.#requests.has(path)) return { status: 404, body: EMPTY };
    if (method !== 'POST') return { status: 405, headers: { allow: 'POST' }, body: EMPTY };
    if (!this.#options.isAllowedOrigin(header('origin'))) return { status: 403, body: EMPTY };
    const answer = await this.#requests.handle({ path, authorization: header('authorization'), body });
    this.#watch.onEvent(`status_${answer.status}`);
    return answer.status === 200
      ? { ...answer, headers: { 'content-type': 'application/octet-stream' } }
      : answer;
  }

  async #close(): Promise<void> {
    if (this.#socket) await delay(this.#options.drainTime);
    this.#isEnding = true;
    clearInterval(this.#late);
    const done = Promise.allSettled([...this.#answering, this.#sessions.close(CLOSE_TIMEOUT)]);
    await within(CLOSE_TIMEOUT, () => done).catch(() => {}); // some hang on somebody
    await this.#fanOut.close(); // what is still being posted is announced as missed at the next start
    await done;
    await this.#socket?.close();
    await this.#announcer.close();
    await this.#watch.close();
    await this.#options.store.close();
  }
}

/** What a broadcaster is made of besides its options. */
interface Parts {
  readonly subscriptions: Subscriptions;
  readonly live: LiveSubscriptions;
  readonly road: WebhookRoad;
  readonly watch: Watch;
}
