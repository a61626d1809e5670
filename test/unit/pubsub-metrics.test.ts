/** A broadcaster's metrics, as Prometheus reads them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BroadcasterMetrics, type MetricsSources } from '../../src/pubsub/operations/metrics.ts';

function sources(changes: Partial<MetricsSources> = {}): MetricsSources {
  return {
    counters: () => ({}),
    subscriptions: () => 0,
    websockets: () => 0,
    deliveriesRunning: () => 0,
    deliveriesWaiting: () => 0,
    missedWaiting: () => 0,
    underWay: () => 0,
    ...changes,
  };
}

/** Samples by name and labels. */
async function samplesOf(metrics: BroadcasterMetrics): Promise<Map<string, number>> {
  const { body } = await metrics.text();
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.replace(/ [^ ]+$/, ''), Number(line.replace(/^.* /, ''))]));
}

test('what has happened is counted by event, and read when somebody asks', async () => {
  const counters: Record<string, number> = { delivery_received: 3, 'odd"\n\\name': 1 };
  const metrics = await BroadcasterMetrics.open(sources({ counters: () => counters }));
  const first = await samplesOf(metrics);
  assert.equal(first.get('sotto_pubsub_events_total{event="delivery_received"}'), 3);
  assert.equal(first.get('sotto_pubsub_events_total{event="odd\\"\\n\\\\name"}'), 1);
  counters.delivery_received = 5;
  counters.missed = 2;
  const second = await samplesOf(metrics);
  assert.equal(second.get('sotto_pubsub_events_total{event="delivery_received"}'), 5);
  assert.equal(second.get('sotto_pubsub_events_total{event="missed"}'), 2);
});

test('gauges say what is', async () => {
  const metrics = await BroadcasterMetrics.open(
    sources({
      subscriptions: () => 1,
      websockets: () => 2,
      deliveriesRunning: () => 3,
      deliveriesWaiting: () => 4,
      missedWaiting: async () => 5,
      underWay: () => 6,
    }),
  );
  const samples = await samplesOf(metrics);
  const values = [
    'subscriptions',
    'websockets',
    'deliveries_running',
    'deliveries_waiting',
    'missed_waiting',
    'notifications_under_way',
  ].map((name) => samples.get(`sotto_pubsub_${name}`));
  assert.deepEqual(values, [1, 2, 3, 4, 5, 6]);
});

test('what cannot be told is left out, and the rest is told; also when it hangs', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let missedWaiting = (): Promise<number> => Promise.reject(new Error('the store is away'));
  const metrics = await BroadcasterMetrics.open(
    sources({ missedWaiting: () => missedWaiting(), websockets: () => 2 }),
  );
  const away = await samplesOf(metrics);
  assert.ok(!away.has('sotto_pubsub_missed_waiting'));
  assert.equal(away.get('sotto_pubsub_websockets'), 2);
  missedWaiting = () => new Promise(() => {});
  const asked = samplesOf(metrics);
  await new Promise((resolve) => setImmediate(resolve));
  context.mock.timers.tick(2000);
  assert.ok(!(await asked).has('sotto_pubsub_missed_waiting'));
  missedWaiting = async () => 7;
  assert.equal((await samplesOf(metrics)).get('sotto_pubsub_missed_waiting'), 7);
});

test('deliveries are timed by how they ended, notifications by themselves, messages by size', async () => {
  const metrics = await BroadcasterMetrics.open(sources());
  const before = await samplesOf(metrics);
  for (const outcome of ['received', 'failed', 'unsubscribed']) {
    assert.equal(before.get(`sotto_pubsub_delivery_duration_seconds_count{outcome="${outcome}"}`), 0);
  }
  metrics.delivered('received', 3);
  metrics.delivered('received', 400);
  metrics.delivered('failed', 120_000);
  metrics.delivered('missed-announced', 1);
  metrics.notified(20, 100);
  metrics.notified(30, 4 * 1024 ** 3);
  const after = await samplesOf(metrics);
  const bucket = (le: string): number | undefined =>
    after.get(`sotto_pubsub_delivery_duration_seconds_bucket{le="${le}",outcome="received"}`);
  assert.deepEqual([bucket('0.0025'), bucket('0.005'), bucket('0.25'), bucket('0.5')], [0, 1, 1, 2]);
  assert.equal(after.get('sotto_pubsub_delivery_duration_seconds_sum{outcome="failed"}'), 120);
  assert.equal(after.get('sotto_pubsub_delivery_duration_seconds_bucket{le="60",outcome="failed"}'), 0);
  assert.equal(after.get('sotto_pubsub_notify_duration_seconds_count'), 2);
  assert.equal(after.get('sotto_pubsub_notify_duration_seconds_sum'), 0.05);
  assert.equal(after.get('sotto_pubsub_message_bytes_bucket{le="256"}'), 1);
  assert.equal(after.get('sotto_pubsub_message_bytes_bucket{le="1073741824"}'), 1);
  assert.equal(after.get('sotto_pubsub_message_bytes_bucket{le="+Inf"}'), 2);
  assert.ok(![...after.keys()].some((name) => name.includes('missed-')));
});

test('it is the text that Prometheus reads, with what the process has, for each broadcaster its own', async () => {
  const one = await BroadcasterMetrics.open(sources({ websockets: () => 1 }));
  const other = await BroadcasterMetrics.open(sources({ websockets: () => 2 }));
  one.notified(1, 1);
  const { contentType, body } = await one.text();
  assert.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8');
  for (const name of ['process_resident_memory_bytes', 'process_cpu_seconds_total', 'nodejs_eventloop_lag']) {
    assert.match(body, new RegExp(`^${name}`, 'm'));
  }
  assert.match(body, /^# TYPE sotto_pubsub_events_total counter$/m);
  assert.match(body, /^# TYPE sotto_pubsub_delivery_duration_seconds histogram$/m);
  assert.ok(body.endsWith('\n'));
  const samples = await samplesOf(other);
  assert.equal(samples.get('sotto_pubsub_websockets'), 2);
  assert.equal(samples.get('sotto_pubsub_notify_duration_seconds_count'), 0);
});
