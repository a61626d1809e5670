/** Connections that are cut, and subscriptions that move between webhook and WebSocket: nothing is lost, nothing comes twice. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeUtf8 } from '../../src/bytes/text.ts';
import { noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';
import type { Subscription } from '../../src/pubsub/subscriber/subscription.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';
import { until } from '../support/lookup.ts';
import { mulberry32 } from '../support/lossy-proxy.ts';

const SECRETS = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };

async function broadcasting(): Promise<Broadcaster> {
  return Broadcaster.start({
    listen: 'http://127.0.0.1:0',
    store: 'sqlite::memory:',
    auth: hmacAuth(SECRETS),
    sweepInterval: 50,
  });
}

function portOf(broadcaster: Broadcaster): number {
  return Number(new URL(broadcaster.address).port);
}

/** Reads until the subscription ends. */
function reading(subscription: Subscription): string[] {
  const found: string[] = [];
  void (async () => {
    for await (const message of subscription) found.push(await message.text());
  })();
  return found;
}

describe('a connection that is cut', () => {
  test('is opened again, asks again, and tells of the gap once it hears again', async () => {
    await using broadcaster = await broadcasting();
    await using proxy = await CuttingProxy.start(portOf(broadcaster));
    await using subscriber = await Subscriber.connect({
      broadcasters: proxy.url,
      transport: 'websocket',
      auth: hmacAuth(SECRETS),
    });
    await using publisher = await Subscriber.connect({
      broadcasters: broadcaster.address,
      auth: hmacAuth(SECRETS),
    });
    const missed: (Uint8Array | null)[] = [];
    await using news = await subscriber.subscribe({
      exact: ['news'],
      glob: ['n*'],
      onMissed: (topic) => missed.push(topic),
    });
    const found = reading(news);
    proxy.setDown(true);
    await until(async () => (await publisher.notify('news', 'unheard')).notified === 0);
    proxy.setDown(false);
    await until(() => missed.length > 0);
    assert.deepEqual(missed, [null]);
    assert.deepEqual(await publisher.notify('news', 'heard'), { notified: 1 });
    await until(() => found.includes('heard'));
  });

  test('loses no notification: what was not confirmed is sent again, and is not told twice', async () => {
    await using broadcaster = await broadcasting();
    await using proxy = await CuttingProxy.start(portOf(broadcaster));
    await using publisher = await Subscriber.connect({
      broadcasters: proxy.url,
      transport: 'websocket',
      auth: hmacAuth(SECRETS),
    });
    await using subscriber = await Subscriber.connect({
      broadcasters: broadcaster.address,
      transport: 'websocket',
      auth: hmacAuth(SECRETS),
    });
    await using subscription = await subscriber.subscribe({ exact: ['n'] });
    const found = reading(subscription);
    const random = mulberry32(3);
    const told: Promise<unknown>[] = [];
    for (let number = 0; number < 600; number++) {
      told.push(publisher.notify('n', `${number}`));
      if (number % 100 === 50) proxy.cut();
      if (random() < 0.2) await delay(2);
    }
    await Promise.all(told);
    assert.deepEqual(
      found.map(Number).sort((left, right) => left - right),
      Array.from({ length: 600 }, (_, number) => number),
    );
  });

  test('ends, where nobody is there any more, what waits for it in its time', async () => {
    await using broadcaster = await broadcasting();
    await using proxy = await CuttingProxy.start(portOf(broadcaster));
    await using publisher = await Subscriber.connect({
      broadcasters: proxy.url,
      transport: 'websocket',
      auth: hmacAuth(SECRETS),
      timeout: 300,
    });
    proxy.setDown(true);
    await assert.rejects(publisher.notify('n', '1'), { code: 'unreachable' });
    await assert.rejects(publisher.subscribe({ exact: ['n'] }), { code: 'unreachable' });
  });

  test('is not opened without a good authorization', async () => {
    await using broadcaster = await broadcasting();
    const options = { broadcasters: broadcaster.address, transport: 'websocket', retries: 0 } as const;
    await assert.rejects(Subscriber.connect({ ...options, auth: noneAuth() }), { code: 'unreachable' });
  });
});

describe('a subscription by webhook and WebSocket', () => {
  test('moves between them a thousand times under load: nothing is lost, nothing comes twice', async () => {
    await using broadcaster = await broadcasting();
    await using publisher = await Subscriber.connect({
      broadcasters: broadcaster.address,
      auth: hmacAuth(SECRETS),
    });
    const random = mulberry32(11);
    await using movers = new AsyncDisposableStack();
    const moving = await Promise.all(
      Array.from({ length: MOVERS }, async () => {
        const proxy = movers.use(await CuttingProxy.start(portOf(broadcaster)));
        const subscriber = movers.use(
          await Subscriber.connect({
            broadcasters: proxy.url,
            transport: 'both',
            listen: 'http://127.0.0.1:0',
            auth: hmacAuth(SECRETS),
            maxWaiting: 100_000,
          }),
        );
        const missed: unknown[] = [];
        const subscription = movers.use(
          await subscriber.subscribe({ glob: ['n*'], onMissed: (topic) => missed.push(topic) }),
        );
        return { proxy, missed, found: reading(subscription) };
      }),
    );
    await until(() => (broadcaster.counters.serving_began ?? 0) >= MOVERS);
    let published = 0;
    let isMoving = true;
    const publishing = (async () => {
      while (isMoving) {
        await Promise.all(['n1', 'n2'].map((topic) => publisher.notify(topic, `${published++}`)));
        await delay(4);
      }
    })();
    const moves = (): number =>
      (broadcaster.counters.serving_began ?? 0) + (broadcaster.counters.serving_ended ?? 0);
    await Promise.all(
      moving.map(async ({ proxy }) => {
        while (moves() < MOVES) {
          await delay(random() * 500);
          proxy.cut();
        }
      }),
    );
    isMoving = false;
    await publishing;
    const expected = Array.from({ length: published }, (_, number) => number);
    for (const { found, missed } of moving) {
      await until(() => found.length >= published);
      assert.deepEqual(
        found.map(Number).sort((left, right) => left - right),
        expected,
      );
      assert.deepEqual(missed, []);
    }
  });

  test('is told over the connection while there is one, and by webhook when there is none', async () => {
    await using broadcaster = await broadcasting();
    await using proxy = await CuttingProxy.start(portOf(broadcaster));
    await using subscriber = await Subscriber.connect({
      broadcasters: [proxy.url, broadcaster.address],
      transport: 'both',
      listen: 'http://127.0.0.1:0',
      auth: hmacAuth(SECRETS),
    });
    await using subscription = await subscriber.subscribe({ exact: ['n'] });
    await until(() => broadcaster.counters.serving_began === 1);
    await subscriber.notify('n', 'by WebSocket');
    for await (const message of subscription) {
      assert.deepEqual([decodeUtf8(message.topic), await message.text()], ['n', 'by WebSocket']);
      break;
    }
    assert.equal(broadcaster.counters.delivery_posted, undefined);
  });
});

const MOVERS = 25;
const MOVES = 1000;
