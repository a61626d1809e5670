/** `sotto lookup …` and `runLookupMain`, as users run them. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Result, RunningServer, sotto } from '../support/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-lookup-cli-'));
after(() => rmSync(folder, { recursive: true }));

const STOCK = 'name,place,count\r\n"drill","shed","1"\r\n"saw","attic","2"\r\n';
const file = join(folder, 'stock.csv');
writeFileSync(file, STOCK);

function portOf({ addresses }: RunningServer): string {
  return addresses[0]?.split(':').at(-1) ?? '';
}

function start(...args: string[]): Promise<RunningServer> {
  return RunningServer.start(['lookup', 'serve', '--port', '0', ...args], { cwd: folder });
}

function asking(server: RunningServer): (...args: string[]) => Promise<Result> {
  const place = ['--port', portOf(server), '--server-key', server.publicKey];
  return (command, ...args) => sotto(['lookup', command ?? '', ...args, ...place], { cwd: folder });
}

describe('sotto lookup', () => {
  test('serves a file with nothing but its name and its key', async () => {
    await using server = await start('stock.csv:name');
    const ask = asking(server);
    assert.equal((await ask('query', 'drill')).stdout, 'name   drill\nplace  shed\ncount  1\n');
    assert.equal((await ask('query', 'DRILL', '--tcp')).stdout, 'name   drill\nplace  shed\ncount  1\n');
    assert.equal((await ask('query', '*a*')).stdout, 'name: saw, place: attic, count: 2\n');
    assert.deepEqual(JSON.parse((await ask('query', 's', '--match', 'prefix', '--json')).stdout), {
      ok: true,
      value: { keys: ['saw'], rows: [{ name: 'saw', place: 'attic', count: '2' }], next: null },
    });
    assert.equal(
      (await ask('query', 'shed', '--column', 'place')).stdout,
      'name: drill, place: shed, count: 1\n',
    );
    assert.equal((await ask('keys')).stdout, 'drill\nsaw\n');
    const paged = await ask('query', '*', '--limit', '1');
    assert.match(paged.stderr, /There is more: --after \S+/);
    const nothing = await ask('query', 'hammer');
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /Nothing is known of "hammer"/);
    assert.equal(await server.stop('SIGTERM'), 0);
  });

  test('set writes, for those who may, and watch tells of it', async () => {
    writeFileSync(file, STOCK);
    await sotto(['keygen', 'me.key'], { cwd: folder });
    const me = JSON.parse((await sotto(['id', 'me.key', '--json'], { cwd: folder })).stdout)[
      'public key'
    ] as string;
    await using server = await start('stock.csv:name', '--write', me);
    const ask = asking(server);
    const denied = await ask('set', 'drill', 'place=cellar');
    assert.equal(denied.code, 1);
    assert.match(denied.stderr, /may not write here/);
    const watching = spawn(
      process.execPath,
      [
        fileURLToPath(new URL('../../bin/sotto.js', import.meta.url)),
        'lookup',
        'watch',
        'drill',
        '--port',
        portOf(server),
        '--server-key',
        server.publicKey,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const lines = createInterface({ input: watching.stdout })[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, 'name: drill, place: shed, count: 1');
    const written = await ask('set', 'drill', 'place=the cellar', 'count=3', '--identity', 'me.key');
    assert.equal(written.stdout, 'name   drill\nplace  the cellar\ncount  3\n');
    assert.equal((await lines.next()).value, 'name: drill, place: the cellar, count: 3');
    watching.kill('SIGINT');
    assert.deepEqual(await once(watching, 'exit'), [0, null]);
    assert.equal((await ask('set', 'saw', '--remove', '--identity', 'me.key')).stdout, 'saw is removed.\n');
    assert.equal(readFileSync(file, 'utf8'), 'name,place,count\r\n"drill","the cellar","3"\r\n');
    for (const args of [
      ['set', 'drill'],
      ['set', 'drill', 'place'],
      ['set', 'drill', 'a:=b'],
    ]) {
      assert.equal((await ask(...args)).code, 2, args.join(' '));
    }
  });

  test('a query function of one’s own, and the request job beside', async () => {
    writeFileSync(file, STOCK);
    writeFileSync(
      join(folder, 'where.mjs'),
      "export const query = (text, data) => 'The ' + text + ' is in the ' + data['stock.csv'].get(text)?.place + '.';\n",
    );
    await using server = await start(
      'stock.csv:name',
      '--query',
      'where.mjs',
      '--listen',
      'tcp://127.0.0.1:0',
    );
    assert.equal((await asking(server)('query', 'saw')).stdout, 'The saw is in the attic.\n');
    const called = await sotto([
      'call',
      server.addresses[1] ?? '',
      '/lookup',
      'saw',
      '--server-key',
      server.publicKey,
    ]);
    assert.equal(called.stdout, 'The saw is in the attic.\n');
  });

  test('legacy keys: made, used, and refused when others can read them', async () => {
    writeFileSync(file, STOCK);
    for (const name of ['querykey', 'replykey']) await sotto(['lookup', 'keygen', name], { cwd: folder });
    assert.equal(statSync(join(folder, 'querykey')).mode & 0o777, 0o600);
    const legacy = ['--scheme', 'legacy-rsa', '--query-key', 'querykey', '--reply-key', 'replykey.pub'];
    await using server = await start('stock.csv:name', ...legacy);
    const ask = (): Promise<Result> =>
      sotto(
        [
          'lookup',
          'query',
          'drill',
          '--port',
          portOf(server),
          '--scheme',
          'legacy-rsa',
          '--query-key',
          'querykey.pub',
          '--reply-key',
          'replykey',
        ],
        { cwd: folder },
      );
    assert.equal((await ask()).stdout, "{'name': 'drill', 'place': 'shed', 'count': '1'}\n");
    chmodSync(join(folder, 'replykey'), 0o644);
    const refused = await ask();
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /replykey.*(others|chmod)/s);
    chmodSync(join(folder, 'replykey'), 0o600);
  });

  test('wrong usage says what to do', async () => {
    const cases: readonly (readonly [string[], number, RegExp])[] = [
      [['lookup', 'serve', 'no-such.csv:name', '--port', '0'], 1, /no-such.csv does not exist/],
      [
        ['lookup', 'serve', 'stock.csv:weight', '--port', '0'],
        1,
        /no column "weight"; its columns are name, place, count/,
      ],
      [['lookup', 'serve', 'stock.csv', '--port', '0'], 1, /not JSON|its key/],
      [['lookup', 'serve', 'stock.csv:name', '--scheme', 'rot13'], 2, /rot13/],
      [['lookup', 'query', 'x'], 2, /serverKey is missing/],
      [['lookup', 'keys'], 2, /--server-key is missing/],
      [['lookup', 'query'], 2, /missing required argument/],
    ];
    for (const [args, code, message] of cases) {
      const result = await sotto(args, { cwd: folder });
      assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`);
      assert.match(result.stderr, message);
    }
  });
});

describe('runLookupMain', () => {
  const demo = fileURLToPath(new URL('../../examples/lookup/demo.ts', import.meta.url));

  async function demoRun(...args: string[]): Promise<Result> {
    const child = spawn(process.execPath, [demo, ...args], { env: { ...process.env, NO_COLOR: '1' } });
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number]>,
    ]);
    return { code, stdout, stderr };
  }

  test('serves and asks, sealed by default', async () => {
    const key = join(folder, 'demo.key');
    const server = spawn(process.execPath, [demo, '--server', '--port', '0', '--identity', key], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const port = /:(\d+) by sealed\.$/.exec(String((await lines.next()).value))?.[1] ?? '';
    const serverKey = /sotto1\w+$/.exec(String((await lines.next()).value))?.[0] ?? '';
    const answer = await demoRun('--port', port, '--server-key', serverKey, 'spinach');
    assert.deepEqual([answer.code, answer.stdout], [0, '["spinach","vegetable","green"]\n']);
    const keyless = await demoRun('--port', port, 'spinach');
    assert.equal(keyless.code, 2);
    assert.match(keyless.stderr, /--server-key/);
    server.kill('SIGTERM');
    assert.deepEqual(await once(server, 'exit'), [0, null]);
  });

  test('makes keys, tells what it can, and refuses what it cannot', async () => {
    const made = await demoRun('--gen-key', join(folder, 'pair'));
    assert.equal(made.code, 0);
    assert.ok(existsSync(join(folder, 'pair.pub')));
    assert.equal(
      (await demoRun('--gen-key', join(folder, 'pair'))).code,
      1,
      'an existing key is never replaced',
    );
    assert.match((await demoRun('--help')).stdout, /--query-key FILE/);
    for (const args of [
      [],
      ['--no-such'],
      ['--port', 'x', '--plain', 'spinach'],
      ['--query-key', 'a', 'spinach'],
    ]) {
      assert.equal((await demoRun(...args)).code, 2, args.join(' '));
    }
  });
});
