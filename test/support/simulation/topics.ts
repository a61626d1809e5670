/** The law of topics: what was published is delivered or announced as missed, by webhook and by WebSocket. */

import assert from 'node:assert/strict';
import { decodeUtf8 } from '../../../src/bytes/text.ts';
import { Broadcaster, noneAuth, Subscriber } from '../../../src/pubsub/index.ts';
import type { Host } from '../../../src/testing/index.ts';
import { attempt, type Hosts, nowAndThen, type Part } from './part.ts';

const BROADCASTERS = 'http://home:3003';
const FAILURES = ['unreachable', 'refused', 'unavailable', 'status'];
/** Announcements come again after seconds, then minutes. */
const LONGEST_ANNOUNCED = 600_000;

interface Published {
  readonly topic: string;
  readonly body: string;
  readonly at: number;
  readonly isConfirmed: boolean;
}

/** What one subscriber heard, over all its restarts. */
class Heard {
  readonly bodies: string[] = [];
  readonly missed: { readonly topic: string | null; readonly at: number }[] = [];

  knowsOf({ topic, body, at }: Published): boolean {
    const isMissed = this.missed.some((each) => each.at >= at && (each.topic ?? topic) === topic);
    return isMissed || this.bodies.includes(body);
  }
}

export class Topics implements Part {
  readonly #hosts: Hosts;
  readonly #heard = { desk: new Heard(), phone: new Heard() } as const;
  readonly #published: Published[] = [];
  #publisher: Subscriber | null = null;

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
  }

  async boot(host: Host): Promise<void> {
    const { home, desk, phone } = this.#hosts;
    const auth = noneAuth();
    const options = { broadcasters: BROADCASTERS, auth };
    if (host === home) {
      const serving = { listen: BROADCASTERS, store: 'sqlite:/subscriptions.db', auth } as const;
      await home.start(() => Broadcaster.start(serving));
    }
    if (host === desk) {
      const subscriber = await desk.start(() =>
        Subscriber.connect({ ...options, listen: 'http://desk:3002' }),
      );
      await this.#subscribe(desk, subscriber, this.#heard.desk);
    }
    if (host === phone) {
      // Who tries again would hide what was lost.
      this.#publisher = await phone.start(() => Subscriber.connect({ ...options, retries: 0 }));
      const subscriber = await phone.start(() => Subscriber.connect({ ...options, transport: 'websocket' }));
      await this.#subscribe(phone, subscriber, this.#heard.phone);
    }
  }

  async act(): Promise<void> {
    await nowAndThen(this.#hosts, 3, 2400, (index) => this.#publish(index));
  }

  async check(): Promise<void> {
    await this.#publish(Number.POSITIVE_INFINITY);
    assert.ok(this.#published.at(-1)?.isConfirmed);
    for (const [name, heard] of Object.entries(this.#heard)) {
      const unknown = (): Published[] =>
        this.#published.filter((each) => this.#isOwed(each) && !heard.knowsOf(each));
      const all = this.#hosts.world.runUntil(() => unknown().length === 0, { within: LONGEST_ANNOUNCED });
      await all.catch(() => assert.deepEqual(unknown(), [], `${name} was neither told nor warned`));
    }
  }

  /** Confirmed, or begun: where one has heard of it, all must. */
  #isOwed({ isConfirmed, body }: Published): boolean {
    return isConfirmed || Object.values(this.#heard).some(({ bodies }) => bodies.includes(body));
  }

  async #publish(index: number): Promise<void> {
    const [topic, body] = [`orders/${index % 2}`, String(index)];
    const published = { topic, body, at: this.#hosts.world.now, isConfirmed: false };
    this.#published.push(published);
    const told = await attempt(FAILURES, async () => this.#publisher?.notify(topic, body));
    published.isConfirmed = told !== null;
  }

  async #subscribe(host: Host, subscriber: Subscriber, heard: Heard): Promise<void> {
    const { world } = this.#hosts;
    const since = heard.bodies.length;
    const subscribing = async (): Promise<AsyncIterable<{ text(): Promise<string> }>> =>
      subscriber.subscribe({
        glob: ['orders/*'],
        name: 'orders',
        keep: true,
        onMissed: (topic) => heard.missed.push({ topic: topic && decodeUtf8(topic), at: world.now }),
      });
    let subscribed = await attempt(FAILURES, subscribing);
    while (!subscribed && host.isRunning) {
      await world.advance(500);
      subscribed = await attempt(FAILURES, subscribing);
    }
    if (!subscribed) return;
    const read = async ({ value }: { value: AsyncIterable<{ text(): Promise<string> }> }): Promise<void> => {
      for await (const message of value) {
        const body = await message.text();
        assert.ok(!heard.bodies.slice(since).includes(body), `message ${body} came twice to ${host.name}`);
        heard.bodies.push(body);
      }
    };
    const [found] = [subscribed];
    void attempt([], () => host.run(() => read(found)));
  }
}
