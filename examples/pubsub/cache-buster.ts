/**
 * Two services and a broadcaster. One keeps prices; the other has copies of them, and drops each that it is told has
 * changed: by a webhook, or by a WebSocket. What changes while it is away, it is told that it has missed.
 *
 *   node examples/pubsub/cache-buster.ts
 */

import { EventEmitter, once } from 'node:events';
import { Broadcaster, type SubscribeOptions, Subscriber, type SubscriberOptions } from 'sotto/pubsub';

const [listen, store] = ['http://127.0.0.1:0', 'sqlite::memory:'] as const;
await using broadcaster = await Broadcaster.start({ listen, store, sweepInterval: 100 });
const broadcasters = broadcaster.address;

const prices = new Map([['tea', 3]]); // of the first service
await using notifier = await Subscriber.connect({ broadcasters });

async function setPrice(thing: string, price: number): Promise<void> {
  prices.set(thing, price);
  const { notified } = await notifier.notify(`prices/${thing}`, '');
  console.log(`${thing} is ${price} now; told: ${notified}`);
}

const copies = new Map<string, number | undefined>(); // of the second, which would ask the first over the network
const priceOf = (thing: string) => copies.get(thing) ?? copies.set(thing, prices.get(thing)).get(thing);
const drops = new EventEmitter();

function drop(topic: Uint8Array | null, why: string): void {
  if (topic) copies.delete(new TextDecoder().decode(topic).replace('prices/', ''));
  else copies.clear(); // it may be any of them
  drops.emit('drop', why);
}

async function follow(road: Partial<SubscriberOptions>, options: SubscribeOptions = {}): Promise<Subscriber> {
  const subscriber = await Subscriber.connect({ broadcasters, ...road });
  const onMissed: SubscribeOptions['onMissed'] = (topic) => drop(topic, 'missed');
  const changes = await subscriber.subscribe({ glob: ['prices/*'], onMissed, ...options });
  void (async () => {
    for await (const { topic } of changes) drop(topic, 'told');
  })();
  return subscriber;
}

async function showAfter<T>(change: Promise<T>): Promise<T> {
  const [[why], result] = await Promise.all([once(drops, 'drop'), change]);
  console.log(`  ${why}: here it is ${priceOf('tea')} too`);
  return result;
}

console.log(`tea is ${priceOf('tea')}`);
const webhook = await follow({ listen }, { keep: true });
await showAfter(setPrice('tea', 4));
await webhook.close(); // away, and still subscribed
await setPrice('tea', 5);
console.log(`  away: here it is still ${priceOf('tea')}`);
const back = await showAfter(follow({ listen: String(webhook.address) }));
await back.close();
await using _live = await follow({ transport: 'websocket' });
await showAfter(setPrice('tea', 6));
