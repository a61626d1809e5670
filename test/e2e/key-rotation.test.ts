/** A server gets a new key while it runs: who knows the old one is answered and told, until its time is over. */

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createApp } from '../../src/app/app.ts';
import { SILENT } from '../../src/app/message.ts';
import { hybridPublicKeyOf } from '../../src/envelope/hybrid-identity.ts';
import { hybridPublicKeyText } from '../../src/keys/hybrid-key.ts';
import { Identity } from '../../src/keys/identity.ts';
import { IdentityRing } from '../../src/keys/identity-ring.ts';
import { RevokedKeys } from '../../src/keys/revoked-keys.ts';
import { rotateIdentity } from '../../src/keys/rotation.ts';
import { LookupClient } from '../../src/lookup/client.ts';
import { LookupServer } from '../../src/lookup/server.ts';
import type { PartialNodeConfig } from '../../src/node/config.ts';
import { serve } from '../../src/node/serve.ts';
import { peerIdOf } from '../../src/peers/peer.ts';
import { RequestClient } from '../../src/request/client.ts';
import type { RequestClientOptions } from '../../src/request/options.ts';
import { RequestServer } from '../../src/request/server.ts';
import type { NewerKey } from '../../src/sealed/newer-key.ts';
import { SessionClient } from '../../src/session/client.ts';
import { CipherSuite } from '../../src/wire/pssst.ts';
import { Journal } from '../support/journal.ts';
import { until } from '../support/lookup.ts';
import { connected, proxied, serving, urlOf } from '../support/session.ts';

const [oldest, old, current] = [Identity.generate(), Identity.generate(), Identity.generate()];
const UNTIL = 2_000_000;
const asker = Identity.generate();

/** A ring with a clock of its own, and how to set that. */
function overlapping(): { ring: IdentityRing; clock: { now: number } } {
  const clock = { now: 1_000_000 };
  const previous = [
    { identity: old, until: UNTIL },
    { identity: oldest, until: UNTIL / 2 + 1 },
  ];
  return { ring: new IdentityRing(current, { previous, now: () => clock.now }), clock };
}

function app() {
  let count = 0;
  return createApp()
    .on('/echo', (ctx) => ctx.body)
    .on('/who', (ctx) => ctx.sender?.toString() ?? null)
    .on('/count', () => ++count, { once: true });
}

async function asking(
  url: string | readonly string[],
  options: RequestClientOptions,
): Promise<{ client: RequestClient; told: NewerKey[] }> {
  const told: NewerKey[] = [];
  const client = await RequestClient.connect(url, {
    onNewerKey: (newer) => void told.push(newer),
    ...options,
  });
  return { client, told };
}

describe('requests', async () => {
  const { ring, clock } = overlapping();
  const listen = ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0', 'http://127.0.0.1:0'];
  const server = await RequestServer.start(app(), { identity: ring, listen });
  const [udp = '', tcp = '', http = ''] = server.addresses;
  after(() => server.close());

  test('under an old key are answered as ever, and the new one is told once', async () => {
    for (const identity of [old, oldest]) {
      const { client, told } = await asking(udp, { serverKey: identity.publicKey, identity: asker });
      assert.equal(await client.request('/echo', 'hello'), 'hello');
      assert.equal(await client.request('/who'), asker.publicKey.toString());
      const first = await client.request('/count', null, { once: true });
      assert.equal(await client.request('/count', null, { once: true }), Number(first) + 1);
      await assert.rejects(client.request('/nowhere'), { code: 'route_not_found' });
      const end = identity === old ? UNTIL : UNTIL / 2 + 1;
      assert.deepEqual(told, [{ key: current.publicKey.toString(), until: end }]);
      await client.close();
    }
    assert.equal(server.counters.widened, undefined);
    assert.equal(server.counters.decrypt_failed, undefined);
    assert.ok((server.counters.previous_key ?? 0) >= 12);
  });

  test('under the current key are told nothing, also where they ask', async () => {
    const before = server.counters.previous_key;
    const { client, told } = await asking(udp, { serverKey: current.publicKey });
    await client.request('/echo', 1);
    assert.deepEqual(await client.request('/sotto/key'), { key: current.publicKey.toString(), until: null });
    assert.deepEqual(told, []);
    assert.equal(server.counters.previous_key, before);
    await client.close();
  });

  test('by an answer that is an error the new key is told too', async () => {
    const { client, told } = await asking(tcp, { serverKey: old.publicKey });
    await assert.rejects(client.request('/nowhere'), { code: 'route_not_found' });
    assert.equal(told.length, 1);
    await client.close();
  });

  test('in the post-quantum suite, and in that of PSSST', async () => {
    const hybrid = await asking(tcp, { serverKey: hybridPublicKeyOf(old) });
    assert.equal(await hybrid.client.request('/echo', 'pq'), 'pq');
    assert.equal(hybrid.told[0]?.key, hybridPublicKeyText(hybridPublicKeyOf(current)));
    const again = await asking(tcp, { serverKey: hybrid.told[0]?.key ?? '' });
    assert.equal(await again.client.request('/echo', 'pq'), 'pq');
    assert.deepEqual(again.told, []);
    const cipherSuite = CipherSuite.X25519_AESGCM128;
    const first = await asking(tcp, { serverKey: old.publicKey, cipherSuite });
    assert.equal(await first.client.request('/echo', 1), 1);
    assert.equal(first.told[0]?.key, current.publicKey.toString());
    await Promise.all([hybrid, again, first].map(({ client }) => client.close()));
  });

  test('raw ones too, whose answers are what they would be', async () => {
    await using raw = await RequestServer.start((ctx) => ctx.bytes, {
      ...{ identity: ring, payload: 'raw', listen: 'udp://127.0.0.1:0' },
    });
    const suite = { payload: 'raw', cipherSuite: CipherSuite.X25519_AESGCM128 } as const;
    const { client } = await asking(raw.addresses, { serverKey: old.publicKey, ...suite });
    assert.deepEqual(await client.requestRaw(Uint8Array.of(1, 2, 3, 4)), Uint8Array.of(1, 2, 3, 4));
    assert.equal(raw.counters.previous_key, 1);
    await client.close();
  });

  test('under a key that was never ours are dropped, and counted once', async () => {
    const { client } = await asking(http, { serverKey: Identity.generate().publicKey });
    await assert.rejects(client.request('/echo', 1), { code: 'refused' });
    assert.equal(server.counters.decrypt_failed, 1);
    await client.close();
  });

  test('who may not ask is told nothing', async () => {
    await using closed = await RequestServer.start(app(), {
      ...{ identity: ring, listen: 'tcp://127.0.0.1:0', allow: () => false },
    });
    const { client, told } = await asking(closed.addresses, { serverKey: old.publicKey });
    await assert.rejects(client.request('/echo', 1), { code: 'not_allowed' });
    await assert.rejects(client.request('/sotto/key'), { code: 'not_allowed' });
    assert.deepEqual(told, []);
    await client.close();
  });

  test('each old key ends at its own time, in a client that has long been asking too', async () => {
    const [first, second] = await Promise.all(
      [old, oldest].map(({ publicKey }) => asking(http, { serverKey: publicKey })),
    );
    await Promise.all([first?.client.request('/echo', 1), second?.client.request('/echo', 1)]);
    clock.now = UNTIL / 2 + 1;
    await assert.rejects(second?.client.request('/echo', 1) ?? Promise.resolve(), { code: 'refused' });
    assert.equal(await first?.client.request('/echo', 2), 2);
    clock.now = UNTIL;
    await assert.rejects(first?.client.request('/echo', 1) ?? Promise.resolve(), { code: 'refused' });
    await Promise.all([first?.client.close(), second?.client.close()]);
  });

  test('go on under the old key when it is replaced under their feet', async () => {
    const live = new IdentityRing(old);
    await using changing = await RequestServer.start(app(), { identity: live, listen: 'udp://127.0.0.1:0' });
    const { client, told } = await asking(changing.addresses, { serverKey: changing.publicKey });
    assert.equal(await client.request('/echo', 1), 1);
    live.replace({ current, previous: [{ identity: old, until: Date.now() + 60_000 }] });
    assert.equal(await client.request('/echo', 2), 2);
    assert.deepEqual(
      told.map(({ key }) => key),
      [changing.publicKey.toString()],
    );
    assert.ok(changing.publicKey.equals(current.publicKey));
    await client.close();
  });
});

test('a node takes new keys and revoked ones when its config is read again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-rotation-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'identity.key');
  await old.save(file);
  const config: PartialNodeConfig = {
    ...{
      data: folder,
      request: { listen: ['tcp://127.0.0.1:0'] },
      sessions: { listen: ['ws://127.0.0.1:0'] },
    },
    peers: { tcpPort: 0, udpPort: randomInt(50_000, 60_000), interfaces: ['127.0.0.1'] },
    ...{ lookup: false, broadcaster: false, console: false },
  };
  await using node = await serve(app(), config);
  const [url = ''] = node.addresses;
  await using stack = new AsyncDisposableStack();
  const { client, told } = await asking(url, { serverKey: old.publicKey, identity: asker });
  stack.use(client);
  assert.equal(await client.request('/echo', 1), 1);

  await rotateIdentity(file);
  assert.deepEqual((await node.reload(config)).restarted, ['peers']);
  assert.equal(await client.request('/echo', 2), 2);
  assert.equal(told[0]?.key, node.publicKey.toString());
  assert.ok(node.running.peers?.publicKey.equals(node.publicKey));
  const fresh = stack.use((await asking(url, { serverKey: node.publicKey, identity: asker })).client);
  assert.equal(await fresh.request('/echo', 3), 3);
  assert.deepEqual((await node.reload(config)).restarted, []);

  const revoked = await RevokedKeys.load(join(folder, 'revoked.json'));
  await revoked.add(asker.publicKey.fingerprint, 'stolen');
  await node.reload(config);
  await assert.rejects(fresh.request('/echo', 4), { code: 'not_allowed' });
  const [ws = ''] = node.addresses.filter((each) => each.startsWith('ws:'));
  const thief = SessionClient.connect(ws, { serverKey: node.publicKey, identity: asker });
  await assert.rejects(thief, { code: 'refused' });
  const blocked = node.running.peers?.pins.get(peerIdOf(asker.publicKey));
  assert.equal(blocked?.isBlocked, true);

  await writeFile(file, 'no key at all');
  await assert.rejects(node.reload(config), { code: 'key_file_invalid' });
  assert.equal(
    await stack.use((await asking(url, { serverKey: node.publicKey })).client).request('/echo', 5),
    5,
  );
});

test('lookups too', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-rotation-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'stock.csv'), 'name,place\ndrill,shed\n');
  const { ring, clock } = overlapping();
  const files = { [join(folder, 'stock.csv')]: 'name' };
  await using server = await LookupServer.start({ port: 0, identity: ring, files });
  const told: NewerKey[] = [];
  const { host, port } = server.address;
  const options = {
    host,
    port,
    serverKey: old.publicKey,
    onNewerKey: (key: NewerKey) => void told.push(key),
  };
  await using client = LookupClient.connect(options);
  assert.deepEqual(await client.query('drill'), { name: 'drill', place: 'shed' });
  assert.deepEqual(told, [{ key: current.publicKey.toString(), until: UNTIL }]);
  clock.now = UNTIL;
  const unheard = new AbortController();
  const late = assert.rejects(client.query('drill', { signal: unheard.signal }), { code: 'aborted' });
  await until(() => server.status.counters.decrypt_failed === 1);
  unheard.abort();
  await late;
});

test('sessions, anonymous and proved, and those that come back', async (t) => {
  const { ring, clock } = overlapping();
  const server = await serving(t, app(), { identity: ring });
  const told = new Journal<NewerKey>();
  for (const identity of [undefined, asker]) {
    const proof = identity === undefined ? {} : { identity };
    const client = await connected(t, server, { serverKey: old.publicKey, ...proof });
    client.on('newer-key', ({ type: _, ...newer }) => told.add(newer));
    assert.equal(await client.request('/who'), identity?.publicKey.toString() ?? null);
  }
  await told.until('both are told', () => told.entries.length === 2);
  assert.deepEqual(told.entries[0], { key: current.publicKey.toString(), until: UNTIL });
  assert.equal(server.counters.previous_key, 2);
  const fresh = await connected(t, server, { serverKey: told.entries[0]?.key ?? '' });
  assert.deepEqual(await fresh.request('/sotto/key'), { key: current.publicKey.toString(), until: null });
  const bySecret = await connected(t, server);
  assert.equal(await bySecret.request('/echo', 1), 1);
  clock.now = UNTIL;
  const late = SessionClient.connect(urlOf(server), { serverKey: old.publicKey });
  await assert.rejects(late, { code: 'refused' });
  assert.equal(server.counters.previous_key, 2);
});

test('a session that stays is told of a key that comes meanwhile, and once shut out says so', async (t) => {
  const clock = { now: 1_000_000 };
  const ring = new IdentityRing(old, { now: () => clock.now });
  const server = await serving(t, app(), { identity: ring });
  const proxy = await proxied(t, server);
  const client = await connected(t, proxy, { serverKey: old.publicKey });
  const told = new Journal<NewerKey>();
  client.on('newer-key', ({ type: _, ...newer }) => told.add(newer));
  ring.replace({ current, previous: [{ identity: old, until: UNTIL }] });
  const answer = { key: current.publicKey.toString(), until: UNTIL };
  assert.deepEqual(await client.request('/sotto/key'), answer);
  assert.deepEqual(told.entries, []);
  client.rekey();
  await told.until('the push', () => true);
  client.rekey();
  await client.request('/echo', 1);
  assert.deepEqual(told.entries, [answer], 'once is enough');
  clock.now = UNTIL;
  assert.deepEqual(await client.request('/sotto/key'), answer, 'and since then it is over');
  const refusals = new Journal<number>();
  client.on('refused', ({ times }) => refusals.add(times));
  proxy.cut();
  await refusals.until('the second refusal', (times) => times === 2);
  assert.equal(refusals.entries[0], 1);
});

test('a listener for the newer key that fails is logged, and holds no answer back', async () => {
  const { ring } = overlapping();
  await using server = await RequestServer.start(app(), { identity: ring, listen: 'tcp://127.0.0.1:0' });
  const logged = new Journal<unknown>();
  const log = { ...SILENT, error: (fields: object) => logged.add(fields) };
  const failing = (): Promise<void> => setImmediate().then(() => Promise.reject(new Error('no disk')));
  const { client } = await asking(server.addresses, {
    ...{ serverKey: old.publicKey, onNewerKey: failing, log },
  });
  assert.equal(await client.request('/echo', 1), 1);
  await logged.until('the failure', () => true);
  await client.close();
});

test('a ring has at most three keys besides, each with an end', () => {
  const endless = [{ identity: old, until: Number.NaN }];
  assert.throws(() => new IdentityRing(current, { previous: endless }), { code: 'invalid_option' });
  const previous = Array.from({ length: 4 }, () => ({ identity: Identity.generate(), until: UNTIL }));
  assert.throws(() => new IdentityRing(current, { previous, now: () => 0 }), { code: 'invalid_option' });
  const ended = new IdentityRing(current, { previous, now: () => UNTIL });
  assert.deepEqual(ended.previous, []);
  const twice = new IdentityRing(current, { previous: [{ identity: current, until: UNTIL }], now: () => 0 });
  assert.deepEqual(twice.previous, []);
});
