import { SottoError } from '../../errors.ts';
import { NO_SPANS } from '../operations/spans.ts';
import { NO_COMPRESSION } from './message-compression.ts';
import { Notifier } from './notifier.ts';
import { resolveSubscriber, type SubscriberOptions } from './options.ts';
import type { Road } from './road.ts';
import { FIRST_PAUSE, TopicSubscriber } from './topic-subscriber.ts';
import { WebSocketRoad } from './websocket-road.ts';

/** What a page holds in memory unless told otherwise, bytes. */
const MAX_MESSAGE = 64 * 1024 * 1024;

/** Options of a subscriber in a page, where nobody can post to it; `maxMessage` is 64 MiB by default. */
export type PageSubscriberOptions = Omit<
  SubscriberOptions,
  'transport' | 'listen' | 'publicUrl' | 'compression' | 'spoolSize'
> & {
  /** `websocket`: hears and tells, by one connection that is kept open. `http`: tells alone. Default `websocket`. */
  readonly transport?: 'websocket' | 'http';
};

/**
 * Hears of topics, and tells of them, from a page.
 *
 * @example
 * ```ts
 * import { Subscriber } from 'sotto/browser';
 * await using subscriber = await Subscriber.connect({ broadcasters: 'http://127.0.0.1:3003' });
 * await using news = await subscriber.subscribe({ glob: ['news/*'], onMissed: () => console.log('missed some') });
 * await subscriber.notify('news/today', 'hello');
 * for await (const message of news) {
 *   console.log(await message.text());
 *   break;
 * }
 * ```
 */
export class PageSubscriber extends TopicSubscriber {
  /**
   * Connects, where it is by WebSocket; by `http` nothing is asked of a broadcaster yet.
   *
   * @throws SottoError `invalid_option`, `invalid_url`, `unsupported_platform` for webhooks; `unreachable`.
   */
  static async connect(options: PageSubscriberOptions): Promise<PageSubscriber> {
    const { keyring } = options;
    const resolved = resolveSubscriber({
      transport: 'websocket',
      maxMessage: MAX_MESSAGE,
      ...options,
      spoolSize: Number.MAX_SAFE_INTEGER, // there is no disk
    });
    const { transport } = resolved;
    if (transport === 'both') throw noWebhooks('give transport websocket, or http to notify alone');
    // What few pages have is brought to those.
    const seal =
      keyring === undefined ? null : (await import('../sealed-topics.ts')).sealedTopics({ keyring });
    const parts = { spans: NO_SPANS, seal };
    if (transport === 'http') {
      const calls = new Notifier({
        ...resolved,
        backoff: { first: FIRST_PAUSE, tries: resolved.retries + 1 },
      });
      return new PageSubscriber(resolved, { ...parts, road: notifyingRoad(calls) });
    }
    const road = new WebSocketRoad({
      ...resolved,
      backoff: { first: FIRST_PAUSE, tries: Number.POSITIVE_INFINITY },
      newCompression: () => NO_COMPRESSION,
      urlOf: () => null,
      onServing: () => {},
    });
    await road.open();
    return new PageSubscriber(resolved, { ...parts, road });
  }
}

/** Nothing can be heard by it. */
function notifyingRoad(notifier: Notifier): Road {
  return {
    notify: (message) => notifier.notify(message),
    subscribe: () => Promise.reject(noWebhooks('give transport websocket to subscribe')),
    unsubscribe: async () => {},
    close: async () => {},
  };
}

function noWebhooks(hint: string): SottoError {
  return new SottoError('unsupported_platform', `A page has no webhooks; ${hint}.`);
}
