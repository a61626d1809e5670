/** sickserv over real sockets: both dialects, both roads, keys that change, and what a stranger meets. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { sockets as webSockets } from '../../src/platform/web/sockets.ts';
import {
  processPayload,
  SickservClient,
  type SickservClientOptions,
  type SickservContext,
  type SickservDialect,
  type SickservPayload,
  SickservServer,
  type SickservServerOptions,
  type SickservVersion,
  SickservWebSocketClient,
  unprocessPayload,
} from '../../src/session/sickserv.ts';
import { Journal } from '../support/journal.ts';

const initKey = 'yellow-submarine';
const DIALECTS: readonly SickservDialect[] = ['lz4', 'plain'];
const common = { initKey, legacy: true } as const;

function startServer(
  dialect: SickservDialect,
  options: Partial<SickservServerOptions> = {},
): Promise<SickservServer> {
  const server = new SickservServer({ ...common, dialect, port: 0, ...options })
    .on('echo', (payload) => payload)
    .on('who', (_payload, { sysid, transport }) => ({ sysid, transport }))
    .on('nothing', () => undefined)
    .on('fail', () => {
      throw new Error('nobody is told');
    })
    .on('a/b', () => ({ it: 'is a/b' }))
    .on('unsendable', () => ({ n: 1 }) as unknown as SickservPayload);
  return server.start();
}

function httpClient(
  server: SickservServer,
  dialect: SickservDialect,
  options: Partial<SickservClientOptions> = {},
): SickservClient {
  return new SickservClient({ ...common, dialect, url: server.url, ...options });
}

function webSocketClient(
  server: SickservServer,
  dialect: SickservDialect,
  options: Partial<SickservClientOptions> = {},
): SickservWebSocketClient {
  return new SickservWebSocketClient({ ...common, dialect, url: server.url, ...options });
}

/** One request without any code of ours. */
async function raw(
  url: string,
  body: string,
  options: { method?: string; origin?: string } = {},
): Promise<{ status: number; type: string; body: string }> {
  const { method = 'POST', origin } = options;
  const asking = request(url, { method, headers: origin === undefined ? {} : { origin } });
  asking.end(body);
  const [response] = await once(asking, 'response');
  const { statusCode: status, headers } = response;
  return { status, type: headers['content-type'] ?? '', body: await text(response) };
}

/** The next payload. */
async function next(client: SickservWebSocketClient, endpoint: string): Promise<SickservPayload> {
  for await (const payload of client.receive(endpoint)) return payload;
  return assert.fail(`${endpoint} ended`);
}

for (const dialect of DIALECTS) {
  describe(`${dialect} over HTTP`, () => {
    test('a payload goes there and back, and is left as it was', async () => {
      await using server = await startServer(dialect);
      await using client = httpClient(server, dialect);
      const payload = {
        endpoint: 'echo',
        text: 'naïve — 🤫',
        long: 'x'.repeat(10_000),
        bytes: Uint8Array.of(255, 0),
      };
      const before = structuredClone(payload);
      const { endpoint: _, ...rest } = before;
      assert.deepEqual(await client.send(payload), rest);
      assert.deepEqual(payload, before);
      assert.deepEqual(await client.send({ endpoint: 'who' }), { sysid: client.sysid, transport: 'http' });
      assert.match(client.sysid, /^[0-9a-f]{12}$/);
      assert.deepEqual(await client.send({ endpoint: 'nothing' }), {});
      assert.deepEqual(await client.send({ endpoint: 'a/b' }), { it: 'is a/b' });
    });

    test('the wire is what the original sends and takes', async () => {
      await using server = await startServer(dialect);
      const wire = processPayload(initKey, { a: 'b' }, { dialect, legacy: true });
      const answer = await raw(`${server.url}/echo/b0610ba87aa2`, wire.toLowerCase());
      assert.equal(answer.status, 200);
      assert.match(answer.type, /^text\/plain/);
      assert.match(answer.body, /^[0-9A-F]+$/);
      assert.deepEqual(unprocessPayload(initKey, answer.body, { dialect, legacy: true }), { a: 'b' });
    });

    test('the key changes: random, of a length, chosen; each client has its own', async () => {
      await using server = await startServer(dialect);
      await using ada = httpClient(server, dialect);
      await using bob = httpClient(server, dialect);
      for (const options of [
        {},
        { length: 32 },
        { key: 'purple-submarine' },
        { key: 'ключ 🔑' },
        { length: 1 },
      ]) {
        await ada.rekey(options);
        assert.deepEqual(await ada.send({ endpoint: 'echo', a: 'b' }), { a: 'b' });
        assert.deepEqual(await bob.send({ endpoint: 'echo', c: 'd' }), { c: 'd' });
      }
      await bob.rekey();
      assert.deepEqual(await ada.send({ endpoint: 'echo', a: 'b' }), { a: 'b' });
      assert.equal(server.counters.rekeyed, 6);
      // Ada's first key opens nothing of hers any more.
      const wire = processPayload(initKey, { a: 'b' }, { dialect, legacy: true });
      assert.equal((await raw(`${server.url}/echo/${ada.sysid}`, wire)).status, 500);
    });

    test('a key may change while many messages are on their way', async () => {
      await using server = await startServer(dialect);
      await using client = httpClient(server, dialect);
      const answers = Array.from({ length: 60 }, async (_, n) => {
        if (n % 20 === 10) await client.rekey();
        return client.send({ endpoint: 'echo', n: String(n) });
      });
      const numbers = (await Promise.all(answers)).map(({ n }) => Number(n));
      assert.deepEqual(
        numbers,
        Array.from({ length: 60 }, (_, n) => n),
      );
    });

    test('an answer with a new key that is lost locks nobody out', async () => {
      await using server = await startServer(dialect);
      await using client = httpClient(server, dialect);
      const ask = processPayload(initKey, { key: 'lost', length: '16' }, { dialect, legacy: true });
      assert.equal((await raw(`${server.url}/rekey/${client.sysid}`, ask)).status, 200);
      assert.deepEqual(await client.send({ endpoint: 'echo', a: 'b' }), { a: 'b' });
      await client.rekey({ key: 'found' });
      assert.deepEqual(await client.send({ endpoint: 'echo', a: 'b' }), { a: 'b' });
      const old = processPayload(initKey, { a: 'b' }, { dialect, legacy: true });
      assert.equal((await raw(`${server.url}/echo/${client.sysid}`, old)).status, 500);
    });

    test('what is refused is a status, and says no more', async () => {
      await using server = await startServer(dialect);
      await using client = httpClient(server, dialect);
      await using stranger = httpClient(server, dialect, { initKey: 'another' });
      const fails = { name: 'StatusError', status: 500 };
      await assert.rejects(stranger.send({ endpoint: 'echo', a: 'b' }), fails);
      await assert.rejects(client.send({ endpoint: 'fail' }), fails);
      await assert.rejects(client.send({ endpoint: 'unsendable' }), fails);
      await assert.rejects(client.send({ endpoint: 'nowhere' }), { status: 404 });
      await assert.rejects(client.send({ a: 'b' }), { code: 'invalid_argument' });
      await assert.rejects(client.rekey({ key: '' }), { code: 'invalid_key' });
      await assert.rejects(client.rekey({ length: 0 }), { code: 'invalid_option' });
      for (const body of ['', 'zz', 'ABC', 'AB\n', '00'.repeat(1000)]) {
        const { status, body: said } = await raw(`${server.url}/echo/x`, body);
        assert.deepEqual([status, said], [500, '']);
      }
      assert.equal((await raw(`${server.url}/echo/x`, '', { method: 'GET' })).status, 405);
      assert.equal((await raw(`${server.url}/echo/${'x'.repeat(129)}`, '')).status, 404);
      assert.equal((await raw(`${server.url}/%zz/%zz`, '')).status, 404);
      assert.deepEqual(await client.send({ endpoint: 'echo', a: 'b' }), { a: 'b' });
    });

    test('a request for a key that would lock its client out is refused', async () => {
      await using server = await startServer(dialect);
      const requests: readonly SickservPayload[] = [
        {},
        { key: '', length: '0' },
        { key: '', length: '-1' },
        { key: '', length: '1e3' },
        { key: '', length: '9'.repeat(5000) },
        { key: '', length: '1025' },
        { key: 'x'.repeat(1025), length: '16' },
      ];
      for (const each of requests) {
        const wire = processPayload(initKey, each, { dialect, legacy: true });
        assert.equal((await raw(`${server.url}/rekey/x`, wire)).status, 500);
      }
      const wire = processPayload(initKey, { a: 'b' }, { dialect, legacy: true });
      assert.equal((await raw(`${server.url}/echo/x`, wire)).status, 200);
    });
  });

  describe(`${dialect} over WebSocket`, () => {
    test('messages go both ways, any number, each endpoint by a connection of its own', async () => {
      const contexts = new Journal<SickservContext>();
      await using server = await startServer(dialect);
      server.on('tasks', (_payload, context) => contexts.add(context) ?? { task: 'first' });
      await using client = webSocketClient(server, dialect);
      await client.subscribe('tasks');
      await client.subscribe('echo');
      await client.send({ endpoint: 'tasks', hello: 'there' });
      assert.deepEqual(await next(client, 'tasks'), { task: 'first' });
      const context = await contexts.until('the message', () => true);
      assert.deepEqual([context.sysid, context.endpoint, context.transport], [client.sysid, 'tasks', 'ws']);
      assert.equal(context.push({ task: 'second' }), true);
      assert.equal(server.push('tasks', client.sysid, { task: 'third' }), 1);
      assert.equal(server.push('tasks', 'nobody', { task: 'none' }), 0);
      assert.deepEqual(await next(client, 'tasks'), { task: 'second' });
      assert.deepEqual(await next(client, 'tasks'), { task: 'third' });
      for (let n = 0; n < 100; n++) await client.send({ endpoint: 'echo', n: String(n) });
      for (let n = 0; n < 100; n++) assert.deepEqual(await next(client, 'echo'), { n: String(n) });
      await client.unsubscribe('tasks');
      await new Promise<void>((resolve) => {
        if (context.signal.aborted) resolve();
        else context.signal.addEventListener('abort', () => resolve());
      });
      assert.equal(context.push({ task: 'too late' }), false);
      await assert.rejects(client.send({ endpoint: 'tasks' }), { code: 'invalid_argument' });
    });

    test('a chat: everybody hears everybody, also who asks over HTTP', async () => {
      const rooms = new Map<string, SickservContext['push']>();
      await using server = await startServer(dialect);
      server.on('chat', ({ message }, { sysid, push, transport }) => {
        if (transport === 'ws') rooms.set(sysid, push);
        for (const tell of rooms.values()) tell({ message: message ?? '' });
        return transport === 'http' ? { told: String(rooms.size) } : undefined;
      });
      const clients = Array.from({ length: 5 }, () => webSocketClient(server, dialect));
      for (const [n, client] of clients.entries()) {
        await client.subscribe('chat');
        await client.send({ endpoint: 'chat', message: `I am ${n}` });
        assert.deepEqual(await next(client, 'chat'), { message: `I am ${n}` });
      }
      await using asker = httpClient(server, dialect);
      assert.deepEqual(await asker.send({ endpoint: 'chat', message: 'hello' }), { told: '5' });
      for (const [n, client] of clients.entries()) {
        const heard: unknown[] = [];
        for await (const { message } of client.receive('chat')) if (heard.push(message) === 5 - n) break;
        assert.deepEqual(
          heard,
          [...clients.keys()]
            .slice(n + 1)
            .map((other) => `I am ${other}`)
            .concat('hello'),
        );
        await client.close();
      }
    });

    test('the key changes while messages come and go, and none is lost', async () => {
      await using server = await startServer(dialect);
      await using client = webSocketClient(server, dialect);
      await client.subscribe('echo');
      for (const options of [{}, { length: 32 }, { key: 'purple-submarine' }]) {
        const pushed = Array.from({ length: 50 }, (_, n) => String(n));
        const changing = client.rekey(options);
        for (const n of pushed) {
          server.push('echo', client.sysid, { n });
          await new Promise(setImmediate);
        }
        await changing;
        await client.send({ endpoint: 'echo', n: 'last' });
        const heard: unknown[] = [];
        for await (const { n } of client.receive('echo')) if (heard.push(n) === 51) break;
        assert.deepEqual(heard, [...pushed, 'last']);
      }
      assert.equal(server.counters.rekeyed, 3);
    });

    test('the wire is messages of text; bytes are taken as well', async () => {
      await using server = await startServer(dialect);
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}/echo/b0610ba87aa2`);
      await once(socket, 'open');
      const wire = processPayload(initKey, { a: 'b' }, { dialect, legacy: true });
      for (const message of [wire, Buffer.from(wire.toLowerCase())]) {
        socket.send(message);
        const [answer, isBinary] = await once(socket, 'message');
        assert.equal(isBinary, false);
        assert.match(String(answer), /^[0-9A-F]+$/);
        assert.deepEqual(unprocessPayload(initKey, String(answer), { dialect, legacy: true }), { a: 'b' });
      }
      socket.close();
    });

    test('a failure closes the connection, and what was sent before is still read', async () => {
      await using server = await startServer(dialect);
      await using client = webSocketClient(server, dialect);
      server.on('thrice', ({ n }) => {
        if (n === '3') throw new Error('enough');
        return { n: n ?? '' };
      });
      await client.subscribe('thrice');
      for (const n of ['1', '2', '3', '4']) await client.send({ endpoint: 'thrice', n });
      const heard: unknown[] = [];
      const reading = async (): Promise<void> => {
        for await (const { n } of client.receive('thrice')) heard.push(n);
      };
      await assert.rejects(reading, { code: 'closed' });
      assert.deepEqual(heard, ['1', '2']);
      await assert.rejects(client.send({ endpoint: 'thrice', n: '5' }), { code: 'closed' });
      await client.subscribe('thrice');
      await client.send({ endpoint: 'thrice', n: '6' });
      assert.deepEqual(await next(client, 'thrice'), { n: '6' });
      await assert.rejects(client.subscribe('nowhere'), { code: 'unreachable' });
      await using stranger = webSocketClient(server, dialect, { initKey: 'another' });
      await stranger.subscribe('echo');
      await stranger.send({ endpoint: 'echo', a: 'b' });
      await assert.rejects(next(stranger, 'echo'), { code: 'closed' });
      await assert.rejects(stranger.rekey(), { code: 'closed' });
    });

    test('what comes after `close` or before a reader is there is not lost, nor waited for', async () => {
      await using server = await startServer(dialect);
      const client = webSocketClient(server, dialect);
      await client.subscribe('echo');
      for (let n = 0; n < 600; n++) server.push('echo', client.sysid, { n: String(n) });
      const heard: unknown[] = [];
      for await (const { n } of client.receive('echo')) if (heard.push(Number(n)) === 600) break;
      assert.deepEqual(heard, [...Array(600).keys()]);
      const waiting = client.receive('echo').next();
      await client.close();
      assert.equal((await waiting).done, true);
      await assert.rejects(client.subscribe('echo'), { code: 'closed' });
    });
  });
}

describe('versions', () => {
  const cases: readonly [SickservDialect, SickservVersion, unknown][] = [
    ['lz4', '0.0.2', { t: Buffer.from('x'), b: Buffer.from([255]) }],
    ['plain', '0.1.3', { t: 'x', b: Buffer.from([255]), d: { l: ['y', Buffer.from([254])] } }],
  ];
  for (const [dialect, version, expected] of cases) {
    test(`${version} gets its values as it is used to`, async () => {
      await using server = await startServer(dialect);
      await using client = httpClient(server, dialect, { version });
      const nested = dialect === 'plain' ? { d: { l: ['y', Uint8Array.of(254)] } } : {};
      const answer = await client.send({ endpoint: 'echo', t: 'x', b: Uint8Array.of(255), ...nested });
      assert.deepEqual(answer, JSON.parse(JSON.stringify(expected), revive));
    });
  }

  for (const version of ['0.0.3', '0.0.5'] as const) {
    test(`${version} on both ends, its values and its keys`, async () => {
      await using server = await startServer('lz4', { version });
      await using client = httpClient(server, 'lz4', { version });
      for (const options of [{}, { length: 300 }, { key: 'ключ 🔑' }]) {
        await client.rekey(options);
        const { text } = await client.send({ endpoint: 'echo', text: 'naïve' });
        assert.deepEqual(text, version === '0.0.3' ? new Uint8Array(Buffer.from('naïve')) : 'naïve');
      }
    });
  }

  test('0.0.1 has no sysid and one key for all', async () => {
    await using server = await startServer('lz4');
    const as = { version: '0.0.1' } as const;
    await using client = httpClient(server, 'lz4', as);
    await using same = httpClient(server, 'lz4', as);
    await using newer = httpClient(server, 'lz4');
    const { sysid } = await client.send({ endpoint: 'who' });
    assert.deepEqual(sysid, new Uint8Array(0));
    await client.rekey({ key: 'purple-submarine' });
    await client.send({ endpoint: 'echo' }); // from now on the first key is gone
    await assert.rejects(same.send({ endpoint: 'echo' }), { status: 500 });
    assert.deepEqual(await newer.send({ endpoint: 'echo' }), {});
    await using webSockets = webSocketClient(server, 'lz4', { ...as, initKey: 'purple-submarine' });
    await webSockets.subscribe('echo');
    await webSockets.send({ endpoint: 'echo', a: 'b' });
    assert.deepEqual(await next(webSockets, 'echo'), { a: Uint8Array.of(0x62) });
  });
});

/** Bytes out of a Buffer's JSON. */
function revive(_name: string, value: { type?: string; data?: number[] } | null): unknown {
  return value?.type === 'Buffer' ? Uint8Array.from(value.data ?? []) : value;
}

describe('what a stranger meets', () => {
  test('a payload that is too long, on every road', async () => {
    await using server = await startServer('plain', { maxPayload: 1000 });
    await using client = httpClient(server, 'plain');
    const long = 'x'.repeat(800);
    await assert.rejects(client.send({ endpoint: 'echo', long }), { status: 500 });
    await assert.rejects(client.send({ endpoint: 'echo', long: 'x'.repeat(3000) }), { status: 413 });
    await using webSockets = webSocketClient(server, 'plain');
    await webSockets.subscribe('echo');
    await webSockets.send({ endpoint: 'echo', long: 'x'.repeat(3000) });
    await assert.rejects(next(webSockets, 'echo'), { code: 'closed' });
    assert.deepEqual(await client.send({ endpoint: 'echo' }), {});
  });

  test('an LZ4 frame that would expand without end is not opened', async () => {
    await using server = await startServer('lz4', { maxPayload: 100_000 });
    const bomb = processPayload(initKey, { a: 'x'.repeat(10_000_000) }, { dialect: 'lz4', legacy: true });
    assert.ok(bomb.length < 300_000, `${bomb.length}`);
    assert.equal((await raw(`${server.url}/echo/x`, bomb)).status, 500);
    assert.equal(server.counters.frame_too_large, 1);
  });

  test('no more keys than there is room for; who has one keeps it', async () => {
    await using server = await startServer('plain', { limits: { maxKeys: 2 } });
    const clients = Array.from({ length: 3 }, () => httpClient(server, 'plain'));
    const [ada, bob, eve] = clients;
    await ada?.rekey();
    await bob?.rekey();
    await assert.rejects(eve?.rekey() ?? Promise.resolve(), { status: 500 });
    await ada?.rekey();
    for (const client of clients)
      assert.deepEqual(await client.send({ endpoint: 'echo', a: 'b' }), { a: 'b' });
    assert.equal(server.counters.unavailable, 1);
  });

  test('pages of other origins, unless they are named', async () => {
    const page = 'https://app.example.com';
    await using server = await startServer('plain');
    await using open = await startServer('plain', { origins: [page] });
    const wire = processPayload(initKey, {}, { dialect: 'plain', legacy: true });
    assert.equal((await raw(`${server.url}/echo/x`, wire, { origin: page })).status, 403);
    assert.equal((await raw(`${server.url}/echo/x`, wire, { origin: page, method: 'OPTIONS' })).status, 403);
    assert.equal((await raw(`${open.url}/echo/x`, wire, { origin: page })).status, 200);
    assert.equal((await raw(`${open.url}/echo/x`, wire, { origin: 'https://evil.example' })).status, 403);
    assert.equal((await raw(`${server.url}/echo/x`, wire, { origin: server.url })).status, 200);
    const refused = new WebSocket(`${server.url.replace('http', 'ws')}/echo/x`, { origin: page });
    const [error] = await once(refused, 'error');
    assert.match(String(error), /404/);
    const taken = new WebSocket(`${open.url.replace('http', 'ws')}/echo/x`, { origin: page });
    await once(taken, 'open');
    taken.close();
  });

  test('who does not read is closed, and the others are not kept waiting', async () => {
    await using server = await startServer('plain', { limits: { maxUnread: 100_000 } });
    await using client = webSocketClient(server, 'plain');
    await client.subscribe('echo');
    const slow = new WebSocket(`${server.url.replace('http', 'ws')}/echo/slow`);
    await once(slow, 'open');
    slow.pause();
    const long = 'x'.repeat(20_000);
    let sent = 0;
    while (server.push('echo', 'slow', { long }) > 0) {
      sent += 1;
      assert.ok(sent < 10_000, 'it is closed some day');
      await new Promise(setImmediate);
    }
    await client.send({ endpoint: 'echo', a: 'b' });
    assert.deepEqual(await next(client, 'echo'), { a: 'b' });
    slow.terminate();
  });

  test('more connections than may be', async () => {
    await using server = await startServer('plain', { limits: { maxConnectionsPerHost: 2 } });
    const held = [0, 1].map(() => connect(server.port, '127.0.0.1'));
    await Promise.all(held.map((socket) => once(socket, 'connect')));
    await using client = httpClient(server, 'plain');
    await assert.rejects(client.send({ endpoint: 'echo' }), { code: 'unreachable' });
    for (const socket of held) {
      socket.destroy();
      await once(socket, 'close');
    }
  });
});

describe('being a client', () => {
  test('a browser has what it takes for the plain dialect', async () => {
    await using server = await startServer('plain');
    const url = `${server.url.replace('http', 'ws')}/echo/x`;
    const pipe = await webSockets.connectChannel(url, {
      maxMessage: 10_000,
      timeout: 5000,
      messages: 'text',
    });
    const answers = new Journal<string>();
    pipe.start({
      onData: (answer) => answers.add(Buffer.from(answer).toString()),
      onDrain: () => {},
      onClose: () => answers.add('closed'),
    });
    const wire = processPayload(initKey, { a: 'b' }, { dialect: 'plain', legacy: true });
    pipe.send([Buffer.from(wire)]);
    assert.equal(await answers.until('the answer', () => true), wire);
    pipe.end();
    await answers.until('the end', (each) => each === 'closed');
  });

  test('nobody is there, nobody answers, nobody waits any more', async () => {
    const server = await startServer('plain');
    server.on('silent', () => new Promise(() => {}));
    const client = httpClient(server, 'plain', { timeout: 200 });
    await assert.rejects(client.send({ endpoint: 'silent' }), { code: 'timeout' });
    const giving = new AbortController();
    const given = client.send({ endpoint: 'silent' }, { signal: giving.signal });
    giving.abort();
    await assert.rejects(given, { code: 'aborted' });
    const patient = httpClient(server, 'plain');
    const closing = patient.send({ endpoint: 'silent' });
    await patient.close();
    await assert.rejects(closing, { code: 'closed' });
    await server.close();
    await assert.rejects(client.send({ endpoint: 'echo' }), { code: 'unreachable' });
    await assert.rejects(webSocketClient(server, 'plain').subscribe('echo'), { code: 'unreachable' });
  });

  test('options that cannot be are refused at the door', async () => {
    const url = 'http://127.0.0.1:1';
    const refused: readonly [object, string][] = [
      [{ dialect: 'plain', url: 'udp://127.0.0.1:1' }, 'invalid_url'],
      [{ dialect: 'plain', url: 'nonsense' }, 'invalid_url'],
      [{ dialect: 'none', url }, 'invalid_option'],
      [{ url }, 'invalid_option'],
      [{ dialect: 'plain', version: '0.0.2', url }, 'invalid_option'],
      [{ dialect: 'plain', version: '9.9.9', url }, 'invalid_option'],
      [{ dialect: 'plain', initKey: '', url }, 'invalid_key'],
      [{ dialect: 'plain', timeout: 0, url }, 'invalid_option'],
      [{ dialect: 'plain', maxPayload: 0, url }, 'invalid_option'],
    ];
    for (const [options, code] of refused) {
      const all = { legacy: true, ...options } as SickservClientOptions;
      assert.throws(() => new SickservClient(all), { code }, JSON.stringify(options));
      assert.throws(() => new SickservWebSocketClient(all), { code }, JSON.stringify(options));
    }
    assert.throws(() => new SickservServer({ ...common, dialect: 'plain', port: 70_000 }), {
      code: 'invalid_option',
    });
    const server = new SickservServer({ ...common, dialect: 'plain', port: 0 });
    for (const taken of ['', 'rekey']) {
      assert.throws(() => server.on(taken, () => undefined), { code: 'invalid_argument' });
    }
    await server.start();
    const second = new SickservServer({ ...common, dialect: 'plain', port: server.port });
    await assert.rejects(second.start(), { code: 'address_in_use' });
    await second.close();
    await server.close();
  });
});
