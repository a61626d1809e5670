/** Deliveries as Standard Webhooks: what the reference library verifies, made of the bytes that are sent. */

import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { concat, EMPTY } from '../../src/bytes/bytes.ts';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { sockets } from '../../src/platform/node/sockets.ts';
import type { Notification } from '../../src/pubsub/delivery/fan-out.ts';
import type { Prepared } from '../../src/pubsub/delivery/format.ts';
import {
  StandardWebhooks,
  type StandardWebhooksOptions,
  signWebhook,
} from '../../src/pubsub/delivery/standard-webhooks.ts';

const secretOf = (length: number): string => `whsec_${randomBytes(length).toString('base64')}`;
const SECRET = secretOf(32);
const URL_A = 'https://hooks.example/a';

function notification(text: string | Uint8Array, topic = 'orders/new'): Notification {
  const message = typeof text === 'string' ? encodeUtf8(text) : text;
  const half = message.length >> 1;
  return {
    topic: encodeUtf8(topic),
    sha512: EMPTY, // which this format does not look at
    identifier: Uint8Array.of(1, 2, 254, 255),
    tracing: EMPTY,
    body: { length: message.length, chunks: () => [message.subarray(0, half), message.subarray(half)] },
  };
}

function format(options: Partial<StandardWebhooksOptions> = {}): StandardWebhooks {
  return new StandardWebhooks({ secret: SECRET, urls: ['https://hooks.example/*'], ...options });
}

function verify({ head, body, headers }: Prepared, secret = SECRET): unknown {
  assert.equal(body, null, 'what is signed is what is sent');
  return new Webhook(secret).verify(Buffer.from(head), { ...headers });
}

describe('a signature', () => {
  test('is that of the specification', () => {
    // As https://github.com/standard-webhooks/standard-webhooks has it in the tests of its libraries.
    const headers = signWebhook('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestamp: 1_614_265_330,
      body: encodeUtf8('{"test": 2432232314}'),
    });
    assert.deepEqual(headers, {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  test('is what the reference library makes and takes, for any text and any secret', () => {
    const timestamp = Math.floor(Date.now() / 1000);
    const secret = fc.integer({ min: 24, max: 64 }).map(secretOf);
    const id = fc.stringMatching(/^[\w-]{1,40}$/);
    fc.assert(
      fc.property(secret, id, fc.string({ unit: 'grapheme' }), (key, name, text) => {
        const headers = signWebhook(key, { id: name, timestamp, body: encodeUtf8(text) });
        const reference = new Webhook(key);
        assert.equal(headers['webhook-signature'], reference.sign(name, new Date(timestamp * 1000), text));
        reference.verify(text, headers, { jsonParse: false });
      }),
    );
  });

  test('is made with each of several secrets, so that either is good while they change', async () => {
    const [old, young] = [secretOf(24), secretOf(64)];
    const post = await format({ secret: [young, old] }).prepare(URL_A, notification('{}'));
    assert.match(post.headers['webhook-signature'] ?? '', /^v1,[^ ,]{44} v1,[^ ,]{44}$/);
    verify(post, old);
    verify(post, young);
    assert.throws(() => verify(post, SECRET), WebhookVerificationError);
  });

  test('is made with a secret that is one', () => {
    const wrong = [
      '',
      'whsec_',
      SECRET.slice(6),
      secretOf(23),
      secretOf(65),
      'whsec_!!!!',
      `whsk_${SECRET.slice(6)}`,
    ];
    for (const secret of wrong) {
      assert.throws(() => format({ secret }), { code: 'invalid_key', message: /whsec_/ }, secret);
      assert.throws(() => format({ secret: [SECRET, secret] }), { code: 'invalid_key' });
    }
    assert.throws(() => format({ secret: [] }), { code: 'invalid_option' });
    const hidden = secretOf(23);
    assert.throws(
      () => format({ secret: hidden }),
      (error: Error) => !error.message.includes(hidden.slice(6)),
    );
  });
});

describe('a delivery', () => {
  test('is the bare message, which any receiver verifies', async () => {
    const post = await format().prepare(URL_A, notification('{"order":1}'));
    assert.deepEqual(verify(post), { order: 1 });
    assert.equal(post.headers['webhook-id'], 'msg_0102feff');
    assert.equal(post.headers['content-type'], 'application/json');
    assert.equal(post.headers['sotto-topic'], 'orders/new');
  });

  test('has the same id and a new time at every try', async () => {
    let now = Date.now();
    const webhooks = format({ now: () => now });
    const first = await webhooks.prepare(URL_A, notification('{}'));
    now += 5000;
    const second = await webhooks.prepare(URL_A, notification('{}'));
    assert.equal(first.headers['webhook-id'], second.headers['webhook-id']);
    const times = [first, second].map(({ headers }) => Number(headers['webhook-timestamp']));
    assert.equal((times[1] ?? 0) - (times[0] ?? 0), 5);
    verify(second);
  });

  test('may be of any bytes', async () => {
    const bytes = new Uint8Array(randomBytes(1000));
    const post = await format({ contentType: 'application/octet-stream' }).prepare(
      URL_A,
      notification(bytes),
    );
    assert.deepEqual(post.head, bytes);
    assert.equal(post.headers['content-type'], 'application/octet-stream');
    // The reference library reads every body as text; others sign bytes, as the specification has it.
    const hmac = createHmac('sha256', Buffer.from(SECRET.slice(6), 'base64'));
    hmac.update(`${post.headers['webhook-id']}.${post.headers['webhook-timestamp']}.`).update(bytes);
    assert.equal(post.headers['webhook-signature'], `v1,${hmac.digest('base64')}`);
    assert.equal((await format().prepare(URL_A, notification(EMPTY))).head.length, 0);
  });

  test('is signed for each url with its own secret', async () => {
    const secrets = new Map([
      [URL_A, secretOf(32)],
      ['https://hooks.example/b', secretOf(32)],
    ]);
    const webhooks = format({ secret: (url) => secrets.get(url) ?? '' });
    for (const [url, secret] of secrets) verify(await webhooks.prepare(url, notification('{}')), secret);
    await assert.rejects(webhooks.prepare('https://hooks.example/c', notification('{}')), {
      code: 'invalid_key',
    });
  });

  test('is refused where the message is too long to be signed as a whole, before it is read', async () => {
    const webhooks = format({ maxMessage: 10 });
    await webhooks.prepare(URL_A, notification('0123456789'));
    const long = { ...notification(''), body: { length: 11, chunks: () => assert.fail('it was read') } };
    await assert.rejects(webhooks.prepare(URL_A, long), {
      code: 'body_too_large',
      message: /has 11 bytes.*may have 10.*standardWebhooks\.maxMessage/,
    });
    assert.throws(() => format({ maxMessage: -1 }), { code: 'invalid_option' });
  });

  test('names its topic in a way that a header can hold', async () => {
    const name = async (topic: string): Promise<string | undefined> =>
      (await format().prepare(URL_A, notification('{}', topic))).headers['sotto-topic'];
    assert.equal(await name('a b/ü\r\nx: y'), 'a%20b/%C3%BC%0D%0Ax%3A%20y');
    assert.equal(decodeURIComponent((await name('größe ✓ %')) ?? ''), 'größe ✓ %');
    assert.equal(await name('x'.repeat(1024)), 'x'.repeat(1024));
    assert.equal(await name('x'.repeat(1025)), undefined);
  });

  test('goes to the urls that are listed', () => {
    const listed = format({ urls: ['https://hooks.example/*', 'http://other/one'] });
    for (const url of [URL_A, 'http://other/one']) assert.ok(listed.takes(url), url);
    for (const url of ['http://hooks.example/a', 'http://other/two', '']) assert.ok(!listed.takes(url), url);
    const chosen = format({ urls: (url) => url.endsWith('#standard') });
    assert.ok(chosen.takes('http://a/#standard') && !chosen.takes('http://a/'));
  });
});

describe('an answer', () => {
  const judge = (status: number, retryAfter: string | null = null): Promise<unknown> =>
    format().judge(URL_A, { status, body: encodeUtf8('whatever'), retryAfter });

  test('is its status', async () => {
    for (const status of [200, 201, 202, 204, 299]) {
      assert.deepEqual(await judge(status), { state: 'received', subscribers: 1 });
    }
    assert.deepEqual(await judge(410), { state: 'unsubscribed', isGone: true });
    for (const status of [301, 307, 400, 401, 404, 500, 503]) {
      assert.deepEqual(await judge(status, '5'), {
        state: 'failed',
        why: `it answered with status ${status}`,
        fault: { kind: 'status', status, retryAfter: '5' },
      });
    }
  });
});

describe('what was missed', () => {
  const notice = { url: URL_A, recovery: 'https://hooks.example/missed', topic: encodeUtf8('orders/ü') };

  test('is a webhook of its own', async () => {
    const before = Date.now();
    const post = await format().prepareMissed(notice);
    const { type, topic, timestamp, ...rest } = verify(post) as Record<string, string>;
    assert.deepEqual([type, topic, rest], ['sotto.missed', 'orders/ü', {}]);
    assert.ok(Date.parse(timestamp ?? '') >= before);
    assert.match(post.headers['webhook-id'] ?? '', /^missed_[0-9a-f]{32}$/);
    assert.equal(post.headers['content-type'], 'application/json');
  });

  test('names a topic that is no text by its bytes', async () => {
    const post = await format().prepareMissed({ ...notice, topic: Uint8Array.of(0xff, 0) });
    const { topic, topicBase64 } = verify(post) as Record<string, string>;
    assert.deepEqual([topic, topicBase64], [undefined, '/wA=']);
  });

  test('is signed with the secret of the subscription, and confirmed by its status', async () => {
    const webhooks = format({ secret: (url) => (url === URL_A ? SECRET : '') });
    verify(await webhooks.prepareMissed(notice));
    const answer = { body: EMPTY, retryAfter: null };
    assert.equal((await webhooks.judgeMissed(notice, { status: 204, ...answer })).state, 'received');
    assert.equal((await webhooks.judgeMissed(notice, { status: 410, ...answer })).state, 'unsubscribed');
    assert.equal((await webhooks.judgeMissed(notice, { status: 500, ...answer })).state, 'failed');
  });
});

test('a receiver that knows nothing of us verifies what arrives, and may answer at length', async () => {
  const server = createServer((request, response) => {
    const parts: Uint8Array[] = [];
    request.on('data', (part: Uint8Array) => parts.push(part));
    request.on('end', () => {
      const headers = request.headers as IncomingHttpHeaders & Record<string, string>;
      try {
        const { order } = new Webhook(SECRET).verify(Buffer.from(concat(...parts)), headers) as {
          order: number;
        };
        response.writeHead(order === 7 ? 200 : 400).end('x'.repeat(1_000_000));
      } catch {
        response.writeHead(401).end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const webhooks = format();
  const { headers, head, cutAnswer = false } = await webhooks.prepare(url, notification('{"order":7}'));
  const signal = AbortSignal.timeout(10_000);
  const shared = { headers, length: head.length, maxAnswer: 1000, cutAnswer, signal };
  const answer = await sockets.postStream(url, { ...shared, body: [head] });
  assert.deepEqual(await webhooks.judge(url, answer), { state: 'received', subscribers: 1 });
  const forged = await sockets.postStream(url, { ...shared, body: [encodeUtf8('{"order":8}')] });
  assert.equal(forged.status, 401);
  server.closeAllConnections();
  server.close();
});
