/** `sotto broadcaster`, `sotto pub` and `sotto sub`, as users run them. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { RunningServer, sotto } from '../support/command.ts';
import { until } from '../support/lookup.ts';

const BIN = fileURLToPath(new URL('../../bin/sotto.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sotto-pubsub-cli-'));
after(() => rmSync(folder, { recursive: true }));

/** A running `sotto sub`, once it is subscribed. */
async function subscribed(...args: string[]) {
  const child = spawn(process.execPath, [BIN, 'sub', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await once(createInterface({ input: child.stderr }), 'line');
  return { child, next: async () => String((await lines.next()).value) };
}

test('set up, published and heard', async () => {
  const made = await sotto(['broadcaster', '--setup', '.'], { cwd: folder });
  assert.equal(made.stdout, './broadcaster-secrets.json\n./subscriber-secrets.json\n');
  assert.equal(statSync(join(folder, 'subscriber-secrets.json')).mode & 0o777, 0o600);
  await using broadcaster = await RunningServer.start(
    ['broadcaster', '--listen', 'http://127.0.0.1:0', '--auth', 'broadcaster-secrets.json'],
    { cwd: folder },
  );
  const [url = ''] = broadcaster.addresses;
  const auth = ['--auth', 'subscriber-secrets.json'];
  const all = await subscribed(url, '--glob', 'orders/*', ...auth);
  const commanded = await subscribed(
    url,
    '--exact',
    'orders/new',
    '--exec',
    'cat > "got-$(basename "$SOTTO_TOPIC")"',
    ...auth,
  );
  const told = await sotto(['pub', url, 'orders/new', 'number 7', ...auth], { cwd: folder });
  assert.equal(told.stdout, '2 subscribers have it.\n');
  assert.equal(await all.next(), 'orders/new: number 7');
  const piped = await sotto(['pub', url, 'orders/bytes', '-', ...auth, '--json'], {
    cwd: folder,
    input: new Uint8Array([0, 255]),
  });
  assert.deepEqual(JSON.parse(piped.stdout), { ok: true, value: { notified: 1 } });
  assert.equal(await all.next(), 'orders/bytes: 2 bytes');
  await until(() => {
    try {
      return readFileSync(join(folder, 'got-new'), 'utf8') === 'number 7';
    } catch {
      return false;
    }
  });
  const refused = await sotto(['pub', url, 'orders/new', 'x'], { cwd: folder });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /status 401/);
  for (const { child } of [all, commanded]) {
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  }
  assert.equal(
    (await sotto(['pub', url, 'orders/new', 'x', ...auth], { cwd: folder })).stdout,
    '0 subscribers have it.\n',
  );
  assert.equal(await broadcaster.stop('SIGTERM'), 0);
});

test('wrong usage says what to do', async () => {
  const cases: readonly (readonly [string[], number, RegExp])[] = [
    [['broadcaster', '--listen', 'http://0.0.0.0:0', '--store', 'sqlite::memory:'], 2, /auth is missing/],
    [['broadcaster', '--listen', 'udp://127.0.0.1:0'], 2, /listens at http/],
    [['broadcaster', '--store', 'postgres://x'], 2, /sqlite:FILE/],
    [['broadcaster', '--auth', 'no-such.json'], 1, /no-such.json/],
    [['sub', 'http://127.0.0.1:1'], 2, /needs a topic/],
    [['pub', 'ftp://x', 'y'], 2, /ftp:\/\/x/],
    [['pub'], 2, /missing required argument/],
  ];
  for (const [args, code, message] of cases) {
    const result = await sotto(args, { cwd: folder });
    assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, message);
  }
});
