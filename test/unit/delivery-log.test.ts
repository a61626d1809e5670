/** What every delivery log must do, and what the one in SQLite does besides. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { SILENT } from '../../src/app/message.ts';
import { EMPTY } from '../../src/bytes/bytes.ts';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import {
  DELIVERY_STATUSES,
  type Delivery,
  type DeliveryLog,
  type DeliveryQuery,
  LOG_SIZES,
  type LoggedDelivery,
} from '../../src/pubsub/operations/delivery-log.ts';
import {
  SqliteDeliveryLog,
  type SqliteDeliveryLogOptions,
} from '../../src/pubsub/operations/sqlite-delivery-log.ts';

const URL_A = 'http://a.example/v1/receive';
const URL_B = 'http://b.example/v1/receive';
const NOW = 1_700_000_000_000;
const now = (): number => NOW;
const folder = mkdtempSync(join(tmpdir(), 'sotto-deliveries-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

function freshFile(): string {
  files += 1;
  return join(folder, `${files}.db`);
}

function delivery(changes: Partial<Delivery> = {}): Delivery {
  return {
    at: NOW,
    topic: encodeUtf8('orders/new'),
    url: URL_A,
    identifier: encodeUtf8('0123456789abcdef'),
    tries: 1,
    status: 'received',
    subscribers: 1,
    why: '',
    duration: 12,
    bytes: 100,
    ...changes,
  };
}

function withoutId({ id: _id, ...rest }: LoggedDelivery): Delivery {
  return rest;
}

function deliveryLogContract(
  name: string,
  make: (options?: SqliteDeliveryLogOptions) => Promise<DeliveryLog>,
): void {
  describe(`the ${name} log`, () => {
    test('gives back what was recorded, the newest first', async () => {
      const log = await make();
      const all = [
        delivery(),
        delivery({ topic: EMPTY, identifier: EMPTY, status: 'missed-announced', subscribers: 0, bytes: 0 }),
        delivery({
          topic: Uint8Array.of(0, 255),
          url: URL_B,
          status: 'failed',
          why: 'it answered with HTML',
        }),
        delivery({ tries: 0, subscribers: 2 ** 32 - 1, bytes: 16 * 1024 ** 3, at: 1 }),
      ];
      for (const each of all) log.record(each);
      const { deliveries, next } = await log.query();
      assert.deepEqual(deliveries.map(withoutId), all.toReversed());
      assert.equal(next, null);
      assert.deepEqual(log.counts, { written: 4, dropped: 0, waiting: 0 });
      await log.close();
    });

    test('is asked by topic, url, status and time, alone and together', async () => {
      const log = await make();
      const topics = ['a', 'b', 'ab'];
      const times = [1000, 2000, 3000];
      const urls = [URL_A, URL_B];
      const recorded = Array.from({ length: 300 }, (_, number) =>
        delivery({
          topic: encodeUtf8(topics[number % 3] ?? ''),
          url: urls[number % 2] ?? '',
          status: DELIVERY_STATUSES[number % DELIVERY_STATUSES.length] ?? 'received',
          at: times[number % 7 === 0 ? 2 : number % 2] ?? 0,
        }),
      );
      for (const each of recorded) log.record(each);
      const queries = fc.record(
        {
          topic: fc.constantFrom(...topics, 'none').map(encodeUtf8),
          url: fc.constantFrom(...urls, 'http://c.example/'),
          status: fc.constantFrom(...DELIVERY_STATUSES),
          since: fc.constantFrom(...times, 9000),
          limit: fc.integer({ min: 1, max: 1000 }),
        },
        { requiredKeys: [], noNullPrototype: true },
      );
      await fc.assert(
        fc.asyncProperty(queries, async (query) => {
          const expected = recorded.toReversed().filter((each) => fits(each, query));
          const { deliveries, next } = await log.query(query);
          const limit = query.limit ?? 100;
          assert.deepEqual(deliveries.map(withoutId), expected.slice(0, limit));
          assert.equal(next === null, expected.length <= limit);
        }),
        { numRuns: 60 },
      );
      await log.close();
    });

    test('is read page by page, whatever comes meanwhile', async () => {
      const log = await make();
      for (let number = 0; number < 95; number++) log.record(delivery({ duration: number }));
      const seen: number[] = [];
      for (let before: number | null | undefined; before !== null; ) {
        const page = await log.query({ limit: 10, ...(before === undefined ? {} : { before }) });
        seen.push(...page.deliveries.map(({ duration }) => duration));
        before = page.next;
        log.record(delivery({ duration: 1000 }));
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 95 }, (_, number) => 94 - number),
      );
      await log.close();
    });

    test('gives a page of the size that was asked for, in its range', async () => {
      const log = await make();
      for (const limit of [0, -1, 1001, Number.NaN]) {
        await assert.rejects(log.query({ limit }), { code: 'invalid_option' });
      }
      await log.close();
    });

    test('keeps so many and no more, the newest', async () => {
      const log = await make({ maxRows: 50 });
      for (let round = 0; round < 10; round++) {
        for (let number = 0; number < 300; number++) log.record(delivery({ duration: round * 300 + number }));
        await log.flush();
      }
      const { deliveries, next } = await log.query({ limit: 1000 });
      assert.equal(deliveries.length, 50);
      assert.equal(next, null);
      assert.deepEqual([deliveries[0]?.duration, deliveries.at(-1)?.duration], [2999, 2950]);
      await log.close();
    });

    test('loses what would have to wait behind too many, counts it, and keeps nobody waiting', async () => {
      const log = await make({ maxWaiting: 1000 });
      for (let number = 0; number < 5000; number++) log.record(delivery({ duration: number }));
      assert.deepEqual(log.counts, { written: 0, dropped: 4000, waiting: 1000 });
      await log.flush();
      assert.deepEqual(log.counts, { written: 1000, dropped: 4000, waiting: 0 });
      log.record(delivery({ duration: 7 }));
      assert.equal((await log.query({ limit: 1 })).deliveries[0]?.duration, 7);
      await log.close();
    });

    test('keeps long things cut, and finds them by the whole', async () => {
      const log = await make();
      const topic = new Uint8Array(60_000).fill(97);
      const url = `http://a.example/${'x'.repeat(60_000)}`;
      log.record(delivery({ topic, url, why: 'y'.repeat(60_000) }));
      const { deliveries } = await log.query({ topic, url });
      assert.equal(deliveries[0]?.topic.length, LOG_SIZES.topic);
      assert.equal(deliveries[0]?.url.length, LOG_SIZES.url);
      assert.equal(deliveries[0]?.why.length, LOG_SIZES.why);
      await log.close();
    });

    test('has what it was given then, not what becomes of it', async () => {
      const log = await make();
      const chunk = Buffer.from('....orders/new....');
      log.record(delivery({ topic: chunk.subarray(4, 14) }));
      chunk.fill(0);
      const { deliveries } = await log.query({ topic: encodeUtf8('orders/new') });
      assert.equal(deliveries.length, 1);
      await log.close();
    });

    test('writes what waits when it is closed, and takes no more', async () => {
      const log = await make();
      for (let number = 0; number < 1000; number++) log.record(delivery());
      await Promise.all([log.close(), log.close()]);
      log.record(delivery());
      assert.deepEqual(log.counts, { written: 1000, dropped: 1, waiting: 0 });
      await log.flush();
      await assert.rejects(log.query(), { code: 'unavailable' });
    });
  });
}

function fits(each: Delivery, { topic, url, status, since }: DeliveryQuery): boolean {
  return (
    (topic === undefined || Buffer.compare(each.topic, topic) === 0) &&
    (url === undefined || each.url === url) &&
    (status === undefined || each.status === status) &&
    (since === undefined || each.at >= since)
  );
}

deliveryLogContract('SQLite memory', (options) => SqliteDeliveryLog.open(':memory:', { now, ...options }));
deliveryLogContract('SQLite file', (options) => SqliteDeliveryLog.open(freshFile(), { now, ...options }));

describe('a delivery log in a file', () => {
  test('is there when it is opened again, and goes on counting', async () => {
    const path = freshFile();
    await using first = await SqliteDeliveryLog.open(path, { now });
    first.record(delivery({ duration: 1 }));
    await first.flush();
    await using second = await SqliteDeliveryLog.open(path, { now }); // as after a kill: the first is not closed
    second.record(delivery({ duration: 2 }));
    const { deliveries } = await second.query();
    assert.deepEqual(
      deliveries.map(({ id, duration }) => [id, duration]),
      [
        [2, 2],
        [1, 1],
      ],
    );
  });

  test('is cut down when it is opened with lower bounds', async () => {
    const path = freshFile();
    const first = await SqliteDeliveryLog.open(path, { now });
    for (let number = 0; number < 3000; number++) first.record(delivery({ duration: number }));
    await first.close();
    await using second = await SqliteDeliveryLog.open(path, { maxRows: 10, now });
    for (let number = 0; number < 5; number++) {
      second.record(delivery({ duration: 3000 + number })); // in small steps, with what is written
      await second.flush();
    }
    const { deliveries } = await second.query();
    assert.deepEqual([deliveries.length, deliveries[0]?.duration], [10, 3004]);
  });

  test('loses what is too old, however much that is', async () => {
    const path = freshFile();
    let clock = 1_000_000;
    const options = { maxAge: 5000, now: () => clock };
    await using log = await SqliteDeliveryLog.open(path, options);
    for (let number = 0; number < 2500; number++) log.record(delivery({ at: clock }));
    log.record(delivery({ at: clock + 3000, duration: 1 }));
    await log.flush();
    clock += 5000;
    await log.removeOld();
    assert.equal((await log.query({ limit: 1000 })).deliveries.length, 1000, 'none is too old yet');
    clock += 1;
    await log.removeOld();
    assert.deepEqual(
      (await log.query()).deliveries.map(({ duration }) => duration),
      [1],
    );
    clock += 10_000;
    await using again = await SqliteDeliveryLog.open(path, options); // at once, too
    await again.removeOld();
    assert.equal((await again.query()).deliveries.length, 0);
  });

  test('that cannot be one is refused', async () => {
    const text = freshFile();
    writeFileSync(
      text,
      'This is a letter, and a long one, to see that no database is made of it.'.repeat(50),
    );
    await assert.rejects(SqliteDeliveryLog.open(text), { code: 'invalid_option' });
    const other = freshFile();
    const database = new DatabaseSync(other);
    database.exec('CREATE TABLE sotto_deliveries (something TEXT)');
    database.close();
    await assert.rejects(SqliteDeliveryLog.open(other), { code: 'invalid_option', message: /delivery log/ });
    for (const wrong of [{ maxRows: 0 }, { maxAge: 0 }, { maxWaiting: 0 }, { flushInterval: -1 }]) {
      await assert.rejects(SqliteDeliveryLog.open(freshFile(), wrong), { code: 'invalid_option' });
    }
  });

  test('that goes away loses entries, says so once, and is used again when it is back', async () => {
    const path = freshFile();
    let warnings = 0;
    const warn = (): void => {
      warnings += 1;
    };
    await using log = await SqliteDeliveryLog.open(path, { log: { ...SILENT, warn }, now });
    const meddler = new DatabaseSync(path, { timeout: 5000 });
    meddler.exec('ALTER TABLE sotto_deliveries RENAME TO gone');
    for (let round = 0; round < 3; round++) {
      log.record(delivery());
      await log.flush();
    }
    assert.deepEqual(log.counts, { written: 0, dropped: 3, waiting: 0 });
    assert.equal(warnings, 1);
    await assert.rejects(log.query(), { code: 'unavailable' });
    meddler.exec('ALTER TABLE gone RENAME TO sotto_deliveries');
    meddler.close();
    log.record(delivery());
    assert.equal((await log.query()).deliveries.length, 1);
    assert.deepEqual(log.counts, { written: 1, dropped: 3, waiting: 0 });
  });

  test('ends its process only when it is written, and then lets it end', () => {
    const source = resolve('src/pubsub/operations/sqlite-delivery-log.ts');
    const script = `
      import { SqliteDeliveryLog } from ${JSON.stringify(source)};
      const log = await SqliteDeliveryLog.open(${JSON.stringify(freshFile())});
      const one = { at: 1, topic: new Uint8Array(1), url: '', identifier: new Uint8Array(1), tries: 1,
        status: 'received', subscribers: 1, why: '', duration: 1, bytes: 1 };
      for (let i = 0; i < 5000; i++) log.record(one);
      await log.close();
      console.log(log.counts.written);`;
    const file = `${freshFile()}.mjs`;
    writeFileSync(file, script);
    const output = execFileSync(process.execPath, [file], { encoding: 'utf8', timeout: 20_000 });
    assert.equal(output.trim(), '5000');
  });
});
