/** Topics: who has subscribed, what became of deliveries, and what the page itself listens to. */

import { z } from 'zod';
import { encodeUtf8 } from '../../bytes/text.ts';
import type { RunningBroadcaster } from '../../node/node.ts';
import { topicGlob } from '../../node/topic-glob.ts';
import {
  DELIVERY_STATUSES,
  type DeliveryQuery,
  type LoggedDelivery,
} from '../../pubsub/operations/delivery-log.ts';
import type { Subscription, SubscriptionStore } from '../../pubsub/stores/store.ts';
import type { DeliveriesPage, DeliveryView, SubscriptionView, TopicsView } from '../contract.ts';
import type { Panel } from './desk.ts';
import { bodyOf, queryOf } from './input.ts';

const MOST_SHOWN = 500;

const Watched = z.strictObject({ glob: topicGlob });
const Log = z.strictObject({
  status: z.enum(DELIVERY_STATUSES).optional(),
  topic: z.string().max(1024).optional(),
  before: z.coerce.number().int().positive().optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

export const topicsPanel: Panel = (app, { node, watch, hub }) => {
  app.get('/api/topics', async (c) => c.json(await topicsView(node.running.broadcaster, watch.globs)));
  app.get('/api/deliveries', async (c) =>
    c.json(await deliveriesPage(node.running.broadcaster, queryOf(c, Log))),
  );
  app.post('/api/topics/watch', async (c) => {
    await watch.add((await bodyOf(c, Watched)).glob);
    hub.changed('topics');
    return c.body(null, 204);
  });
  app.post('/api/topics/unwatch', async (c) => {
    await watch.remove((await bodyOf(c, Watched)).glob);
    hub.changed('topics');
    return c.body(null, 204);
  });
};

async function topicsView(
  broadcaster: RunningBroadcaster | null,
  watched: readonly string[],
): Promise<TopicsView> {
  if (!broadcaster) {
    return { subscriptions: [], total: 0, webSockets: 0, missedWaiting: 0, counters: {}, watched };
  }
  const { server, store } = broadcaster;
  return {
    subscriptions: await firstOf(store),
    total: server.subscriptions,
    webSockets: server.webSockets,
    missedWaiting: await store.countMissed(),
    counters: server.counters,
    watched,
  };
}

async function firstOf(store: SubscriptionStore): Promise<SubscriptionView[]> {
  const shown: SubscriptionView[] = [];
  for await (const subscription of store.all()) {
    shown.push(viewOf(subscription));
    if (shown.length === MOST_SHOWN) break;
  }
  return shown;
}

function viewOf({ url, pattern, recovery }: Subscription): SubscriptionView {
  const text = pattern.kind === 'exact' ? readable(pattern.topic) : pattern.glob;
  return { url, kind: pattern.kind, pattern: text, recovery };
}

async function deliveriesPage(
  broadcaster: RunningBroadcaster | null,
  { topic, status, before, limit }: z.output<typeof Log>,
): Promise<DeliveriesPage> {
  if (!broadcaster?.deliveries) return { deliveries: [], next: null };
  const query: DeliveryQuery = {
    limit,
    ...(status === undefined ? {} : { status }),
    ...(topic === undefined ? {} : { topic: encodeUtf8(topic) }),
    ...(before === undefined ? {} : { before }),
  };
  const { deliveries, next } = await broadcaster.deliveries.query(query);
  return { deliveries: deliveries.map(deliveryView), next };
}

function deliveryView(delivery: LoggedDelivery): DeliveryView {
  const { id, at, topic, url, status, tries, why, duration, bytes } = delivery;
  return { id, at, topic: readable(topic), url, status, tries, why, duration, bytes };
}

/** A topic is bytes, and mostly text. */
export function readable(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
