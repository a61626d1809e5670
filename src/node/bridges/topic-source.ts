/** Bridges that begin at topics: one subscription each at this node's own broadcaster, anew where that was started anew. */

import { messageOf } from '../../errors.ts';
import { Subscriber } from '../../pubsub/subscriber/subscriber.ts';
import type { Node, RunningBroadcaster } from '../node.ts';
import { reachable } from '../reachable.ts';
import type { Bridge } from './bridge.ts';

/** ms; doubling. */
const RETRY = { first: 500, longest: 60_000 };

export class TopicSource {
  readonly #bridges: readonly Bridge[];
  readonly #node: Node;
  readonly #end: () => void;
  #open: { readonly to: RunningBroadcaster; readonly subscriber: Subscriber } | null = null;
  #turn: Promise<void> = Promise.resolve();
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  static async start(bridges: readonly Bridge[], node: Node): Promise<TopicSource> {
    const source = new TopicSource(bridges, node);
    await source.#follow();
    return source;
  }

  private constructor(bridges: readonly Bridge[], node: Node) {
    this.#bridges = bridges.filter(({ source }) => 'topic' in source);
    this.#node = node;
    this.#end = node.on('part', ({ status }) => {
      if (status.name === 'broadcaster') void this.#follow();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#end();
    await this.#follow();
  }

  #follow(tries = 0): Promise<void> {
    clearTimeout(this.#retry);
    // Not in its turn: a subscription at a broadcaster that is gone would never come to its end.
    if (this.#open && this.#open.to !== this.#wanted()) void this.#hangUp();
    this.#turn = this.#turn
      .then(() => this.#change())
      .catch((error: unknown) => {
        this.#noteAll(messageOf(error));
        this.#tryLater(tries);
      });
    return this.#turn;
  }

  #tryLater(tries: number): void {
    clearTimeout(this.#retry);
    if (this.#isClosed) return;
    const pause = Math.min(RETRY.first * 2 ** Math.min(tries, 10), RETRY.longest);
    this.#retry = setTimeout(() => void this.#follow(tries + 1), pause);
    this.#retry.unref();
  }

  #wanted(): RunningBroadcaster | null {
    return this.#isClosed ? null : this.#node.running.broadcaster;
  }

  #noteAll(problem: string): void {
    for (const bridge of this.#bridges) bridge.note(problem);
  }

  async #change(): Promise<void> {
    const to = this.#wanted();
    if (this.#open && this.#open.to !== to) await this.#hangUp();
    if (this.#isClosed || this.#bridges.length === 0 || this.#open) return;
    if (to) await this.#subscribe(to);
    else this.#noteAll("This node's broadcaster part is not up.");
  }

  async #hangUp(): Promise<void> {
    const left = this.#open;
    this.#open = null;
    await left?.subscriber.close().catch(() => {}); // its broadcaster may be gone
  }

  /** All bridges, or none: half of them would go on, and be there twice after the next try. */
  async #subscribe(to: RunningBroadcaster): Promise<void> {
    const subscriber = await Subscriber.connect({
      ...{
        broadcasters: reachable(to.server.address),
        transport: 'websocket',
        auth: to.auth,
        log: this.#node.log,
      },
    });
    this.#open = { to, subscriber };
    try {
      for (const bridge of this.#bridges) await this.#attach(bridge, subscriber);
      for (const bridge of this.#bridges) bridge.recovered();
    } catch (error) {
      if (this.#open?.subscriber === subscriber) await this.#hangUp();
      throw error;
    }
  }

  async #attach(bridge: Bridge, subscriber: Subscriber): Promise<void> {
    const { source } = bridge;
    if (!('topic' in source)) return;
    const { log } = this.#node;
    const onMissed = (): void =>
      bridge.note('Messages were missed: they came faster than they could be carried.');
    const subscription = await subscriber.subscribe({ glob: [source.topic], onMissed });
    const app = {
      dispatch: (message: Parameters<Bridge['carry']>[0]) => bridge.carry(message),
      isOnce: () => false,
    };
    subscription.attach(app, { log }).catch((error: unknown) => bridge.note(messageOf(error)));
  }
}
