/** The guard that finds a Node new enough. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findBundledNode, isSupported, tooOld } from '../../bin/guard.js';

test('24.11 is the oldest Node that will do', () => {
  for (const version of ['24.11.0', '24.21.0', '26.10.0', '30.0.0']) assert.ok(isSupported(version), version);
  for (const version of ['24.10.9', '22.23.3', '20.20.2', '8.0.0']) assert.ok(!isSupported(version), version);
});

test('a bundled Node is looked for upwards, and is never the one that runs', () => {
  const found = findBundledNode(import.meta.dirname);
  assert.ok(found === null || /node_modules.node.bin.node/.test(found));
  assert.notEqual(found, process.execPath);
  assert.equal(findBundledNode('/'), null);
});

test('who has none is told in one line', () => {
  assert.match(tooOld('20.20.2'), /^sotto: Node 24\.11 or newer is needed, and this is 20\.20\.2\. .*$/);
});
