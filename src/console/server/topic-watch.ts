/** What the pages listen to: a subscriber like anybody's, of the node's own broadcaster. */

import { SottoError } from '../../errors.ts';
import type { RunningBroadcaster } from '../../node/node.ts';
import { reachable } from '../../node/reachable.ts';
import type { ReceivedMessage } from '../../pubsub/subscriber/inbox.ts';
import { Subscriber } from '../../pubsub/subscriber/subscriber.ts';
import type { Subscription } from '../../pubsub/subscriber/subscription.ts';
import type { TopicMessage } from '../contract.ts';
import type { ConsoleOptions } from '../options.ts';
import { readable } from './topics-panel.ts';
import { running } from './try-panel.ts';

const MOST = 20;
/** For an answer of the node's own broadcaster, ms. */
const TIMEOUT = 10_000;
/** Of one message: shown, in bytes, and taken at all. */
const SHOWN = 4096;
const MAX_MESSAGE = 16 * 1024 * 1024;
/** Messages that wait to be shown. */
const MAX_WAITING = 100;

export interface TopicWatchOptions {
  readonly broadcaster: () => RunningBroadcaster | null;
  readonly onMessage: (message: TopicMessage) => void;
  readonly log: ConsoleOptions['log'];
}

export class TopicWatch {
  readonly #options: TopicWatchOptions;
  /** By glob; null while the broadcaster is away. */
  readonly #watched = new Map<string, Subscription | null>();
  /** One change at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #connected: { readonly to: RunningBroadcaster; readonly subscriber: Subscriber } | null = null;

  constructor(options: TopicWatchOptions) {
    this.#options = options;
  }

  get globs(): readonly string[] {
    return [...this.#watched.keys()];
  }

  /** @throws SottoError `unavailable`, `too_many_requests`, and what the broadcaster says against it. */
  add(glob: string): Promise<void> {
    return this.#next(async () => {
      if (this.#watched.has(glob)) return;
      if (this.#watched.size >= MOST)
        throw new SottoError('too_many_requests', `Only ${MOST} globs are listened to at a time.`);
      try {
        this.#watched.set(glob, await this.#subscribe(glob));
      } finally {
        if (this.#watched.size === 0) await this.#disconnect();
      }
    });
  }

  remove(glob: string): Promise<void> {
    return this.#next(async () => {
      const subscription = this.#watched.get(glob);
      this.#watched.delete(glob);
      await subscription?.close();
      if (this.#watched.size === 0) await this.#disconnect();
    });
  }

  /** The broadcaster may be another one now. */
  follow(): Promise<void> {
    return this.#next(async () => {
      const now = this.#options.broadcaster();
      if (this.#watched.size === 0 || now === null || now === this.#connected?.to) return;
      await this.#disconnect();
      for (const glob of this.#watched.keys()) this.#watched.set(glob, await this.#subscribe(glob));
    });
  }

  close(): Promise<void> {
    return this.#next(async () => {
      this.#watched.clear();
      await this.#disconnect();
    });
  }

  #next(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #subscribe(glob: string): Promise<Subscription> {
    const subscriber = await this.#connect();
    const subscription = await subscriber.subscribe({ glob: [glob] });
    this.#listen(subscription).catch((error: unknown) => {
      this.#options.log.warn({ error, glob }, 'the console listens to these topics no longer');
    });
    return subscription;
  }

  async #connect(): Promise<Subscriber> {
    const to = running(this.#options.broadcaster(), 'the broadcaster');
    if (this.#connected?.to === to) return this.#connected.subscriber;
    const { server, auth } = to;
    const subscriber = await Subscriber.connect({
      ...{ broadcasters: reachable(server.address), auth, transport: 'websocket' },
      ...{
        maxMessage: MAX_MESSAGE,
        maxWaiting: MAX_WAITING,
        retries: 0,
        timeout: TIMEOUT,
        log: this.#options.log,
      },
    });
    this.#connected = { to, subscriber };
    return subscriber;
  }

  async #disconnect(): Promise<void> {
    const { subscriber } = this.#connected ?? {};
    this.#connected = null;
    await subscriber?.close();
  }

  async #listen(subscription: Subscription): Promise<void> {
    for await (const message of subscription) this.#options.onMessage(await viewOf(message));
  }
}

async function viewOf(message: ReceivedMessage): Promise<TopicMessage> {
  const start: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of message.chunks()) {
    start.push(chunk);
    size += chunk.length;
    if (size >= SHOWN) break;
  }
  const body = readable(Buffer.concat(start).subarray(0, SHOWN));
  return { at: Date.now(), topic: readable(message.topic), body, bytes: message.length };
}
