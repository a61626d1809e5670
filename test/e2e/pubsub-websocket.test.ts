/** Subscribers that hold a connection. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { decodeUtf8 } from '../../src/bytes/text.ts';
import { type AuthConfig, noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth, tokenAuth } from '../../src/pubsub/authorization/config.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import type { BroadcasterOptions } from '../../src/pubsub/options.ts';
import type { SubscriberOptions } from '../../src/pubsub/subscriber/options.ts';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';
import type { Subscription } from '../../src/pubsub/subscriber/subscription.ts';

const SECRETS = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };
const AUTHS: readonly (readonly [string, () => AuthConfig])[] = [
  ['none', noneAuth],
  ['token', () => tokenAuth({ toBroadcaster: 'one', toSubscriber: 'two' })],
  ['hmac', () => hmacAuth(SECRETS)],
];

function broadcasting(options: Partial<BroadcasterOptions> = {}): Promise<Broadcaster> {
  return Broadcaster.start({ listen: 'http://127.0.0.1:0', store: 'sqlite::memory:', ...options });
}

function connect(broadcaster: Broadcaster, options: Partial<SubscriberOptions> = {}): Promise<Subscriber> {
  return Subscriber.connect({ broadcasters: broadcaster.address, transport: 'websocket', ...options });
}

/** The next `count` messages, as text. */
async function texts(subscription: Subscription, count: number): Promise<string[]> {
  const found: string[] = [];
  for await (const message of subscription) {
    found.push(`${decodeUtf8(message.topic)}: ${await message.text()}`);
    if (found.length === count) break;
  }
  return found;
}

describe('a connected subscriber', () => {
  for (const [name, auth] of AUTHS) {
    test(`hears of topics and globs, once each, and tells of them, with ${name}`, async () => {
      await using broadcaster = await broadcasting({ auth: auth() });
      await using subscriber = await connect(broadcaster, { auth: auth() });
      await using webhook = await connect(broadcaster, {
        auth: auth(),
        transport: 'http',
        listen: 'http://127.0.0.1:0',
      });
      await using both = await subscriber.subscribe({ exact: ['a/b'], glob: ['a/*', '*b'] });
      await using posted = await webhook.subscribe({ glob: ['a/*'] });
      assert.deepEqual(await subscriber.notify('a/b', 'first'), { notified: 2 });
      assert.deepEqual(await webhook.notify('a/c', 'second'), { notified: 2 });
      assert.deepEqual(await webhook.notify('nobody', ''), { notified: 0 });
      assert.deepEqual(await subscriber.notify('a/d', ''), { notified: 2 });
      const expected = ['a/b: first', 'a/c: second', 'a/d: '];
      assert.deepEqual(await texts(both, 3), expected);
      assert.deepEqual(await texts(posted, 3), expected);
      await both.close();
      assert.deepEqual(await webhook.notify('a/b', 'alone'), { notified: 1 });
    });
  }

  for (const [name, auth] of AUTHS) {
    test(`gets and tells what is long, in parts, with ${name}`, async () => {
      await using broadcaster = await broadcasting({ auth: auth(), limits: { spoolSize: 1_000_000 } });
      await using subscriber = await connect(broadcaster, { auth: auth(), spoolSize: 1_000_000 });
      await using subscription = await subscriber.subscribe({ exact: ['long'] });
      const lengths = [262_143, 262_144, 262_145, 999_999, 5_000_000, 0, 1];
      for (const length of lengths) {
        const body = randomBytes(length);
        assert.deepEqual(await subscriber.notify('long', body), { notified: 1 });
        const [message] = await take(subscription, 1);
        assert.ok(Buffer.from(message ?? []).equals(body), `${length} bytes`);
      }
    });
  }

  test('gets what is told in the order in which it is told, however much at once', async () => {
    await using broadcaster = await broadcasting();
    await using publisher = await connect(broadcaster);
    await using subscriber = await connect(broadcaster, { maxWaiting: 5000 });
    await using subscription = await subscriber.subscribe({ exact: ['n'] });
    const numbers = Array.from({ length: 5000 }, (_, number) => number);
    // In turn with longer ones, so that parts and whole messages follow each other.
    const told = numbers.map((number) =>
      publisher.notify('n', number % 100 === 7 ? `${number} ${'x'.repeat(300_000)}` : `${number}`),
    );
    const got: number[] = [];
    for await (const message of subscription) {
      got.push(Number((await message.text()).split(' ')[0]));
      if (got.length === numbers.length) break;
    }
    assert.deepEqual(got, numbers);
    assert.ok((await Promise.all(told)).every(({ notified }) => notified === 1));
  });

  test('is told of a glob that the broadcaster hangs up on, and hears the others', async () => {
    await using broadcaster = await broadcasting({ auth: noneAuth() });
    await using subscriber = await connect(broadcaster, { auth: noneAuth() });
    await using other = await subscriber.subscribe({ glob: ['a/*'] });
    await assert.rejects(subscriber.subscribe({ glob: ['€'.repeat(400)] }), {
      code: 'unreachable',
      message: /hung up on this subscription/,
    });
    assert.deepEqual(await subscriber.notify('a/b', 'still here'), { notified: 1 });
    assert.deepEqual(await texts(other, 1), ['a/b: still here']);
  });

  test('may tell itself as much as it likes', async () => {
    await using broadcaster = await broadcasting();
    await using subscriber = await connect(broadcaster, { maxWaiting: 3000 });
    await using subscription = await subscriber.subscribe({ exact: ['n'] });
    const told = await Promise.all(Array.from({ length: 3000 }, (_, n) => subscriber.notify('n', `${n}`)));
    assert.ok(told.every(({ notified }) => notified === 1));
    assert.equal((await texts(subscription, 3000)).at(-1), 'n: 2999');
  });
});

async function take(subscription: Subscription, count: number): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for await (const message of subscription) {
    found.push(await message.bytes());
    if (found.length === count) break;
  }
  return found;
}
