/** A server and a client over every road: what they promise each other, and what a stranger meets. */

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { hybridPublicKeyOf } from '../../src/envelope/hybrid-identity.ts';
import { PssstClient } from '../../src/envelope/pssst.ts';
import {
  type App,
  CipherSuite,
  createApp,
  Identity,
  MemoryHub,
  RequestClient,
  type RequestClientOptions,
  RequestServer,
  type RequestServerOptions,
  StatusError,
} from '../../src/request/index.ts';
import { encodeRoutedRequest } from '../../src/wire/routed.ts';
import { LossyProxy, mulberry32 } from '../support/lossy-proxy.ts';

const identity = Identity.generate();
const LOCAL = ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0', 'http://127.0.0.1:0', 'ws://127.0.0.1:0'];

function testApp() {
  let counter = 0;
  return createApp()
    .on('/echo', (ctx) => ctx.body)
    .on('/big/:size', ({ params }) => 'x'.repeat(Number(params.size)))
    .on('/who', ({ sender, proof, transport }) => ({ key: sender?.toString() ?? null, proof, transport }))
    .on('/count', () => ++counter, { once: true })
    .on('/plain-count', () => ++counter)
    .on('/fail', () => {
      throw new StatusError(418, 'a teapot');
    });
}

function start(options: Partial<RequestServerOptions> = {}, app: App = testApp()): Promise<RequestServer> {
  return RequestServer.start(app, { identity, listen: LOCAL, ...options });
}

function client(
  url: string | readonly string[],
  options: Partial<RequestClientOptions> = {},
): Promise<RequestClient> {
  return RequestClient.connect(url, { serverKey: identity.publicKey, ...options });
}

/** UDP and TCP on one port, as people set a server up. */
async function startPaired(
  options: Partial<RequestServerOptions> = {},
  app: App = testApp(),
): Promise<RequestServer> {
  for (;;) {
    const probe = await start({ listen: 'tcp://127.0.0.1:0' });
    const port = new URL(probe.addresses[0] ?? '').port;
    await probe.close();
    try {
      return await start({ listen: [`udp://127.0.0.1:${port}`, `tcp://127.0.0.1:${port}`], ...options }, app);
    } catch {
      // the port went to somebody else meanwhile
    }
  }
}

describe('every road', () => {
  for (const [index, listen] of LOCAL.entries()) {
    test(`${listen}: values, statuses, proof, many at once`, async () => {
      await using server = await start();
      const asker = Identity.generate();
      await using known = await client(server.addresses[index] ?? '', { identity: asker });
      const body = { a: [1, 'zwei', null], at: new Date(0), big: 2n ** 80n };
      assert.deepEqual(await known.request('/echo', body), body);
      assert.equal(await known.request('/echo'), undefined);
      const transport = listen.split(':')[0];
      assert.deepEqual(await known.request('/who', 'x'.repeat(100)), {
        key: asker.publicKey.toString(),
        proof: 'packet',
        transport,
      });
      await assert.rejects(known.request('/none'), { code: 'route_not_found', status: 404 });
      await assert.rejects(known.request('/fail'), { code: 'status', status: 418, message: 'a teapot' });
      const numbers = Array.from({ length: 200 }, (_, number) => number);
      assert.deepEqual(await Promise.all(numbers.map((number) => known.request('/echo', number))), numbers);
      await using anonymous = await client(server.addresses[index] ?? '');
      const { key, proof } = (await anonymous.request('/who', 'x'.repeat(100))) as Record<string, unknown>;
      assert.deepEqual([key, proof], [null, 'none']);
    });
  }

  test('the post-quantum suite, by datagram and beyond', async () => {
    await using server = await startPaired();
    await using asker = await client(server.addresses[0] ?? '', { serverKey: hybridPublicKeyOf(identity) });
    assert.equal(await asker.request('/echo', 'small'), 'small');
    const long = 'x'.repeat(3000);
    assert.equal(await asker.request('/echo', long), long, 'what does not fit a datagram goes by TCP');
  });

  test('raw packets of suite 1, as PSSST programs send them', async () => {
    await using server = await RequestServer.start((ctx) => ctx.bytes.toReversed(), {
      identity,
      listen: LOCAL,
      payload: 'raw',
    });
    for (const url of server.addresses) {
      await using asker = await client(url, { payload: 'raw', cipherSuite: CipherSuite.X25519_AESGCM128 });
      assert.deepEqual(await asker.requestRaw(Uint8Array.of(1, 2, 3)), Uint8Array.of(3, 2, 1));
    }
  });

  test('one-way messages arrive and are not answered', async () => {
    const arrived = Promise.withResolvers<unknown>();
    const app = createApp().on('/log', (ctx) => {
      arrived.resolve(ctx.body);
      return 'ignored';
    });
    await using server = await start({}, app);
    for (const url of server.addresses) {
      await using asker = await client(url);
      await asker.send('/log', 'note');
      assert.equal(await arrived.promise, 'note');
    }
    assert.equal(server.counters.answered, undefined);
  });
});

describe('datagrams', () => {
  test('lost, doubled, reordered and damaged: every request is answered, rightly', async () => {
    await using server = await start({ listen: 'udp://127.0.0.1:0' });
    const port = Number(new URL(server.addresses[0] ?? '').port);
    const faults = { loss: 0.3, duplication: 0.2, corruption: 0.1, delay: 10 };
    await using proxy = await LossyProxy.start([port], faults, 7);
    await using asker = await client(`udp://127.0.0.1:${proxy.port}`, {
      // A round trip succeeds about once in two tries: with 31, none of 300 fails by chance.
      timeout: 60_000,
      retries: 30,
      retryAfter: 15,
    });
    const numbers = Array.from({ length: 300 }, (_, number) => number);
    assert.deepEqual(await Promise.all(numbers.map((number) => asker.request('/echo', number))), numbers);
    assert.ok((server.counters.decrypt_failed ?? 0) > 0);
  });

  test('a reply too long for one comes by TCP, without a second run of the handler', async () => {
    let runs = 0;
    const app = createApp().on('/big', () => {
      runs += 1;
      return 'x'.repeat(5000);
    });
    await using server = await startPaired({}, app);
    await using asker = await client(server.addresses[0] ?? '');
    assert.equal(((await asker.request('/big')) as string).length, 5000);
    assert.equal(runs, 1);
    assert.equal(((await asker.request('/big', null, { once: true })) as string).length, 5000);
    assert.equal(runs, 2);
  });

  test('without TCP a longer datagram makes room, as far as one goes; beyond that the error says why', async () => {
    await using server = await start({ listen: 'udp://127.0.0.1:0' });
    await using asker = await client(server.addresses[0] ?? '', { retries: 0 });
    assert.equal(((await asker.request('/big/900')) as string).length, 900);
    await assert.rejects(asker.request('/big/3000'), { code: 'reply_too_large', message: /TCP/ });
    await assert.rejects(asker.request('/echo', 'x'.repeat(3000)), {
      code: 'unreachable',
      message: /tcp:\/\//,
    });
  });

  test('to an unproven address no reply is longer than its request', async () => {
    await using server = await start({ listen: 'udp://127.0.0.1:0' });
    const packer = new PssstClient(identity.publicKey, { cipherSuite: CipherSuite.X25519_AESGCM256 });
    const socket = createSocket('udp4');
    const replies: number[] = [];
    socket.on('message', (reply) => replies.push(reply.length));
    for (const [route, body] of [
      ['/big/1000', 0],
      ['/big/1000', 30],
      ['/none', 0],
      ['/echo', 40],
      ['/', 0],
    ] as const) {
      const message = encodeRoutedRequest({
        representation: 'b',
        once: false,
        oneWay: false,
        sentAt: Date.now(),
        route,
        body: new Uint8Array(body),
      });
      const { packet } = packer.packRequest(message);
      socket.send(packet, Number(new URL(server.addresses[0] ?? '').port), '127.0.0.1');
      if (route !== '/') {
        const [reply] = (await once(socket, 'message')) as [Buffer];
        assert.ok(reply.length <= packet.length, `${route}: ${reply.length} for ${packet.length}`);
      }
    }
    socket.close();
  });

  test('of suite 1 are answered byte for byte the same when they come again', async () => {
    await using server = await start({ listen: 'udp://127.0.0.1:0', limits: { replyFactor: 10 } });
    const { packet, openReply } = new PssstClient(identity.publicKey).packRequest(
      encodeRoutedRequest({
        representation: 'b',
        once: false,
        oneWay: false,
        sentAt: Date.now(),
        route: '/plain-count',
        body: new Uint8Array(0),
      }),
    );
    const socket = createSocket('udp4');
    const replies: Buffer[] = [];
    for (let copy = 0; copy < 3; copy++) {
      socket.send(packet, Number(new URL(server.addresses[0] ?? '').port), '127.0.0.1');
      replies.push(((await once(socket, 'message')) as [Buffer])[0]);
    }
    assert.deepEqual(replies[1], replies[0]);
    assert.deepEqual(replies[2], replies[0]);
    openReply(new Uint8Array(replies[0] ?? []));
    assert.equal(server.counters.repeated, 2);
    // A refusal of what has no stamp would be another text for the same nonce, once the memory is over.
    const senseless = new PssstClient(identity.publicKey).packRequest(Uint8Array.of(9)).packet;
    for (const each of [senseless, packet]) {
      socket.send(each, Number(new URL(server.addresses[0] ?? '').port), '127.0.0.1');
    }
    assert.deepEqual((await once(socket, 'message'))[0], replies[0], 'the other is met with silence');
    assert.equal(server.counters.invalid_message, 1);
    socket.close();
  });
});

describe('several roads at once', () => {
  test('the next road takes over where the first is silent, and once stays once', async () => {
    await using server = await start();
    const silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const roads = [`udp://127.0.0.1:${silent.address().port}`, ...server.addresses.slice(1)];
    await using asker = await client(roads, { raceAfter: 10, identity });
    assert.equal(await asker.request('/count', null, { once: true }), 1);
    assert.equal(await asker.request('/count', null, { once: true }), 2);
    silent.close();
  });

  test('the same bytes by all of them at the same time run once', async () => {
    await using server = await start();
    await using asker = await client(server.addresses, { raceAfter: 0 });
    for (let number = 1; number <= 20; number++)
      assert.equal(await asker.request('/count', null, { once: true }), number);
  });
});

describe('the client', () => {
  test('says in words what is wrong', async () => {
    await using server = await start();
    const other = Identity.generate().publicKey;
    const [udp = '', tcp = '', http = ''] = server.addresses;
    await using deaf = await client(udp, { serverKey: other, timeout: 60, retries: 0 });
    await assert.rejects(deaf.request('/echo'), {
      code: 'timeout',
      message: /server key is not that of this server/,
    });
    await using refused = await client(http, { serverKey: other });
    await assert.rejects(refused.request('/echo'), { code: 'refused', message: /is the server key/ });
    await using nobody = await client('tcp://127.0.0.1:1', { retries: 1, retryAfter: 1 });
    await assert.rejects(nobody.request('/echo'), {
      code: 'unreachable',
      message: /cannot be reached.*ECONNREFUSED/,
    });
    await using gone = await client('udp://127.0.0.1:1', { timeout: 100 });
    await assert.rejects(gone.request('/echo'), { code: 'unreachable', message: /connection refused/ });
    await using picky = await client(tcp);
    await assert.rejects(picky.request('echo'), { code: 'invalid_route' });
    await assert.rejects(
      picky.request('/echo', () => 1),
      { code: 'invalid_body' },
    );
  });

  test('gives up when told to, when its time is over, and when it is closed', async () => {
    const never = createApp().on(
      '/never',
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)),
    );
    await using server = await start({}, never);
    for (const url of server.addresses) {
      const asker = await client(url, { timeout: 20_000 });
      const caller = new AbortController();
      const aborted = asker.request('/never', null, { signal: caller.signal });
      caller.abort();
      await assert.rejects(aborted, { code: 'aborted' });
      await assert.rejects(asker.request('/never', null, { timeout: 20 }), { code: 'timeout' });
      const closed = asker.request('/never');
      await Promise.all([assert.rejects(closed, { code: 'closed' }), asker.close()]);
      await assert.rejects(asker.request('/never'), { code: 'closed' });
    }
    await server.close({ timeout: 1 });
  });

  test('finds a server that was killed and started again, in the middle of a request', async () => {
    const first = await start(
      { listen: 'tcp://127.0.0.1:0' },
      createApp().on('/x', () => new Promise(() => {})),
    );
    const [url = ''] = first.addresses;
    await using asker = await client(url, { retryAfter: 20, retries: 8 });
    const answer = asker.request('/x');
    while (first.counters.received === undefined) await new Promise((resolve) => setImmediate(resolve));
    await first.close({ timeout: 1 });
    await using _second = await start(
      { listen: url },
      createApp().on('/x', () => 'here again'),
    );
    assert.equal(await answer, 'here again');
  });

  test('leaves a half-open connection after a request went unanswered on it', async () => {
    await using server = await start({ listen: 'tcp://127.0.0.1:0' });
    const port = Number(new URL(server.addresses[0] ?? '').port);
    const through: Socket[] = [];
    let swallow = false;
    const proxy = createServer((socket) => {
      const back = connectTcp(port, '127.0.0.1');
      through.push(socket, back);
      const deaf = swallow;
      socket.on('data', (data) => void (swallow && !deaf ? 0 : back.write(data))).on('error', () => {});
      back.on('data', (data) => socket.write(data)).on('error', () => {});
      if (deaf) swallow = false;
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port: proxyPort } = proxy.address() as { port: number };
    await using asker = await client(`tcp://127.0.0.1:${proxyPort}`);
    assert.equal(await asker.request('/echo', 1), 1);
    swallow = true;
    await assert.rejects(asker.request('/echo', 2, { timeout: 50 }), { code: 'timeout' });
    assert.equal(await asker.request('/echo', 3), 3);
    for (const socket of through) socket.destroy();
    proxy.close();
  });
});

describe('the server', () => {
  test('lets in by key alone where it is told to', async () => {
    const friend = Identity.generate();
    await using server = await start({ allow: (key) => key?.equals(friend.publicKey) === true });
    for (const url of server.addresses) {
      await using known = await client(url, { identity: friend });
      assert.equal(await known.request('/echo', 'x'), 'x');
      await using stranger = await client(url, { identity: Identity.generate() });
      await assert.rejects(stranger.request('/echo', 'x'), { code: 'not_allowed', status: 403 });
      await using nameless = await client(url);
      await assert.rejects(nameless.request('/echo', 'x'), { code: 'not_allowed' });
    }
  });

  test('finishes what is in flight when it closes, and takes nothing new', async () => {
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<string>();
    const app = createApp().on('/slow', () => {
      begun.resolve();
      return finish.promise;
    });
    const server = await start({ listen: 'tcp://127.0.0.1:0' }, app);
    await using asker = await client(server.addresses[0] ?? '');
    const answer = asker.request('/slow');
    await begun.promise;
    const closed = server.close();
    finish.resolve('done');
    assert.equal(await answer, 'done');
    await closed;
  });

  test('a flood of junk does not stop good requests', async () => {
    await using server = await start({ listen: 'udp://127.0.0.1:0', limits: { rate: 200, burst: 300 } });
    const port = Number(new URL(server.addresses[0] ?? '').port);
    // Another host as far as limits by address go: 127.0.0.2.
    const junk = createSocket('udp4');
    junk.bind(0, '127.0.0.2');
    await once(junk, 'listening');
    const good = new PssstClient(identity.publicKey, { cipherSuite: CipherSuite.X25519_AESGCM256 });
    const { packet } = good.packRequest(new Uint8Array(40));
    let flooding = true;
    const flood = (async () => {
      for (let number = 0; flooding; number++) {
        const copy = packet.slice();
        copy[40] = number;
        junk.send(copy, port, '127.0.0.1');
        if (number % 10 === 0) await new Promise((turn) => setImmediate(turn));
      }
    })();
    await using asker = await client(server.addresses[0] ?? '', { timeout: 20_000, retries: 6 });
    for (let number = 0; number < 100; number++) assert.equal(await asker.request('/echo', number), number);
    flooding = false;
    await flood;
    junk.close();
    assert.ok((server.counters.rate_limited ?? 0) > 0);
    assert.ok((server.counters.decrypt_failed ?? 0) <= 300 + 200 * 60);
  });

  test('a sender who dribbles a packet, or never reads, loses only its own connection', async () => {
    await using server = await start({
      listen: 'tcp://127.0.0.1:0',
      limits: { packetTimeout: 100, idleTimeout: 60_000 },
    });
    const port = Number(new URL(server.addresses[0] ?? '').port);
    const dribbler = connectTcp(port, '127.0.0.1');
    dribbler.on('error', () => {});
    dribbler.write(Uint8Array.of(0, 0, 4));
    await using asker = await client(server.addresses[0] ?? '');
    assert.equal(await asker.request('/echo', 'meanwhile'), 'meanwhile');
    await once(dribbler, 'close');
    assert.equal(server.counters.packet_timeout, 1);
    const boaster = connectTcp(port, '127.0.0.1');
    boaster.on('error', () => {});
    boaster.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
    await once(boaster, 'close');
    assert.equal(await asker.request('/echo', 'after'), 'after');
  });

  test('connections are counted, in all and by host', async () => {
    await using server = await start({ listen: 'tcp://127.0.0.1:0', limits: { maxConnectionsPerHost: 2 } });
    const port = Number(new URL(server.addresses[0] ?? '').port);
    const sockets = [0, 1, 2].map(() => connectTcp(port, '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => {});
    await once(sockets[2] ?? assert.fail(), 'close');
    assert.equal(server.counters.connection_limit, 1);
    for (const socket of sockets) socket.destroy();
  });

  test('bad HTTP, bad paths and bad methods get a status and nothing more', async () => {
    await using server = await start({ listen: 'http://127.0.0.1:0' });
    const [url = ''] = server.addresses;
    const headers = { 'content-type': 'application/vnd.sotto.pssst' };
    const body = new Uint8Array(60);
    const ask = async (path: string, init: RequestInit): Promise<[number, string]> => {
      const answer = await fetch(url + path, init);
      return [answer.status, await answer.text()];
    };
    assert.deepEqual(await ask('/pssst', { method: 'POST', headers, body }), [400, '']);
    assert.deepEqual(await ask('/other', { method: 'POST', headers, body }), [404, '']);
    assert.deepEqual(await ask('/pssst', {}), [405, '']);
    assert.deepEqual(await ask('/pssst', { method: 'POST', body }), [415, '']);
    assert.deepEqual(await ask('/pssst', { method: 'POST', headers, body: new Uint8Array(2_000_000) }), [
      413,
      '',
    ]);
    const preflight = await fetch(`${url}/pssst`, { method: 'OPTIONS' });
    assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
  });

  test('says which option or address cannot be', async () => {
    const start2 = (options: object): Promise<RequestServer> =>
      RequestServer.start(testApp(), { identity, listen: LOCAL, ...options });
    await assert.rejects(start2({ listen: [] }), { code: 'invalid_option', message: /listen/ });
    await assert.rejects(start2({ listen: 'udp://h/x' }), { code: 'invalid_url' });
    await assert.rejects(start2({ listen: 'https://127.0.0.1:0' }), {
      code: 'invalid_url',
      message: /sealed already/,
    });
    await assert.rejects(start2({ identity: undefined }), { code: 'invalid_option', message: /identity/ });
    await assert.rejects(start2({ maxDatagram: 1 }), { code: 'invalid_option', message: /maxDatagram/ });
    await assert.rejects(start2({ suites: [7] }), { code: 'invalid_option', message: /suites/ });
    await assert.rejects(start2({ suites: [1], reusePort: true, onceWindow: { store: 'sqlite::memory:' } }), {
      code: 'invalid_option',
    });
    await assert.rejects(start2({ reusePort: true }), { code: 'invalid_option', message: /onceWindow/ });
    await assert.rejects(start2({ listen: 'udp://192.0.2.1:0' }), {
      code: 'listen_failed',
      message: /192\.0\.2\.1/,
    });
    await using server = await start({ listen: 'tcp://127.0.0.1:0' });
    await assert.rejects(start2({ listen: ['udp://127.0.0.1:0', ...server.addresses] }), {
      code: 'address_in_use',
    });
  });
});

test('whole programs in memory, losing and doubling as the seed says', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = mulberry32(seed);
    const hub = new MemoryHub(() => Math.floor(3 * random()));
    await using server = await start({ listen: 'memory://a', hub });
    await using asker = await client('memory://a', { hub, retries: 20, retryAfter: 1, timeout: 20_000 });
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => asker.request('/count', null, { once: true })),
    );
    const counted = answers.map(Number).sort((a, b) => a - b);
    assert.deepEqual(
      counted,
      Array.from({ length: 50 }, (_, number) => number + 1),
      `seed ${seed}`,
    );
    assert.ok(server.counters.received);
  }
});
