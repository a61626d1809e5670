import type { HttpRequest, HttpResponse } from '../../platform/types.ts';
import type { Endpoint } from '../endpoint.ts';
import { loadSpans } from '../operations/spans.ts';
import { sealedTopics } from '../sealed-topics.ts';
import { BroadcasterCalls } from './calls.ts';
import { ConnectionCompression } from './compression.ts';
import { MovingRoad } from './moving-road.ts';
import { type ResolvedSubscriberOptions, resolveSubscriber, type SubscriberOptions } from './options.ts';
import { Receiver } from './receiver.ts';
import { FIRST_PAUSE, type SubscriberParts, TopicSubscriber } from './topic-subscriber.ts';
import { WebhookRoad } from './webhook-road.ts';
import { WebSocketRoad } from './websocket-road.ts';

/**
 * Hears of topics by webhook or WebSocket, and tells of them.
 *
 * @example
 * ```ts
 * import { Subscriber } from 'sotto/pubsub';
 * const broadcasters = 'http://127.0.0.1:3003';
 * await using subscriber = await Subscriber.connect({ broadcasters, listen: 'http://127.0.0.1:3002' });
 * await using news = await subscriber.subscribe({ glob: ['news/*'], onMissed: () => console.log('missed some') });
 * await subscriber.notify('news/today', 'hello');
 * for await (const message of news) {
 *   console.log(await message.text());
 *   break;
 * }
 * ```
 */
export class Subscriber extends TopicSubscriber implements Endpoint {
  readonly #receiver: Receiver;
  readonly #webhooks: WebhookRoad;

  /**
   * Listens where it should, and connects where it should. By `http` nothing is asked of a broadcaster yet; by `both` the
   * connection comes when it can.
   *
   * @throws SottoError `invalid_option`, `invalid_url`, `address_in_use`, `listen_failed`; by `websocket` `unreachable`.
   */
  static async connect(options: SubscriberOptions): Promise<Subscriber> {
    const resolved = resolveSubscriber(options);
    const calls = new BroadcasterCalls({
      ...resolved,
      backoff: { first: FIRST_PAUSE, tries: resolved.retries + 1 },
    });
    const receiver = new Receiver(resolved);
    const webhooks = new WebhookRoad({ calls, receiver, log: resolved.log });
    const { listen, publicUrl, transport, keyring, compression } = resolved;
    if (listen !== undefined) await webhooks.listen(listen, publicUrl);
    else if (publicUrl !== undefined) webhooks.mountedAt(publicUrl);
    const seal = keyring === undefined ? null : sealedTopics({ keyring });
    const parts = { receiver, webhooks, seal, spans: await loadSpans() };
    if (transport === 'http') return new Subscriber(resolved, { ...parts, road: webhooks });
    const webSocket = new WebSocketRoad({
      ...resolved,
      backoff: { first: FIRST_PAUSE, tries: Number.POSITIVE_INFINITY },
      newCompression: () => new ConnectionCompression(compression),
      urlOf: (mailbox) => webhooks.urlOf(mailbox),
      onServing: (url, connection) => receiver.askedToServe(url, connection),
    });
    if (transport === 'websocket') await webSocket.open();
    else webSocket.start();
    const road = transport === 'websocket' ? webSocket : new MovingRoad(webhooks, webSocket);
    return new Subscriber(resolved, { ...parts, road });
  }

  private constructor(
    options: ResolvedSubscriberOptions,
    { receiver, webhooks, ...parts }: SubscriberParts & Webhooks,
  ) {
    super(options, parts);
    this.#receiver = receiver;
    this.#webhooks = webhooks;
  }

  /** Where broadcasters reach it; null where they do not. */
  get address(): string | null {
    return this.#webhooks.address;
  }

  /** Whether requests for this path are for it; see {@link Endpoint}. */
  takes(path: string): boolean {
    return this.#receiver.takes(path);
  }

  /** Answers a broadcaster's request that came to a server of one's own, which `publicUrl` names. */
  answer(request: HttpRequest): Promise<HttpResponse> {
    return this.#receiver.answer(request);
  }

  /** Ends every subscription, then stops listening. */
  override async close(): Promise<void> {
    await super.close().finally(() => this.#webhooks.close());
  }
}

interface Webhooks {
  readonly receiver: Receiver;
  readonly webhooks: WebhookRoad;
}
