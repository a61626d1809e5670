/** Whether a url wants to be subscribed: asked once, in its time, and answered by subscribers that know of it and that do not. */

import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SILENT } from '../../src/app/message.ts';
import { EMPTY } from '../../src/bytes/bytes.ts';
import { StreamReader } from '../../src/bytes/stream-reader.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/bytes/text.ts';
import { sockets } from '../../src/platform/node/sockets.ts';
import type { HttpRequest } from '../../src/platform/types.ts';
import { type AuthConfig, noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import { IntentCheck, type IntentOptions, type IntentQuestion } from '../../src/pubsub/broadcaster/intent.ts';
import { intentQuestion, MAX_INTENT_ANSWER } from '../../src/pubsub/broadcaster/intent-questions.ts';
import { httpPoster } from '../../src/pubsub/delivery/http-poster.ts';
import { LonelypsFormat } from '../../src/pubsub/delivery/lonelyps-format.ts';
import { challengeOf, intentUrl, isConfirmed } from '../../src/pubsub/intent-query.ts';
import { NO_SPANS } from '../../src/pubsub/operations/spans.ts';
import type { Wanted } from '../../src/pubsub/stores/store.ts';
import { Mailbox } from '../../src/pubsub/subscriber/mailbox.ts';
import { Receiver } from '../../src/pubsub/subscriber/receiver.ts';
import { encodeAnswer, readReceiveHead } from '../../src/wire/lonelyps-stateless.ts';

const TOPIC = encodeUtf8('news');
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Urls that are asked, and answer when they are told to. */
class Urls {
  readonly asked: string[] = [];
  readonly check: IntentCheck;
  now = 0;
  readonly #answers = new Map<string, (answer: boolean | Error) => void>();

  constructor(options: Partial<IntentOptions> = {}) {
    const ask = ({ url }: IntentQuestion): Promise<boolean> => {
      this.asked.push(url);
      return new Promise((resolve, reject) => {
        this.#answers.set(url, (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
      });
    };
    this.check = new IntentCheck({ ask, now: () => this.now, ...options });
  }

  confirm(url: string): Promise<boolean> {
    return this.check.confirm(url, TOPIC);
  }

  async answer(url: string, answer: boolean | Error): Promise<void> {
    await turn();
    const settle = this.#answers.get(url) ?? assert.fail(`${url} is not asked`);
    settle(answer);
    await turn();
  }
}

describe('a url', () => {
  test('that confirms is asked once', async () => {
    const urls = new Urls();
    const first = urls.confirm('http://a/');
    await urls.answer('http://a/', true);
    assert.equal(await first, true);
    assert.equal(await urls.confirm('http://a/'), true);
    assert.deepEqual(urls.asked, ['http://a/']);
  });

  test('that does not is not asked again for a while', async () => {
    for (const answer of [false, new Error('refused')]) {
      const urls = new Urls({ refusalLasts: 1000 });
      const first = urls.confirm('http://a/');
      await urls.answer('http://a/', answer);
      assert.equal(await first, false);
      urls.now = 999;
      assert.equal(await urls.confirm('http://a/'), false);
      assert.equal(urls.asked.length, 1);
      urls.now = 1000;
      const second = urls.confirm('http://a/');
      await urls.answer('http://a/', true);
      assert.equal(await second, true);
    }
  });

  test('is asked one question at a time, whose answer is everybody’s', async () => {
    const urls = new Urls();
    const all = Array.from({ length: 5 }, () => urls.confirm('http://a/'));
    await urls.answer('http://a/', true);
    assert.deepEqual(await Promise.all(all), [true, true, true, true, true]);
    assert.equal(urls.asked.length, 1);
  });

  test('that never answers has not confirmed, even where nobody heeds the signal', async () => {
    const urls = new Urls({ timeout: 10 });
    assert.equal(await urls.confirm('http://a/'), false);
    let signal: AbortSignal | null = null;
    const check = new IntentCheck({
      timeout: 10,
      ask: (question) => {
        signal = question.signal;
        return new Promise(() => {});
      },
    });
    assert.equal(await check.confirm('http://a/', TOPIC), false);
    assert.equal((signal as AbortSignal | null)?.aborted, true);
  });

  test('that is known is not asked; where that cannot be told, nothing is', async () => {
    let known: () => Promise<boolean> = async () => true;
    const urls = new Urls({ isKnown: () => known() });
    assert.equal(await urls.confirm('http://a/'), true);
    known = () => Promise.reject(new Error('the store is away'));
    await assert.rejects(urls.confirm('http://b/'), /the store is away/);
    known = async () => true;
    assert.equal(await urls.confirm('http://b/'), true);
    assert.deepEqual(urls.asked, []);
  });

  test('of so many is remembered', async () => {
    const urls = new Urls({ maxConfirmed: 2 });
    for (const url of ['http://a/', 'http://b/', 'http://c/']) {
      const asked = urls.confirm(url);
      await urls.answer(url, true);
      await asked;
    }
    assert.equal(await urls.confirm('http://c/'), true);
    const again = urls.confirm('http://a/');
    await urls.answer('http://a/', true);
    assert.equal(await again, true);
    assert.deepEqual(urls.asked, ['http://a/', 'http://b/', 'http://c/', 'http://a/']);
  });

  test('is one of so many that are asked at one time, of one host and in all; more are told to come again', async () => {
    const urls = new Urls({ maxQuestions: 3, maxQuestionsPerHost: 2, maxWaiting: 2 });
    const names = ['http://a/1', 'http://a/2', 'http://a/3', 'http://b/1', 'http://b/2'];
    const open = names.map((name) => urls.confirm(name));
    await turn();
    assert.deepEqual(urls.asked, ['http://a/1', 'http://a/2', 'http://b/1']);
    await assert.rejects(urls.confirm('http://c/'), { status: 503, code: 'unavailable' });
    await urls.answer('http://a/1', true);
    assert.deepEqual(urls.asked.at(-1), 'http://b/2');
    for (const name of ['http://a/2', 'http://b/1', 'http://b/2', 'http://a/3'])
      await urls.answer(name, true);
    assert.deepEqual(await Promise.all(open), [true, true, true, true, true]);
    const again = urls.confirm('http://c/');
    await urls.answer('http://c/', true);
    assert.equal(await again, true, 'who was told to come again was not refused');
  });
});

describe('all that a subscription sends something to', () => {
  const wanted = (...recoveries: (string | null)[]): Wanted[] =>
    recoveries.map((recovery) => ({ pattern: { kind: 'exact', topic: TOPIC }, recovery }));
  const asking = (
    refuses: readonly string[] = [],
  ): { asked: string[]; topics: string[]; check: IntentCheck } => {
    const asked: string[] = [];
    const topics: string[] = [];
    const ask = async ({ url, topic }: IntentQuestion): Promise<boolean> => {
      asked.push(url);
      topics.push(decodeUtf8(topic));
      return !refuses.includes(url);
    };
    return { asked, topics, check: new IntentCheck({ ask }) };
  };

  test('is asked: the url, and its recovery where that is somebody else’s', async () => {
    const { asked, check } = asking();
    const recoveries = ['http://a/recover', 'http://b/1', null, 'http://b/1', 'http://a:81/', 'https://a/'];
    assert.equal(await check.confirmAll('http://a/', wanted(...recoveries)), true);
    assert.deepEqual(asked, ['http://a/', 'http://b/1', 'http://a:81/', 'https://a/']);
  });

  test('must confirm, every one', async () => {
    for (const refuser of ['http://a/', 'http://b/']) {
      assert.equal(await asking([refuser]).check.confirmAll('http://a/', wanted('http://b/')), false);
    }
    const { asked, check } = asking(['http://a/']);
    await check.confirmAll('http://a/', wanted('http://b/'));
    assert.deepEqual(asked, ['http://a/'], 'and nobody else is troubled where the first has not');
  });

  test('may be so much', async () => {
    const { asked, check } = asking();
    const many = Array.from({ length: 9 }, (_, number) => `http://victim/${number}`);
    assert.equal(await check.confirmAll('http://a/', wanted(...many)), false);
    assert.deepEqual(asked, []);
    assert.equal(await check.confirmAll('http://a/', wanted(...many.slice(1))), true);
  });

  test('is asked with its topic or glob; who wants nothing is not asked', async () => {
    const { asked, topics, check } = asking();
    assert.equal(await check.confirmAll('http://a/', []), true);
    assert.deepEqual(asked, []);
    await check.confirmAll('http://a/', [{ pattern: { kind: 'glob', glob: 'x*' }, recovery: 'http://b/' }]);
    assert.deepEqual(topics, ['x*', 'x*']);
  });

  test('is not what it seems by an origin that is none', async () => {
    const { asked, check } = asking();
    await check.confirmAll('data:a', wanted('data:b', 'nonsense'));
    assert.deepEqual(asked, ['data:a', 'data:b', 'nonsense']);
  });
});

describe('the question', () => {
  test('is added to the url, and read from its query', () => {
    const url = intentUrl('http://a/hook?token=1&x#part', encodeUtf8('a b/ü&c=d'), 'secret-1');
    assert.equal(
      url,
      'http://a/hook?token=1&x&hub.mode=subscribe&hub.topic=a%20b/%C3%BC%26c%3Dd&hub.challenge=secret-1',
    );
    assert.equal(challengeOf(new URL(url).search.slice(1)), 'secret-1');
    assert.equal(new URL(url).searchParams.get('hub.topic'), 'a b/ü&c=d');
    assert.equal(
      intentUrl('http://a', EMPTY, 'c'),
      'http://a/?hub.mode=subscribe&hub.topic=&hub.challenge=c',
    );
  });

  test('of any topic comes back as it was', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), fc.uint8Array(), (url, topic) => {
        const asked = new URL(intentUrl(url, topic, 'abc'));
        assert.equal(challengeOf(asked.search.slice(1)), 'abc');
        assert.ok(asked.href.startsWith(new URL(url).href));
      }),
    );
  });

  test('is none without a mode and a challenge that are plain', () => {
    const ask = 'hub.mode=subscribe&hub.challenge=';
    for (const query of [
      '',
      'hub.challenge=a',
      'hub.mode=unsubscribe&hub.challenge=a',
      ask,
      `${ask}%3Cscript%3E`,
    ]) {
      assert.equal(challengeOf(query), null, query);
    }
    assert.equal(challengeOf(`${ask}${'a'.repeat(256)}`)?.length, 256);
    assert.equal(challengeOf(`${ask}${'a'.repeat(257)}`), null);
  });

  test('is answered by the challenge alone', () => {
    assert.ok(isConfirmed({ status: 200, body: encodeUtf8('abc') }, 'abc'));
    assert.ok(isConfirmed({ status: 204, body: encodeUtf8('abc') }, 'abc'));
    for (const [status, text] of [
      [404, 'abc'],
      [302, 'abc'],
      [200, 'abcd'],
      [200, 'you said abc'],
      [200, ''],
    ] as const) {
      assert.ok(!isConfirmed({ status, body: encodeUtf8(text) }, 'abc'), text);
    }
  });
});

/** A receiver of ours with one subscription. */
function receiverOf(auth: AuthConfig): { receiver: Receiver; mailbox: Mailbox } {
  const receiver = new Receiver({ auth, maxMessage: 1000, spoolSize: 1000, log: SILENT });
  const mailbox = new Mailbox({
    name: '',
    patterns: [{ kind: 'exact', topic: TOPIC }],
    seal: null,
    spans: NO_SPANS,
    maxWaiting: 10,
    onMissed: () => {},
    onUnopened: () => {},
  });
  const urls = { url: 'http://proxy/v1/receive', recovery: 'http://proxy/v1/recover' };
  receiver.add({ mailbox, ...urls, onMissed: () => {} });
  return { receiver, mailbox };
}

function requestOf(method: string, path: string, query: string): HttpRequest {
  const remote = { host: '127.0.0.1', port: 1 };
  return { method, path, query, header: () => null, body: (async function* () {})(), remote };
}

describe('a subscriber of ours', () => {
  const ask = 'hub.mode=subscribe&hub.topic=x&hub.challenge=abc';

  test('confirms where it wants messages, and where it wants to be told of what it misses', async () => {
    const { receiver } = receiverOf(noneAuth());
    for (const path of ['/v1/receive', '/v1/recover']) {
      const { status, headers, body } = await receiver.answer(requestOf('GET', path, ask));
      assert.deepEqual([status, decodeUtf8(body)], [200, 'abc']);
      assert.deepEqual(headers, { 'content-type': 'text/plain', 'x-content-type-options': 'nosniff' });
    }
  });

  test('confirms nothing else', async () => {
    const { receiver } = receiverOf(noneAuth());
    assert.equal((await receiver.answer(requestOf('GET', '/v1/receive/other', ask))).status, 404);
    assert.equal((await receiver.answer(requestOf('GET', '/v1/receive', ''))).status, 405);
    assert.equal((await receiver.answer(requestOf('PUT', '/v1/receive', ask))).status, 405);
  });
});

async function serving(listener: RequestListener, work: (base: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function checkOver(auth: AuthConfig, { posts = true } = {}): IntentCheck {
  const get = (url: string, signal: AbortSignal): ReturnType<typeof sockets.get> =>
    sockets.get(url, { maxAnswer: MAX_INTENT_ANSWER, signal });
  const lonelyps = posts ? { format: new LonelypsFormat(auth), poster: httpPoster({}) } : null;
  return new IntentCheck({ ask: intentQuestion({ get, lonelyps }) });
}

/** A subscriber of lonelyps that has never heard of the question: whatever is proven it confirms. */
function oldSubscriber(auth: AuthConfig, seen: string[]): RequestListener {
  return (request, response) => {
    seen.push(request.method ?? '');
    if (request.method !== 'POST') return void response.writeHead(405).end('<html>');
    void (async () => {
      const { topic, identifier, tracing } = await readReceiveHead(new StreamReader(request));
      seen.push(decodeUtf8(topic));
      const url = `http://${request.headers.host}${request.url}`;
      const digest = String(request.headers['repr-digest']).replace('sha-512=', '');
      const sha512 = new Uint8Array(Buffer.from(digest, 'base64'));
      const operation = { kind: 'receive', url, topic, identifier, sha512 } as const;
      const header = request.headers.authorization ?? null;
      const judgement = await auth.toSubscriber.verify(header, { operation, tracing });
      if (judgement !== 'ok' && typeof judgement !== 'object') {
        return void response.writeHead(403).end(encodeAnswer({ type: 'unsubscribe-immediate' }));
      }
      const confirmed = { kind: 'confirm-receive', identifier, subscribers: 1, url } as const;
      const authorization = await auth.toBroadcaster.authorize({ operation: confirmed, tracing: EMPTY });
      const answer = {
        type: 'confirm-receive',
        authorization,
        tracing: EMPTY,
        identifier,
        subscribers: 1,
      } as const;
      response.end(encodeAnswer(answer));
    })();
  };
}

describe('over the network', () => {
  const HMAC = hmacAuth({ toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` });

  test('a subscriber of ours confirms by GET', async () => {
    const { receiver } = receiverOf(noneAuth());
    const server = await sockets.listenHttpStreams({
      host: '127.0.0.1',
      port: 0,
      reusePort: false,
      limits: {
        maxConnections: 9,
        maxConnectionsPerHost: 9,
        headersTimeout: 9000,
        idleTimeout: 9000,
        maxMessage: 1,
      },
      onRequest: (request) => receiver.answer(request),
      channelHandler: () => null,
      onDrop: () => {},
    });
    const check = checkOver(noneAuth(), { posts: false });
    const base = `http://127.0.0.1:${server.port}`;
    assert.equal(await check.confirm(`${base}/v1/receive`, TOPIC), true);
    assert.equal(await check.confirm(`${base}/v1/recover`, TOPIC), true);
    assert.equal(await check.confirm(`${base}/v1/receive/other`, TOPIC), false);
    await server.close();
  });

  test('a subscriber of lonelyps confirms without knowing of it', async () => {
    for (const auth of [noneAuth(), HMAC]) {
      const seen: string[] = [];
      await serving(oldSubscriber(auth, seen), async (base) => {
        assert.equal(await checkOver(auth).confirm(`${base}/v1/receive`, TOPIC), true);
        assert.deepEqual(seen, ['GET', 'POST', 'sotto/intent']);
        assert.equal(await checkOver(auth, { posts: false }).confirm(`${base}/v1/receive`, TOPIC), false);
        assert.equal(seen.at(-1), 'GET', 'unless nothing may be posted');
      });
    }
  });

  test('one with another secret does not', async () => {
    const other = hmacAuth({ toBroadcaster: `${'C'.repeat(85)}A`, toSubscriber: `${'B'.repeat(85)}A` });
    await serving(oldSubscriber(other, []), async (base) => {
      assert.equal(await checkOver(HMAC).confirm(`${base}/v1/receive`, TOPIC), false);
    });
  });

  test('who answers everything confirms nothing', async () => {
    const said = [
      '',
      'ok',
      'x'.repeat(MAX_INTENT_ANSWER + 1),
      encodeAnswer({
        type: 'confirm-receive',
        authorization: null,
        tracing: EMPTY,
        identifier: encodeUtf8('0123456789abcdef'),
        subscribers: 1,
      }),
    ];
    for (const answer of said) {
      await serving(
        (_request, response) => response.end(answer),
        async (base) => assert.equal(await checkOver(noneAuth()).confirm(`${base}/`, TOPIC), false),
      );
    }
  });

  test('nothing is posted to who cannot be reached, and a redirect is no answer', async () => {
    const seen: string[] = [];
    await serving(
      (request, response) => {
        seen.push(`${request.method} ${request.url?.split('?')[0]}`);
        response.writeHead(302, { location: '/elsewhere' }).end();
      },
      async (base) => assert.equal(await checkOver(noneAuth()).confirm(`${base}/`, TOPIC), false),
    );
    assert.deepEqual(seen, ['GET /', 'POST /']);
    for (const url of ['http://127.0.0.1:1/', 'file:///etc/passwd', 'nonsense']) {
      assert.equal(await checkOver(noneAuth()).confirm(url, TOPIC), false);
    }
  });
});
