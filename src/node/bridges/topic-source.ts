/** Bridges that begin at topics: one subscription each at this node's own broadcaster, anew where that was started anew. */

import { messageOf } from '../../errors.ts';
import { Subscriber } from '../../pubsub/subscriber/subscriber.ts';
import type { Node, RunningBroadcaster } from '../node.ts';
import type { Bridge } from './bridge.ts';

export class TopicSource {
  readonly #bridges: readonly Bridge[];
  readonly #node: Node;
  readonly #end: () => void;
  #open: { readonly to: RunningBroadcaster; readonly subscriber: Subscriber } | null = null;
  #turn: Promise<void> = Promise.resolve();
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

  #follow(): Promise<void> {
    this.#turn = this.#turn
      .then(() => this.#change())
      .catch((error: unknown) => {
        for (const bridge of this.#bridges) bridge.note(messageOf(error));
      });
    return this.#turn;
  }

  async #change(): Promise<void> {
    const to = this.#isClosed ? null : this.#node.running.broadcaster;
    if (this.#open && this.#open.to !== to) {
      const { subscriber } = this.#open;
      this.#open = null;
      await subscriber.close().catch(() => {}); // its broadcaster may be gone
    }
    if (this.#isClosed || this.#bridges.length === 0 || this.#open) return;
    if (to) this.#open = { to, subscriber: await this.#subscribe(to) };
    else for (const bridge of this.#bridges) bridge.note("This node's broadcaster part is not up.");
  }

  async #subscribe({ server, auth }: RunningBroadcaster): Promise<Subscriber> {
    const { log } = this.#node;
    const subscriber = await Subscriber.connect({
      ...{ broadcasters: server.address, transport: 'websocket', auth, log },
    });
    for (const bridge of this.#bridges) {
      const { source } = bridge;
      if (!('topic' in source)) continue;
      const onMissed = (): void =>
        bridge.note('Messages were missed: they came faster than they could be carried.');
      const subscription = await subscriber.subscribe({ glob: [source.topic], onMissed });
      const app = {
        dispatch: (message: Parameters<Bridge['carry']>[0]) => bridge.carry(message),
        isOnce: () => false,
      };
      subscription.attach(app, { log }).catch((error: unknown) => bridge.note(messageOf(error)));
    }
    return subscriber;
  }
}
