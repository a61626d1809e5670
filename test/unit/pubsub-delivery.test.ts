/** Deliveries and announcements, on a network that this test makes up: whatever happens, nobody misses something unknowingly. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SILENT } from '../../src/app/message.ts';
import { concat, EMPTY } from '../../src/bytes/bytes.ts';
import { StreamReader } from '../../src/bytes/stream-reader.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/bytes/text.ts';
import { type AuthConfig, noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import { LiveSubscriptions } from '../../src/pubsub/broadcaster/live-subscriptions.ts';
import { Subscriptions } from '../../src/pubsub/broadcaster/subscriptions.ts';
import { Announcer } from '../../src/pubsub/delivery/announcer.ts';
import { FanOut, type Notification } from '../../src/pubsub/delivery/fan-out.ts';
import { Gate } from '../../src/pubsub/delivery/gate.ts';
import { LonelypsFormat } from '../../src/pubsub/delivery/lonelyps-format.ts';
import type { Post, Poster } from '../../src/pubsub/delivery/poster.ts';
import { RETRY_DEFAULTS, RetryPolicy } from '../../src/pubsub/delivery/retry.ts';
import { Watch } from '../../src/pubsub/operations/watch.ts';
import { SqliteSubscriptionStore } from '../../src/pubsub/stores/sqlite.ts';
import type { Pattern } from '../../src/pubsub/stores/store.ts';
import {
  decodeReprDigest,
  encodeAnswer,
  readMissed,
  readReceiveHead,
} from '../../src/wire/lonelyps-stateless.ts';

type Behaviour = 'confirms' | 'confirms five' | 'unsubscribes' | 'fails' | 'says nonsense' | 'hangs';

/** Subscribers by url: what they do, what they got, and what they were told they missed. */
class Network implements Poster {
  readonly behaviours = new Map<string, Behaviour>();
  readonly received = new Map<string, string[]>();
  readonly told = new Map<string, string[]>();
  readonly auth: AuthConfig;
  running = 0;
  mostRunning = 0;

  constructor(auth: AuthConfig = noneAuth()) {
    this.auth = auth;
  }

  async post(url: string, post: Post): Promise<{ status: number; body: Uint8Array }> {
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    await new Promise((resolve) => setImmediate(resolve));
    try {
      return { status: 200, body: await this.#answer(url, post) };
    } finally {
      this.running -= 1;
    }
  }

  async #answer(url: string, post: Post): Promise<Uint8Array> {
    const behaviour = this.behaviours.get(url.replace('/recover', '')) ?? 'confirms';
    if (behaviour === 'fails') throw new Error('connection refused');
    if (behaviour === 'says nonsense') return encodeUtf8('<html>');
    if (behaviour === 'hangs') {
      await new Promise((_resolve, reject) =>
        post.signal.addEventListener('abort', () => reject(post.signal.reason)),
      );
    }
    return url.endsWith('/recover') ? this.#recover(url, post) : this.#receive(url, post, behaviour);
  }

  async #receive(url: string, { head, body, headers }: Post, behaviour: Behaviour): Promise<Uint8Array> {
    if (behaviour === 'unsubscribes') return encodeAnswer({ type: 'unsubscribe-immediate' });
    const { topic, identifier, tracing } = await readReceiveHead(readerOf(head));
    const message = concat(...((body?.chunks() ?? []) as Iterable<Uint8Array>));
    const sha512 = decodeReprDigest(headers['repr-digest'] ?? '') ?? assert.fail('no digest');
    assert.deepEqual(new Uint8Array(createHash('sha512').update(message).digest()), sha512);
    const operation = { kind: 'receive', url, topic, identifier, sha512 } as const;
    const judgement = await this.auth.toSubscriber.verify(headers.authorization ?? null, {
      operation,
      tracing,
    });
    assert.ok(judgement === 'ok' || typeof judgement === 'object', 'the delivery is proven');
    this.received.set(url, [...(this.received.get(url) ?? []), decodeUtf8(message)]);
    const subscribers = behaviour === 'confirms five' ? 5 : 1;
    const confirmed = { kind: 'confirm-receive', identifier, subscribers, url } as const;
    const authorization = await this.auth.toBroadcaster.authorize({ operation: confirmed, tracing: EMPTY });
    return encodeAnswer({ type: 'confirm-receive', authorization, tracing: EMPTY, identifier, subscribers });
  }

  async #recover(url: string, { head }: Post): Promise<Uint8Array> {
    const { topic } = await readMissed(readerOf(head));
    this.told.set(url, [...(this.told.get(url) ?? []), decodeUtf8(topic)]);
    const operation = { kind: 'confirm-missed', topic, url } as const;
    const authorization = await this.auth.toBroadcaster.authorize({ operation, tracing: EMPTY });
    return encodeAnswer({ type: 'confirm-missed', authorization, tracing: EMPTY });
  }
}

function readerOf(bytes: Uint8Array): StreamReader {
  return new StreamReader(
    (async function* () {
      yield bytes;
    })(),
  );
}

interface Setup {
  readonly store: SqliteSubscriptionStore;
  readonly subscriptions: Subscriptions;
  readonly network: Network;
  readonly fanOut: FanOut;
  readonly announcer: Announcer;
  readonly watch: Watch;
  clock: number;
}

async function setUp(
  options: { auth?: AuthConfig; timeout?: number; gate?: Gate; store?: SqliteSubscriptionStore } = {},
): Promise<Setup> {
  const { auth = noneAuth(), timeout = 1000, store = new SqliteSubscriptionStore(':memory:') } = options;
  const gate = options.gate ?? new Gate({ inAll: 64, perUrl: 4, waitingPerUrl: 100 });
  const subscriptions = await Subscriptions.open(store);
  const network = new Network(auth);
  const watch = new Watch();
  const format = new LonelypsFormat(auth);
  const setup = { store, subscriptions, network, watch, clock: 0 } as Setup;
  const shared = {
    store,
    poster: network,
    gate,
    timeout,
    now: () => setup.clock,
    log: SILENT,
    formatFor: () => format,
    watch,
    spoolSize: 1000,
  };
  const fanOut = new FanOut({
    ...shared,
    retry: new RetryPolicy({ ...RETRY_DEFAULTS, tries: 1 }),
    dead: null,
    isOrdered: false,
    subscriptions,
    live: new LiveSubscriptions(),
    firstAnnouncement: 1000,
  });
  const announcer = new Announcer({ ...shared, interval: 1_000_000 });
  return Object.assign(setup, { fanOut, announcer });
}

async function tearDown({ announcer, store }: Setup): Promise<void> {
  await announcer.close();
  await store.close();
}

function notification(topic: string, text: string): Notification {
  const message = encodeUtf8(text);
  return {
    topic: encodeUtf8(topic),
    sha512: new Uint8Array(createHash('sha512').update(message).digest()),
    identifier: EMPTY,
    tracing: EMPTY,
    body: { length: message.length, chunks: () => [message.subarray(0, 1), message.subarray(1)] },
  };
}

const exact = (topic: string): Pattern => ({ kind: 'exact', topic: encodeUtf8(topic) });

describe('a notification', () => {
  test('reaches everybody who should hear of it, and counts them as they count themselves', async () => {
    const setup = await setUp();
    const { subscriptions, network, fanOut } = setup;
    await subscriptions.subscribe('http://a', { pattern: exact('x'), recovery: null });
    await subscriptions.subscribe('http://b', { pattern: { kind: 'glob', glob: 'x*' }, recovery: null });
    await subscriptions.subscribe('http://c', { pattern: exact('y'), recovery: null });
    network.behaviours.set('http://b', 'confirms five');
    assert.deepEqual(await fanOut.notify(notification('x', 'hello')), { notified: 6, failed: 0 });
    assert.deepEqual(
      [...network.received],
      [
        ['http://a', ['hello']],
        ['http://b', ['hello']],
      ],
    );
    assert.deepEqual(await fanOut.notify(notification('z', 'nobody')), { notified: 0, failed: 0 });
    assert.deepEqual(await setup.store.unfinished(), []);
    await tearDown(setup);
  });

  test('is signed for each url, and believes only answers that are', async () => {
    const secrets = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };
    const setup = await setUp({ auth: hmacAuth(secrets) });
    const { subscriptions, network, fanOut } = setup;
    await subscriptions.subscribe('http://a', { pattern: exact('x'), recovery: null });
    assert.deepEqual(await fanOut.notify(notification('x', 'signed')), { notified: 1, failed: 0 });
    const forger = new Network(hmacAuth({ ...secrets, toBroadcaster: `${'C'.repeat(85)}A` }));
    network.post = (url, post) => forger.post(url, post);
    assert.deepEqual(await fanOut.notify(notification('x', 'again')), { notified: 0, failed: 1 });
    await tearDown(setup);
  });

  test('an unsubscribing answer ends that subscription and no other', async () => {
    const setup = await setUp();
    const { subscriptions, network, fanOut, store } = setup;
    for (const pattern of [exact('x'), exact('y')]) {
      await subscriptions.subscribe('http://a', { pattern, recovery: 'http://a/recover' });
    }
    network.behaviours.set('http://a', 'unsubscribes');
    assert.deepEqual(await fanOut.notify(notification('x', '1')), { notified: 0, failed: 0 });
    assert.deepEqual(
      (await store.list('http://a')).map(({ pattern }) => pattern),
      [exact('y')],
    );
    assert.deepEqual(await store.dueMissed(1e9, 10), [], 'who unsubscribes has missed nothing');
    await tearDown(setup);
  });

  test('a subscriber that hangs is given up in its time, and keeps nobody waiting', async () => {
    const setup = await setUp({ timeout: 50 });
    const { subscriptions, network, fanOut } = setup;
    await subscriptions.subscribe('http://slow', { pattern: exact('x'), recovery: 'http://slow/recover' });
    await subscriptions.subscribe('http://fast', { pattern: exact('x'), recovery: null });
    network.behaviours.set('http://slow', 'hangs');
    const result = fanOut.notify(notification('x', '1'));
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(network.received.get('http://fast'), ['1']);
    assert.deepEqual(await result, { notified: 1, failed: 1 });
    await tearDown(setup);
  });

  test('no more at one time than may be, and those too many are told', async () => {
    const setup = await setUp({ gate: new Gate({ inAll: 3, perUrl: 1, waitingPerUrl: 2 }) });
    const { subscriptions, network, fanOut, store } = setup;
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await subscriptions.subscribe(`http://${name}`, {
        pattern: exact('x'),
        recovery: `http://${name}/recover`,
      });
    }
    const results = await Promise.all(
      Array.from({ length: 5 }, (_, number) => fanOut.notify(notification('x', `${number}`))),
    );
    assert.ok(network.mostRunning <= 3);
    const failed = results.reduce((sum, each) => sum + each.failed, 0);
    assert.equal(failed, 10, 'of five for each url one ran and two waited');
    const missed = await store.dueMissed(1e9, 100);
    assert.equal(
      missed.reduce((sum, { times }) => sum + times, 0),
      failed,
    );
    await tearDown(setup);
  });

  test('that a store cannot take is not done', async () => {
    const setup = await setUp();
    await setup.subscriptions.subscribe('http://a', { pattern: exact('x'), recovery: 'http://a/recover' });
    setup.network.behaviours.set('http://a', 'fails');
    setup.store.recordMissed = () => Promise.reject(new Error('the disk is full'));
    await assert.rejects(setup.fanOut.notify(notification('x', '1')), /disk is full/);
    await tearDown(setup);
  });
});

describe('what was missed', () => {
  test('is announced when it is due, again and again until it is confirmed', async () => {
    const setup = await setUp();
    const { subscriptions, network, fanOut, announcer, store } = setup;
    await subscriptions.subscribe('http://a', { pattern: exact('x'), recovery: 'http://a/recover' });
    network.behaviours.set('http://a', 'fails');
    await fanOut.notify(notification('x', '1'));
    await announcer.sweep();
    assert.equal(setup.watch.counters.missed_unanswered, undefined, 'it is not due yet');
    for (let attempt = 0; attempt < 5; attempt++) {
      setup.clock += 3_600_000;
      await announcer.sweep();
    }
    assert.equal(setup.watch.counters.missed_unanswered, 5);
    network.behaviours.set('http://a', 'confirms');
    setup.clock += 3_600_000;
    await announcer.sweep();
    assert.deepEqual(network.told.get('http://a/recover'), ['x']);
    assert.deepEqual(await store.dueMissed(1e12, 10), []);
    assert.equal((await store.list('http://a')).length, 1, 'and the subscription stays');
    await tearDown(setup);
  });

  test('is given up after twenty announcements, which is told', async () => {
    const setup = await setUp();
    await setup.subscriptions.subscribe('http://a', { pattern: exact('x'), recovery: 'http://a/recover' });
    setup.network.behaviours.set('http://a', 'says nonsense');
    await setup.fanOut.notify(notification('x', '1'));
    for (let attempt = 0; attempt < 25; attempt++) {
      setup.clock += 3_600_000;
      await setup.announcer.sweep();
    }
    assert.equal(setup.watch.counters.missed_unanswered, 19);
    assert.equal(setup.watch.counters.missed_given_up, 1);
    await tearDown(setup);
  });

  test('by a process that was killed is announced by the next', async () => {
    const store = new SqliteSubscriptionStore(':memory:');
    const first = await setUp({ store });
    for (const name of ['a', 'b']) {
      await first.subscriptions.subscribe(`http://${name}`, {
        pattern: exact('x'),
        recovery: `http://${name}/recover`,
      });
    }
    await store.begin(encodeUtf8('x')); // and then nothing more is heard of it
    const second = await setUp({ store });
    await second.fanOut.recover();
    second.clock = 2000;
    await second.announcer.sweep();
    assert.deepEqual([...second.network.told.keys()].sort(), ['http://a/recover', 'http://b/recover']);
    assert.deepEqual(await store.unfinished(), []);
    await first.announcer.close();
    await tearDown(second);
  });
});

test('the law: delivered or announced as missed is published, whatever subscribers do', async () => {
  const behaviour = fc.constantFrom<Behaviour>('confirms', 'fails', 'says nonsense', 'confirms five');
  const step = fc.record({
    topic: fc.constantFrom('x', 'y'),
    changes: fc.array(fc.tuple(fc.nat({ max: 5 }), behaviour), { maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const setup = await setUp({ gate: new Gate({ inAll: 2, perUrl: 1, waitingPerUrl: 1 }) });
      const { subscriptions, network, fanOut, announcer } = setup;
      const urls = Array.from({ length: 6 }, (_, number) => `http://${number}`);
      for (const [number, url] of urls.entries()) {
        const pattern: Pattern = number % 2 === 0 ? { kind: 'glob', glob: '*' } : exact('x');
        await subscriptions.subscribe(url, { pattern, recovery: `${url}/recover` });
      }
      const published = new Map<string, Map<string, Set<string>>>();
      let messages = 0;
      // Three at a time, so that some find their gate full.
      for (const { topic, changes } of steps) {
        for (const [number, to] of changes) network.behaviours.set(`http://${number}`, to);
        const texts = Array.from({ length: 3 }, () => `${topic} ${messages++}`);
        for (const [number, url] of urls.entries()) {
          if (number % 2 === 1 && topic !== 'x') continue;
          const of = published.get(url) ?? new Map<string, Set<string>>();
          published.set(url, of);
          of.set(topic, new Set([...(of.get(topic) ?? []), ...texts]));
        }
        await Promise.all(texts.map((text) => fanOut.notify(notification(topic, text))));
      }
      network.behaviours.clear(); // everybody is back
      setup.clock += 10_000;
      await announcer.sweep();
      for (const [url, topics] of published) {
        const received = new Set(network.received.get(url));
        const told = new Set(network.told.get(`${url}/recover`));
        for (const [topic, texts] of topics) {
          const isWhole = [...texts].every((text) => received.has(text));
          assert.equal(told.has(topic), !isWhole, `${url} on ${topic}`);
        }
      }
      await tearDown(setup);
    }),
    { numRuns: 60 },
  );
});
