/** A writer is killed again and again: what it said was written is there, and the file is whole. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Lookup } from '../../src/lookup/lookup.ts';

const WRITER = fileURLToPath(new URL('../support/row-writer.ts', import.meta.url));
const KILLS = 12;
const KEYS = 50;

const folder = mkdtempSync(join(tmpdir(), 'sotto-crash-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs the writer until it has written so many rows, kills it at once, and gives the last number that it said. */
async function writeAndKill(file: string, first: number, count: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, file, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let said = first - 1;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'opened') continue;
    said = Number(line);
    if (said === first + count) child.kill('SIGKILL');
  }
  await ended;
  return said;
}

test('every row that was said to be written is there after each of many kills', async () => {
  const file = join(folder, 'stock.csv');
  writeFileSync(file, 'name,value,text\r\n"untouched","1","as it was"\r\n');
  let next = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const said = await writeAndKill(file, next, 5 + 3 * kill);
    await using lookup = await Lookup.open({ files: { [file]: 'name' } });
    const table = lookup.data['stock.csv'] as { get(key: string): Record<string, string> | undefined };
    assert.deepEqual(table.get('untouched'), { name: 'untouched', value: '1', text: 'as it was' });
    for (let number = Math.max(0, said - KEYS + 1); number <= said; number++) {
      const row = table.get(`key ${number % KEYS}`);
      // A change that was begun and not yet said may be finished at the start.
      assert.ok(Number(row?.value) >= number, `key ${number % KEYS} has ${row?.value}, not ${number}`);
      assert.equal(row?.text, `"quoted", ${row?.value}`);
    }
    assert.ok(!existsSync(`${file}.conflicts`), 'nothing was in conflict');
    next = said + 1;
  }
  const left = readdirSync(folder).filter((name) => name.endsWith('.tmp'));
  assert.ok(left.length <= KILLS, left.join());
});
