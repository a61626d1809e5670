/** Who hears of a topic: the index against looking at every subscription, while they come and go. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sameBytes } from '../../src/bytes/bytes.ts';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import type { Pattern, Subscription } from '../../src/pubsub/stores/store.ts';
import { globMatches } from '../../src/pubsub/topics/glob.ts';
import { TopicIndex } from '../../src/pubsub/topics/topic-index.ts';

const text = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 4 }).map((parts) => parts.join(''));
const globText = fc
  .array(fc.constantFrom('a', 'b', '/', '*', '?'), { maxLength: 4 })
  .map((parts) => parts.join(''));
const pattern: fc.Arbitrary<Pattern> = fc.oneof(
  text.map((topic) => ({ kind: 'exact' as const, topic: encodeUtf8(topic) })),
  globText.map((glob) => ({ kind: 'glob' as const, glob })),
);

function fits({ pattern: wanted }: Subscription, topic: Uint8Array): boolean {
  return wanted.kind === 'exact' ? sameBytes(wanted.topic, topic) : globMatches(wanted.glob, topic);
}

test('the index finds just those that fit, exact ones first', () => {
  const change = fc.record({ number: fc.nat({ max: 30 }), isAdded: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(pattern, { minLength: 31, maxLength: 31 }),
      fc.array(change, { maxLength: 80 }),
      fc.array(text, { minLength: 3, maxLength: 3 }),
      (patterns, changes, topics) => {
        const index = new TopicIndex<Subscription>();
        const there = new Map<number, Subscription>();
        for (const { number, isAdded } of changes) {
          const wanted = patterns[number] ?? assert.fail();
          const subscription = { id: number, url: `http://${number}/`, pattern: wanted, recovery: null };
          if (isAdded) {
            index.add(subscription);
            there.set(number, subscription);
          } else {
            index.remove(subscription);
            there.delete(number);
          }
        }
        assert.equal(index.size, there.size);
        for (const topic of topics.map(encodeUtf8)) {
          const found = index.match(topic);
          const ids = (list: Iterable<Subscription>): number[] =>
            Array.from(list, ({ id }) => id).sort((x, y) => x - y);
          assert.deepEqual(ids(found), ids([...there.values()].filter((each) => fits(each, topic))));
          const firstGlob = found.findIndex(({ pattern: each }) => each.kind === 'glob');
          if (firstGlob !== -1)
            assert.ok(found.slice(firstGlob).every(({ pattern: each }) => each.kind === 'glob'));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
