/** Messages that are compressed on their way over WebSockets. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import type { CompressionOptions } from '../../src/pubsub/broadcaster/compression.ts';
import type { SubscriberCompression } from '../../src/pubsub/subscriber/compression.ts';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';
import type { Subscription } from '../../src/pubsub/subscriber/subscription.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';

const SECRETS = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };

/** A broadcaster, and a subscriber whose bytes are counted. */
async function pair(
  stack: AsyncDisposableStack,
  offered: CompressionOptions | false,
  wanted: boolean | SubscriberCompression,
): Promise<{ subscriber: Subscriber; subscription: Subscription; carried: () => number }> {
  const broadcaster = stack.use(
    await Broadcaster.start({
      listen: 'http://127.0.0.1:0',
      store: 'sqlite::memory:',
      auth: hmacAuth(SECRETS),
      compression: offered,
      limits: { spoolSize: 1_000_000 },
    }),
  );
  const proxy = stack.use(await CuttingProxy.start(Number(new URL(broadcaster.address).port)));
  const subscriber = stack.use(
    await Subscriber.connect({
      broadcasters: proxy.url,
      transport: 'websocket',
      auth: hmacAuth(SECRETS),
      compression: wanted,
      spoolSize: 1_000_000,
      timeout: 5000,
    }),
  );
  const subscription = stack.use(await subscriber.subscribe({ exact: ['x'] }));
  return { subscriber, subscription, carried: () => proxy.carried };
}

/** Tells it and hears it. @returns bytes that went over the wire. */
async function thereAndBack(
  { subscriber, subscription, carried }: Awaited<ReturnType<typeof pair>>,
  body: Uint8Array,
): Promise<number> {
  const before = carried();
  assert.deepEqual(await subscriber.notify('x', body), { notified: 1 });
  for await (const message of subscription) {
    assert.ok(Buffer.from(await message.bytes()).equals(body));
    break;
  }
  return carried() - before;
}

function reading(number: number): Uint8Array {
  const value = {
    sensor: `sensor-${number % 50}`,
    room: 'cellar',
    temperature: (number * 7919) % 100,
    unit: 'celsius',
  };
  return encodeUtf8(
    JSON.stringify({ ...value, battery: 'good', firmware: '4.2.1-stable', at: 1_790_000_000 + number }),
  );
}

test('long text takes a fraction of the way, whole and in parts; what cannot be made shorter comes all the same', async () => {
  await using stack = new AsyncDisposableStack();
  const ends = await pair(stack, {}, true);
  const text = encodeUtf8('All work and no play makes Jack a dull boy. '.repeat(10_000));
  assert.ok((await thereAndBack(ends, text)) < text.length / 50);
  const long = encodeUtf8(
    Array.from({ length: 200_000 }, (_, number) => `${number} ${(number * 7919) % 1000}`).join('\n'),
  );
  assert.ok((await thereAndBack(ends, long)) < 2 * long.length);
  for (const length of [0, 1, 16_383, 16_384, 300_000, 3_000_000])
    await thereAndBack(ends, randomBytes(length));
});

test('short messages are compressed once a dictionary has been trained on them', async () => {
  await using stack = new AsyncDisposableStack();
  const ends = await pair(stack, {}, { training: true });
  const first = await thereAndBack(ends, reading(0));
  // Four messages, of which two carry the 150 bytes; the rest are signatures.
  let [last, number] = [first, 1];
  while (last > first - 120 && number < 5000) last = await thereAndBack(ends, reading(number++));
  assert.ok(last <= first - 120, `${first} bytes at first, ${last} after ${number} messages`);
  assert.ok(number > 200, 'only after a hundred kilobytes or so');
});

test('a dictionary agreed upon beforehand is used from the first message; one that the other end lacks is not', async () => {
  const dictionary = encodeUtf8(
    Array.from({ length: 50 }, (_, number) => Buffer.from(reading(number)).toString()).join(''),
  );
  await using stack = new AsyncDisposableStack();
  const presets = [{ id: 7, dictionary }];
  const wanted = { presets: new Map([[7, dictionary]]), initial: 7 };
  const with7 = await thereAndBack(await pair(stack, { presets }, wanted), reading(900));
  const without = await thereAndBack(await pair(stack, { presets }, true), reading(900));
  assert.ok(with7 < without - 100, `${with7} bytes with it, ${without} without`);
  await assert.rejects(pair(stack, {}, wanted), { code: 'unreachable' });
  await assert.rejects(pair(stack, {}, { initial: 7 }), { code: 'invalid_option' });
});

test('an altered dictionary gives an error and never other bytes', async () => {
  const dictionary = encodeUtf8(
    Array.from({ length: 50 }, (_, number) => Buffer.from(reading(number)).toString()).join(''),
  );
  const altered = dictionary.map((byte, index) => (index % 3 === 0 ? byte ^ 1 : byte));
  await using stack = new AsyncDisposableStack();
  const wanted = { presets: new Map([[7, altered]]), initial: 7 };
  const { subscriber } = await pair(stack, { presets: [{ id: 7, dictionary }] }, wanted);
  await assert.rejects(subscriber.notify('x', reading(1)), { code: 'unreachable' });
});

test('nothing is compressed where one of both does not want it', async () => {
  await using stack = new AsyncDisposableStack();
  const text = encodeUtf8('again and again '.repeat(5000));
  for (const [offered, wanted] of [
    [false, true],
    [{}, false],
  ] as const) {
    assert.ok((await thereAndBack(await pair(stack, offered, wanted), text)) > 2 * text.length);
  }
});
