/** What a page is told while it happens: how much waits for a page that reads slowly, or not at all. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ChatLine, ConsoleEvent, TrafficRecord } from '../../src/console/contract.ts';
import { PageStream } from '../../src/console/server/page-stream.ts';

function record(id: number): TrafficRecord {
  return {
    ...{ id, at: id, job: 'request', transport: 'udp', route: '/echo', isSealed: true, proof: 'none' },
    ...{ sender: null, remote: null, status: 0, duration: 1, bytes: 1, request: 'a', reply: 'b' },
  } as const;
}

function line(id: number): ChatLine {
  return {
    id,
    at: id,
    room: 'lobby',
    peer: null,
    from: '~x',
    isOwn: false,
    seal: 'plain',
    mark: null,
    text: 'hey',
  };
}

/** A page that reads when it is told to. */
class SlowPage {
  now = 0;
  ended = 0;
  readonly stream = new PageStream(
    () => {
      this.ended += 1;
    },
    () => this.now,
  );
  readonly #reader = this.stream.body.getReader();

  async read(): Promise<string | null> {
    const reading = this.#reader.read();
    await new Promise(setImmediate); // until the stream has been asked
    this.stream.flush();
    const { value } = await reading;
    return value ? new TextDecoder().decode(value) : null;
  }

  async events(): Promise<ConsoleEvent[]> {
    return ((await this.read()) ?? '').split('\n\n').flatMap((frame) => {
      const [, type = '', data = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(frame) ?? [];
      return type === '' ? [] : [{ ...(JSON.parse(data) as object), type } as ConsoleEvent];
    });
  }
}

describe("a page's stream", () => {
  test('keeps the newest for a page that does not read, and says how much was left out', async () => {
    const page = new SlowPage();
    assert.equal(await page.read(), 'retry: 2000\n\n');
    for (let id = 1; id <= 5000; id++) {
      page.stream.traffic(record(id));
      page.stream.topic({ at: id, topic: 't', body: '', bytes: 0 });
      page.stream.chat(line(id));
      page.stream.second({ at: id, jobs: {} });
      page.stream.changed('peers');
      page.stream.flush();
    }
    const events = await page.events();
    const [traffic] = events.filter((event) => event.type === 'traffic');
    assert.deepEqual(
      [traffic?.records.length, traffic?.skipped, traffic?.records[0]?.id, traffic?.records.at(-1)?.id],
      [100, 4900, 4901, 5000],
    );
    const topics = events.filter((event) => event.type === 'topic');
    assert.deepEqual([topics.length, topics[0]?.skipped, topics[1]?.skipped], [100, 4900, 0]);
    assert.equal(events.filter((event) => event.type === 'second').length, 60);
    const lines = events.filter((event) => event.type === 'chat');
    assert.deepEqual([lines.length, lines[0]?.line.id], [100, 1]);
    const [changed] = events.filter((event) => event.type === 'changed');
    assert.deepEqual([...(changed?.what ?? [])].sort(), ['chat', 'peers'], 'the rest is to be fetched');
    page.stream.traffic(record(5001));
    assert.deepEqual(await page.events(), [{ type: 'traffic', records: [record(5001)], skipped: 0 }]);
  });

  test('shows that it is there while nothing happens', async () => {
    const page = new SlowPage();
    await page.read();
    const reading = page.read();
    await new Promise(setImmediate);
    page.now += 14_999;
    page.stream.flush();
    page.now += 1;
    page.stream.flush();
    assert.equal(await reading, ': still here\n\n');
  });

  test('ends for a page that has not read for long, and for one that is gone', async () => {
    const asleep = new SlowPage();
    await asleep.read();
    asleep.stream.traffic(record(1));
    asleep.now += 119_999;
    asleep.stream.flush();
    assert.equal(asleep.ended, 0);
    asleep.now += 1;
    asleep.stream.flush();
    assert.deepEqual([asleep.ended, await asleep.read()], [1, null]);
    const gone = new PageStream(() => (isGone = true));
    let isGone = false;
    await gone.body.cancel();
    assert.ok(isGone);
    gone.traffic(record(1)); // nobody minds
    gone.flush();
  });
});
