/** What subscribers ask of a broadcaster over HTTP: the vectors' own requests, in their order, and worse ones. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { SILENT } from '../../src/app/message.ts';
import { concat } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { type AuthConfig, noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth, tokenAuth } from '../../src/pubsub/authorization/config.ts';
import { LiveSubscriptions } from '../../src/pubsub/broadcaster/live-subscriptions.ts';
import { StatelessRequests } from '../../src/pubsub/broadcaster/stateless-requests.ts';
import { Subscriptions } from '../../src/pubsub/broadcaster/subscriptions.ts';
import { FanOut } from '../../src/pubsub/delivery/fan-out.ts';
import { Gate } from '../../src/pubsub/delivery/gate.ts';
import { LonelypsFormat } from '../../src/pubsub/delivery/lonelyps-format.ts';
import type { Poster } from '../../src/pubsub/delivery/poster.ts';
import { RETRY_DEFAULTS, RetryPolicy } from '../../src/pubsub/delivery/retry.ts';
import { Watch } from '../../src/pubsub/operations/watch.ts';
import { SqliteSubscriptionStore } from '../../src/pubsub/stores/sqlite.ts';
import type { SubscriptionStore } from '../../src/pubsub/stores/store.ts';
import { PATTERN_LIMITS, type PatternLimits } from '../../src/pubsub/topics/pattern-limits.ts';
import type { SignedOperation } from '../../src/wire/lonelyps-authorization.ts';
import {
  decodeAnswer,
  encodeSet,
  encodeSubscribeExact,
  encodeSubscribeGlob,
  etagDocument,
} from '../../src/wire/lonelyps-stateless.ts';

interface Vector {
  readonly kind: string;
  readonly name: string;
  readonly auth: 'none' | 'token' | 'hmac';
  readonly secrets?: readonly [string, string];
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly status: number;
  readonly response: string;
}

const file = JSON.parse(
  readFileSync(new URL('../../conformance/vectors/lonelyps.json', import.meta.url), 'utf8'),
) as {
  fixed: { time: number; to_broadcaster_token: string; to_subscriber_token: string };
  vectors: Vector[];
};
const NOW = 1000 * file.fixed.time;
const NO_BYTES = new Uint8Array(0);

function vectorsOf(kind: string): Vector[] {
  const vectors = file.vectors.filter((vector) => vector.kind === kind);
  assert.ok(vectors.length > 0, kind);
  return vectors;
}

/** Everybody confirms, so that requests alone are tested. */
const NOBODY: Poster = { post: () => Promise.reject(new Error('nobody is there')) };

function requestsOf(
  subscriptions: Subscriptions,
  {
    auth = noneAuth(),
    maxPerUrl = 1000,
    patterns = PATTERN_LIMITS,
  }: { auth?: AuthConfig; maxPerUrl?: number; patterns?: PatternLimits } = {},
  store: SubscriptionStore = new SqliteSubscriptionStore(':memory:'),
): StatelessRequests {
  const gate = new Gate({ inAll: 10, perUrl: 10, waitingPerUrl: 10 });
  const shared = { auth, log: SILENT, now: () => NOW };
  const fanOut = new FanOut({
    formatFor: () => new LonelypsFormat(auth),
    retry: new RetryPolicy(RETRY_DEFAULTS),
    dead: null,
    isOrdered: false,
    ...shared,
    ...{
      subscriptions,
      live: new LiveSubscriptions(),
      store,
      gate,
      watch: new Watch(),
      spoolSize: 50,
      poster: NOBODY,
      timeout: 1000,
      firstAnnouncement: 0,
    },
  });
  return new StatelessRequests({
    intent: null,
    ...shared,
    subscriptions,
    fanOut,
    maxPerUrl,
    patterns,
    maxMessage: 100,
    spoolSize: 50,
  });
}

async function requestsWith(auth: AuthConfig, maxPerUrl = 1000): Promise<StatelessRequests> {
  const subscriptions = await Subscriptions.open(new SqliteSubscriptionStore(':memory:'));
  return requestsOf(subscriptions, { auth, maxPerUrl });
}

async function* inPieces(body: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < body.length; at += 5) yield body.subarray(at, at + 5);
}

function post(
  requests: StatelessRequests,
  path: string,
  body: Uint8Array,
  authorization: string | null = null,
): ReturnType<StatelessRequests['handle']> {
  return requests.handle({ path, authorization, body: inPieces(body) });
}

function authOf({ auth, secrets }: Vector): AuthConfig {
  if (auth === 'none') return noneAuth();
  const { to_broadcaster_token, to_subscriber_token } = file.fixed;
  if (auth === 'token')
    return tokenAuth({ toBroadcaster: to_broadcaster_token, toSubscriber: to_subscriber_token });
  const [toBroadcaster = '', toSubscriber = ''] = secrets ?? [];
  return hmacAuth({ toBroadcaster, toSubscriber, now: () => NOW });
}

describe('the exchanges of the vectors, in their order', () => {
  for (const auth of ['hmac', 'none', 'token'] as const) {
    test(auth, async () => {
      const vectors = vectorsOf('stateless').filter((vector) => vector.auth === auth);
      const first = vectors[0] ?? assert.fail();
      const requests = await requestsWith(authOf(first));
      let answered = 0;
      for (const vector of vectors) {
        const { pathname } = new URL(vector.url);
        if (!requests.has(pathname)) continue;
        answered += 1;
        const header = vector.headers.Authorization ?? null;
        const { status, body } = await post(requests, pathname, decodeHex(vector.body), header);
        assert.equal(status, vector.status, vector.name);
        if (status !== 200) {
          assert.equal(body.length, 0);
          continue;
        }
        const [ours, theirs] = [decodeAnswer(body), decodeAnswer(decodeHex(vector.response))];
        // Two HMACs of the same differ by their nonces.
        const plain = (answer: typeof ours): object => ({
          ...answer,
          authorization: auth === 'hmac' ? 'any' : Reflect.get(answer, 'authorization'),
          ...(answer.type === 'notify' ? { tracing: 'of its own' } : {}),
        });
        assert.deepEqual(plain(ours), plain(theirs), vector.name);
      }
      assert.ok(answered >= 9);
    });
  }
});

describe('odd requests of the vectors', () => {
  for (const vector of vectorsOf('stateless-odd')) {
    if (!vector.name.startsWith('broadcaster') || /websockets/.test(vector.name)) continue;
    test(vector.name, async () => {
      const auth = vector.name.includes('(hmac)') ? hmacAuth({ toBroadcaster: 'A'.repeat(86) }) : noneAuth();
      const requests = await requestsWith(auth);
      if (vector.status === 409 && vector.name.includes('again')) {
        await post(requests, vector.path, decodeHex(vector.body));
      }
      const { status, body } = await post(
        requests,
        vector.path,
        decodeHex(vector.body),
        vector.headers.Authorization,
      );
      assert.equal(status, vector.status);
      assert.equal(encodeHex(body), vector.response);
    });
  }
});

const URL_A = 'http://a.example/v1/receive';
const check = { kind: 'check', url: URL_A } as const;

function setBody(
  topics: readonly string[],
  globs: readonly string[] = [],
): { body: Uint8Array; etag: Uint8Array } {
  const exacts = topics.map((topic) => ({ topic: encodeUtf8(topic), recovery: null }));
  const patterns = globs.map((glob) => ({ glob, recovery: null }));
  const etag = new Uint8Array(
    createHash('sha512')
      .update(concat(...etagDocument(URL_A, exacts, patterns)))
      .digest(),
  );
  return { etag, body: concat(...encodeSet({ url: URL_A, tracing: NO_BYTES, etag }, exacts, patterns)) };
}

describe('beyond the vectors', () => {
  test('answers are signed for whoever asked, and only so', async () => {
    const secrets = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };
    const requests = await requestsWith(hmacAuth(secrets));
    const asker = hmacAuth(secrets);
    const operation: SignedOperation = {
      kind: 'subscribe-exact',
      url: URL_A,
      recovery: null,
      topic: encodeUtf8('x'),
    };
    const header = await asker.toBroadcaster.authorize({ operation, tracing: NO_BYTES });
    const body = encodeSubscribeExact({
      url: URL_A,
      topic: encodeUtf8('x'),
      recovery: null,
      tracing: NO_BYTES,
    });
    const response = await post(requests, '/v1/subscribe/exact', body, header);
    const answer = decodeAnswer(response.body);
    assert.ok(answer.type === 'generic');
    const confirm: SignedOperation = { ...operation, kind: 'confirm-exact' };
    const judgement = await asker.toSubscriber.verify(answer.authorization, {
      operation: confirm,
      tracing: NO_BYTES,
    });
    assert.equal(typeof judgement === 'object' && judgement.verdict, 'ok');
    assert.equal(
      (await post(requests, '/v1/subscribe/exact', body, header)).status,
      403,
      'the header is used up',
    );
  });

  test('a list is held against what its key may subscribe to', async () => {
    const auth = tokenAuth({ toBroadcaster: [{ token: 'reader', publish: [], subscribe: ['news/*'] }] });
    const requests = await requestsWith(auth);
    const set = async (topics: readonly string[], globs: readonly string[] = []): Promise<number> =>
      (await post(requests, '/v1/set_subscriptions', setBody(topics, globs).body, 'Bearer reader')).status;
    assert.equal(await set(['news/a', 'news/b'], ['news/*']), 200);
    assert.equal(await set(['news/a', 'secret']), 403);
    assert.equal(await set([], ['*']), 403);
    const glob = encodeSubscribeGlob({ url: URL_A, glob: '*', recovery: null, tracing: NO_BYTES });
    assert.equal((await post(requests, '/v1/subscribe/glob', glob, 'Bearer reader')).status, 403);
    assert.equal(
      (await post(requests, '/v1/check_subscriptions', concat(encodeUtf8('\0\0\0\x01u')), 'Bearer reader'))
        .status,
      200,
    );
  });

  test('what is set removes nothing that its key may not subscribe to', async () => {
    const guest = { token: 'guest', subscribe: ['news/*'] };
    const requests = await requestsWith(tokenAuth({ toBroadcaster: [{ token: 'boss' }, guest] }));
    const set = async (topics: readonly string[], token: string): Promise<number> =>
      (await post(requests, '/v1/set_subscriptions', setBody(topics).body, `Bearer ${token}`)).status;
    assert.equal(await set(['news/a', 'secret'], 'boss'), 200);
    assert.equal(await set([], 'guest'), 403);
    assert.equal(await set(['news/b'], 'guest'), 403);
    const url = encodeUtf8(URL_A);
    const asked = concat(encodeUtf8('\0\0\0'), Uint8Array.of(url.length), url);
    const { body } = await post(requests, '/v1/check_subscriptions', asked, 'Bearer guest');
    const answer = decodeAnswer(body);
    assert.deepEqual(answer.type === 'check' && answer.etag, setBody(['news/a', 'secret']).etag);
  });

  test('a glob that is too long or costs too much, and too much of what is not, is refused', async () => {
    const subscriptions = await Subscriptions.open(new SqliteSubscriptionStore(':memory:'));
    const patterns = { maxGlob: 40, maxPatternBytesPerUrl: 60 };
    const requests = requestsOf(subscriptions, { patterns, maxPerUrl: 3 });
    const subscribe = async (glob: string, url = URL_A): Promise<number> => {
      const body = encodeSubscribeGlob({ url, glob, recovery: null, tracing: NO_BYTES });
      return (await post(requests, '/v1/subscribe/glob', body)).status;
    };
    const set = async (globs: readonly string[]): Promise<number> =>
      (await post(requests, '/v1/set_subscriptions', setBody([], globs).body)).status;
    const [long, dear] = ['a'.repeat(41), '*a'.repeat(17)];
    for (const glob of [long, dear]) {
      assert.equal(await subscribe(glob), 413);
      assert.equal(await set([glob]), 413);
    }
    assert.equal(await set(['a'.repeat(40), 'b'.repeat(21)]), 413);
    assert.deepEqual(await Promise.all(['a', 'b'].map((glob) => subscribe(glob.repeat(40)))), [200, 413]);
    assert.equal(await subscribe('b'.repeat(40), 'http://other/'), 200);
    assert.equal(await subscribe('a'.repeat(40)), 409, 'what is there needs no room');
    assert.deepEqual([await subscribe('x'), await subscribe('y'), await subscribe('z')], [200, 200, 413]);
    assert.equal(await subscribe('x'), 409);
    await subscriptions.removeUrl(URL_A);
    assert.equal(subscriptions.size, 1);
    assert.equal(await subscribe('b'.repeat(40)), 200);
  });

  test('what was signed for a connection is of no use over HTTP', async () => {
    const requests = await requestsWith(noneAuth());
    const url = 'websocket:nonce:-1';
    const body = encodeSubscribeGlob({ url, glob: '*', recovery: null, tracing: NO_BYTES });
    assert.equal((await post(requests, '/v1/subscribe/glob', body)).status, 403);
  });

  test('a list longer than one url may have is refused before it is kept', async () => {
    const requests = await requestsWith(noneAuth(), 3);
    assert.equal((await post(requests, '/v1/set_subscriptions', setBody(['a', 'b', 'c']).body)).status, 200);
    assert.equal(
      (await post(requests, '/v1/set_subscriptions', setBody(['a', 'b', 'c', 'd']).body)).status,
      413,
    );
  });

  test('what is set is what is found, and its etag what is answered', async () => {
    const store = new SqliteSubscriptionStore(':memory:');
    const subscriptions = await Subscriptions.open(store);
    const requests = requestsOf(subscriptions);
    const { body, etag } = setBody(['a', 'b'], ['a*']);
    await post(requests, '/v1/set_subscriptions', body);
    assert.equal(subscriptions.match(encodeUtf8('a')).length, 2);
    await post(requests, '/v1/set_subscriptions', setBody(['b']).body);
    assert.equal(subscriptions.match(encodeUtf8('a')).length, 0);
    assert.equal(subscriptions.match(encodeUtf8('b')).length, 1);
    await post(requests, '/v1/set_subscriptions', body);
    assert.deepEqual(await subscriptions.etag(URL_A), etag);
    assert.equal((await Subscriptions.open(store)).size, 3, 'and it is on disk');
  });

  test('a store or keys that are away: 503, and nothing is lost', async () => {
    const subscriptions = await Subscriptions.open(new SqliteSubscriptionStore(':memory:'));
    const broken = Object.assign(Object.create(subscriptions), {
      subscribe: () => Promise.reject(new Error('the database is locked')),
      shareOf: () => ({ patterns: 0, bytes: 0 }),
    }) as Subscriptions;
    const body = encodeSubscribeExact({
      url: URL_A,
      topic: encodeUtf8('x'),
      recovery: null,
      tracing: NO_BYTES,
    });
    const away = requestsOf(broken);
    assert.equal((await post(away, '/v1/subscribe/exact', body)).status, 503);
    const auth: AuthConfig = {
      toBroadcaster: { authorize: () => null, verify: () => 'unavailable' },
      toSubscriber: noneAuth().toSubscriber,
    };
    const keyless = requestsOf(subscriptions, { auth });
    assert.equal((await post(keyless, '/v1/subscribe/exact', body)).status, 503);
    assert.equal(subscriptions.size, 0);
  });

  test('a path that is none', async () => {
    const requests = await requestsWith(noneAuth());
    assert.equal((await post(requests, '/v1/nothing', NO_BYTES)).status, 404);
    assert.equal(
      typeof (await noneAuth().toBroadcaster.verify(null, { operation: check, tracing: NO_BYTES })),
      'string',
    );
  });
});
