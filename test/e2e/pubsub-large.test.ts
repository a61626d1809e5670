/** Messages far longer than any buffer: they pass a broadcaster in pieces, and no piece is kept in memory. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';
import { SpawnedBroadcaster } from '../support/spawned-broadcaster.ts';

const MEBIBYTE = 1024 * 1024;
const PIECES = 400;

/** Made as it goes; the same each time. */
function* pieces(): Generator<Uint8Array, void, void> {
  for (let number = 0; number < PIECES; number++) yield new Uint8Array(MEBIBYTE).fill(number);
}

function sha256(chunks: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

/** The most memory that a process has had so far, bytes. */
function peakMemory(pid: number): number {
  const [, kibibytes = ''] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

test('400 MiB reach a webhook and a WebSocket through a broadcaster that never has 200 MiB of memory', {
  skip: process.platform !== 'linux' && 'the memory of a process is read from /proc',
}, async () => {
  await using broadcaster = await SpawnedBroadcaster.start({
    listen: 'http://127.0.0.1:0',
    store: 'sqlite::memory:',
  });
  const broadcasters = broadcaster.address;
  await using webhook = await Subscriber.connect({ broadcasters, listen: 'http://127.0.0.1:0' });
  await using connected = await Subscriber.connect({ broadcasters, transport: 'websocket' });
  await using posted = await webhook.subscribe({ exact: ['film'] });
  await using pushed = await connected.subscribe({ exact: ['film'] });
  assert.deepEqual(await webhook.notify('film', pieces()), { notified: 2 });
  const expected = sha256(pieces());
  for (const subscription of [posted, pushed]) {
    for await (const message of subscription) {
      assert.equal(message.length, PIECES * MEBIBYTE);
      const hash = createHash('sha256');
      for await (const chunk of message.chunks()) hash.update(chunk);
      assert.equal(hash.digest('hex'), expected);
      break;
    }
  }
  const peak = peakMemory(broadcaster.pid);
  assert.ok(peak < 200 * MEBIBYTE, `${Math.round(peak / MEBIBYTE)} MiB at the most`);
});
