/** `sotto doctor` on this machine: with faults made for real, and with none. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createApp, Identity } from '../../src/index.ts';
import {
  examineNode,
  type NodeExaminationOptions,
  type Part,
} from '../../src/node/doctor/node-examination.ts';
import type { NodeDiagnosis } from '../../src/node/doctor/node-finding.ts';
import { readPlan } from '../../src/node/plan.ts';
import { serve } from '../../src/node/serve.ts';
import { openDatabase } from '../../src/platform/node/sqlite.ts';
import { RunningServer, sotto } from '../support/command.ts';
import { freePort } from '../support/doors.ts';

const BIN = fileURLToPath(new URL('../../bin/sotto.js', import.meta.url));
const HAS_MODES = process.platform !== 'win32';

/** Requests, and nothing else. */
const ALONE = { lookup: false, broadcaster: false, sessions: false, peers: false, console: false } as const;

/** A folder where a node has run, with a config. */
class Ward implements AsyncDisposable {
  readonly folder: string;
  readonly data: string;
  readonly config: string;

  static async open(config: object = {}): Promise<Ward> {
    const ward = new Ward(await mkdtemp(join(tmpdir(), 'sotto-ward-')));
    await Identity.generate().save(join(ward.data, 'identity.key'));
    await writeFile(
      ward.config,
      JSON.stringify({ ...ALONE, data: ward.data, request: { listen: ['udp://127.0.0.1:0'], ...config } }),
    );
    return ward;
  }

  private constructor(folder: string) {
    this.folder = folder;
    this.data = join(folder, 'data');
    this.config = join(folder, 'sotto.config.json');
  }

  path(name: string): string {
    return join(this.data, name);
  }

  async examine(part: Part, more: Partial<NodeExaminationOptions> = {}): Promise<NodeDiagnosis> {
    return examineNode({
      plan: await readPlan(this.config, undefined),
      parts: new Set([part]),
      runtime: { node: process.versions.node, nodeNeeded: '>=24.11', sotto: '0.1.0', packages: [] },
      machine: { firewall: null, chains: [] },
      ...{ isExpected: false, urls: [], unit: 'sotto-that-is-not-there.service' },
      multicast: () => Promise.resolve({ checks: [], findings: [] }),
      ...more,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true });
  }
}

function faults({ findings }: NodeDiagnosis): string[] {
  return findings.filter(({ severity }) => severity === 'fault').map(({ code }) => code);
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('a fault, and the doctor names it and no other', () => {
  test('none', async () => {
    await using ward = await Ward.open();
    openDatabase(ward.path('once.db')).close();
    for (const part of ['programs', 'data', 'reach', 'service'] as const) {
      assert.deepEqual((await ward.examine(part)).findings, [], part);
    }
  });

  test('a key and a secret that others can read', { skip: !HAS_MODES }, async () => {
    await using ward = await Ward.open();
    await chmod(ward.path('identity.key'), 0o644);
    await writeFile(ward.path('pins.json'), '{}', { mode: 0o644 });
    assert.deepEqual(faults(await ward.examine('data')), ['key_exposed', 'file_exposed']);
  });

  test('a data folder that others can read', { skip: !HAS_MODES }, async () => {
    await using ward = await Ward.open();
    await chmod(ward.data, 0o755);
    assert.deepEqual(faults(await ward.examine('data')), ['data_exposed']);
  });

  test('a key that is none, and a file where the folder should be', async () => {
    await using ward = await Ward.open();
    await writeFile(ward.path('identity.key'), 'nonsense');
    assert.deepEqual(faults(await ward.examine('data')), ['key_invalid']);
    await rm(ward.data, { recursive: true });
    await writeFile(ward.data, '');
    assert.ok(faults(await ward.examine('data')).includes('data_not_folder'));
  });

  test('a store with a page that is not whole, and one of a newer Sotto', async () => {
    await using ward = await Ward.open();
    const database = openDatabase(ward.path('once.db'));
    database.execute('CREATE TABLE t (x); INSERT INTO t VALUES (1); PRAGMA wal_checkpoint(TRUNCATE);');
    database.close();
    const newer = openDatabase(ward.path('deliveries.db'));
    newer.execute('PRAGMA user_version = 99');
    newer.close();
    const header = Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(4080, 0xff)]);
    await writeFile(ward.path('once.db'), header);
    assert.deepEqual(faults(await ward.examine('data')).toSorted(), ['store_corrupt', 'store_newer']);
    assert.throws(() => openDatabase(ward.path('deliveries.db')), /newer version of Sotto/);
  });

  test('a folder that a newer Sotto has used', async () => {
    await using ward = await Ward.open();
    await writeFile(ward.path('version.json'), '{"sotto":"9.0.0","layout":9}', { mode: 0o600 });
    assert.deepEqual(faults(await ward.examine('data')), ['data_newer']);
    await writeFile(ward.path('version.json'), 'nonsense', { mode: 0o600 });
    assert.deepEqual(faults(await ward.examine('data')), ['data_version_invalid']);
  });

  test('a config with a wrong field, which it names', async () => {
    await using ward = await Ward.open({ workers: 'many' });
    const { findings } = await ward.examine('programs');
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['config_invalid'],
    );
    assert.match(findings[0]?.what ?? '', /request\.workers: /);
  });

  test('a port that another program has, by its name', async () => {
    const server = createServer();
    const port = await listening(server);
    await using ward = await Ward.open({ listen: [`tcp://127.0.0.1:${port}`, `http://127.0.0.1:${port}`] });
    await rm(ward.path('identity.key')); // so that nobody need be asked whether it is this node
    const { findings } = await ward.examine('reach');
    server.close();
    assert.equal(findings.length, 1);
    if (process.platform === 'linux')
      assert.match(findings[0]?.what ?? '', new RegExp(`\\(pid ${process.pid}\\)`));
  });

  test('a console that does not answer, of a node that runs', async () => {
    await using ward = await Ward.open();
    const [listen, page] = [[`tcp://127.0.0.1:${await freePort()}`], await freePort()];
    const console = { listen: `http://127.0.0.1:${page}` };
    const config = { ...ALONE, data: ward.data, request: { listen } };
    await writeFile(ward.config, JSON.stringify({ ...config, console }));
    await using _node = await serve(createApp(), config);
    const down = await ward.examine('reach');
    assert.deepEqual(faults(down), ['not_listening']);
    assert.ok(down.findings[0]?.what.includes(console.listen));
    const mute = createServer((socket) => socket.destroy());
    mute.listen(page, '127.0.0.1');
    await once(mute, 'listening');
    const silent = await ward.examine('reach');
    mute.close();
    assert.deepEqual(faults(silent), ['url_unreachable']);
    assert.ok(silent.findings[0]?.what.includes(console.listen));
  });

  test('an address that this machine does not have, and one that is none', async () => {
    await using ward = await Ward.open({ listen: ['tcp://192.0.2.77:7878', 'gopher://x'] });
    assert.deepEqual(faults(await ward.examine('reach')), ['address_missing', 'listen_failed']);
  });

  test('no node where one should be', async () => {
    await using ward = await Ward.open({ listen: [`tcp://127.0.0.1:${await freePort()}`] });
    assert.deepEqual(faults(await ward.examine('reach', { isExpected: true })), ['not_running']);
  });

  test('a clock that a server does not have, and a server that cannot work', async () => {
    const server = createHttpServer((_request, response) => {
      response.writeHead(503, { date: new Date(Date.now() + 3_600_000).toUTCString() });
      response.end('{"status":"unavailable","away":["store"]}');
    });
    const urls = [`http://127.0.0.1:${await listening(server)}/readyz`];
    await using ward = await Ward.open();
    const clock = await ward.examine('clock', { urls });
    const reach = await ward.examine('reach', { urls });
    server.close();
    assert.deepEqual(faults(clock), ['clock_wrong']);
    assert.deepEqual(faults(reach), ['url_not_ready']);
    assert.match(reach.findings[0]?.what ?? '', /"away":\["store"\]/);
    assert.deepEqual(faults(await ward.examine('reach', { urls })), ['url_unreachable']);
  });
});

describe('the command', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sotto-doctor-'));
  });
  after(() => rm(folder, { recursive: true }));

  test('asks the node that runs, by every road, and ends with 0', async () => {
    const [datagrams, streams, sessions] = [await freePort(), await freePort(), await freePort()];
    const console = `http://127.0.0.1:${await freePort()}`;
    const listen = [
      `udp://127.0.0.1:${datagrams}`,
      `http://127.0.0.1:${streams}`,
      `ws://127.0.0.1:${streams}`,
    ];
    await writeFile(
      join(folder, 'sotto.config.json'),
      JSON.stringify({
        ...{ ...ALONE, request: { listen }, sessions: { listen: [`ws://127.0.0.1:${sessions}`] } },
        console: { listen: console },
      }),
    );
    await using server = await RunningServer.start(['up'], { cwd: folder });
    assert.equal(server.addresses.length, listen.length + 2);
    const args = ['doctor', '--only', 'programs', 'data', 'reach', '--running'];
    const { code, stdout } = await sotto([...args, '--json'], { cwd: folder });
    const told = JSON.parse(stdout) as NodeDiagnosis & { ok: boolean };
    assert.deepEqual([told.ok, code, told.findings], [true, 0, []]);
    for (const url of [...listen, `ws://127.0.0.1:${sessions}`, console]) {
      assert.match(told.checks.find(({ name }) => name === url)?.detail ?? '', /^this node/);
    }
  });

  test('says what mends it, ends with 1; and takes wrong options for wrong', async () => {
    const [found, wrong] = await Promise.all([
      sotto(['doctor', '--only', 'reach', '--running', '--quiet'], { cwd: folder }),
      sotto(['doctor', '--only', 'nothing'], { cwd: folder }),
    ]);
    assert.equal(found.code, 1, found.stdout);
    assert.match(
      found.stdout,
      /FAULT not_running\n {2}The node does not run\.\n {2}Start it\.\n {4}sudo systemctl/,
    );
    assert.deepEqual([wrong.code, wrong.stdout], [2, '']);
  });

  test('few open files', { skip: process.platform !== 'linux' }, async () => {
    const script = 'ulimit -n 128; exec "$0" "$1" doctor --only limits --json';
    const stdout = await new Promise<string>((resolve) => {
      execFile('sh', ['-c', script, process.execPath, BIN], { cwd: folder }, (_error, out) => resolve(out));
    });
    assert.deepEqual(faults(JSON.parse(stdout) as NodeDiagnosis), ['files_limit']);
  });
});
