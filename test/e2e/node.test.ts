/** A whole node: its parts start, fail, change and stop each by itself. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type App, createApp, Identity, type Node, type PartialNodeConfig, serve } from '../../src/index.ts';
import { LookupClient } from '../../src/lookup/client.ts';
import { configSchema, type NodeConfig, parseConfig } from '../../src/node/config.ts';
import { RequestClient } from '../../src/request/index.ts';
import { SessionClient } from '../../src/session/index.ts';
import { RunningServer, sotto } from '../support/command.ts';
import { addressOf, randomUdpPort } from '../support/doors.ts';
import { CollectingLog, until } from '../support/lookup.ts';

const app = createApp().on('/echo', (ctx) => ctx.body);
const identity = Identity.generate();

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sotto-node-'));
});
after(() => rm(folder, { recursive: true }));

let count = 0;
/** Everything, at ports that are free. */
function config(changes: PartialNodeConfig = {}): PartialNodeConfig {
  return {
    data: join(folder, String(count++)),
    request: { listen: ['tcp://127.0.0.1:0'] },
    lookup: { port: 0 },
    broadcaster: { listen: 'http://127.0.0.1:0' },
    sessions: { listen: ['ws://127.0.0.1:0'] },
    peers: { interfaces: ['127.0.0.1'], udpPort: randomUdpPort(), tcpPort: 0 },
    console: false,
    ...changes,
  };
}

const statesOf = (node: Node): Record<string, string> =>
  Object.fromEntries(node.parts.map(({ name, state }) => [name, state]));

async function takenPort(): Promise<Server & { port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(server, { port: (server.address() as { port: number }).port });
}

describe('parts', () => {
  test('start in order, and stop in the reverse order', async () => {
    const node = await serve(app, config(), { identity });
    const order: string[] = [];
    node.on('part', ({ status }) => order.push(`${status.name} ${status.state}`));
    const running = Object.entries(statesOf(node)).filter(([, state]) => state === 'up');
    assert.deepEqual(
      running.map(([name]) => name),
      ['request', 'lookup', 'broadcaster', 'sessions', 'peers'],
    );
    await node.close();
    const stopped = order.filter((each) => each.endsWith('stopping')).map((each) => each.split(' ')[0]);
    assert.deepEqual(stopped, ['peers', 'sessions', 'broadcaster', 'lookup', 'request']);
    assert.deepEqual(node.addresses, []);
  });

  test('that cannot start take none of the others along, and come up once they can', async () => {
    const blocker = await takenPort();
    const log = new CollectingLog();
    const broadcaster = { listen: `http://127.0.0.1:${blocker.port}` };
    await using node = await serve(app, config({ broadcaster }), { identity, log });
    const { state, why } = node.parts.find(({ name }) => name === 'broadcaster') ?? { state: '', why: '' };
    assert.equal(state, 'failed');
    assert.match(why, /is in use; stop what listens there/);
    assert.equal(log.texts('error').length, 1);
    assert.equal(statesOf(node).request, 'up');
    assert.equal(statesOf(node).sessions, 'up');
    blocker.close();
    await until(() => statesOf(node).broadcaster === 'up');
  });

  test('that all cannot start are an error', async () => {
    const blocker = await takenPort();
    const only = { lookup: false, broadcaster: false, sessions: false, peers: false } as const;
    const request = { listen: [`tcp://127.0.0.1:${blocker.port}`] };
    await assert.rejects(serve(app, config({ ...only, request }), { identity }), { code: 'address_in_use' });
    blocker.close();
  });

  test('are told what they need that is missing, without being tried for ever', async () => {
    const peers = { groupSecretFile: join(folder, 'nowhere') };
    await using node = await serve(app, config({ peers }), { identity });
    const { why = '' } = node.parts.find(({ name }) => name === 'peers') ?? {};
    assert.match(why, /nowhere does not exist/);
  });
});

describe('queries that are routes', () => {
  const counted = createApp()
    .on('/echo', (ctx) => ctx.body)
    .on('/count', () => 1, { once: true });
  const ask = async (node: Node, query: string): Promise<unknown> => {
    await using client = LookupClient.connect({ ...placeOf(node), serverKey: identity.publicKey });
    return await client.query(query);
  };

  test('reach the app, but for what runs once, and for queries themselves', async () => {
    await using node = await serve(counted, config({ peers: false }), { identity });
    assert.equal(await ask(node, '/echo two words'), 'two words');
    await assert.rejects(ask(node, '/count'), /runs at most once/);
    await assert.rejects(ask(node, '/lookup drill'), /cannot ask for queries/);
  });

  test('are asked by those alone who may reach their route', async () => {
    const friend = Identity.generate();
    const access = { '/lookup': [String(friend.publicKey)], '/lookup/*': [] };
    await using node = await serve(counted, config({ peers: false, access }), { identity });
    const place = { ...placeOf(node), serverKey: identity.publicKey };
    await using client = LookupClient.connect({ ...place, identity: friend });
    assert.equal(((await client.query('drill')) as { readonly since: string }).since, '2019');
    await assert.rejects(client.status(), /may not reach this route/);
    await assert.rejects(ask(node, 'drill'), /may not reach this route/);
  });

  test('do not go around those who may send requests', async () => {
    const request = { listen: ['tcp://127.0.0.1:0'], allow: [] };
    await using node = await serve(counted, config({ request, peers: false }), { identity });
    assert.equal(await ask(node, '/echo hello'), null);
    await node.reload({ ...node.config, lookup: { port: 0, allow: [] } } as PartialNodeConfig);
    await assert.rejects(ask(node, '/echo hello'), /may not ask/);
    await node.reload({
      ...node.config,
      request: { listen: request.listen },
      lookup: { port: 0 },
    } as PartialNodeConfig);
    assert.equal(await ask(node, '/echo hello'), 'hello');
  });
});

describe('a changed config', () => {
  test('restarts what has changed and nothing else', async () => {
    const first = config();
    await using node = await serve(app, first, { identity });
    const url = addressOf(node, 'ws', 'sessions');
    await using client = await SessionClient.connect(url, { serverKey: identity.publicKey });
    const [session] = node.running.sessions?.sessions ?? [];
    await writeFile(join(folder, 'stock.csv'), 'name,count\nnail,7\n');
    const files = { [join(folder, 'stock.csv')]: 'name' };
    const report = await node.reload({ ...first, lookup: { port: 0, files }, broadcaster: false });
    assert.deepEqual(report, { restarted: ['lookup', 'broadcaster'], applied: [], failed: [] });
    assert.deepEqual(statesOf(node).broadcaster, 'off');
    await using asking = LookupClient.connect({ ...placeOf(node), serverKey: identity.publicKey });
    assert.deepEqual({ ...((await asking.query('nail')) as object) }, { name: 'nail', count: '7' });
    assert.equal(await client.request('/echo', 'still here'), 'still here');
    assert.deepEqual(node.running.sessions?.sessions, [session]);
  });

  test('changes who may ask while connections go on', async () => {
    const first = config();
    await using node = await serve(app, first, { identity });
    const url = addressOf(node, 'tcp', 'request');
    await using client = await RequestClient.connect(url, { serverKey: identity.publicKey });
    assert.equal(await client.request('/echo', 'a'), 'a');
    const request = { listen: ['tcp://127.0.0.1:0'], allow: [] };
    const report = await node.reload({ ...first, request, access: { '/echo': [] } });
    assert.deepEqual(report, { restarted: ['lookup'], applied: ['request'], failed: [] });
    await assert.rejects(client.request('/echo', 'a'), /may not ask/);
    assert.equal(addressOf(node, 'tcp', 'request'), url);
    await node.reload({ ...first, access: { '/echo': [] } });
    await assert.rejects(client.request('/echo', 'a'), /may not reach this route/);
    await node.reload(first);
    assert.equal(await client.request('/echo', 'b'), 'b');
  });

  test('is not undone by keys that are changed meanwhile', async () => {
    const first = config({ ...{ lookup: false, broadcaster: false }, sessions: false, peers: false });
    await using node = await serve(app, first, { identity });
    await Promise.all([node.reload({ ...first, access: { '/echo': [] } }), node.reload()]);
    assert.deepEqual(node.config.access, { '/echo': [] });
  });

  test('and a changed app start other processes anew, as they cannot be told', async () => {
    const request = { listen: ['tcp://127.0.0.1:0'], workers: 2 };
    const first = config({
      ...{ request, lookup: false, broadcaster: false },
      sessions: false,
      peers: false,
    });
    const started: NodeConfig[] = [];
    let changing: App = app;
    await using node = await serve(app, first, {
      ...{ identity, loadApp: async () => changing },
      startWorkers: async (config) => {
        started.push(config);
        return { addresses: [], pids: [], close: async () => {} };
      },
    });
    const none = { restarted: [], applied: [], failed: [] };
    const anew = { ...none, restarted: ['request'] };
    assert.deepEqual(await node.reload(first), none);
    const access = { '/echo': [] };
    assert.deepEqual(await node.reload({ ...first, access }), anew);
    changing = createApp();
    assert.deepEqual(await node.reload({ ...first, access }), anew);
    assert.deepEqual(
      started.map((config) => config.access),
      [{}, access, access],
    );
  });

  test('that cannot be leaves the part as it was', async () => {
    const blocker = await takenPort();
    const first = config();
    await using node = await serve(app, first, { identity });
    const broadcaster = { listen: `http://127.0.0.1:${blocker.port}` };
    const { failed } = await node.reload({ ...first, broadcaster });
    assert.deepEqual(
      failed.map(({ part }) => part),
      ['broadcaster'],
    );
    assert.equal(statesOf(node).broadcaster, 'up');
    assert.notEqual(node.running.broadcaster?.server.address, broadcaster.listen);
    blocker.close();
    assert.deepEqual((await node.reload({ ...first, broadcaster })).restarted, ['broadcaster']);
  });

  test('with a mistake changes nothing, and names the field', async () => {
    const first = config();
    await using node = await serve(app, first, { identity });
    const before = node.addresses;
    await assert.rejects(node.reload({ ...first, lookup: { port: 99_999 } }), /lookup\.port/);
    await assert.rejects(node.reload({ ...first, access: { '/a': ['no key'] } }), /access "\/a"/);
    const inForce = node.config;
    for (const part of ['request', 'lookup', 'sessions'] as const) {
      const named = { [part]: { ...(first[part] as object), allow: ['no key'] }, access: { '/echo': [] } };
      await assert.rejects(
        node.reload({ ...first, ...named }),
        new RegExp(`${part}\\.allow\\.0: The public key`),
      );
    }
    assert.equal(node.config, inForce);
    await assert.rejects(node.reload({ ...first, data: folder }), /cannot change while the node runs/);
    assert.deepEqual(node.addresses, before);
  });

  test('brings another app, as the command does on SIGHUP', async () => {
    const module = join(folder, 'app.ts');
    const source = (answer: string): string =>
      `import { createApp } from ${JSON.stringify(join(import.meta.dirname, '../../src/index.ts'))};
       export const app = createApp().on('/', () => '${answer}');`;
    await writeFile(module, source('one'));
    const file = join(folder, 'up.json');
    const write = (changes: object): Promise<void> => {
      const off = { lookup: false, broadcaster: false, sessions: false, peers: false, console: false };
      const request = { listen: ['tcp://127.0.0.1:0'] };
      return writeFile(
        file,
        JSON.stringify({ app: module, data: join(folder, 'up'), request, ...off, ...changes }),
      );
    };
    await write({});
    await using server = await RunningServer.start(['up', '--config', file]);
    const args = ['call', server.addresses[0] ?? '', '/', '--server-key', server.publicKey];
    assert.equal((await sotto(args)).stdout, 'one\n');
    await writeFile(module, source('another'));
    await write({ sessions: { listen: ['ws://127.0.0.1:0'] } });
    server.child.kill('SIGHUP');
    await until(async () => (await sotto(args)).stdout === 'another\n');
    await write({ lookup: { prot: 1 } });
    server.child.kill('SIGHUP');
    await until(() => server.stderr.includes('all is as it was'));
    assert.match(server.stderr, /lookup: Unrecognized key/);
    assert.equal((await sotto(args)).stdout, 'another\n');
    assert.equal(await server.stop('SIGTERM'), 0);
  });
});

describe('the config', () => {
  test('has a schema that names and explains every field', () => {
    const { properties = {} } = configSchema() as { properties?: Record<string, { description?: string }> };
    assert.deepEqual(
      Object.keys(properties).sort(),
      Object.keys({ $schema: '', app: '', ...parseConfig({}, 'it') }).sort(),
    );
    for (const [name, { description }] of Object.entries(properties)) {
      if (name !== '$schema')
        assert.ok(description ?? JSON.stringify(properties[name]).includes('description'), name);
    }
  });

  test('refuses what nobody can mean', () => {
    for (const [wrong, path] of [
      [{ request: { listen: [] } }, /request\.listen/],
      [{ lookup: { files: {} } }, /lookup\.files/],
      [{ sessions: { slow: 'maybe' } }, /sessions\.slow/],
      [{ bridges: [{ name: 'x', from: { topic: 'a' }, to: {} }] }, /bridges\.0\.to/],
      [{ peers: true }, /peers/],
      [{ broadcaster: { handle: ['€'.repeat(400)] } }, /broadcaster\.handle\.0/],
    ] as const) {
      assert.throws(() => parseConfig(wrong, 'it'), { code: 'invalid_config', message: path });
    }
  });
});

function placeOf(node: Node): { readonly host: string; readonly port: number } {
  const { host = '', port = 0 } = node.running.lookup?.address ?? {};
  return { host, port };
}
