/** Finding who hears of a topic, against the seed's way: one regular expression after the other. */

import { encodeUtf8 } from '../src/bytes/text.ts';
import type { Subscription } from '../src/pubsub/stores/store.ts';
import { TopicIndex } from '../src/pubsub/topics/topic-index.ts';
import { measureAll, printTable } from './table.ts';

const SIZES = [
  { exacts: 10_000, globs: 1000 },
  { exacts: 100_000, globs: 10_000 },
  { exacts: 1_000_000, globs: 10_000 },
];
const TOPICS = 1000;

export function benchTopics(): void {
  for (const { exacts, globs } of SIZES) {
    const before = process.memoryUsage.rss();
    const index = new TopicIndex<Subscription>();
    for (let id = 0; id < exacts; id++) {
      index.add(subscription(id, { kind: 'exact', topic: encodeUtf8(`room/${id}/event`) }));
    }
    const patterns = Array.from({ length: globs }, (_, id) => globOf(id));
    for (const [id, glob] of patterns.entries()) index.add(subscription(id, { kind: 'glob', glob }));
    const memory = (process.memoryUsage.rss() - before) / 1e6;
    const expressions = patterns.map(
      (glob) =>
        new RegExp(
          `^${glob
            .replaceAll(/[.+^${}()|\\]/g, '\\$&')
            .replaceAll('*', '.*')
            .replaceAll('?', '.')}$`,
          's',
        ),
    );
    const topics = Array.from({ length: TOPICS }, (_, number) => `room/${number * 7}/event`);
    const bytes = topics.map(encodeUtf8);
    let next = 0;
    const [loop = 1, ours = 1] = measureAll(
      [
        () => void expressions.filter((expression) => expression.test(topics[next++ % TOPICS] ?? '')),
        () => void index.match(bytes[next++ % TOPICS] ?? new Uint8Array(0)),
      ],
      3,
    );
    printTable(
      `Topics: ${exacts} exact subscriptions, ${globs} globs of four shapes (${memory.toFixed(0)} MB)`,
      'ours',
      [
        { name: 'a loop over regular expressions', perSecond: loop, reference: ours },
        { name: 'ours', perSecond: ours, reference: ours },
      ],
    );
  }
}

/** Four shapes: what begins so, what ends so, one step left open, and a set. */
function globOf(id: number): string {
  return [`room/${id}/*`, `*/${id}/event`, `room/*/event${id}`, `room/${id}[0-9]/e*`][id % 4] ?? '';
}

function subscription(id: number, pattern: Subscription['pattern']): Subscription {
  return { id, url: `http://127.0.0.1/${id}`, pattern, recovery: null };
}
