/** All five jobs at once in trouble of every kind: what they promise holds in each of 1000 worlds, and a seed repeats its world. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { SimulationReport } from '../../src/testing/index.ts';

const PROCESS = 'test/support/simulation/process.ts';

/** In a process without helping threads: several run beside each other. */
async function played(seeds: number, from: number): Promise<SimulationReport> {
  const args = ['--single-threaded', PROCESS, String(seeds), String(from)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 16 * 1024 * 1024 });
  return JSON.parse(stdout) as SimulationReport;
}

test('1000 worlds full of trouble break no promise, and 20 of them are the same again', async () => {
  const [first, second, again] = await Promise.all([played(500, 1), played(500, 501), played(20, 1)]);
  // A seed chosen by the environment is one world; else there are as many as were asked for.
  const alone = process.env.SOTTO_SEED !== undefined;
  assert.equal(first.runs + second.runs, alone ? 2 : 1000);
  assert.ok(first.events + second.events > 50 * (first.runs + second.runs), 'something happens in them');
  assert.deepEqual(first.digests.slice(0, 20), again.digests);
  assert.equal(new Set([...first.digests, ...second.digests]).size, alone ? 1 : 1000, 'each is another');
});
