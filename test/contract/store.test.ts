import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { MemoryOnceStore } from '../../src/sealed/stores/memory.ts';
import { SqliteOnceStore } from '../../src/sealed/stores/sqlite.ts';
import { storeContract } from './store.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-store-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

function newFile(): string {
  files += 1;
  return join(folder, `once-${files}.db`);
}

storeContract('memory', (limits) => new MemoryOnceStore(limits));
storeContract('sqlite', (limits) => new SqliteOnceStore(newFile(), limits));

describe('the sqlite store', () => {
  const exchange = new Uint8Array(32).fill(5);
  const now = Date.now();

  test('knows after a restart what was answered, and the time', async () => {
    const file = newFile();
    const first = new SqliteOnceStore(file);
    await first.claim(exchange, now, now + 60_000);
    await first.answer(exchange, Uint8Array.of(1, 2));
    await first.close();
    const second = new SqliteOnceStore(file);
    assert.equal((await second.claim(exchange, now, now + 60_000)).state, 'answered');
    assert.equal(second.latestClaim, now);
    await second.close();
  });

  test('is one for all processes that open it: one claims, the others see it running', async () => {
    const file = newFile();
    const stores = [new SqliteOnceStore(file), new SqliteOnceStore(file), new SqliteOnceStore(file)];
    const states = await Promise.all(
      stores.map(async (store) => (await store.claim(exchange, now, now + 60_000)).state),
    );
    assert.deepEqual(states.sort(), ['claimed', 'running', 'running']);
    for (const store of stores) await store.close();
  });

  test('forgets what has expired when it is opened', async () => {
    const file = newFile();
    const first = new SqliteOnceStore(file);
    await first.claim(exchange, now - 1000, now - 500);
    await first.close();
    const second = new SqliteOnceStore(file);
    assert.equal((await second.claim(exchange, now, now + 60_000)).state, 'claimed');
    await second.close();
  });

  test('says of what a killed process began that it is abandoned, once its lease is over', async () => {
    const file = newFile();
    const script = `
      const { SqliteOnceStore } = await import(${JSON.stringify(new URL('../../src/sealed/stores/sqlite.ts', import.meta.url).href)});
      const store = new SqliteOnceStore(${JSON.stringify(file)});
      await store.claim(new Uint8Array(32).fill(5), ${now}, ${now + 60_000});
      process.kill(process.pid, 'SIGKILL');
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    const [, signal] = await once(child, 'exit');
    assert.equal(signal, 'SIGKILL');
    const store = new SqliteOnceStore(file);
    let state = 'running';
    while (state === 'running') ({ state } = await store.claim(exchange, now, now + 60_000));
    assert.equal(state, 'abandoned');
    await store.close();
  });

  test('that cannot be written for a while refuses claims, and ends no process', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const file = newFile();
    const store = new SqliteOnceStore(file);
    const other = new DatabaseSync(file);
    other.exec('ALTER TABLE owners RENAME TO away');
    t.mock.timers.tick(10_000);
    await assert.rejects(store.claim(exchange, now, now + 60_000), /owners/);
    other.exec('ALTER TABLE away RENAME TO owners');
    t.mock.timers.tick(1000);
    assert.equal((await store.claim(exchange, now, now + 60_000)).state, 'claimed');
    other.exec('DROP TABLE owners');
    other.close();
    await store.close();
  });

  test('that cannot be opened says which file', () => {
    assert.throws(() => new SqliteOnceStore(folder), { code: 'invalid_option', message: new RegExp(folder) });
  });

  test('that another program holds cannot be opened now, which may pass', () => {
    const file = newFile();
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    assert.throws(() => new SqliteOnceStore(file), { code: 'unavailable', message: /locked/ });
    other.close();
  });
});
