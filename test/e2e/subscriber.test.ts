/** Subscribers and broadcasters of ours, over real sockets. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { decodeUtf8 } from '../../src/bytes/text.ts';
import {
  type AuthConfig,
  Broadcaster,
  hmacAuth,
  noneAuth,
  Subscriber,
  type SubscriberOptions,
  tokenAuth,
} from '../../src/pubsub/index.ts';
import { encodeAnswer, encodeMissed } from '../../src/wire/lonelyps-stateless.ts';
import { until } from '../support/lookup.ts';

const HMAC = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };
const folder = mkdtempSync(join(tmpdir(), 'sotto-subscriber-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

interface Pair {
  readonly broadcaster: Broadcaster;
  readonly subscriber: Subscriber;
}

async function withPair(
  work: (pair: Pair) => Promise<void>,
  { auth = noneAuth(), ...options }: Partial<SubscriberOptions> & { auth?: AuthConfig } = {},
): Promise<void> {
  await using broadcaster = await Broadcaster.start({
    listen: 'http://127.0.0.1:0',
    store: 'sqlite::memory:',
    auth,
    sweepInterval: 50,
  });
  await using subscriber = await Subscriber.connect({
    broadcasters: broadcaster.address,
    listen: 'http://127.0.0.1:0',
    auth,
    retries: 0,
    ...options,
  });
  await work({ broadcaster, subscriber });
}

async function texts(messages: AsyncIterable<{ text(): Promise<string> }>, count: number): Promise<string[]> {
  const found: string[] = [];
  for await (const message of messages) {
    found.push(await message.text());
    if (found.length === count) break;
  }
  return found;
}

const AUTHS: Readonly<Record<string, () => AuthConfig>> = {
  'no authorization': () => noneAuth(),
  tokens: () => tokenAuth({ toBroadcaster: 'one', toSubscriber: 'two' }),
  HMAC: () => hmacAuth(HMAC),
};

describe('what is published is read, in its order', () => {
  for (const [name, make] of Object.entries(AUTHS)) {
    test(`with ${name}`, async () => {
      await withPair(
        async ({ subscriber }) => {
          await using exact = await subscriber.subscribe({ exact: ['news/a', new Uint8Array([0xff, 0])] });
          await using glob = await subscriber.subscribe({ glob: ['news/*'] });
          assert.deepEqual(await subscriber.notify('news/a', 'first'), { notified: 2 });
          assert.deepEqual(await subscriber.notify('news/b', new Uint8Array([0x62])), { notified: 1 });
          assert.deepEqual(
            await subscriber.notify(new Uint8Array([0xff, 0]), [Buffer.from('in '), Buffer.from('pieces')]),
            { notified: 1 },
          );
          assert.deepEqual(await subscriber.notify('nobody', ''), { notified: 0 });
          assert.deepEqual(await texts(exact, 2), ['first', 'in pieces']);
          assert.deepEqual(await texts(glob, 2), ['first', 'b']);
        },
        { auth: make() },
      );
    });
  }

  test('a message too long for memory goes by disk, both ways', async () => {
    await withPair(
      async ({ subscriber }) => {
        await using large = await subscriber.subscribe({ exact: ['large'] });
        const body = new Uint8Array(randomBytes(3_000_000));
        await subscriber.notify('large', body);
        for await (const message of large) {
          assert.equal(message.length, body.length);
          assert.deepEqual(Buffer.from(await message.bytes()), Buffer.from(body));
          break;
        }
      },
      { spoolSize: 1000 },
    );
  });
});

test('what does not fit the inbox is missed, and told', async () => {
  await withPair(
    async ({ broadcaster, subscriber }) => {
      const missed: string[] = [];
      await using slow = await subscriber.subscribe({
        exact: ['x'],
        onMissed: (topic) => missed.push(decodeUtf8(topic ?? assert.fail())),
      });
      const results = [];
      for (let number = 0; number < 5; number++)
        results.push((await subscriber.notify('x', String(number))).notified);
      assert.deepEqual(results, [1, 1, 0, 0, 0]);
      await until(() => missed.length > 0);
      assert.deepEqual(missed, ['x'], 'once for all three');
      assert.deepEqual(await texts(slow, 2), ['0', '1']);
      assert.deepEqual(await subscriber.notify('x', 'room again'), { notified: 1 });
      assert.deepEqual(await texts(slow, 1), ['room again']);
      assert.equal(broadcaster.counters.missed_announced, 1);
    },
    { maxWaiting: 2 },
  );
});

test('who closes is unsubscribed; who is kept is told what it missed when it comes back', async () => {
  await using broadcaster = await Broadcaster.start({
    listen: 'http://127.0.0.1:0',
    store: 'sqlite::memory:',
    sweepInterval: 50,
  });
  const options = { broadcasters: broadcaster.address, retries: 0 };
  const first = await Subscriber.connect({ ...options, listen: 'http://127.0.0.1:0' });
  await (await first.subscribe({ exact: ['x'] })).close();
  assert.equal(broadcaster.subscriptions, 0);
  const kept = await first.subscribe({ exact: ['x'], name: 'kept', keep: true });
  const port = new URL(first.address ?? '').port;
  await kept.close();
  await first.close();
  assert.equal(broadcaster.subscriptions, 1);
  await using notifier = await Subscriber.connect(options);
  assert.deepEqual(await notifier.notify('x', 'while it is away'), { notified: 0 });
  await using second = await Subscriber.connect({ ...options, listen: `http://127.0.0.1:${port}` });
  const missed: string[] = [];
  await using again = await second.subscribe({
    exact: ['x'],
    name: 'kept',
    onMissed: (topic) => missed.push(decodeUtf8(topic ?? assert.fail())),
  });
  await until(() => missed.length === 1);
  assert.deepEqual(await notifier.notify('x', 'now'), { notified: 1 });
  assert.deepEqual(await texts(again, 1), ['now']);
  assert.equal(broadcaster.subscriptions, 1);
});

test('a broadcaster that is away: another is asked, and one that comes back knows its subscribers', async () => {
  files += 1;
  const store = `sqlite:${join(folder, `${files}.db`)}` as const;
  const first = await Broadcaster.start({ listen: 'http://127.0.0.1:0', store });
  const { address } = first;
  await using subscriber = await Subscriber.connect({
    broadcasters: ['http://127.0.0.1:1', address],
    listen: 'http://127.0.0.1:0',
    retries: 3,
  });
  await using news = await subscriber.subscribe({ exact: ['x'], keep: true });
  assert.deepEqual(await subscriber.notify('x', '1'), { notified: 1 });
  await first.close();
  const waiting = subscriber.notify('x', '2');
  await using _second = await Broadcaster.start({ listen: address, store });
  assert.deepEqual(await waiting, { notified: 1 });
  assert.deepEqual(await texts(news, 2), ['1', '2']);
});

describe('a broadcaster that may forget whom it told of a miss is asked again', () => {
  for (const [name, status, told] of [
    ['had forgotten: told once more, since nobody was subscribed for a moment', 200, 2],
    ['had not: told once', 409, 1],
  ] as const) {
    test(name, async () => {
      let asked = 0;
      const original = createServer((request, response) => {
        request.resume();
        if (request.url === '/v1/subscribe/exact') asked += 1;
        const isAgain = asked > 1 && request.url === '/v1/subscribe/exact';
        const isList = request.url === '/v1/check_subscriptions'; // which the older ones do not know
        response.statusCode = isList ? 404 : isAgain ? status : 200;
        response.end(encodeAnswer({ type: 'generic', authorization: null, tracing: new Uint8Array() }));
      });
      await once(original.listen(0, '127.0.0.1'), 'listening');
      after(() => original.close());
      const address = original.address();
      assert.ok(typeof address === 'object' && address !== null);
      await using subscriber = await Subscriber.connect({
        broadcasters: `http://127.0.0.1:${address.port}`,
        listen: 'http://127.0.0.1:0',
      });
      let missed = 0;
      await using _news = await subscriber.subscribe({ exact: ['news'], onMissed: () => (missed += 1) });
      const body = encodeMissed({ tracing: new Uint8Array(), topic: Buffer.from('news') });
      await fetch(`${subscriber.address}/v1/recover`, { method: 'POST', body: new Uint8Array(body) });
      assert.equal(missed, 1);
      await until(() => asked === 2);
      await subscriber.close();
      assert.equal(missed, told);
    });
  }
});

describe('refused with the reason', () => {
  test('by the wrong secret, on either side', async () => {
    await using broadcaster = await Broadcaster.start({
      listen: 'http://127.0.0.1:0',
      store: 'sqlite::memory:',
      auth: hmacAuth(HMAC),
    });
    const options = { broadcasters: broadcaster.address, listen: 'http://127.0.0.1:0', retries: 0 };
    await using stranger = await Subscriber.connect({
      ...options,
      auth: hmacAuth({ ...HMAC, toBroadcaster: `${'C'.repeat(85)}A` }),
    });
    await assert.rejects(stranger.notify('x', ''), { code: 'not_allowed', status: 403 });
    await assert.rejects(stranger.subscribe({ exact: ['x'] }), { code: 'not_allowed' });
    await using nobody = await Subscriber.connect(options);
    await assert.rejects(nobody.notify('x', ''), { code: 'not_allowed', status: 401 });
    await using deceived = await Subscriber.connect({
      ...options,
      auth: hmacAuth({ ...HMAC, toSubscriber: `${'D'.repeat(85)}A` }),
    });
    await assert.rejects(deceived.notify('x', ''), { code: 'refused' });
    assert.equal(broadcaster.subscriptions, 0);
  });

  test('what cannot be asked for', async () => {
    await assert.rejects(Subscriber.connect({ broadcasters: [] }), { code: 'invalid_option' });
    await assert.rejects(Subscriber.connect({ broadcasters: 'udp://127.0.0.1:1' }), { code: 'invalid_url' });
    await using deaf = await Subscriber.connect({ broadcasters: 'http://127.0.0.1:1', retries: 0 });
    await assert.rejects(deaf.subscribe({ exact: ['x'] }), {
      code: 'invalid_option',
      message: /listen is missing/,
    });
    await assert.rejects(deaf.notify('x', ''), { code: 'unreachable' });
    await using able = await Subscriber.connect({
      broadcasters: 'http://127.0.0.1:1',
      listen: 'http://127.0.0.1:0',
      retries: 0,
    });
    await assert.rejects(able.subscribe({}), { code: 'invalid_option', message: /needs a topic/ });
    await assert.rejects(able.subscribe({ exact: ['x'], name: 'a/b' }), { code: 'invalid_option' });
  });
});
