/** What a review of publish and subscribe found, so that it stays found. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SILENT } from '../../src/app/message.ts';
import { EMPTY } from '../../src/bytes/bytes.ts';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { threads } from '../../src/platform/node/threads.ts';
import { noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import { IntentCheck } from '../../src/pubsub/broadcaster/intent.ts';
import { Announcer } from '../../src/pubsub/delivery/announcer.ts';
import { Gate } from '../../src/pubsub/delivery/gate.ts';
import { LonelypsFormat } from '../../src/pubsub/delivery/lonelyps-format.ts';
import type { Poster } from '../../src/pubsub/delivery/poster.ts';
import { Watch } from '../../src/pubsub/operations/watch.ts';
import { SqliteSubscriptionStore } from '../../src/pubsub/stores/sqlite.ts';
import { globMatches, isAffordable } from '../../src/pubsub/topics/glob.ts';
import { GlobIndex } from '../../src/pubsub/topics/glob-index.ts';
import { RawWebSocket } from '../support/raw-websocket.ts';

/** How long `work` takes, ms. */
function timeOf(work: () => void): number {
  const begun = performance.now();
  work();
  return performance.now() - begun;
}

/** As the definition has it, for short ones. */
function fitsSlowly(glob: string, topic: string): boolean {
  if (glob === '') return topic === '';
  if (glob.startsWith('*'))
    return fitsSlowly(glob.slice(1), topic) || (topic !== '' && fitsSlowly(glob, topic.slice(1)));
  const [step = ''] = /^(\[[^\]]*\]|.)/.exec(glob) ?? [];
  const taken =
    step === '?' || (step.startsWith('[') ? step.slice(1, -1).includes(topic[0] ?? '') : step === topic[0]);
  return topic !== '' && taken && fitsSlowly(glob.slice(step.length), topic.slice(1));
}

describe('globs', () => {
  const pieces = fc.constantFrom('a', 'b', '*', '*', '?', '[ab]', '[b]');
  const globs = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(''));
  const topics = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 }).map((parts) => parts.join(''));

  test('fit as their definition has it, alone and together, whichever way they are looked for', () => {
    fc.assert(
      fc.property(fc.array(globs, { maxLength: 6 }), topics, (list, topic) => {
        const expected = list.map((glob) => fitsSlowly(glob, topic));
        assert.deepEqual(
          list.map((glob) => globMatches(glob, encodeUtf8(topic))),
          expected,
        );
        const index = new GlobIndex<number>();
        for (const [number, glob] of list.entries()) index.add(glob, number);
        const found = (): number[] => index.match(encodeUtf8(topic)).sort((x, y) => x - y);
        const fitting = list.flatMap((_glob, number) => (expected[number] ? [number] : []));
        assert.deepEqual(found(), fitting);
        for (const [number, glob] of list.entries())
          if (number % 2 === 0) assert.ok(index.remove(glob, number));
        assert.deepEqual(
          found(),
          fitting.filter((number) => number % 2 === 1),
        );
      }),
      { numRuns: 3000 },
    );
  });

  test('of 64 KiB are removed again', () => {
    const index = new GlobIndex<number>();
    const glob = 'a'.repeat(65_535);
    index.add(glob, 1);
    index.add(glob.slice(1), 2);
    assert.ok(index.remove(glob, 1));
    assert.equal(index.remove(glob, 1), false);
    assert.deepEqual(index.match(encodeUtf8(glob.slice(1))), [2]);
    assert.ok(index.remove(glob.slice(1), 2));
    assert.equal(index.size, 0);
  });

  test('of 64 KiB are held against topics of 64 KiB in the time of both together', () => {
    const topic = new Uint8Array(65_535).fill(0x61);
    assert.ok(timeOf(() => globMatches(`*${'a'.repeat(32_000)}b*`, topic)) < 500);
    assert.ok(timeOf(() => globMatches(`*${'[ab]'.repeat(31)}c*`, topic)) < 500);
    assert.ok(timeOf(() => globMatches(`*${'*a'.repeat(4000)}b`, topic)) < 500);
  });

  test('many that fit everywhere take no longer than reading them', () => {
    const index = new GlobIndex<number>();
    const fitting = (number: number): string =>
      `*${'?'.repeat(1 + (number % 30))}a*${'[ab]a'.repeat(10)}*[ab${number}]`;
    for (let number = 0; number < 1000; number++) index.add(fitting(number), number);
    const topic = new Uint8Array(65_535).fill(0x61);
    let found = 0;
    const time = timeOf(() => {
      found = index.match(topic).length;
    });
    assert.equal(found, 1000);
    assert.ok(time < 5000, `${time} ms`);
  });

  test('that cost too much are known', () => {
    const dear = ['*a'.repeat(17), `*[${'ab'.repeat(129)}]`, `*${'?'.repeat(32)}*`, `*${'[ab]'.repeat(32)}*`];
    for (const glob of dear) assert.ok(!isAffordable(glob), glob);
    const cheap = [
      '',
      '*',
      '**',
      `${'*a'.repeat(15)}*`,
      `*${'a'.repeat(500)}*`,
      `${'?'.repeat(500)}*`,
      '[a-z]*[^/]',
      '[',
    ];
    for (const glob of cheap) assert.ok(isAffordable(glob), glob);
  });
});

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

describe('announcements', () => {
  /** A store that owes `count` topics to the subscriber of each recovery url, and who announces. */
  async function setUp(
    owed: Readonly<Record<string, number>>,
    poster: Poster,
  ): Promise<{ store: SqliteSubscriptionStore; announcer: Announcer }> {
    const store = new SqliteSubscriptionStore(':memory:');
    for (const [recovery, count] of Object.entries(owed)) {
      const subscription = await store.subscribe(recovery, {
        pattern: { kind: 'glob', glob: '*' },
        recovery,
      });
      assert.ok(subscription);
      const topics = Array.from({ length: count }, (_, number) => encodeUtf8(`t${number}`));
      await store.recordMissed(
        topics.map((topic) => ({ subscription, topic })),
        0,
      );
    }
    const format = new LonelypsFormat(noneAuth());
    const announcer = new Announcer({
      ...{ store, poster, timeout: 60_000, interval: 1_000_000, log: SILENT, watch: new Watch() },
      gate: new Gate({ inAll: 64, perUrl: 8, waitingPerUrl: 10 }),
      formatFor: () => ({
        ...format,
        prepareMissed: (notice) => format.prepareMissed(notice),
        judgeMissed: async () => ({ state: 'received', subscribers: 1 }),
        prepare: (...args) => format.prepare(...args),
        judge: (...args) => format.judge(...args),
      }),
      now: () => 1000,
    });
    return { store, announcer };
  }

  test('to one that hangs keep nobody waiting, and closing gives them up without counting them', async () => {
    const posted: string[] = [];
    const poster: Poster = {
      post: (url, { signal }) => {
        posted.push(url);
        if (url !== 'http://hangs/') return Promise.resolve({ status: 200, body: EMPTY });
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason)),
        );
      },
    };
    const { store, announcer } = await setUp({ 'http://hangs/': 900, 'http://well/': 300 }, poster);
    const swept = announcer.sweep();
    for (let waited = 0; waited < 200 && (await store.countMissed()) > 900; waited++) await turn();
    assert.equal(await store.countMissed(), 900, 'all of the other are told');
    const atOnce = posted.filter((url) => url === 'http://hangs/').length;
    assert.ok(atOnce <= 8, `${atOnce} at once`);
    const begun = performance.now();
    await announcer.close();
    await swept;
    assert.ok(performance.now() - begun < 3000);
    const due = await store.dueMissed(1000, 1000);
    assert.equal(due.length, 900);
    assert.ok(due.every(({ attempts }) => attempts === 0));
    await store.close();
  });

  test('that cannot be written down are not made again and again', async () => {
    let posted = 0;
    const poster: Poster = {
      post: () => {
        posted += 1;
        return Promise.resolve({ status: 200, body: EMPTY });
      },
    };
    const { store, announcer } = await setUp({ 'http://well/': 30 }, poster);
    store.forgetMissed = () => Promise.reject(new Error('the disk is full'));
    await announcer.sweep();
    await turn();
    assert.equal(posted, 8);
    await announcer.close();
    await store.close();
  });

  test('that are not given up when asked are not waited for', async () => {
    const { store, announcer } = await setUp({ 'http://hangs/': 1 }, { post: () => new Promise(() => {}) });
    void announcer.sweep();
    await turn();
    const begun = performance.now();
    await announcer.close();
    assert.ok(performance.now() - begun < 4000);
    await store.close();
  });
});

test('questions to a host that hangs keep no other host from being asked', async () => {
  const ask = ({ url }: { url: string }): Promise<boolean> =>
    url.startsWith('http://hangs') ? new Promise(() => {}) : Promise.resolve(true);
  const check = new IntentCheck({ ask, maxWaiting: 20, maxWaitingPerHost: 5, timeout: 100 });
  const topic = encodeUtf8('t');
  const refused: unknown[] = [];
  for (let number = 0; number < 40; number++) {
    check.confirm(`http://hangs:${8000 + number}/`, topic).catch((error: unknown) => refused.push(error));
  }
  await turn();
  assert.equal(refused.length, 40 - 7, 'two are asked, five wait');
  assert.equal(await check.confirm('http://well/', topic), true);
});

describe('connections', () => {
  const start = (limits: { maxGlob?: number; maxPatternBytesPerUrl?: number } = {}): Promise<Broadcaster> =>
    Broadcaster.start({ listen: 'http://127.0.0.1:0', store: 'sqlite::memory:', auth: noneAuth(), limits });
  const subscribeGlob = (raw: RawWebSocket, glob: string): void => {
    raw.nextUrl();
    raw.send({ type: 'subscribe-glob', glob, authorization: null, tracing: EMPTY });
  };

  test('with a glob that costs too much, or too many bytes of patterns, are ended', async () => {
    await using broadcaster = await start({ maxPatternBytesPerUrl: 2000 });
    for (const globs of [
      ['a'.repeat(1025)],
      ['*a'.repeat(17)],
      ['b', 'c', 'd'].map((each) => each.repeat(700)),
    ]) {
      await using raw = await RawWebSocket.open(broadcaster.address);
      for (const glob of globs.slice(0, -1)) {
        subscribeGlob(raw, glob);
        await raw.next('confirm-subscribe-glob');
      }
      subscribeGlob(raw, globs.at(-1) ?? '');
      await raw.ended;
      assert.ok(raw.received.every(({ type }, index) => index === 0 || type === 'confirm-subscribe-glob'));
      assert.equal(raw.received.length, globs.length);
    }
  });

  test('that want dictionaries at the same moment share one thread', async (context) => {
    const real = threads.start;
    let [running, most] = [0, 0];
    context.mock.method(threads, 'start', (...args: Parameters<typeof real>) => {
      most = Math.max(most, ++running);
      const thread = real(...args);
      const stop = (): Promise<void> => {
        running -= 1;
        return thread.stop();
      };
      return { ...thread, stop };
    });
    await using broadcaster = await start();
    const open = async (): Promise<RawWebSocket> => {
      const raw = await RawWebSocket.connect(broadcaster.address, { confirms: true });
      raw.send({ ...(await raw.configureMessage()), enableZstd: true, enableTraining: true });
      await raw.next('confirm-configure');
      raw.nextUrl = () => 'any, as nothing is signed';
      raw.send({ type: 'subscribe-exact', topic: encodeUtf8('t'), authorization: null, tracing: EMPTY });
      await raw.next('confirm-subscribe-exact');
      return raw;
    };
    const subscribers = await Promise.all([open(), open(), open(), open()]);
    const notifier = await RawWebSocket.open(broadcaster.address);
    for (let number = 0; number < 14; number++) {
      await notifier.notify('t', JSON.stringify({ number, text: 'abcdefgh'.repeat(1000) }));
    }
    await Promise.all(subscribers.map((raw) => raw.next('enable-zstd-custom')));
    assert.equal(most, 1);
    for (const raw of [...subscribers, notifier]) raw.webSocket.close();
  });
});
