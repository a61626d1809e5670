/** What strangers, thieves and clients gone wild send to a server of sessions; it goes on, and gives nothing away. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { createApp } from '../../src/app/app.ts';
import type { Logger } from '../../src/app/message.ts';
import { type Bytes, concat, EMPTY } from '../../src/bytes/bytes.ts';
import { encodeHex } from '../../src/bytes/text.ts';
import { Identity } from '../../src/keys/identity.ts';
import { SessionClient } from '../../src/session/client.ts';
import { type ClientCredentials, ClientHandshake } from '../../src/session/handshake.ts';
import type { SessionClientOptions } from '../../src/session/options.ts';
import { SessionServer } from '../../src/session/server.ts';
import { encodeRoutedRequest } from '../../src/wire/routed.ts';
import { until } from '../support/lookup.ts';
import {
  connected,
  echoing,
  NOBODY,
  presence,
  proxied,
  RawSession,
  SECRET,
  serving,
  urlOf,
} from '../support/session.ts';

const CREDENTIALS: ClientCredentials = { psk: SECRET };
const NEW = { received: 0, session: NOBODY, readsCompressed: true };

function question(route: string, oneWay = false): Bytes {
  const head = { route, once: false, oneWay, sentAt: 0, representation: 't' as const };
  return encodeRoutedRequest({ ...head, body: EMPTY });
}

describe('handshakes', () => {
  test('a recorded one begins no session', async (t) => {
    const server = await serving(t, echoing(), { handshakeTimeout: 100 });
    const seen = presence(server);
    const { first } = new ClientHandshake(CREDENTIALS, '127.0.0.1', NEW);
    for (let time = 0; time < 3; time++) {
      const raw = await RawSession.dial(t, server);
      raw.webSocket.send(first);
      await raw.closed;
    }
    assert.deepEqual([seen.entries, server.sessions], [[], []]);
    assert.equal(server.counters.handshake_timeout, 3, 'an answer is no proof');
  });

  test('a recorded one moves no session', async (t) => {
    const server = await serving(t, echoing());
    const seen = presence(server);
    const own = await RawSession.begun(t, server);
    const session = own.hello?.session ?? assert.fail();
    // What its client sends to come back, taken down on the way and sent by somebody else.
    const { first } = new ClientHandshake(CREDENTIALS, '127.0.0.1', { ...NEW, session });
    const thief = await RawSession.dial(t, server);
    const answered = new Promise((resolve) => thief.webSocket.once('message', resolve));
    thief.webSocket.send(first);
    await answered;
    thief.webSocket.send(randomBytes(50));
    await thief.closed;
    own.say({
      kind: 'data',
      stream: 1,
      number: 0,
      more: false,
      compressed: false,
      content: question('/echo'),
    });
    await own.received.until('the answer', ({ kind }) => kind === 'data');
    assert.deepEqual(seen.entries, ['join']);
  });

  test('what a session goes on by is worth nothing without its key', async (t) => {
    const identity = Identity.generate();
    const server = await serving(t, echoing(), { identity });
    const serverKey = identity.publicKey;
    const owner = Identity.generate();
    const own = await RawSession.shaken(t, server, { credentials: { serverKey, identity: owner } });
    own.say({ kind: 'ping', received: 0 });
    await own.received.until('the answer', ({ kind }) => kind === 'pong');
    const session = own.hello?.session ?? assert.fail();
    const thieves: ClientCredentials[] = [
      CREDENTIALS,
      { serverKey, identity: null },
      { serverKey, identity: Identity.generate() },
    ];
    for (const credentials of thieves) {
      const thief = await RawSession.shaken(t, server, { session, credentials });
      assert.equal(thief.hello?.resumed, false);
      assert.notDeepEqual(thief.hello?.session, session);
    }
    const back = await RawSession.shaken(t, server, { session, credentials: { serverKey, identity: owner } });
    assert.equal(back.hello?.resumed, true);
  });

  test('a session’s id is not what it goes on by', async (t) => {
    const server = await serving(t, echoing());
    const client = await connected(t, server);
    await client.request('/echo', 1);
    assert.equal(server.sessions[0]?.id, client.id);
    const session = Uint8Array.from(Buffer.from(client.id, 'hex'));
    assert.equal((await RawSession.shaken(t, server, { session })).hello?.resumed, false);
  });

  test('garbage, text, what is too long, too short, or of another secret: the connection ends', async (t) => {
    const server = await serving(t, echoing(), { identity: Identity.generate() });
    const good = new ClientHandshake(CREDENTIALS, '127.0.0.1', NEW).first;
    const others = [
      ...[
        new ClientHandshake({ psk: randomBytes(32) }, '127.0.0.1', NEW).first,
        good.with(40, 1 ^ (good[40] ?? 0)),
      ],
      new ClientHandshake({ serverKey: Identity.generate().publicKey, identity: null }, '127.0.0.1', NEW)
        .first,
    ];
    const broken = [0, 1, 2, 50, 200, 65_535, 65_536, 2_000_000].map(
      (size) => new Uint8Array(randomBytes(size)),
    );
    const begun = [1, 2, 3].flatMap((protocol) => [
      Uint8Array.of(protocol),
      concat(Uint8Array.of(protocol, 0), randomBytes(96)),
      concat(Uint8Array.of(protocol, 255), randomBytes(96)),
    ]);
    for (const first of [
      ...others,
      ...broken,
      ...begun,
      good.subarray(0, -1),
      concat(good, Uint8Array.of(0)),
      'text',
    ]) {
      const raw = await RawSession.dial(t, server);
      let answers = 0;
      raw.webSocket.on('message', () => {
        answers += 1;
      });
      raw.webSocket.send(first);
      await raw.closed;
      assert.equal(answers, 0);
    }
    assert.deepEqual(server.sessions, []);
    const client = await connected(t, server);
    assert.equal(await client.request('/echo', 1), 1);
  });

  test('half ones by the hundred end in time, and keep nobody out', async (t) => {
    const server = await serving(t, echoing(), { handshakeTimeout: 2000, maxConnectionsPerHost: 150 });
    const raws = await Promise.all(Array.from({ length: 100 }, () => RawSession.dial(t, server)));
    for (const raw of raws.slice(50))
      raw.webSocket.send(new ClientHandshake(CREDENTIALS, '127.0.0.1', NEW).first);
    const client = await connected(t, server);
    assert.equal(await client.request('/echo', 1), 1);
    await Promise.all(raws.map(({ closed }) => closed));
    assert.equal(server.counters.handshake_timeout, 100);
    assert.equal(server.sessions.length, 1);
  });

  test('no more connections than a host may have', async (t) => {
    const server = await serving(t, echoing(), { maxConnectionsPerHost: 3 });
    const raws = await Promise.all(Array.from({ length: 6 }, () => RawSession.dial(t, server)));
    const open = (): RawSession[] => raws.filter(({ webSocket }) => webSocket.readyState === WebSocket.OPEN);
    await until(() => open().length === 3);
    assert.equal(server.counters.connection_limit, 3);
    open()[0]?.webSocket.terminate();
    await until(async () => {
      const raw = await RawSession.shaken(t, server).catch(() => null);
      return raw !== null;
    });
  });

  test('no more sessions than a key may have, those that are away among them', async (t) => {
    const identity = Identity.generate();
    const server = await serving(t, echoing(), { maxConnectionsPerHost: 2, identity });
    const proxy = await proxied(t, server);
    const keys = { serverKey: identity.publicKey, identity: Identity.generate() };
    const one = await connected(t, server, keys);
    const away = await connected(t, proxy, keys);
    proxy.setDown(true);
    await until(() => server.sessions.some(({ isConnected }) => !isConnected));
    await assert.rejects(connected(t, server, keys), { status: 503 });
    const isLetIn = (more: Partial<SessionClientOptions> = {}): Promise<boolean> =>
      connected(t, server, { ...keys, ...more }).then(
        (client) => client.close().then(() => true),
        () => false,
      );
    await until(() => isLetIn({ identity: Identity.generate() }));
    await one.close();
    await until(isLetIn);
    await away.close();
  });

  test('one that counts what never was does not keep its session for ever', async (t) => {
    const server = await serving(t, echoing(), { resumeWithin: 50 });
    const own = await RawSession.begun(t, server);
    const session = own.hello?.session ?? assert.fail();
    own.webSocket.terminate();
    await until(() => server.sessions.every(({ isConnected }) => !isConnected));
    const liar = await RawSession.shaken(t, server, { session, received: 2 ** 40 });
    liar.say({ kind: 'ping', received: 0 });
    await liar.closed;
    await until(() => server.sessions.length === 0);
  });

  test('half ones do not keep a server from closing', async (t) => {
    const server = await serving(t, echoing());
    await RawSession.dial(t, server);
    await RawSession.shaken(t, server);
    await server.close();
  });
});

describe('sessions', () => {
  test('no more than there may be, those that are away among them', async (t) => {
    const server = await serving(t, echoing(), { maxSessions: 2 });
    const seen = presence(server);
    const raw = await RawSession.begun(t, server);
    await RawSession.begun(t, server);
    raw.webSocket.terminate();
    await seen.until('away', (entry) => entry === 'away');
    const third = await RawSession.shaken(t, server);
    third.say({ kind: 'ping', received: 0 });
    const { kind, ...rest } = await third.received.until('the refusal', () => true);
    assert.deepEqual([kind, 'status' in rest && rest.status], ['close', 503]);
    await third.closed;
    assert.equal(server.sessions.length, 2);
  });

  test('what does not open ends the connection, and not the session', async (t) => {
    const server = await serving(t, echoing());
    const seen = presence(server);
    const raw = await RawSession.begun(t, server);
    raw.webSocket.send(randomBytes(100));
    await raw.closed;
    await seen.until('away', (entry) => entry === 'away');
    const session = raw.hello?.session ?? NOBODY;
    const back = await RawSession.shaken(t, server, { session });
    assert.equal(back.hello?.resumed, true);
    back.say({ kind: 'ping', received: 0 });
    await seen.until('back', (entry) => entry === 'back');
  });

  const wrong: readonly (readonly [string, (raw: RawSession) => void])[] = [
    ['a kind that is none', (raw) => raw.sayBytes(new Uint8Array(20).fill(99))],
    ['nothing at all', (raw) => raw.sayBytes(EMPTY)],
    [
      'a number left out',
      (raw) =>
        raw.say({ kind: 'data', stream: 1, number: 7, more: false, compressed: false, content: EMPTY }),
    ],
    [
      'no question',
      (raw) =>
        raw.say({ kind: 'data', stream: 1, number: 0, more: false, compressed: false, content: EMPTY }),
    ],
    ['a confirmation of what was not sent', (raw) => raw.say({ kind: 'pong', received: 5 })],
    [
      'a rekey of another epoch',
      (raw) => raw.say({ kind: 'rekey', type: 'ask', epoch: 9, publicKey: new Uint8Array(32).fill(9) }),
    ],
    [
      'a rekey to a point of low order',
      (raw) => raw.say({ kind: 'rekey', type: 'ask', epoch: 1, publicKey: new Uint8Array(32) }),
    ],
    [
      'an answer to no rekey',
      (raw) => raw.say({ kind: 'rekey', type: 'answer', epoch: 1, publicKey: new Uint8Array(32).fill(9) }),
    ],
  ];
  for (const [name, send] of wrong) {
    test(`${name} ends the connection, and nobody else’s`, async (t) => {
      const server = await serving(t, echoing());
      const client = await connected(t, server);
      const raw = await RawSession.begun(t, server);
      send(raw);
      await raw.closed;
      assert.equal(await client.request('/echo', 1), 1);
    });
  }

  test('two connections of one session at once: the later one has it, the earlier is cut', async (t) => {
    const server = await serving(t, echoing());
    const seen = presence(server);
    const first = await RawSession.begun(t, server);
    const session = first.hello?.session ?? NOBODY;
    const [second, third] = [
      await RawSession.shaken(t, server, { session }),
      await RawSession.shaken(t, server, { session }),
    ];
    third.say({ kind: 'ping', received: 0 });
    await first.closed;
    second.say({ kind: 'ping', received: 0 });
    await third.closed;
    second.say({
      kind: 'data',
      stream: 1,
      number: 0,
      more: false,
      compressed: false,
      content: question('/echo'),
    });
    await second.received.until('the answer', ({ kind }) => kind === 'data');
    assert.deepEqual(seen.entries, ['join', 'back', 'back']);
    assert.equal(server.sessions.length, 1);
  });

  test('a connection that counts wrong does not take a session from the one that counts right', async (t) => {
    const server = await serving(t, echoing());
    const own = await RawSession.begun(t, server);
    const session = own.hello?.session ?? NOBODY;
    own.say({
      kind: 'data',
      stream: 1,
      number: 0,
      more: false,
      compressed: false,
      content: question('/echo'),
    });
    await own.received.until('the answer', ({ kind }) => kind === 'data');
    own.say({ kind: 'ping', received: 1 });
    await until(() => own.received.entries.filter(({ kind }) => kind === 'pong').length >= 2);
    for (const received of [0, 7]) {
      const other = await RawSession.shaken(t, server, { session, received });
      other.say({ kind: 'ping', received });
      await other.closed;
    }
    own.say({
      kind: 'data',
      stream: 3,
      number: 1,
      more: false,
      compressed: false,
      content: question('/echo'),
    });
    await own.received.until('the answer', (message) => message.kind === 'data' && message.stream === 3);
  });

  test('a session that ends between handshake and proof is not begun again under its name', async (t) => {
    const server = await serving(t, echoing());
    const own = await RawSession.begun(t, server);
    const late = await RawSession.shaken(t, server, { session: own.hello?.session ?? NOBODY });
    server.sessions[0]?.close();
    await own.closed;
    late.say({ kind: 'ping', received: 0 });
    await late.closed;
    assert.deepEqual(server.sessions, []);
  });

  test('what comes twice is confirmed, and handled once', async (t) => {
    const told: unknown[] = [];
    const server = await serving(
      t,
      createApp().on('/tell', () => void told.push(1)),
    );
    const own = await RawSession.begun(t, server);
    const message = {
      kind: 'data',
      stream: 1,
      number: 0,
      more: false,
      compressed: false,
      content: question('/tell', true),
    } as const;
    own.say(message);
    await own.received.until('a confirmation', (each) => each.kind === 'pong' && each.received === 1);
    const again = await RawSession.shaken(t, server, { session: own.hello?.session ?? NOBODY });
    again.say(message);
    await again.received.until('a confirmation', (each) => each.kind === 'pong' && each.received === 1);
    assert.deepEqual(told, [1]);
  });

  test('a flood of rekeys and pings that are never read makes the server keep next to nothing', async (t) => {
    const server = await serving(t, echoing());
    const raw = await RawSession.begun(t, server);
    const publicKey = Identity.generate().publicKey.bytes;
    raw.say({ kind: 'rekey', type: 'ask', epoch: 1, publicKey });
    await raw.received.until('its answer', ({ kind }) => kind === 'rekey');
    for (let time = 0; time < 1000; time++) raw.say({ kind: 'rekey', type: 'ask', epoch: 1, publicKey });
    raw.say({ kind: 'ping', received: 0 });
    await until(() => raw.received.entries.filter(({ kind }) => kind === 'pong').length >= 2);
    assert.equal(raw.received.entries.filter(({ kind }) => kind === 'rekey').length, 1);
  });
});

test('no key, secret, id or body is logged, on either side', async (t) => {
  const lines: string[] = [];
  const note = (fields: object, text: string): void => {
    const plain = (_key: string, value: unknown): unknown =>
      value instanceof Error ? `${value.stack} ${JSON.stringify(value.cause, plain)}` : value;
    lines.push(`${JSON.stringify(fields, plain)} ${text}`);
  };
  const log: Logger = { debug: note, info: note, warn: note, error: note };
  const [identity, owner] = [Identity.generate(), Identity.generate()];
  const app = createApp({ log })
    .on('/fails', () => {
      throw new Error('it failed');
    })
    .on('/stops', async function* () {
      yield 1;
      throw new Error('it stopped');
    });
  const server = await serving(t, app, { log, identity });
  const client = await connected(t, server, { log, serverKey: identity.publicKey, identity: owner });
  client.on('gap', () => {
    throw new Error('a listener failed');
  });
  const body = 'what nobody should read';
  await assert.rejects(client.request('/fails', body));
  await assert.rejects(
    client
      .stream('/stops', body)
      .next()
      .then(() => client.stream('/fails', body).next()),
  );
  await assert.rejects(SessionClient.connect(urlOf(server), { secret: new Uint8Array(32), log }));
  const raw = await RawSession.begun(t, server);
  raw.sayBytes(new Uint8Array(20).fill(99));
  await raw.closed;
  const session = raw.hello?.session ?? NOBODY;
  const second = await RawSession.shaken(t, server, { session });
  second.say({ kind: 'data', stream: 1, number: 0, more: false, compressed: false, content: EMPTY });
  await second.closed;
  assert.ok(lines.length >= 3, `${lines.length} lines`);
  const secrets = [SECRET, identity.privateKey, owner.privateKey, session].flatMap((secret) => [
    encodeHex(secret),
    Buffer.from(secret).toString('base64'),
    JSON.stringify([...secret]),
  ]);
  for (const secret of [...secrets, body]) assert.ok(!lines.some((line) => line.includes(secret)), secret);
});

test('options that make no sense are refused at the door', async () => {
  const start = (options: object): Promise<SessionServer> =>
    SessionServer.start(echoing(), { listen: 'ws://127.0.0.1:0', secret: SECRET, ...options });
  const wrong = [
    ...[{ secret: undefined }, { secret: 'short' }, { secret: new Uint8Array(31) }, { listen: [] }],
    ...[{ idleTimeout: 0 }, { slow: 'drop' }, { maxSessions: 0 }, { resumeWithin: -1 }, { quiet: 1 }],
    ...[{ maxMessage: 0 }, { maxStreams: 0 }, { maxOutbox: -1 }, { handshakeTimeout: 2 ** 31 }],
  ];
  for (const options of wrong) await assert.rejects(start(options), { code: 'invalid_option' });
  await assert.rejects(start({ listen: 'udp://127.0.0.1:0' }), { code: 'invalid_url' });
  const url = 'ws://127.0.0.1:1';
  await assert.rejects(SessionClient.connect(url, {}), { code: 'invalid_option' });
  await assert.rejects(
    SessionClient.connect(url, { secret: SECRET, serverKey: Identity.generate().publicKey }),
    {
      code: 'invalid_option',
    },
  );
  await assert.rejects(SessionClient.connect(url, { secret: SECRET, identity: Identity.generate() }), {
    code: 'invalid_option',
  });
});
