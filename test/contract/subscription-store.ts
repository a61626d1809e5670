/** What every store of subscriptions must do. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import {
  MOST_MISSED,
  nameOfPattern,
  type Pattern,
  type Subscription,
  type SubscriptionStore,
  type Wanted,
} from '../../src/pubsub/stores/store.ts';

const URL_A = 'http://a.example/v1/receive';
const URL_B = 'http://b.example/v1/receive';
const RECOVERY = 'http://a.example/v1/recover';

function exact(topic: string): Pattern {
  return { kind: 'exact', topic: encodeUtf8(topic) };
}

function glob(text: string): Pattern {
  return { kind: 'glob', glob: text };
}

function wanted(pattern: Pattern, recovery: string | null = null): Wanted {
  return { pattern, recovery };
}

async function all(store: SubscriptionStore): Promise<Subscription[]> {
  const found: Subscription[] = [];
  for await (const subscription of store.all()) found.push(subscription);
  return found;
}

async function added(
  store: SubscriptionStore,
  pattern: Pattern,
  recovery: string | null,
): Promise<Subscription> {
  const subscription = await store.subscribe(URL_A, wanted(pattern, recovery));
  return subscription ?? assert.fail('it was there already');
}

export function subscriptionStoreContract(
  name: string,
  make: () => SubscriptionStore | Promise<SubscriptionStore>,
): void {
  describe(`the ${name} store`, () => {
    test('adds once, keeps the recovery it was added with, and removes once', async () => {
      const store = await make();
      for (const pattern of [exact('x'), exact(''), exact('\0ÿ'), glob('x*'), glob('')]) {
        const first = await store.subscribe(URL_A, wanted(pattern, RECOVERY));
        assert.deepEqual(first, { id: first?.id, url: URL_A, pattern, recovery: RECOVERY });
        assert.equal(await store.subscribe(URL_A, wanted(pattern)), null);
        assert.ok(await store.subscribe(URL_B, wanted(pattern)), 'another url is another subscription');
        assert.deepEqual(await store.unsubscribe(URL_A, pattern), first);
        assert.equal(await store.unsubscribe(URL_A, pattern), null);
        assert.ok(await store.unsubscribe(URL_B, pattern));
      }
      assert.deepEqual(await all(store), []);
      await store.close();
    });

    test('an exact topic and a glob of the same text are two', async () => {
      const store = await make();
      await store.subscribe(URL_A, wanted(exact('x')));
      assert.ok(await store.subscribe(URL_A, wanted(glob('x'))));
      assert.equal((await all(store)).length, 2);
      await store.close();
    });

    test('of many that ask for the same at once, one is first', async () => {
      const store = await make();
      const results = await Promise.all(
        Array.from({ length: 20 }, () => store.subscribe(URL_A, wanted(exact('x')))),
      );
      assert.equal(results.filter((result) => result !== null).length, 1);
      await store.close();
    });

    test('lists topics by their bytes and globs by their UTF-8', async () => {
      const store = await make();
      const topics = [[0xff], [], [0x61], [0x61, 0], [0xc3, 0xa9], [0x62]].map((bytes) =>
        Uint8Array.from(bytes),
      );
      for (const topic of topics) await store.subscribe(URL_A, wanted({ kind: 'exact', topic }));
      for (const text of ['\ud83d\ude00*', '\uffee*', 'a*', 'B*'])
        await store.subscribe(URL_A, wanted(glob(text)));
      const listed = await store.list(URL_A);
      const exacts = listed.flatMap(({ pattern }) => (pattern.kind === 'exact' ? [[...pattern.topic]] : []));
      const globs = listed.flatMap(({ pattern }) => (pattern.kind === 'glob' ? [pattern.glob] : []));
      assert.deepEqual(exacts, [[], [0x61], [0x61, 0], [0x62], [0xc3, 0xa9], [0xff]]);
      assert.deepEqual(globs, ['B*', 'a*', '\uffee*', '\ud83d\ude00*']); // by UTF-16 the last two would change places
      assert.deepEqual(await store.list(URL_B), []);
      await store.close();
    });

    test('more than a page of subscriptions is read whole', async () => {
      const store = await make();
      await Promise.all(
        Array.from({ length: 2500 }, (_, number) => store.subscribe(URL_A, wanted(exact(`topic ${number}`)))),
      );
      assert.equal(new Set((await all(store)).map(({ pattern }) => nameOfPattern(pattern))).size, 2500);
      await store.close();
    });

    test('set changes what differs and nothing else', async () => {
      const topics = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 5 });
      const globs = fc.uniqueArray(fc.constantFrom('a', 'b*', '?'), { maxLength: 3 });
      const lists = fc
        .tuple(topics, globs)
        .map(([exacts, others]) => [...exacts.map(exact), ...others.map(glob)]);
      const store = await make();
      await store.subscribe(URL_B, wanted(exact('a'), RECOVERY));
      await fc.assert(
        fc.asyncProperty(lists, async (patterns) => {
          const before = await store.list(URL_A);
          const list = patterns.map((pattern) => wanted(pattern, RECOVERY));
          const { added: more, removed } = (await store.set(URL_A, list)) ?? assert.fail();
          const names = (list: readonly { pattern: Pattern }[]): string[] =>
            list.map(({ pattern }) => nameOfPattern(pattern)).sort();
          const after = await store.list(URL_A);
          assert.deepEqual(names(after), patterns.map(nameOfPattern).sort());
          const kept = before.filter(
            (each) =>
              !removed.some(({ id, pattern }) => id === each.id && pattern.kind === each.pattern.kind),
          );
          assert.deepEqual(names([...kept, ...more]), names(after));
          for (const each of kept)
            assert.ok(after.some(({ id, pattern }) => id === each.id && pattern.kind === each.pattern.kind));
          assert.equal((await store.list(URL_B)).length, 1);
        }),
        { numRuns: 40 },
      );
      await store.close();
    });

    test('set removes nothing that may not be removed, and then adds nothing either', async () => {
      const store = await make();
      for (const pattern of [exact('a'), glob('a*')]) await store.subscribe(URL_A, wanted(pattern));
      const before = await store.list(URL_A);
      const notGlobs = ({ kind }: Pattern): boolean => kind !== 'glob';
      assert.equal(await store.set(URL_A, [wanted(exact('b'))], notGlobs), null);
      assert.deepEqual(await store.list(URL_A), before);
      const changed = await store.set(URL_A, [wanted(exact('b')), wanted(glob('a*'))], notGlobs);
      assert.deepEqual(
        [changed?.added.length, changed?.removed.length],
        [1, 1],
        'what stays is not asked for',
      );
      await store.close();
    });

    test('what was missed is due in its time, counted, retried and forgotten', async () => {
      const store = await make();
      const [first, second] = [
        await added(store, exact('x'), RECOVERY),
        await added(store, glob('y*'), RECOVERY),
      ];
      const topic = (text: string): Uint8Array => encodeUtf8(text);
      await store.recordMissed([{ subscription: first, topic: topic('x') }], 2000);
      await store.recordMissed(
        [
          { subscription: second, topic: topic('y1') },
          { subscription: second, topic: topic('y2') },
        ],
        1000,
      );
      await store.recordMissed([{ subscription: second, topic: topic('y1') }], 9000); // again, before it was told
      assert.deepEqual(await store.dueMissed(999, 10), []);
      const due = await store.dueMissed(1000, 10);
      assert.deepEqual(
        due.map(({ topic: each, times }) => [new TextDecoder().decode(each), times]),
        [
          ['y1', 2],
          ['y2', 1],
        ],
      );
      assert.deepEqual(due[0]?.subscription, second);
      assert.equal((await store.dueMissed(5000, 2)).length, 2, 'no more than asked for');
      const [y1, y2] = due;
      assert.ok(y1 && y2);
      await store.retryMissed(y2, 3000);
      const [later] = (await store.dueMissed(3000, 10)).filter(({ id }) => id === y2.id);
      assert.equal(later?.attempts, 1);
      await store.forgetMissed(y1);
      assert.ok(!(await store.dueMissed(9999, 10)).some(({ id }) => id === y1.id));
      await store.close();
    });

    test('what is missed again while it is told is told again', async () => {
      const store = await make();
      const subscription = await added(store, exact('x'), RECOVERY);
      const missed = [{ subscription, topic: encodeUtf8('x') }];
      await store.recordMissed(missed, 0);
      const [due] = await store.dueMissed(0, 1);
      assert.ok(due);
      await store.recordMissed(missed, 0);
      await store.forgetMissed(due);
      assert.equal((await store.dueMissed(0, 1)).length, 1);
      await store.close();
    });

    test('what is being announced, and what is for a recovery url that has enough, is not due besides', async () => {
      const store = await make();
      const [first, second] = [await added(store, exact('x'), RECOVERY), await added(store, glob('*'), null)];
      const other = await store.subscribe(URL_B, wanted(exact('x'), URL_B));
      assert.ok(other);
      const topic = encodeUtf8('x');
      const missed = [first, second, other].map((subscription) => ({ subscription, topic }));
      await store.recordMissed(missed, 0);
      const urls = async (ids: number[], recoveries: string[]): Promise<(string | null)[]> =>
        (await store.dueMissed(0, 10, { ids, recoveries })).map(({ subscription }) => subscription.recovery);
      assert.deepEqual(await urls([], []), [RECOVERY, null, URL_B]);
      assert.deepEqual(await urls([], [RECOVERY]), [null, URL_B]);
      const [due] = await store.dueMissed(0, 1);
      assert.deepEqual(await urls([due?.id ?? 0], [URL_B]), [null]);
      await store.close();
    });

    test('what is missed again is announced from the beginning', async () => {
      const store = await make();
      const missed = [{ subscription: await added(store, exact('x'), RECOVERY), topic: encodeUtf8('x') }];
      await store.recordMissed(missed, 0);
      const [due] = await store.dueMissed(0, 1);
      assert.ok(due);
      await store.retryMissed(due, 0);
      assert.equal((await store.dueMissed(0, 1))[0]?.attempts, 1);
      await store.recordMissed(missed, 0);
      assert.equal((await store.dueMissed(0, 1))[0]?.attempts, 0);
      await store.close();
    });

    test('of one subscription so many topics are remembered, and what is beyond is counted with the newest', async () => {
      const store = await make();
      const subscription = await added(store, glob('*'), RECOVERY);
      const miss = (from: number, to: number): Promise<void> => {
        const numbers = Array.from({ length: to - from }, (_, index) => from + index);
        const missed = numbers.map((number) => ({ subscription, topic: encodeUtf8(`t${number}`) }));
        return store.recordMissed(missed, 0);
      };
      await miss(0, MOST_MISSED + 3);
      await miss(0, 1); // one of those that are remembered
      assert.equal(await store.countMissed(), MOST_MISSED);
      const due = await store.dueMissed(0, 2 * MOST_MISSED);
      assert.deepEqual([due[0]?.times, due[1]?.times, due.at(-1)?.times], [2, 1, 4]);
      await store.close();
    });

    test('who unsubscribes is owed nothing, and who comes after it inherits nothing', async () => {
      const store = await make();
      const subscription = await added(store, exact('x'), RECOVERY);
      await store.recordMissed([{ subscription, topic: encodeUtf8('x') }], 0);
      await store.unsubscribe(URL_A, exact('x'));
      assert.deepEqual(await store.dueMissed(0, 10), []);
      await store.subscribe(URL_B, wanted(exact('x'), RECOVERY));
      await store.recordMissed([{ subscription, topic: encodeUtf8('x') }], 0);
      assert.deepEqual(await store.dueMissed(0, 10), []);
      await store.close();
    });

    test('what was begun and not ended is known', async () => {
      const store = await make();
      const begun = await Promise.all(['a', 'b', 'c'].map((topic) => store.begin(encodeUtf8(topic))));
      assert.equal(new Set(begun.map(({ id }) => id)).size, 3);
      const [a, b, c] = begun;
      assert.ok(a && b && c);
      await store.end(b);
      assert.deepEqual(await store.unfinished(), [a, c]);
      await store.close();
    });
  });
}
