/** What surrounds a broadcaster fails: its database, its disk, clocks, and those who ask; nothing is lost, or done by half. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { concat, EMPTY } from '../../src/bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/bytes/text.ts';
import { type AuthConfig, noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import { hashedMessage } from '../../src/pubsub/delivery/message.ts';
import type { BroadcasterOptions } from '../../src/pubsub/options.ts';
import type { Pattern } from '../../src/pubsub/stores/store.ts';
import { BroadcasterCalls } from '../../src/pubsub/subscriber/calls.ts';
import type { OutgoingMessage } from '../../src/pubsub/subscriber/road.ts';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';
import type { SignedOperation } from '../../src/wire/lonelyps-authorization.ts';
import {
  encodeCheck,
  encodeNotifyHead,
  encodeSubscribeExact,
  encodeUnsubscribeExact,
} from '../../src/wire/lonelyps-stateless.ts';
import { until } from '../support/lookup.ts';
import { mulberry32 } from '../support/lossy-proxy.ts';
import { partsOf, RawWebSocket } from '../support/raw-websocket.ts';
import { SpawnedBroadcaster } from '../support/spawned-broadcaster.ts';
import { Webhooks } from '../support/webhooks.ts';

const SECRETS = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };
const FORGED = { ...SECRETS, toBroadcaster: `${'C'.repeat(85)}A` };
const NEWS: Pattern = { kind: 'exact', topic: encodeUtf8('news') };
const ANYWHERE = 'http://127.0.0.1:0';
/** Longer messages go to disk, bytes. */
const SPOOL_SIZE = 1000;

const folder = mkdtempSync(join(tmpdir(), 'sotto-pubsub-faults-'));
after(() => rmSync(folder, { recursive: true }));

function callsTo(address: string, auth: AuthConfig = noneAuth()): BroadcasterCalls {
  const options = { auth, timeout: 30_000, retries: 0, backoff: { first: 1, tries: 1 } };
  return new BroadcasterCalls({ broadcasters: [address], ...options });
}

function messageOf(content: string | Uint8Array, topic = 'news'): OutgoingMessage {
  const bytes = typeof content === 'string' ? encodeUtf8(content) : content;
  return {
    topic: encodeUtf8(topic),
    identifier: randomBytes(16),
    tracing: EMPTY,
    ...hashedMessage(bytes),
  };
}

function broadcasting(options: Partial<BroadcasterOptions> = {}): Promise<Broadcaster> {
  return Broadcaster.start({
    listen: ANYWHERE,
    store: 'sqlite::memory:',
    retry: { tries: 1 },
    sweepInterval: 20,
    ...options,
  });
}

const AWAY = { code: 'unavailable', status: 503 };

interface Locked {
  readonly calls: BroadcasterCalls;
  readonly webhooks: Webhooks;
  readonly database: DatabaseSync;
  readonly subscribe: (name: string) => Promise<boolean>;
  readonly restart: () => Promise<void>;
}

/** A broadcaster in a process of its own, since it waits for its database without doing anything else. */
async function withDatabase(file: string, work: (locked: Locked) => Promise<void>): Promise<void> {
  const path = join(folder, file);
  const options = { store: `sqlite:${path}`, sweepInterval: 20 } as const;
  await using running = new AsyncDisposableStack();
  let broadcaster = running.use(await SpawnedBroadcaster.start({ ...options, listen: ANYWHERE }));
  await using webhooks = await Webhooks.start();
  using database = new DatabaseSync(path, { timeout: 5000 });
  const calls = callsTo(broadcaster.address);
  const subscribe = (name: string): Promise<boolean> =>
    calls.subscribe(webhooks.urlOf(name), { pattern: NEWS, recovery: webhooks.recoveryOf(name) });
  const restart = async (): Promise<void> => {
    await broadcaster.kill();
    broadcaster = running.use(await SpawnedBroadcaster.start({ ...options, listen: broadcaster.address }));
  };
  await work({ calls, webhooks, database, subscribe, restart });
}

/** Locks the database for a few turns again and again while the work is done. */
async function withInterruptions(database: DatabaseSync, work: () => Promise<void>): Promise<void> {
  let isDone = false;
  const locking = (async () => {
    while (!isDone) {
      database.exec('BEGIN IMMEDIATE');
      for (let count = 0; count < 5; count++) await turn();
      database.exec('COMMIT');
      await turn();
    }
  })();
  await work().finally(() => {
    isDone = true;
    return locking;
  });
}

describe('a database that somebody else has locked', { concurrency: true }, () => {
  test('for long: what is asked is refused, nothing of it is done, and it is done when asked again', async () => {
    await withDatabase('locked.db', async ({ calls, webhooks, database, subscribe }) => {
      await subscribe('first');
      const message = messageOf('1');
      database.exec('BEGIN IMMEDIATE');
      await Promise.all([
        assert.rejects(subscribe('second'), AWAY),
        assert.rejects(calls.unsubscribe(webhooks.urlOf('first'), NEWS), AWAY),
        assert.rejects(calls.notify(message), AWAY),
      ]);
      database.exec('COMMIT');
      assert.deepEqual([webhooks.textsOf('first'), webhooks.textsOf('second')], [[], []]);
      assert.equal(await calls.notify(message), 1);
      assert.equal(await subscribe('second'), true, 'it was not there');
      assert.equal(await calls.notify(messageOf('2')), 2);
      assert.deepEqual([webhooks.textsOf('first'), webhooks.textsOf('second')], [['1', '2'], ['2']]);
    });
  });

  test('while a delivery fails: nobody takes it for told, and who missed it is told at the next start', async () => {
    await withDatabase('locked-late.db', async ({ calls, webhooks, database, subscribe, restart }) => {
      for (const name of ['held', 'away']) await subscribe(name);
      webhooks.setDown('away', true);
      webhooks.hold('held');
      const message = messageOf('1');
      const told = calls.notify(message);
      await until(() => webhooks.heldOf('held') === 1);
      database.exec('BEGIN IMMEDIATE');
      webhooks.release('held');
      await assert.rejects(told, AWAY);
      database.exec('COMMIT');
      webhooks.setDown('away', false);
      await restart();
      await until(() => webhooks.missedBy('away').length > 0);
      assert.equal(await calls.notify(message), 2);
      assert.deepEqual(webhooks.textsOf('away'), ['1']);
    });
  });

  test('now and again: everything is done all the same', async () => {
    await withDatabase('locked-often.db', async ({ calls, webhooks, database, subscribe }) => {
      const names = Array.from({ length: 20 }, (_, number) => `s${number}`);
      await withInterruptions(database, async () => {
        for (const name of names) assert.equal(await subscribe(name), true);
        for (let number = 0; number < 20; number++)
          assert.equal(await calls.notify(messageOf(`${number}`)), names.length);
      });
      for (const name of names) assert.equal(webhooks.textsOf(name).length, 20);
    });
  });
});

/** Who wants a long message on disk cannot have it; who wants a short one can. */
async function assertOnlyShortOnes(broadcaster: SpawnedBroadcaster): Promise<void> {
  const calls = callsTo(broadcaster.address);
  await using webhooks = await Webhooks.start();
  await using steady = await RawWebSocket.open(broadcaster.address, { confirms: true });
  await calls.subscribe(webhooks.urlOf('it'), { pattern: NEWS, recovery: null });
  await steady.subscribe('news');
  const long = randomBytes(500_000);
  for (let time = 0; time < 20; time++) {
    await assert.rejects(calls.notify(messageOf(long)), AWAY);
    await using raw = await RawWebSocket.open(broadcaster.address);
    for (const part of partsOf(await raw.notifyMessage('news', long), 100_000)) raw.send(part);
    await raw.ended;
    assert.equal(await calls.notify(messageOf(`${time}`)), 2);
  }
  const expected = Array.from({ length: 20 }, (_, number) => `${number}`);
  assert.deepEqual(webhooks.textsOf('it'), expected);
  assert.deepEqual(steady.messages, expected);
}

describe('long messages are refused, and short ones told, where a disk', () => {
  const options = { listen: ANYWHERE, store: 'sqlite::memory:', limits: { spoolSize: SPOOL_SIZE } } as const;

  test('has no folder for them', async () => {
    const env = { TMPDIR: join(folder, 'missing') };
    await using broadcaster = await SpawnedBroadcaster.start(options, env);
    await assertOnlyShortOnes(broadcaster);
  });

  test('is full in the middle of them', async () => {
    // No file may become longer than some kilobytes: to who writes it is a full disk.
    const command = ['sh', '-c', 'ulimit -f 64 && exec "$@"', 'sh'];
    await using broadcaster = await SpawnedBroadcaster.start(options, {}, command);
    await assertOnlyShortOnes(broadcaster);
  });
});

/** A request of the protocol as it is sent. */
interface Request {
  readonly path: string;
  readonly operation: SignedOperation;
  readonly body: Uint8Array;
}

const URL_OF_IT = 'http://127.0.0.1:1/receive';

function requestsOf(): readonly Request[] {
  const { topic, sha512: digest, identifier, body } = messageOf('text');
  const asked = { url: URL_OF_IT, recovery: null, topic } as const;
  const head = encodeNotifyHead({
    topic,
    sha512: digest,
    tracing: EMPTY,
    identifier,
    length: BigInt(body.length),
  });
  return [
    {
      path: '/v1/notify',
      operation: { kind: 'notify', topic, identifier, sha512: digest },
      body: concat(head, encodeUtf8('text')),
    },
    {
      path: '/v1/subscribe/exact',
      operation: { kind: 'subscribe-exact', ...asked },
      body: encodeSubscribeExact({ ...asked, tracing: EMPTY }),
    },
    {
      path: '/v1/unsubscribe/exact',
      operation: { kind: 'subscribe-exact', ...asked },
      body: encodeUnsubscribeExact({ ...asked, tracing: EMPTY }),
    },
    {
      path: '/v1/check_subscriptions',
      operation: { kind: 'check', url: URL_OF_IT },
      body: encodeCheck({ tracing: EMPTY, url: URL_OF_IT }),
    },
  ];
}

function signed({ operation }: Request, auth: AuthConfig): string | null | Promise<string | null> {
  return auth.toBroadcaster.authorize({ operation, tracing: EMPTY });
}

async function statusOf(
  broadcaster: Broadcaster,
  { path, body }: Request,
  authorization: string | null,
): Promise<number> {
  const headers: Record<string, string> = authorization === null ? {} : { authorization };
  const options = { method: 'POST', body: body.slice(), headers };
  const response = await fetch(`${broadcaster.address}${path}`, options);
  await response.arrayBuffer();
  return response.status;
}

function hmacAt(offset: number): AuthConfig {
  return hmacAuth({ ...SECRETS, now: () => Date.now() + offset });
}

const MINUTE = 60_000;

describe('with HMAC', () => {
  test('a clock may be a minute wrong, and not three', async () => {
    await using broadcaster = await broadcasting({ auth: hmacAuth(SECRETS) });
    for (const offset of [MINUTE, -MINUTE]) {
      const signing = hmacAt(offset);
      const auth = { ...signing, toSubscriber: hmacAuth(SECRETS).toSubscriber };
      assert.equal(await callsTo(broadcaster.address, auth).notify(messageOf('1')), 0);
    }
    for (const offset of [3 * MINUTE, -3 * MINUTE]) {
      const calls = callsTo(broadcaster.address, hmacAt(offset));
      const refused = { code: 'not_allowed', status: 403 };
      await assert.rejects(calls.notify(messageOf('2')), refused);
      await assert.rejects(calls.subscribe(URL_OF_IT, { pattern: NEWS, recovery: null }), refused);
    }
    assert.equal(broadcaster.subscriptions, 0);
  });

  test('nothing is done by who proves nothing, forges, comes late or says again what another said', async () => {
    await using broadcaster = await broadcasting({ auth: hmacAuth(SECRETS) });
    await using listener = await RawWebSocket.open(broadcaster.address, {
      auth: hmacAuth(SECRETS),
      confirms: true,
    });
    await listener.subscribe('news');
    const good = hmacAuth(SECRETS);
    for (const request of requestsOf()) {
      assert.equal(await statusOf(broadcaster, request, null), 401, request.path);
      for (const wrong of [
        await signed(request, hmacAuth(FORGED)),
        await signed(request, hmacAt(-3 * MINUTE)),
        await signed({ ...request, operation: { kind: 'check', url: 'http://127.0.0.1:1/other' } }, good),
        'Bearer of nothing',
        'X-HMAC ',
        `X-HMAC ${'9'.repeat(15_000)}:a:b`,
      ]) {
        assert.equal(await statusOf(broadcaster, request, wrong), 403, `${request.path} ${wrong}`);
      }
    }
    assert.equal(broadcaster.subscriptions, 0);
    assert.deepEqual(listener.messages, []);
    for (const request of requestsOf()) {
      const authorization = await signed(request, good);
      assert.equal(await statusOf(broadcaster, request, authorization), 200, request.path);
      assert.equal(await statusOf(broadcaster, request, authorization), 403, `${request.path} again`);
    }
    assert.deepEqual(listener.messages, ['text']);
  });
});

/** What comes back for some bytes, until the connection ends. */
async function answerTo(broadcaster: Broadcaster, bytes: string | Uint8Array): Promise<string> {
  const socket = connect(Number(new URL(broadcaster.address).port), '127.0.0.1');
  socket.on('error', () => {}); // its end says enough
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

test('requests that are no HTTP, or longer than it may be, end their connection and no other', async () => {
  await using broadcaster = await broadcasting();
  await using steady = await RawWebSocket.open(broadcaster.address, { confirms: true });
  await steady.subscribe('news');
  const post = 'POST /v1/notify HTTP/1.1\r\nHost: x\r\n';
  const wrong: Readonly<Record<string, string | Uint8Array>> = {
    'one long header': `${post}Authorization: ${'a'.repeat(20_000)}\r\n\r\n`,
    'a header without an end': `${post}Authorization: ${'a'.repeat(100_000)}`,
    'a long name': `${post}${'a'.repeat(20_000)}: b\r\n\r\n`,
    'many headers': `${post}${'a: b\r\n'.repeat(10_000)}\r\n`,
    'a long path': `POST /${'v'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
    'a length that is no number': `${post}Content-Length: many\r\n\r\n`,
    'two lengths': `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    'a length and chunks': `${post}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    noise: randomBytes(1000),
  };
  for (const [name, bytes] of Object.entries(wrong))
    assert.match(await answerTo(broadcaster, bytes), /^HTTP\/1.1 4\d\d /, name);
  // Chunks that are none are found when the request is under way: whatever is said, nobody is told anything.
  await answerTo(broadcaster, `${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`);
  assert.equal(await callsTo(broadcaster.address).notify(messageOf('still there')), 1);
  assert.deepEqual(steady.messages, ['still there']);
});

const WEBHOOKS = 850;
const WEBSOCKETS = 150;
const MESSAGES = 21;

/** Somebody who is subscribed all the time, or comes and goes. */
interface Churner {
  readonly change: () => Promise<void>;
}

test('a thousand subscribers come and go while all are told: who stays gets everything, just once', async () => {
  await using broadcaster = await broadcasting({
    limits: { maxConnections: 5000, maxConnectionsPerHost: 5000 },
  });
  await using webhooks = await Webhooks.start();
  await using sockets = new AsyncDisposableStack();
  const calls = callsTo(broadcaster.address);
  const random = mulberry32(7);
  const glob: Pattern = { kind: 'glob', glob: 'n*' };
  const names = Array.from({ length: WEBHOOKS }, (_, number) => `w${number}`);
  const isStaying = (number: number): boolean => number % 3 === 0;

  const byWebhook = async (name: string, number: number): Promise<Churner> => {
    const url = webhooks.urlOf(name);
    const recovery = webhooks.recoveryOf(name);
    await calls.subscribe(url, { pattern: NEWS, recovery });
    // Who has two subscriptions gets each message once, too.
    if (number % 2 === 0) await calls.subscribe(url, { pattern: glob, recovery });
    let isThere = true;
    return {
      change: async () => {
        for (const pattern of [NEWS, glob])
          await (isThere ? calls.unsubscribe(url, pattern) : calls.subscribe(url, { pattern, recovery }));
        isThere = !isThere;
      },
    };
  };
  const bySocket = async (raw: RawWebSocket): Promise<Churner> => {
    await raw.subscribe('news');
    let isThere = true;
    return {
      change: async () => {
        await (isThere ? raw.unsubscribe('news') : raw.subscribe('news'));
        isThere = !isThere;
      },
    };
  };

  const raws = await Promise.all(
    Array.from({ length: WEBSOCKETS }, async () =>
      sockets.use(await RawWebSocket.open(broadcaster.address, { confirms: true })),
    ),
  );
  const churners = [
    ...(await Promise.all(names.map(byWebhook))).filter((_each, number) => !isStaying(number)),
    ...(await Promise.all(raws.map(bySocket))).filter((_each, number) => !isStaying(number)),
  ];
  let changes = 0;
  let isOver = false;
  const lanes = Array.from({ length: 8 }, async (_, lane) => {
    const own = churners.filter((_each, number) => number % 8 === lane);
    while (!isOver) {
      await own[Math.floor(random() * own.length)]?.change();
      changes += 1;
    }
  });
  const texts = Array.from({ length: MESSAGES }, (_, number) => `${number}`);
  for (let at = 0; at < MESSAGES; at += 3)
    await Promise.all(texts.slice(at, at + 3).map((text) => calls.notify(messageOf(text))));
  isOver = true;
  await Promise.all(lanes);

  const expected = [...texts].sort();
  const got = [...names.map((name) => webhooks.textsOf(name)), ...raws.map(({ messages }) => messages)];
  const stayed = [...names.keys(), ...raws.keys()].map(isStaying);
  assert.equal(got.length, WEBHOOKS + WEBSOCKETS);
  for (const [index, messages] of got.entries()) {
    if (stayed[index]) assert.deepEqual([...messages].sort(), expected);
    assert.equal(new Set(messages).size, messages.length, 'nobody gets one twice');
  }
  assert.deepEqual(
    names.flatMap((name) => webhooks.missedBy(name)),
    [],
  );
  assert.deepEqual(
    raws.flatMap(({ missed }) => missed),
    [],
  );
  assert.ok(changes > MESSAGES, `${changes} changes`);
});

describe('an inbox that is full: each message is read, or its topic announced after it', () => {
  for (const transport of ['http', 'websocket', 'both'] as const) {
    test(`by ${transport}`, async () => {
      let ahead = 0;
      await using broadcaster = await broadcasting({ now: () => Date.now() + ahead });
      await using publisher = await Subscriber.connect({ broadcasters: broadcaster.address });
      await using subscriber = await Subscriber.connect({
        broadcasters: broadcaster.address,
        transport,
        maxWaiting: 3,
        ...(transport === 'websocket' ? {} : { listen: ANYWHERE }),
      });
      const told: { readonly topic: string | null; readonly after: number }[] = [];
      let sent = 0;
      await using subscription = await subscriber.subscribe({
        glob: ['n*'],
        onMissed: (topic) => told.push({ topic: topic && decodeUtf8(topic), after: sent }),
      });
      if (transport === 'both') await until(() => broadcaster.counters.serving_began === 1);
      const messages = subscription[Symbol.asyncIterator]();
      const read = new Set<number>();
      const readAll = async (count: number): Promise<void> => {
        for (let each = 0; each < count; each++) {
          const { value } = await messages.next();
          read.add(Number(await (value ?? assert.fail()).text()));
        }
      };
      const topicOf = (number: number): string => `n${number % 2}`;
      const isTold = (number: number): boolean =>
        told.some(({ topic, after }) => after >= number && (topic === null || topic === topicOf(number)));
      for (let round = 1; round <= 4; round++) {
        for (let each = 0; each < 8; each++) {
          sent += 1;
          await publisher.notify(topicOf(sent), `${sent}`);
        }
        await readAll(3);
        ahead += 10_000;
        const numbers = Array.from({ length: sent }, (_, index) => index + 1);
        await until(() => numbers.every((number) => read.has(number) || isTold(number)));
        assert.equal(read.size, 3 * round, 'no more was confirmed than there was room for');
      }
      await publisher.notify('n0', '99');
      await readAll(1);
      assert.ok(read.has(99));
    });
  }
});
