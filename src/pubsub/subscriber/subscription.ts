import type { Dispatcher } from '../../app/app.ts';
import type { Counters } from '../../sealed/counters.ts';
import type { AttachOptions } from '../attach.ts';
import type { TopicSeal } from '../sealed-topics.ts';
import type { ReceivedMessage } from './inbox.ts';
import type { Mailbox } from './mailbox.ts';

interface SubscriptionOptions {
  readonly mailbox: Mailbox;
  readonly transport: 'http' | 'ws';
  readonly seal: TopicSeal | null;
  readonly counters: Counters;
  readonly end: () => Promise<void>;
}

/** Messages as they come, each once it is asked for. */
export class Subscription implements AsyncIterable<ReceivedMessage>, AsyncDisposable {
  readonly #options: SubscriptionOptions;
  #closed: Promise<void> | null = null;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  /** A message's body can be read until the next is asked for. To be read by one at a time. */
  [Symbol.asyncIterator](): AsyncIterator<ReceivedMessage, undefined, undefined> {
    const { inbox } = this.#options.mailbox;
    const done = { done: true, value: undefined } as const;
    return {
      next: async () => {
        const value = await inbox.take();
        return value === null ? done : { done: false, value };
      },
      // No generator: one that waits could not be ended, and would swallow the next message.
      return: async () => {
        inbox.withdraw();
        return done;
      },
    };
  }

  /**
   * Hands messages to an app: one on topic `x/y` goes to the route `/x/y`. Resolves when the subscription has ended.
   *
   * @throws SottoError `invalid_option`.
   */
  async attach(app: Dispatcher, options: AttachOptions = {}): Promise<void> {
    const { transport, seal, counters } = this.#options;
    const { attachTo } = await import('../attach.ts'); // pages seldom have an app
    return attachTo(app, this, { transport, seal, counters, ...options });
  }

  /** Unsubscribes (unless it should be kept); what was not read is given up. */
  close(): Promise<void> {
    this.#closed ??= this.#options.end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
