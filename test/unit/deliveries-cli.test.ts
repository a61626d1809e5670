/** `sotto deliveries`: a log read while it is written, and nothing but read. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import type { Delivery } from '../../src/pubsub/operations/delivery-log.ts';
import { SqliteDeliveryLog } from '../../src/pubsub/operations/sqlite-delivery-log.ts';

const HOUR = 3_600_000;
const NOW = Date.now();
const folder = mkdtempSync(join(tmpdir(), 'sotto-deliveries-cli-'));
const file = join(folder, 'deliveries.db');
const commands = fileURLToPath(new URL('../../src/cli/deliveries.ts', import.meta.url));
let log: SqliteDeliveryLog;

const PROGRAM = `
  import { Command } from 'commander';
  import { addDeliveriesCommand } from ${JSON.stringify(commands)};
  const program = new Command('sotto');
  addDeliveriesCommand(program);
  program.parseAsync(process.argv.slice(1), { from: 'user' }).catch(({ code, message }) => {
    process.stderr.write(code + ': ' + message);
    process.exitCode = 1;
  });
`;

interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

function deliveries(...args: readonly string[]): Promise<Output> {
  // The oldest Node says on stderr that its SQLite is experimental.
  const argv = [
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '-e',
    PROGRAM,
    '--',
    'deliveries',
    ...args,
  ];
  const options = {
    env: { ...process.env, NO_COLOR: '1', TZ: 'UTC' },
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  };
  return new Promise((resolve) => {
    execFile(process.execPath, argv, options, (_error, stdout, stderr) => resolve({ stdout, stderr }));
  });
}

async function ids(...args: readonly string[]): Promise<number[]> {
  const { stdout } = await deliveries(file, '--json', ...args);
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).id]));
}

function record(changes: Partial<Delivery>): void {
  log.record({
    at: NOW,
    topic: encodeUtf8('orders/new'),
    url: 'http://a.example/v1/receive',
    identifier: Uint8Array.of(1, 2, 3),
    tries: 1,
    status: 'received',
    subscribers: 1,
    why: '',
    duration: 12,
    bytes: 100,
    ...changes,
  });
}

before(async () => {
  log = await SqliteDeliveryLog.open(file);
  record({ at: NOW - 2 * HOUR });
  record({
    status: 'failed',
    why: 'connect ECONNREFUSED',
    url: 'http://b.example/v1/receive',
    at: NOW - HOUR / 2,
  });
  record({ topic: Uint8Array.of(0xff, 0), subscribers: 3 });
  record({ topic: encodeUtf8('\u001b[2Jgone\nfake'), why: 'a\u009bb' });
  await log.flush();
});
after(async () => {
  await log.close();
  rmSync(folder, { recursive: true });
});

describe('deliveries', () => {
  test('as a table, the newest first, and nobody writes on the terminal but we', async () => {
    const { stdout, stderr } = await deliveries(file);
    assert.equal(stderr, '');
    const [head, ...lines] = stdout.trimEnd().split('\n');
    assert.match(head ?? '', /^id +time +status +topic +url +subscribers +tries +ms +bytes +why$/);
    assert.equal(lines.length, 4);
    assert.match(lines[0] ?? '', /^ 4 .* \\u\{1b\}\[2Jgone\\u\{a\}fake .* a\\u\{9b\}b$/);
    assert.match(lines[1] ?? '', / 0xff00 /);
    assert.match(lines[2] ?? '', / failed .* connect ECONNREFUSED$/);
    const time = new Date(NOW - 2 * HOUR).toISOString().slice(0, 19).replace('T', ' ');
    assert.ok(lines[3]?.startsWith(` 1  ${time}  received  orders/new `));
    assert.match(lines[3] ?? '', / 1 +1 +12 +100$/);
  });

  test('by topic, url, status and time', async () => {
    const cases: readonly [readonly string[], readonly number[]][] = [
      [[], [4, 3, 2, 1]],
      [
        ['--topic', 'orders/new'],
        [2, 1],
      ],
      [['--url', 'http://b.example/v1/receive'], [2]],
      [['--status', 'failed'], [2]],
      [
        ['--since', '1h'],
        [4, 3, 2],
      ],
      [
        ['--since', new Date(NOW - 3 * HOUR).toISOString()],
        [4, 3, 2, 1],
      ],
      [['--topic', 'orders/new', '--status', 'failed', '--since', '1m'], []],
    ];
    const found = await Promise.all(cases.map(([args]) => ids(...args)));
    assert.deepEqual(
      found,
      cases.map(([, expected]) => expected),
    );
  });

  test('page by page', async () => {
    const { stdout, stderr } = await deliveries(file, '--limit', '3');
    assert.equal(stdout.trimEnd().split('\n').length, 4);
    assert.equal(stderr, 'There is more: --before 2\n');
    assert.deepEqual(await ids('--before', '2'), [1]);
  });

  test('as JSON, with all that there is', async () => {
    const { stdout } = await deliveries(file, '--json', '--topic', '\u001b[2Jgone\nfake');
    assert.deepEqual(JSON.parse(stdout), {
      id: 4,
      at: new Date(NOW).toISOString(),
      topic: '\u001b[2Jgone\nfake',
      topicHex: Buffer.from('\u001b[2Jgone\nfake').toString('hex'),
      url: 'http://a.example/v1/receive',
      identifier: '010203',
      tries: 1,
      status: 'received',
      subscribers: 1,
      why: 'a\u009bb',
      duration: 12,
      bytes: 100,
    });
  });

  test('of which there are none are said to be none', async () => {
    assert.deepEqual(await deliveries(file, '--topic', 'none'), {
      stdout: '',
      stderr: 'No such deliveries.\n',
    });
  });

  test('also more than a page of them, and after the broadcaster has ended', async () => {
    const path = join(folder, 'many.db');
    const many = await SqliteDeliveryLog.open(path);
    const first = (await log.query({ limit: 1 })).deliveries[0] ?? assert.fail('none');
    for (let number = 0; number < 2500; number++) many.record(first);
    await many.close();
    const { stdout } = await deliveries(path, '--json', '--limit', '2200');
    assert.equal(stdout.trimEnd().split('\n').length, 2200);
  });
});

describe('what is no delivery log', () => {
  test('is said so, and left as it was', async () => {
    const missing = join(folder, 'missing.db');
    assert.match((await deliveries(missing)).stderr, /^file_unreadable: There is no delivery log at /);
    const text = join(folder, 'letter.txt');
    writeFileSync(text, 'Dear reader, '.repeat(100));
    assert.match((await deliveries(text)).stderr, /^file_invalid: .*letter\.txt is no delivery log: /);
    const other = join(folder, 'other.db');
    new DatabaseSync(other).exec('CREATE TABLE something (x); PRAGMA user_version = 7');
    const bytes = readFileSync(other);
    assert.match((await deliveries(other)).stderr, /^file_invalid: .*no such table/);
    assert.deepEqual(readFileSync(other), bytes);
    assert.ok(
      !readdirSync(folder).some((name) => name.startsWith('missing') || name.startsWith('other.db-')),
    );
  });

  test('neither is a time that is none', async () => {
    const wrong = ['soon', '5', '1w', '-1h', '2026-99-99'];
    const refusals = await Promise.all(wrong.map((time) => deliveries(file, `--since=${time}`)));
    for (const { stderr } of refusals) assert.match(stderr, /like 30s, 15m, 1h, 7d/);
    assert.match((await deliveries(file, '--status', 'lost')).stderr, /Allowed choices are received, failed/);
  });
});
