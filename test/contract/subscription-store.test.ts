import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { SqliteSubscriptionStore } from '../../src/pubsub/stores/sqlite.ts';
import type { Subscription } from '../../src/pubsub/stores/store.ts';
import { subscriptionStoreContract } from './subscription-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-subscriptions-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

function freshFile(): string {
  files += 1;
  return join(folder, `${files}.db`);
}

subscriptionStoreContract('SQLite memory', () => new SqliteSubscriptionStore(':memory:'));
subscriptionStoreContract('SQLite file', () => new SqliteSubscriptionStore(freshFile()));

test('what was resolved is there when the file is opened again', async () => {
  const path = freshFile();
  const store = new SqliteSubscriptionStore(path);
  const subscription = await store.subscribe('http://a/', {
    pattern: { kind: 'glob', glob: 'x*' },
    recovery: 'http://a/recover',
  });
  assert.ok(subscription);
  await store.recordMissed([{ subscription, topic: encodeUtf8('x1') }], 0);
  await store.begin(encodeUtf8('under way'));
  const other = new SqliteSubscriptionStore(path); // as after a kill: the first is not closed
  assert.deepEqual(await other.list('http://a/'), [subscription]);
  assert.equal((await other.dueMissed(0, 10)).length, 1);
  assert.equal((await other.unfinished()).length, 1);
  await other.close();
  await store.close();
});

test('a file of the original is taken as it is', async () => {
  const path = freshFile();
  const database = new DatabaseSync(path);
  database.exec(`
    CREATE TABLE httppubsub_subscription_exacts (id INTEGER PRIMARY KEY, url TEXT NOT NULL, exact BLOB NOT NULL,
      missed_url TEXT NULL, missed_lock_id INTEGER NULL, missed_lock_expires_at INTEGER NULL, missed_attempts INTEGER NULL,
      missed_next_retry_at INTEGER NULL);
    INSERT INTO httppubsub_subscription_exacts (url, exact, missed_url) VALUES ('http://python/', x'666f6f', NULL);
  `);
  database.close();
  const store = new SqliteSubscriptionStore(path);
  const [found] = await store.list('http://python/');
  assert.deepEqual(found?.pattern, { kind: 'exact', topic: encodeUtf8('foo') });
  await store.close();
});

test('what is owed to subscriptions that somebody deleted by hand belongs to nobody else, and counts for nothing', async () => {
  const path = freshFile();
  const store = new SqliteSubscriptionStore(path);
  const patterns = [
    { kind: 'glob', glob: '*' },
    { kind: 'exact', topic: encodeUtf8('t') },
  ] as const;
  const subscribed = async (url: string): Promise<Subscription[]> => {
    const added = patterns.map((pattern) => store.subscribe(url, { pattern, recovery: url }));
    return (await Promise.all(added)).map((each) => each ?? assert.fail());
  };
  const missedBy = (list: readonly Subscription[]): { subscription: Subscription; topic: Uint8Array }[] =>
    list.map((subscription) => ({ subscription, topic: encodeUtf8('t') }));
  await store.recordMissed(missedBy(await subscribed('http://gone/')), 0);
  const database = new DatabaseSync(path);
  database.exec('DELETE FROM httppubsub_subscription_globs; DELETE FROM httppubsub_subscription_exacts');
  assert.equal(await store.countMissed(), 0);
  const heirs = await subscribed('http://later/');
  assert.deepEqual(await store.dueMissed(0, 10), [], 'though it has their numbers');
  // As files from before have them.
  database.exec(`
    DROP TRIGGER sotto_exacts_gone; DROP TRIGGER sotto_globs_gone;
    INSERT INTO sotto_missed (kind, subscription, topic, times, attempts, next_at)
      VALUES ('glob', 77, x'61', 1, 0, 0), ('exact', 77, x'61', 1, 0, 0);
  `);
  await store.recordMissed(missedBy(heirs), 1);
  assert.equal((await store.dueMissed(1, 2)).length, 2, 'they take no place of others');
  assert.equal(await store.countMissed(), 2);
  await store.close();
  await new SqliteSubscriptionStore(path).close();
  assert.equal(database.prepare('SELECT count(*) AS count FROM sotto_missed').get()?.count, 2);
  database.close();
});

test('a store that is closed says so, at once and to everybody', async () => {
  const store = new SqliteSubscriptionStore(':memory:');
  await store.close();
  const asked = [store.begin(encodeUtf8('t')), store.begin(encodeUtf8('u'))];
  for (const { status } of await Promise.allSettled(asked)) assert.equal(status, 'rejected');
});

test('a change that fails takes none of its neighbours with it', async () => {
  const store = new SqliteSubscriptionStore(':memory:');
  const good = store.subscribe('http://a/', { pattern: { kind: 'glob', glob: 'x' }, recovery: null });
  const bad = store.subscribe('http://a/', {
    pattern: { kind: 'glob', glob: null as never },
    recovery: null,
  });
  const after = store.subscribe('http://a/', { pattern: { kind: 'glob', glob: 'y' }, recovery: null });
  await assert.rejects(bad);
  assert.ok((await good) && (await after));
  assert.equal((await store.list('http://a/')).length, 2);
  await store.close();
});
