/** By webhooks: nobody holds a connection, every subscription has a url of its own. */

import { sockets } from '#sockets';
import type { Logger } from '../../app/message.ts';
import { SottoError, StatusError } from '../../errors.ts';
import type { BoundSocket } from '../../platform/types.ts';
import { told } from '../../transport/listen.ts';
import { formatUrl, parseUrl, type RoadUrl } from '../../transport/url.ts';
import { inEtagOrder } from '../etag.ts';
import type { Wanted } from '../stores/store.ts';
import type { BroadcasterCalls } from './calls.ts';
import type { Mailbox } from './mailbox.ts';
import type { Receiver, Registered } from './receiver.ts';
import { Renewal } from './renewal.ts';
import type { OutgoingMessage, Road } from './road.ts';

interface WebhookRoadOptions {
  readonly calls: BroadcasterCalls;
  readonly receiver: Receiver;
  readonly log: Logger;
}

interface Asked extends Registered {
  readonly renewal: Renewal;
}

const NOT_FOUND = 404;
const HEADERS_TIMEOUT = 10_000;
const LIMITS = {
  maxConnections: 1024,
  maxConnectionsPerHost: 256,
  idleTimeout: 60_000,
  headersTimeout: HEADERS_TIMEOUT,
  maxMessage: 1,
} as const;

export class WebhookRoad implements Road {
  readonly #options: WebhookRoadOptions;
  readonly #asked = new Map<Mailbox, Asked>();
  #base: string | null = null;
  #socket: BoundSocket | null = null;

  constructor(options: WebhookRoadOptions) {
    this.#options = options;
  }

  /** Where broadcasters reach it; null where they cannot. */
  get address(): string | null {
    return this.#base;
  }

  /** Where a mailbox's messages are posted; null before it was subscribed. */
  urlOf(mailbox: Mailbox): string | null {
    return this.#asked.get(mailbox)?.url ?? null;
  }

  /** Listens by itself. @throws SottoError `invalid_url`, `address_in_use`, `listen_failed`. */
  async listen(address: string, publicUrl: string | undefined): Promise<void> {
    const url: RoadUrl = parseUrl(address);
    if (url.scheme !== 'http')
      throw new SottoError('invalid_url', 'A subscriber listens at http://HOST:PORT.');
    this.#socket = await told(
      url,
      sockets.listenHttpStreams({
        host: url.host,
        port: url.port,
        reusePort: false,
        limits: LIMITS,
        onRequest: (request) => this.#options.receiver.answer(request),
        channelHandler: () => null,
        onDrop: () => {},
      }),
    );
    this.mountedAt(publicUrl ?? formatUrl({ ...url, port: this.#socket.port }));
  }

  /** Somebody else listens, and hands requests over. */
  mountedAt(publicUrl: string): void {
    this.#base = publicUrl.replace(/\/$/, '');
  }

  notify(message: OutgoingMessage): Promise<number> {
    return this.#options.calls.notify(message);
  }

  async subscribe(mailbox: Mailbox): Promise<void> {
    const { receiver, log } = this.#options;
    const base = this.#requireBase();
    const path = mailbox.name === '' ? '' : `/${mailbox.name}`;
    const asked: Asked = {
      mailbox,
      url: `${base}/v1/receive${path}`,
      recovery: `${base}/v1/recover${path}`,
      onMissed: (topic) => {
        asked.renewal.soon(topic);
        mailbox.onMissed(topic);
      },
      renewal: new Renewal({
        subscribe: () => this.#ask(asked),
        onGap: (topic) => mailbox.onMissed(topic),
        log,
      }),
    };
    receiver.add(asked);
    this.#asked.set(mailbox, asked);
    await this.#ask(asked);
  }

  async unsubscribe(mailbox: Mailbox, keep: boolean): Promise<void> {
    const asked = this.#asked.get(mailbox);
    if (!asked) return;
    await asked.renewal.close();
    try {
      if (!keep)
        for (const pattern of mailbox.patterns) await this.#options.calls.unsubscribe(asked.url, pattern);
    } finally {
      this.#asked.delete(mailbox);
      this.#options.receiver.remove(asked);
    }
  }

  async close(): Promise<void> {
    await this.#socket?.close();
  }

  /** Makes the url's subscriptions just those of the mailbox. Whether the broadcasters had others. */
  async #ask({ mailbox, url, recovery }: Asked): Promise<boolean> {
    const { calls } = this.#options;
    const wanted = inEtagOrder(mailbox.patterns).map((pattern): Wanted => ({ pattern, recovery }));
    try {
      if (await calls.isSubscribed(url, wanted)) return false;
      await calls.set(url, wanted);
      if (await calls.isSubscribed(url, wanted)) return true;
    } catch (error) {
      if (!(error instanceof StatusError && error.status === NOT_FOUND)) throw error;
      return this.#askSingly(url, wanted); // an original before 0.0.46 knows no lists
    }
    // An older recovery url stays with SET, and the original's loses some where there are many (section 20, 4).
    for (const { pattern } of wanted) await calls.unsubscribe(url, pattern);
    return this.#askSingly(url, wanted);
  }

  async #askSingly(url: string, wanted: readonly Wanted[]): Promise<boolean> {
    let isNew = false;
    for (const each of wanted) if (await this.#options.calls.subscribe(url, each)) isNew = true;
    return isNew;
  }

  #requireBase(): string {
    if (this.#base !== null) return this.#base;
    throw new SottoError(
      'invalid_option',
      'listen is missing: messages need a place to come in, such as http://127.0.0.1:3002.',
    );
  }
}
