/** `sotto topic-key`: files made, rotated and shown, and never a secret printed. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'sotto-topic-keys-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'topics.key');
const commands = fileURLToPath(new URL('../../src/cli/topic-keys.ts', import.meta.url));

const PROGRAM = `
  import { Command } from 'commander';
  import { addTopicKeyCommands } from ${JSON.stringify(commands)};
  const program = new Command('sotto');
  addTopicKeyCommands(program);
  program.parseAsync(process.argv.slice(1), { from: 'user' }).catch(({ code, message }) => {
    process.stderr.write(code + ': ' + message);
    process.exitCode = 1;
  });
`;

function topicKey(...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const argv = ['--input-type=module', '-e', PROGRAM, '--', 'topic-key', ...args];
  const options = {
    env: { ...process.env, NO_COLOR: '1' },
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  };
  return new Promise((resolve) => {
    execFile(process.execPath, argv, options, (_error, stdout, stderr) => resolve({ stdout, stderr }));
  });
}

async function shown(
  ...args: readonly string[]
): Promise<{ seals: string; opens: string[]; topics: string[] }> {
  const { stdout, stderr } = await topicKey(...args, '--json');
  assert.equal(stderr, '');
  assert.doesNotMatch(stdout, /sotto-topic-secret/);
  return JSON.parse(stdout);
}

test('made, rotated and shown', async () => {
  const made = await shown('new', file, '--topics', 'orders/*', 'prices');
  assert.deepEqual([made.opens, made.topics], [[made.seals], ['orders/*', 'prices']]);
  if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600);
  const twice = await shown('rotate', file);
  assert.deepEqual(twice.opens, [twice.seals, made.seals]);
  const thrice = await shown('rotate', file, '--keep', '1');
  assert.deepEqual(thrice.opens, [thrice.seals, twice.seals]);
  assert.deepEqual(await shown('show', file), thrice);
  const alone = await shown('rotate', file, '--keep', '0');
  assert.deepEqual(alone.opens, [alone.seals]);
  const { stdout } = await topicKey('show', file);
  assert.match(
    stdout,
    new RegExp(`seals with +${alone.seals}\nopens with +${alone.seals}\ntopics +orders/\\* prices\n`),
  );
});

test('a full file has room again with --keep', async () => {
  const full = join(folder, 'full.key');
  const { topicKeyring, generateTopicSecret } = await import('../../src/pubsub/sealed-topics.ts');
  await topicKeyring({ secrets: Array.from({ length: 64 }, generateTopicSecret) }).save(full);
  assert.match((await topicKey('rotate', full)).stderr, /^invalid_option: .*64/);
  assert.equal((await shown('rotate', full, '--keep', '63')).opens.length, 64);
  assert.equal((await shown('rotate', full, '--keep', '5')).opens.length, 6);
});

test('a file is not replaced, nor made with globs that seal nothing, unless it is meant', async () => {
  const other = join(folder, 'other.key');
  await shown('new', other);
  const before = readFileSync(other, 'utf8');
  assert.match((await topicKey('new', other)).stderr, /^key_file_exists: /);
  assert.match((await topicKey('new', other, '--force', '--topics', '')).stderr, /^invalid_option: /);
  assert.equal(readFileSync(other, 'utf8'), before);
  await shown('new', other, '--force');
  assert.notEqual(readFileSync(other, 'utf8'), before);
  assert.match(
    (await topicKey('show', join(folder, 'none'))).stderr,
    /^key_file_missing: .*sotto topic-key new/,
  );
});
