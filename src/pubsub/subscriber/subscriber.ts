import { sockets } from '#sockets';
import { type Logger, SILENT } from '../../app/message.ts';
import { assertNumber } from '../../bytes/assert.ts';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import type { BoundSocket, HttpRequest, HttpResponse } from '../../platform/types.ts';
import { told } from '../../transport/listen.ts';
import { formatUrl, parseUrl, type RoadUrl } from '../../transport/url.ts';
import { type AuthConfig, noneAuth } from '../authorization/authorization.ts';
import type { Pattern } from '../stores/store.ts';
import { BroadcasterCalls, bytesOf, messageOfBytes } from './calls.ts';
import { Inbox, type ReceivedMessage } from './inbox.ts';
import { type Mailbox, Receiver } from './receiver.ts';
import { Renewal } from './renewal.ts';

export interface SubscriberOptions {
  /** Where broadcasters are, in the order in which they are asked: `http://host:3003`. */
  readonly broadcasters: string | readonly string[];
  /** What the broadcasters have. Default none. */
  readonly auth?: AuthConfig;
  /** Where messages come in: `http://HOST:PORT`; port 0 takes a free one. Needed for subscribing. */
  readonly listen?: string;
  /** The address that broadcasters know it by, where that is another: behind a proxy, for instance. */
  readonly publicUrl?: string;
  /** Messages of one subscription that wait to be read; more are announced as missed. Default 1000. */
  readonly maxWaiting?: number;
  /** Bytes of one message. Default 16 GiB. */
  readonly maxMessage?: number;
  /** Longer messages go to disk until they are read, bytes. Default 10 MiB. */
  readonly spoolSize?: number;
  /** One call's time, ms. Default 30 000. */
  readonly timeout?: number;
  /** Rounds through all broadcasters after the first. Default 2. */
  readonly retries?: number;
  /** Default silent. */
  readonly log?: Logger;
}

export interface SubscribeOptions {
  /** Topics; text stands for its UTF-8. */
  readonly exact?: readonly (string | Bytes)[];
  /** Globs as SQLite has them: `orders/*`. */
  readonly glob?: readonly string[];
  /** Called when a message on this topic could not be delivered: fetch what it was about from where it is kept. */
  readonly onMissed?: (topic: Bytes) => void;
  /** The end of its url, which stays the same over restarts. Default its number. */
  readonly name?: string;
  /** Stays subscribed when it is closed, so that a process that comes back is told what it missed. Default false. */
  readonly keep?: boolean;
}

const GIBIBYTE = 1024 ** 3;
const HEADERS_TIMEOUT = 10_000;
const RECEIVER_LIMITS = {
  maxConnections: 1024,
  maxConnectionsPerHost: 256,
  idleTimeout: 60_000,
  headersTimeout: HEADERS_TIMEOUT,
  maxMessage: 1,
} as const;

/**
 * Hears of topics by webhook, and tells of them.
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
export class Subscriber implements AsyncDisposable {
  readonly #calls: BroadcasterCalls;
  readonly #receiver: Receiver;
  readonly #subscriptions = new Set<Subscription>();
  readonly #maxWaiting: number;
  readonly #names = new Set<string>();
  readonly #log: Logger;
  #base: string | null = null;
  #socket: BoundSocket | null = null;
  #count = 0;

  /**
   * Listens where it should; nothing is asked of a broadcaster yet.
   *
   * @throws SottoError `invalid_option`, `invalid_url`, `address_in_use`, `listen_failed`.
   */
  static async connect(options: SubscriberOptions): Promise<Subscriber> {
    const subscriber = new Subscriber(options);
    if (options.listen !== undefined) await subscriber.#listen(parseUrl(options.listen), options.publicUrl);
    return subscriber;
  }

  private constructor(options: SubscriberOptions) {
    const {
      auth = noneAuth(),
      log = SILENT,
      maxMessage = 16 * GIBIBYTE,
      spoolSize = 10 * 1024 * 1024,
    } = options;
    const { timeout = 30_000, retries = 2, maxWaiting = 1000 } = options;
    for (const [name, value] of Object.entries({ maxMessage, spoolSize, retries }))
      assertNumber(value, name, 0);
    assertNumber(timeout, 'timeout', 1, 2 ** 31 - 1);
    assertNumber(maxWaiting, 'maxWaiting', 1);
    const broadcasters = addressesOf(options.broadcasters);
    const backoff = { first: 250, tries: retries + 1 };
    this.#calls = new BroadcasterCalls({ broadcasters, auth, timeout, retries, backoff });
    this.#receiver = new Receiver({ auth, maxMessage, spoolSize, log });
    this.#maxWaiting = maxWaiting;
    this.#log = log;
  }

  /** Where broadcasters reach it; null where it does not listen. */
  get address(): string | null {
    return this.#base;
  }

  /**
   * Tells everybody who has subscribed to a topic.
   *
   * @param body text stands for its UTF-8; what comes in pieces is read whole first, since its hash goes before it.
   * @returns how many confirmed it.
   * @throws StatusError where a broadcaster refuses; SottoError `unreachable` where none can be reached (it may have
   * been delivered all the same), `refused` for an answer that is not proven.
   */
  async notify(
    topic: string | Bytes,
    body: string | Bytes | AsyncIterable<Bytes> | Iterable<Bytes>,
  ): Promise<{ notified: number }> {
    const bytes = await wholeOf(body);
    const message = messageOfBytes(bytes);
    return { notified: await this.#calls.notify(topicOf(topic), message.sha512, message.body) };
  }

  /**
   * Asks the broadcasters for messages; what comes is read from the subscription.
   *
   * @throws StatusError where a broadcaster refuses; SottoError `unreachable`, `refused`, `invalid_option`.
   */
  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const base = this.#requireBase();
    const patterns = patternsOf(options);
    const path = this.#pathFor(options.name);
    const mailbox: Mailbox = {
      url: `${base}/v1/receive${path}`,
      recovery: `${base}/v1/recover${path}`,
      inbox: new Inbox(this.#maxWaiting),
      onMissed: (topic) => {
        renewal.soon(topic);
        options.onMissed?.(topic);
      },
    };
    const renewal = new Renewal({
      subscribe: () => this.#ask(mailbox, patterns),
      onGap: (topic) => options.onMissed?.(topic),
      log: this.#log,
    });
    this.#receiver.add(mailbox);
    const subscription = new Subscription(mailbox.inbox, async () => {
      await renewal.close();
      await this.#end(subscription, mailbox, patterns, options);
    });
    this.#subscriptions.add(subscription);
    try {
      await this.#ask(mailbox, patterns);
    } catch (error) {
      await subscription.close().catch(() => {}); // the first error says why
      throw error;
    }
    return subscription;
  }

  /** Ends every subscription, then stops listening. */
  async close(): Promise<void> {
    const ends = await Promise.allSettled(
      [...this.#subscriptions].map((subscription) => subscription.close()),
    );
    await this.#socket?.close();
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(url: RoadUrl, publicUrl: string | undefined): Promise<void> {
    if (url.scheme !== 'http')
      throw new SottoError('invalid_url', 'A subscriber listens at http://HOST:PORT.');
    this.#socket = await told(
      url,
      sockets.listenHttpStreams({
        host: url.host,
        port: url.port,
        reusePort: false,
        limits: RECEIVER_LIMITS,
        onRequest: (request: HttpRequest): Promise<HttpResponse> => this.#receiver.answer(request),
        channelHandler: () => null,
        onDrop: () => {},
      }),
    );
    this.#base = (publicUrl ?? formatUrl({ ...url, port: this.#socket.port })).replace(/\/$/, '');
  }

  #requireBase(): string {
    if (this.#base !== null) return this.#base;
    throw new SottoError(
      'invalid_option',
      'listen is missing: messages need a place to come in, such as http://127.0.0.1:3002.',
    );
  }

  /** The first has the usual url. */
  #pathFor(name: string | undefined): string {
    this.#count += 1;
    const chosen = name ?? (this.#count === 1 ? '' : String(this.#count));
    if (!/^[\w.-]*$/.test(chosen) || this.#names.has(chosen)) {
      throw new SottoError(
        'invalid_option',
        `"${chosen}" cannot be the name of a subscription, or is one already.`,
      );
    }
    this.#names.add(chosen);
    return chosen === '' ? '' : `/${chosen}`;
  }

  /** Whether a broadcaster did not know some of it. */
  async #ask({ url, recovery }: Mailbox, patterns: readonly Pattern[]): Promise<boolean> {
    let isNew = false;
    for (const pattern of patterns) {
      if (await this.#calls.subscribe(url, { pattern, recovery })) isNew = true;
    }
    return isNew;
  }

  async #end(
    subscription: Subscription,
    mailbox: Mailbox,
    patterns: readonly Pattern[],
    { keep = false }: SubscribeOptions,
  ): Promise<void> {
    this.#subscriptions.delete(subscription);
    try {
      if (!keep) for (const pattern of patterns) await this.#calls.unsubscribe(mailbox.url, pattern);
    } finally {
      this.#receiver.remove(mailbox);
      mailbox.inbox.close();
      await mailbox.inbox.discard();
    }
  }
}

/** Messages as they come, each once it is asked for. */
export class Subscription implements AsyncIterable<ReceivedMessage>, AsyncDisposable {
  readonly #inbox: Inbox;
  readonly #end: () => Promise<void>;
  #closed: Promise<void> | null = null;

  constructor(inbox: Inbox, end: () => Promise<void>) {
    this.#inbox = inbox;
    this.#end = end;
  }

  /** A message's body can be read until the next is asked for. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ReceivedMessage, void, void> {
    for (;;) {
      const message = await this.#inbox.take();
      if (message === null) return;
      yield message;
    }
  }

  /** Unsubscribes (unless it should be kept); what was not read is given up. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function addressesOf(broadcasters: string | readonly string[]): readonly string[] {
  const addresses = typeof broadcasters === 'string' ? [broadcasters] : broadcasters;
  if (addresses.length === 0) throw new SottoError('invalid_option', 'broadcasters names none.');
  for (const address of addresses) {
    const { scheme } = parseUrl(address);
    if (scheme !== 'http' && scheme !== 'https') {
      throw new SottoError('invalid_url', `${address} is no broadcaster; http://HOST:PORT is.`);
    }
  }
  return addresses;
}

function patternsOf({ exact = [], glob = [] }: SubscribeOptions): readonly Pattern[] {
  const patterns: Pattern[] = [
    ...exact.map((topic) => ({ kind: 'exact', topic: topicOf(topic) }) as const),
    ...glob.map((each) => ({ kind: 'glob', glob: each }) as const),
  ];
  if (patterns.length > 0) return patterns;
  throw new SottoError('invalid_option', 'A subscription needs a topic (exact) or a glob.');
}

function topicOf(topic: string | Bytes): Bytes {
  return typeof topic === 'string' ? encodeUtf8(topic) : topic;
}

async function wholeOf(body: string | Bytes | AsyncIterable<Bytes> | Iterable<Bytes>): Promise<Bytes> {
  if (typeof body === 'string') return encodeUtf8(body);
  return body instanceof Uint8Array ? body : bytesOf(body);
}
