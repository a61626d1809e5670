/** The commands, as typed. */

import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { KeysView, Problem } from '../../src/console/contract.ts';
import { hybridPublicKeyText } from '../../src/keys/hybrid-key.ts';
import { Identity } from '../../src/keys/identity.ts';
import { RequestClient } from '../../src/request/index.ts';
import { RunningServer, sotto } from '../support/command.ts';
import { Browser } from '../support/console.ts';
import { freePort } from '../support/doors.ts';
import { until } from '../support/lookup.ts';

const APP = fileURLToPath(new URL('../support/app.ts', import.meta.url));
const LISTEN = [
  '--listen',
  'udp://127.0.0.1:0',
  'tcp://127.0.0.1:0',
  'http://127.0.0.1:0',
  'ws://127.0.0.1:0',
];
/** Of a node, all but the request server. */
const QUIET = { lookup: false, broadcaster: false, sessions: false, peers: false, console: false };
const PRIVATE = '814e35107a71b64408f63be744e74699405def500849074ed5c800c9e552b249';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sotto-cli-'));
});
after(() => rm(folder, { recursive: true }));

describe('keygen and id', () => {
  test('make a key for its owner alone, show it, and give it away in the forms of others', async () => {
    const made = await sotto(['keygen', 'a.key', '--json'], { cwd: folder });
    assert.equal(made.code, 0, made.stderr);
    const fields = JSON.parse(made.stdout) as Record<string, string>;
    assert.match(fields['public key'] ?? '', /^sotto1/);
    assert.equal((await stat(join(folder, 'a.key'))).mode & 0o777, 0o600);
    const shown = await sotto(['id', 'a.key'], { cwd: folder });
    assert.ok(
      shown.stdout.includes(fields['public key'] ?? '-') && shown.stdout.includes(fields.words ?? '-'),
    );
    assert.match(
      (await sotto(['id', 'a.key', '--export', 'pem'], { cwd: folder })).stdout,
      /BEGIN PRIVATE KEY/,
    );
    assert.match((await sotto(['id', 'a.key', '--post-quantum'], { cwd: folder })).stdout, /^sottopq1/);
    assert.match((await sotto(['id', fields['public key'] ?? ''])).stdout, /fingerprint/);
  });

  test('take a key of PSSST, and seal under a passphrase', async () => {
    await writeFile(join(folder, 'pssst.hex'), `${PRIVATE}\n`);
    const env = { SOTTO_PASSPHRASE: 'open sesame' };
    const made = await sotto(['keygen', 'b.key', '--import', 'pssst.hex', '--passphrase'], {
      cwd: folder,
      env,
    });
    assert.equal(made.code, 0, made.stderr);
    assert.equal(
      (await sotto(['id', 'b.key', '--export', 'hex'], { cwd: folder, env })).stdout.trim(),
      PRIVATE,
    );
    const wrong = await sotto(['id', 'b.key'], { cwd: folder, env: { SOTTO_PASSPHRASE: 'x' } });
    assert.deepEqual([wrong.code, /passphrase does not open/.test(wrong.stderr)], [1, true]);
    const nobody = await sotto(['id', 'b.key'], { cwd: folder });
    assert.match(nobody.stderr, /SOTTO_PASSPHRASE/);
    const empty = await sotto(['keygen', 'c.key', '--passphrase'], {
      cwd: folder,
      env: { SOTTO_PASSPHRASE: '' },
    });
    assert.deepEqual([empty.code, /empty/.test(empty.stderr)], [2, true]);
  });

  test('refuse to overwrite, in one sentence', async () => {
    const again = await sotto(['keygen', 'a.key'], { cwd: folder });
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^sotto: a\.key exists; .*\n$/);
  });
});

describe('serve and call', () => {
  test('an app of one’s own, by every road', async () => {
    await using server = await RunningServer.start(['serve', APP, ...LISTEN], { cwd: folder });
    assert.equal(server.addresses.length, 4);
    const key = ['--server-key', server.publicKey];
    for (const url of server.addresses) {
      const answer = await sotto(['call', url, '/echo', '{"a":[1,2]}', ...key]);
      assert.deepEqual(JSON.parse(answer.stdout), { a: [1, 2] }, answer.stderr);
    }
    const [url = ''] = server.addresses;
    assert.equal((await sotto(['call', url, '/echo', 'plain text', ...key])).stdout, 'plain text\n');
    assert.equal(
      (await sotto(['call', url, '/echo', '-', ...key], { input: 'from a pipe' })).stdout,
      'from a pipe\n',
    );
    const json = await sotto(['call', url, '/echo', '7', ...key, '--json']);
    assert.deepEqual(JSON.parse(json.stdout), { ok: true, value: 7 });
    assert.equal((await sotto(['call', url, '/count', ...key, '--once'])).stdout, '1\n');
    const whole = await sotto(['call', server.addresses.join(','), '/who', ...key, '--identity', 'a.key'], {
      cwd: folder,
    });
    assert.match(whole.stdout, /sotto1/);
    await writeFile(join(folder, 'server.pub'), `${server.publicKey}\n`);
    assert.equal(
      (await sotto(['call', url, '/echo', '1', '--server-key', '@server.pub'], { cwd: folder })).stdout,
      '1\n',
    );
    const pq = (await sotto(['id', '.sotto/identity.key', '--post-quantum'], { cwd: folder })).stdout.trim();
    assert.equal(pq.length, hybridPublicKeyText(new Uint8Array(1216)).length);
    assert.equal(
      (await sotto(['call', server.addresses[1] ?? '', '/echo', 'pq', '--server-key', pq])).stdout,
      'pq\n',
    );
  });

  test('raw messages as PSSST programs send them', async () => {
    await using server = await RunningServer.start(['serve', APP, ...LISTEN, '--payload', 'raw'], {
      cwd: folder,
    });
    for (const url of server.addresses) {
      const answer = await sotto(['call', url, '/', 'EchoTest', '--raw', '--server-key', server.publicKey]);
      assert.equal(answer.stdout, 'EchoTest', answer.stderr);
    }
  });

  test('end with 1 where it failed, and say why in one sentence', async () => {
    await using server = await RunningServer.start(['serve', APP, ...LISTEN], { cwd: folder });
    const [udp = '', , http = ''] = server.addresses;
    const other = JSON.parse(
      (await sotto(['keygen', 'other.key', '--json'], { cwd: folder })).stdout,
    ) as Record<string, string>;
    const wrongKey = ['--server-key', other['public key'] ?? ''];
    for (const [args, why] of [
      [[http, '/echo', ...wrongKey], /is the server key that of this server\?/],
      [[udp, '/echo', ...wrongKey, '--timeout', '100'], /the server key is not that of this server/],
      [[udp, '/nowhere', '--server-key', server.publicKey], /No route fits "\/nowhere"/],
      [['tcp://127.0.0.1:1', '/echo', ...wrongKey, '--timeout', '3000'], /ECONNREFUSED/],
      [['udp://127.0.0.1:1', '/echo', ...wrongKey, '--timeout', '200'], /connection refused/],
      [[udp, '/echo', '--server-key', 'sotto1zzz'], /typing error/],
      [[udp, '/echo', '--server-key', server.publicKey, '--identity', 'none.key'], /sotto keygen none\.key/],
    ] as const) {
      const { code, stdout, stderr } = await sotto(['call', ...args], { cwd: folder });
      assert.equal(code, 1, stderr);
      assert.match(stderr, why);
      assert.equal(stdout, '');
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    }
    const json = await sotto(['call', udp, '/nowhere', '--server-key', server.publicKey, '--json']);
    assert.deepEqual(JSON.parse(json.stdout), {
      ok: false,
      code: 'route_not_found',
      message: 'No route fits "/nowhere".',
    });
  });

  test('end with 2 where the command was wrong', async () => {
    for (const args of [
      ['call', 'udp://x'],
      ['call', 'udp://x', '/echo'],
      ['call', 'ftp://x', '/echo', '--server-key', `${'00'.repeat(31)}09`],
      ['call', 'udp://x', '/echo', '--server-key', 'x', '--timeout', 'soon'],
      ['dance'],
      ['serve', 'missing.ts'],
      ['serve', APP, '--listen', 'nonsense'],
      ['serve', APP, '--workers', '0'],
      ['up', '--config', 'missing.json'],
    ]) {
      const { code, stderr } = await sotto(args, { cwd: folder });
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, /^sotto: /);
    }
  });

  test('help has an example for every command', async () => {
    for (const command of ['serve', 'up', 'call', 'keygen', 'id']) {
      const { code, stdout } = await sotto([command, '--help']);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`Example:\n  sotto ${command} `));
    }
  });

  test('a signal ends a server gracefully', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      await using server = await RunningServer.start(['serve', APP, ...LISTEN], { cwd: folder });
      assert.equal(await server.stop(signal), 0);
    }
  });

  test('--allow lets in one key alone', async () => {
    const shown = await sotto(['id', 'a.key', '--json'], { cwd: folder });
    const friend = (JSON.parse(shown.stdout) as Record<string, string>)['public key'] ?? '';
    await using server = await RunningServer.start(['serve', APP, ...LISTEN, '--allow', friend], {
      cwd: folder,
    });
    const ask = ['call', server.addresses[1] ?? '', '/echo', 'x', '--server-key', server.publicKey];
    assert.equal((await sotto([...ask, '--identity', 'a.key'], { cwd: folder })).stdout, 'x\n');
    assert.match((await sotto(ask)).stderr, /may not ask/);
  });
});

describe('up', () => {
  test('makes an identity, serves the demo, and prints a line that works', async () => {
    const fresh = await mkdtemp(join(tmpdir(), 'sotto-up-'));
    await writeFile(
      join(fresh, 'sotto.config.json'),
      JSON.stringify({ ...QUIET, request: { listen: LISTEN.slice(1) } }),
    );
    await using server = await RunningServer.start(['up'], { cwd: fresh });
    assert.equal((await stat(join(fresh, '.sotto/identity.key'))).mode & 0o777, 0o600);
    const [name, ...args] = server.call.split(' ');
    assert.match(name ?? '', /(^|\/)sotto$/);
    assert.match((await sotto(args)).stdout, /cellar/);
    await rm(fresh, { recursive: true });
  });

  test('changes a sealed key from the console, by the passphrase that it was given', async () => {
    const env = { SOTTO_PASSPHRASE: 'open sesame' };
    const data = join(folder, 'sealed');
    await Identity.generate().save(join(data, 'identity.key'), { passphrase: env.SOTTO_PASSPHRASE });
    const file = join(folder, 'sealed.json');
    const config = { ...QUIET, data, request: false, console: { listen: 'http://127.0.0.1:0' } };
    await writeFile(file, JSON.stringify(config));
    await using server = await RunningServer.start(['up', '--config', file], { env });
    const browser = new Browser(server.addresses[0] ?? '');
    await browser.enter(server.link ?? '');
    const rotate = { method: 'POST', body: { overlapDays: 1 } } as const;
    assert.equal((await browser.ask('/api/keys/rotate', rotate)).status, 204);
    const { keys } = (await browser.ask('/api/keys')).json as KeysView;
    assert.deepEqual(
      [keys[0]?.publicKey === server.publicKey, keys[1]?.publicKey],
      [false, server.publicKey],
    );
    await Identity.generate().save(join(data, 'identity.key'), { passphrase: 'other', overwrite: true });
    const { status, json } = await browser.ask('/api/keys/rotate', rotate);
    assert.deepEqual([status, /use: sotto keys rotate/.test((json as Problem).text)], [409, true]);
  });

  test('says which field of the config is wrong', async () => {
    const file = join(folder, 'bad.json');
    await writeFile(file, JSON.stringify({ lisen: [], request: { workers: 'many' } }));
    const { code, stderr } = await sotto(['up', '--config', file], { cwd: folder });
    assert.equal(code, 2);
    assert.match(stderr, /request\.workers: .*lisen/s);
    await writeFile(file, '{');
    assert.match((await sotto(['up', '--config', file])).stderr, /is not JSON/);
  });
});

describe('workers', () => {
  test('share the ports, answer alike, are replaced when they die, and end together', async () => {
    await using server = await RunningServer.start(['serve', APP, ...LISTEN, '--workers', '2'], {
      cwd: folder,
    });
    const ask = async (url: string, route: string): Promise<string> =>
      (await sotto(['call', url, route, '--server-key', server.publicKey, '--once'])).stdout.trim();
    const pids = new Set<string>();
    while (pids.size < 2) pids.add(await ask(server.addresses[0] ?? '', '/pid'));
    const [victim = ''] = pids;
    process.kill(Number(victim), 'SIGKILL');
    const replaced = new Set<string>();
    while ([...replaced].filter((pid) => !pids.has(pid)).length === 0) {
      for (const url of server.addresses) replaced.add(await ask(url, '/pid'));
    }
    assert.equal(await server.stop('SIGTERM'), 0);
    for (const pid of [...pids, ...replaced].filter((each) => each !== victim)) {
      assert.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' });
    }
  });

  test('do as the config in force says, whatever its file says by then', async () => {
    const file = join(folder, 'workers.json');
    const url = `tcp://127.0.0.1:${await freePort()}`;
    const config = { app: APP, data: join(folder, 'workers'), ...QUIET };
    const text = JSON.stringify({ ...config, request: { listen: [url], workers: 2 } });
    await writeFile(file, text);
    await using server = await RunningServer.start(['up', '--config', file]);
    const ask = async (): Promise<number> => {
      await using client = await RequestClient.connect(url, { serverKey: server.publicKey });
      return (await client.request('/pid')) as number;
    };
    await writeFile(file, '{');
    const victim = await ask();
    const pids = new Set([victim]);
    process.kill(victim, 'SIGKILL');
    await until(async () => pids.add(await ask().catch(() => victim)).size === 3);
    await writeFile(file, text.replace('{', '{"access":{"/pid":[]},'));
    server.child.kill('SIGHUP');
    await until(() => server.stderr.includes('the config is in force'));
    await assert.rejects(ask(), /may not reach this route/);
  });
});
