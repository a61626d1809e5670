/** Webhooks as any service has them: signed as Standard Webhooks, retried, given up; and not wherever somebody likes. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import type { BroadcasterOptions } from '../../src/pubsub/options.ts';
import type { Pattern } from '../../src/pubsub/stores/store.ts';
import { BroadcasterCalls } from '../../src/pubsub/subscriber/calls.ts';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';
import { until } from '../support/lookup.ts';

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;

interface Posted {
  readonly body: Buffer;
  readonly headers: Record<string, string>;
}

/** A receiver that knows nothing of lonelyps: it answers by status. */
class Receiver implements AsyncDisposable {
  readonly posted: Posted[] = [];
  status: () => number = () => 204;
  readonly #server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    this.posted.push({ body, headers: request.headers as Record<string, string> });
    response.writeHead(this.status(), { 'retry-after': '0' }).end();
  });

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** What was posted, as the library of Standard Webhooks verifies it. */
  get verified(): unknown[] {
    return this.posted.map(({ body, headers }) => new Webhook(SECRET).verify(body, headers));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function broadcasting(options: Partial<BroadcasterOptions>): Promise<Broadcaster> {
  const quick = { retry: { tries: 3, first: 5 }, sweepInterval: 20 };
  return Broadcaster.start({ listen: 'http://127.0.0.1:0', store: 'sqlite::memory:', ...quick, ...options });
}

function callsTo(broadcaster: Broadcaster): BroadcasterCalls {
  return new BroadcasterCalls({
    broadcasters: [broadcaster.address],
    auth: noneAuth(),
    timeout: 5000,
    retries: 0,
    backoff: { first: 1, tries: 1 },
  });
}

const ORDERS: Pattern = { kind: 'exact', topic: encodeUtf8('orders') };

test('a receiver of Standard Webhooks verifies what it gets, at every try, and is told what it missed', async () => {
  await using receiver = await Receiver.start();
  const standardWebhooks = { secret: SECRET, urls: [`${receiver.url}/*`] };
  await using broadcaster = await broadcasting({ standardWebhooks });
  const recovery = `${receiver.url}/missed`;
  await callsTo(broadcaster).subscribe(`${receiver.url}/orders`, { pattern: ORDERS, recovery });
  const others: Pattern = { kind: 'glob', glob: 'other/*' };
  await callsTo(broadcaster).subscribe(`${receiver.url}/orders`, { pattern: others, recovery });
  await using notifier = await Subscriber.connect({ broadcasters: broadcaster.address });

  receiver.status = () => (receiver.posted.length < 3 ? 503 : 204);
  assert.deepEqual(await notifier.notify('orders', '{"order":1}'), { notified: 1 });
  assert.deepEqual(receiver.verified, [{ order: 1 }, { order: 1 }, { order: 1 }]);
  assert.equal(new Set(receiver.posted.map(({ headers }) => headers['webhook-id'])).size, 1);

  receiver.status = () => 500;
  assert.deepEqual(await notifier.notify('orders', '{"order":2}'), { notified: 0 });
  receiver.status = () => 204;
  await until(() => broadcaster.counters.missed_announced === 1);
  assert.partialDeepStrictEqual(receiver.verified.at(-1), { type: 'sotto.missed', topic: 'orders' });

  receiver.status = () => 410;
  await notifier.notify('orders', '{"order":3}');
  assert.equal(broadcaster.subscriptions, 0, '410 unsubscribes, and from everything');
});

test('a url that is gone loses its subscriptions where the broadcaster is told to clean up', async () => {
  await using receiver = await Receiver.start();
  receiver.status = () => 404;
  await using broadcaster = await broadcasting({ removeDead: { removeAfter: 0, leastFailures: 3 } });
  await callsTo(broadcaster).subscribe(`${receiver.url}/orders`, { pattern: ORDERS, recovery: null });
  await using notifier = await Subscriber.connect({ broadcasters: broadcaster.address });
  await notifier.notify('orders', '1');
  assert.equal(broadcaster.subscriptions, 1);
  await until(async () => {
    await notifier.notify('orders', 'again');
    return broadcaster.subscriptions === 0;
  });
  assert.equal(broadcaster.counters.url_dead, 1);
});

test('a private address is not posted to where only public ones may be', async () => {
  await using receiver = await Receiver.start();
  await using broadcaster = await broadcasting({ addresses: 'public' });
  await callsTo(broadcaster).subscribe(`${receiver.url}/orders`, { pattern: ORDERS, recovery: null });
  await using notifier = await Subscriber.connect({ broadcasters: broadcaster.address });
  assert.deepEqual(await notifier.notify('orders', '1'), { notified: 0 });
  assert.deepEqual(receiver.posted, []);
  await using allowing = await broadcasting({ addresses: 'public', allow: ['127.0.0.0/8'] });
  await callsTo(allowing).subscribe(`${receiver.url}/orders`, { pattern: ORDERS, recovery: null });
  await using other = await Subscriber.connect({ broadcasters: allowing.address });
  await other.notify('orders', '2');
  assert.ok(receiver.posted.length > 0);
});

for (const verifyIntent of [true, 'strict'] as const) {
  test(`who did not ask is not subscribed, with verifyIntent ${verifyIntent}`, async () => {
    await using stranger = await Receiver.start();
    await using broadcaster = await broadcasting({ verifyIntent });
    const calls = callsTo(broadcaster);
    const forced = calls.subscribe(`${stranger.url}/x`, { pattern: ORDERS, recovery: null });
    await assert.rejects(forced, { status: 403 });
    await using subscriber = await Subscriber.connect({
      broadcasters: broadcaster.address,
      listen: 'http://127.0.0.1:0',
    });
    await using orders = await subscriber.subscribe({ exact: ['orders'] });
    assert.deepEqual(await subscriber.notify('orders', 'wanted'), { notified: 1 });
    for await (const message of orders) {
      assert.equal(await message.text(), 'wanted');
      break;
    }
    const recovery = `${stranger.url}/recover`;
    const elsewhere = calls.subscribe(`${subscriber.address}/v1/receive`, {
      pattern: { kind: 'glob', glob: '*' },
      recovery,
    });
    await assert.rejects(elsewhere, { status: 403 }, 'announcements go nowhere unasked either');
  });
}

test('with one delivery to a url at a time they keep their order, also while one is tried again', async () => {
  await using receiver = await Receiver.start();
  const standardWebhooks = { secret: SECRET, urls: [`${receiver.url}/*`] };
  const limits = { maxDeliveriesPerUrl: 1 };
  await using broadcaster = await broadcasting({ standardWebhooks, limits });
  await callsTo(broadcaster).subscribe(`${receiver.url}/x`, { pattern: ORDERS, recovery: null });
  await using notifier = await Subscriber.connect({
    broadcasters: broadcaster.address,
    transport: 'websocket',
  });
  const taken: number[] = [];
  receiver.status = () => {
    const number = Number(receiver.posted.at(-1)?.body);
    // Each third one only at its second try.
    if (number % 3 === 0 && taken.at(-1) !== number && receiver.posted.length % 2 === 0) return 503;
    taken.push(number);
    return 204;
  };
  const numbers = Array.from({ length: 60 }, (_, number) => number);
  await Promise.all(numbers.map((number) => notifier.notify('orders', `${number}`)));
  assert.deepEqual(taken, numbers);
  assert.ok((broadcaster.counters.delivery_retried ?? 0) > 0);
});
