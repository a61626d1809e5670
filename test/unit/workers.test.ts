/** Processes that share their ports, where not all goes well. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SILENT } from '../../src/app/message.ts';
import { startWorkers } from '../../src/node/workers.ts';
import { until } from '../support/lookup.ts';

const assignment = (listen: readonly string[]): object => ({ listen });
const script = fileURLToPath(new URL('../support/worker.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sotto-workers-'));
after(() => rmSync(folder, { recursive: true }));

test('they leave SIGHUP to their parent', { skip: process.platform === 'win32' }, async () => {
  const file = join(folder, 'hung-up');
  const workers = await startWorkers({
    script,
    args: [file],
    listen: ['first'],
    assignment,
    log: SILENT,
    count: 1,
  });
  const [pid = 0] = workers.pids;
  process.kill(pid, 'SIGHUP');
  await until(() => readFileSync(file, 'utf8').includes('still here') || workers.pids[0] !== pid);
  assert.deepEqual(workers.pids, [pid]);
  await workers.close();
});

test('where one does not come up, none is left', async () => {
  const file = join(folder, 'pids');
  const options = { script, args: [file], listen: ['first'], assignment, log: SILENT };
  await assert.rejects(startWorkers({ ...options, count: 2 }), { code: 'listen_failed' });
  const pid = Number(readFileSync(file, 'utf8'));
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});
