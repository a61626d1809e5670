/** What is loaded when it is first needed: once, for all who wait; and again where that failed. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cbor } from '../../src/bytes/cbor-on-demand.ts';
import { OnDemand } from '../../src/bytes/on-demand.ts';

test('a part is not there before, is fetched once for all who wait, and stays', async () => {
  let fetched = 0;
  const demand = new OnDemand('Thing', 'loadThing()', async () => ++fetched);
  assert.equal(demand.isLoaded, false);
  const needed = { code: 'unsupported_platform', message: 'Thing is not loaded; await loadThing() first.' };
  assert.throws(() => demand.part, needed);
  await Promise.all([demand.load(), demand.load()]);
  assert.equal(demand.part, 1);
  assert.equal(demand.load(), null);
  assert.equal(fetched, 1);
});

test('what cannot be fetched is told to all who wait, and tried again by the next', async () => {
  let isThere = false;
  const demand = new OnDemand('Thing', 'loadThing()', async () => {
    if (isThere) return 'thing';
    throw new TypeError('404');
  });
  const failed = { code: 'unreachable', message: 'Thing cannot be loaded: 404' };
  const both = [demand.load(), demand.load()];
  for (const each of both) await assert.rejects(async () => each, failed);
  isThere = true;
  await demand.load();
  assert.equal(demand.part, 'thing');
});

test('the CBOR of pages is that of everybody', async () => {
  assert.throws(() => cbor.part, { code: 'unsupported_platform' });
  await cbor.load();
  const value = { when: new Date(5), ids: new Set([1n << 70n]), bytes: Uint8Array.of(1), none: undefined };
  assert.deepEqual(cbor.part.decode(cbor.part.encode(value)), value);
});
