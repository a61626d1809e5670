/** WebSockets that do what they should not: each ends, no other does, and the broadcaster goes on. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { connect } from 'node:net';
import { after, before, describe, mock, test } from 'node:test';
import fc from 'fast-check';
import { concat, EMPTY } from '../../src/bytes/bytes.ts';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { type AuthConfig, noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import { hashedMessage } from '../../src/pubsub/delivery/message.ts';
import type { BroadcasterOptions } from '../../src/pubsub/options.ts';
import { BroadcasterCalls } from '../../src/pubsub/subscriber/calls.ts';
import { encodeToBroadcaster, type ToBroadcaster } from '../../src/wire/lonelyps-stateful.ts';
import { until } from '../support/lookup.ts';
import { type Notify, named, notifyOf, partsOf, RawWebSocket, sha512 } from '../support/raw-websocket.ts';

const SECRETS = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };
const FORGED = { ...SECRETS, toBroadcaster: `${'C'.repeat(85)}A` };
const UNSIGNED = { authorization: null, tracing: EMPTY };
/** Of one message, bytes. */
const MAX_MESSAGE = 1_000_000;
/** Longer messages go to disk, bytes. */
const SPOOL_SIZE = 1000;
/** Of one frame: more than the broadcaster's WebSockets take, bytes. */
const TOO_LONG_FRAME = 16 * 1024 * 1024 + 1;
const DELIVERY_TIMEOUT = 30_000;

function broadcasting(options: Partial<BroadcasterOptions> = {}): Promise<Broadcaster> {
  return Broadcaster.start({
    listen: 'http://127.0.0.1:0',
    store: 'sqlite::memory:',
    limits: { maxMessage: MAX_MESSAGE, spoolSize: SPOOL_SIZE },
    ...options,
  });
}

/** A broadcaster, and a subscriber that is never to notice anything. */
class House implements AsyncDisposable {
  readonly broadcaster: Broadcaster;
  readonly auth: () => AuthConfig;
  readonly #steady: RawWebSocket;
  #told = 0;

  static async open(auth: () => AuthConfig): Promise<House> {
    const broadcaster = await broadcasting({ auth: auth() });
    const steady = await RawWebSocket.open(broadcaster.address, { auth: auth(), confirms: true });
    await steady.subscribe('steady');
    return new House(broadcaster, steady, auth);
  }

  private constructor(broadcaster: Broadcaster, steady: RawWebSocket, auth: () => AuthConfig) {
    this.broadcaster = broadcaster;
    this.#steady = steady;
    this.auth = auth;
  }

  connect(auth: AuthConfig = this.auth()): Promise<RawWebSocket> {
    return RawWebSocket.connect(this.broadcaster.address, { auth });
  }

  open(auth: AuthConfig = this.auth()): Promise<RawWebSocket> {
    return RawWebSocket.open(this.broadcaster.address, { auth });
  }

  /** Whoever comes now is served, and who was there before hears of it. */
  async assertServes(): Promise<void> {
    await using publisher = await this.open();
    const text = `${this.#told++}`;
    assert.equal(await publisher.notify('steady', text), 1);
    assert.equal(this.#steady.messages.at(-1), text);
    assert.equal(this.#steady.messages.length, this.#told);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#steady[Symbol.asyncDispose]();
    await this.broadcaster.close();
  }
}

/** What is done wrong; the connection has to end. */
type Fault = (raw: RawWebSocket, house: House) => void | Promise<void>;

function faults(
  open: (house: House) => Promise<RawWebSocket>,
  auth: () => AuthConfig,
  cases: Readonly<Record<string, Fault>>,
): void {
  let house: House;
  before(async () => {
    house = await House.open(auth);
  });
  after(() => house[Symbol.asyncDispose]());
  for (const [name, fault] of Object.entries(cases)) {
    test(name, async () => {
      await using raw = await open(house);
      await fault(raw, house);
      await raw.ended;
      await house.assertServes();
    });
  }
}

const BODY = encodeUtf8('one message among others');
const LONG = new Uint8Array(randomBytes(3 * SPOOL_SIZE));
const TOPIC = encodeUtf8('topic');

const EVERY_KIND: readonly ToBroadcaster[] = [
  { type: 'subscribe-exact', topic: TOPIC, ...UNSIGNED },
  { type: 'subscribe-glob', glob: 't*', ...UNSIGNED },
  { type: 'unsubscribe-exact', topic: TOPIC, ...UNSIGNED },
  { type: 'unsubscribe-glob', glob: 't*', ...UNSIGNED },
  notifyOf('topic', BODY),
  ...partsOf(notifyOf('topic', BODY), 20),
  { type: 'continue-receive', identifier: BODY, part: 0n, ...UNSIGNED },
  { type: 'confirm-receive', identifier: BODY, subscribers: 1, ...UNSIGNED },
  { type: 'serve', url: 'http://127.0.0.1:1/', ...UNSIGNED },
];

describe('a first message that is not CONFIGURE ends its connection:', () => {
  const cases: Record<string, Fault> = {
    'nothing at all': (raw) => raw.send(EMPTY),
    'one byte': (raw) => raw.send(Uint8Array.of(0)),
    noise: (raw) => raw.send(new Uint8Array(randomBytes(200))),
    'a type that there is not': (raw) => raw.send(Uint8Array.of(0, 1, 0, 99)),
    text: (raw) => raw.send('CONFIGURE'),
    'one with a short nonce': (raw) =>
      raw.send(named(1, configureHeaders({ 'x-subscriber-nonce': new Uint8Array(31) }))),
    'one without its nonce': (raw) =>
      raw.send(
        named(
          1,
          configureHeaders({}).filter(([name]) => name !== 'x-subscriber-nonce'),
        ),
      ),
    'one with a longer number than there is': (raw) =>
      raw.send(named(1, configureHeaders({ 'x-initial-dict': new Uint8Array(3) }))),
    'a longer frame than may be': (raw) => raw.send(new Uint8Array(TOO_LONG_FRAME)),
  };
  for (const message of EVERY_KIND) cases[message.type] = (raw) => raw.send(message);
  faults((house) => house.connect(), noneAuth, cases);
});

function configureHeaders(
  changed: Readonly<Record<string, Uint8Array>>,
): readonly (readonly [string, Uint8Array])[] {
  const headers = {
    'x-subscriber-nonce': new Uint8Array(32),
    'x-enable-zstd': Uint8Array.of(0),
    'x-enable-training': Uint8Array.of(0),
    'x-initial-dict': EMPTY,
    authorization: EMPTY,
    'x-tracing': EMPTY,
    ...changed,
  };
  return Object.entries(headers);
}

function notifyHeaders(
  changed: Readonly<Record<string, Uint8Array>>,
): readonly (readonly [string, Uint8Array])[] {
  const length = Uint8Array.of(BODY.length);
  const headers = {
    authorization: EMPTY,
    'x-tracing': EMPTY,
    'x-identifier': new Uint8Array(8),
    'x-topic': TOPIC,
    'x-compressor': Uint8Array.of(0),
    'x-compressed-length': length,
    'x-decompressed-length': length,
    'x-compressed-sha512': sha512(BODY),
    ...changed,
  };
  return Object.entries(headers);
}

const NOTIFY = 6;
const SUBSCRIBE_GLOB = 3;
const INVALID_UTF8 = Uint8Array.of(0xff, 0xfe);

describe('a message that is not right ends its connection:', () => {
  const notifying =
    (changed: Readonly<Record<string, Uint8Array>>): Fault =>
    (raw) =>
      raw.send(named(NOTIFY, notifyHeaders(changed), BODY));
  faults((house) => house.open(), noneAuth, {
    'CONFIGURE once more': async (raw) => raw.send(await raw.configureMessage()),
    text: (raw) => raw.send('hello'),
    'nothing at all': (raw) => raw.send(EMPTY),
    'a type that there is not': (raw) => raw.send(Uint8Array.of(0, 1, 0xff, 0xff)),
    'a longer identifier than may be': notifying({ 'x-identifier': new Uint8Array(65) }),
    'a longer number than there is': notifying({ 'x-compressed-length': new Uint8Array(9) }),
    'a short hash': notifying({ 'x-compressed-sha512': new Uint8Array(63) }),
    'another length than the body has': notifying({ 'x-compressed-length': Uint8Array.of(BODY.length + 1) }),
    'two lengths': notifying({ 'x-decompressed-length': Uint8Array.of(BODY.length + 1) }),
    'another hash than the body has': notifying({ 'x-compressed-sha512': sha512(EMPTY) }),
    'a compressor that was not agreed on': notifying({ 'x-compressor': Uint8Array.of(1) }),
    'an authorization that is no text': notifying({ authorization: INVALID_UTF8 }),
    'a name that is not ASCII': notifying({ 'x-\xe4': EMPTY }),
    'a header missing': (raw) => raw.send(named(NOTIFY, notifyHeaders({}).slice(1), BODY)),
    'fewer headers than it says': (raw) => {
      const message = named(NOTIFY, notifyHeaders({}), BODY);
      message.set([0xff, 0xff], 4);
      raw.send(message);
    },
    'a glob that is no text': (raw) =>
      raw.send(named(SUBSCRIBE_GLOB, [...notifyHeaders({}).slice(0, 2), ['x-glob', INVALID_UTF8]])),
    'a longer message than may be': (raw) => raw.send(notifyOf('topic', new Uint8Array(MAX_MESSAGE + 1))),
    'a longer frame than may be': (raw) => raw.send(new Uint8Array(TOO_LONG_FRAME)),
  });
});

describe('parts that do not fit each other end their connection:', () => {
  const notify = notifyOf('topic', LONG);
  const [start, second, third] = partsOf(notify, SPOOL_SIZE);
  const [otherStart, otherSecond] = partsOf(notifyOf('topic', LONG), SPOOL_SIZE);
  assert.ok(second && third && otherSecond);
  const sending =
    (...messages: readonly ToBroadcaster[]): Fault =>
    (raw) => {
      for (const message of messages) raw.send(message);
    };
  const whole = (changed: Partial<typeof start>): readonly ToBroadcaster[] => [
    { ...start, ...changed },
    second,
    third,
  ];
  faults((house) => house.open(), noneAuth, {
    'one left out': sending(start, third),
    'one twice': sending(start, second, second),
    'one without a beginning': sending(second),
    'one after the end': sending(...whole({}), third),
    'a number beyond all others': sending(start, { ...second, part: 2n ** 64n - 1n }),
    'one of another message': sending(start, otherSecond),
    'a whole message in between': sending(start, notify),
    'the beginning of another in between': sending(start, otherStart),
    'more than was announced': sending(start, { ...second, body: LONG }),
    'another hash than was announced': sending(...whole({ sha512: sha512(EMPTY) })),
    'two lengths': sending({ ...start, decompressedLength: 1n }),
    'a compressor that was not agreed on': sending(...whole({ compressor: 7n })),
    'more announced than may be': sending({
      ...start,
      compressedLength: BigInt(MAX_MESSAGE + 1),
      decompressedLength: BigInt(MAX_MESSAGE + 1),
    }),
    'as much announced as a number can say': sending({
      ...start,
      compressedLength: 2n ** 64n - 1n,
      decompressedLength: 2n ** 64n - 1n,
    }),
  });
});

describe('what does not fit what was said before ends its connection:', () => {
  const delivered = async (raw: RawWebSocket, house: House): Promise<Uint8Array> => {
    await raw.subscribe('here');
    await using publisher = await house.open();
    publisher.send(notifyOf('here', BODY));
    return (await raw.next('receive-stream-start')).identifier;
  };
  faults((house) => house.open(), noneAuth, {
    'subscribing twice to a topic': async (raw) => {
      await raw.subscribe('here');
      raw.send(await raw.subscribeMessage('here'));
    },
    'subscribing twice to a glob': (raw) => {
      for (let time = 0; time < 2; time++) raw.send({ type: 'subscribe-glob', glob: 'h*', ...UNSIGNED });
    },
    'unsubscribing what is not subscribed': async (raw) => {
      await raw.subscribe('here');
      raw.send({ type: 'unsubscribe-exact', topic: TOPIC, ...UNSIGNED });
    },
    'unsubscribing twice': async (raw) => {
      await raw.subscribe('here');
      await raw.unsubscribe('here');
      raw.send({ type: 'unsubscribe-exact', topic: encodeUtf8('here'), ...UNSIGNED });
    },
    'serving a webhook that does not agree': (raw) =>
      raw.send({ type: 'serve', url: 'http://127.0.0.1:1/', ...UNSIGNED }),
    'confirming what never came': (raw) =>
      raw.send({ type: 'confirm-receive', identifier: BODY.subarray(0, 8), subscribers: 1, ...UNSIGNED }),
    'going on with what never came': (raw) =>
      raw.send({ type: 'continue-receive', identifier: BODY.subarray(0, 8), part: 0n, ...UNSIGNED }),
    'confirming another than came': async (raw, house) => {
      await delivered(raw, house);
      const identifier = BODY.subarray(0, 16);
      raw.send({ type: 'confirm-receive', identifier, subscribers: 1, ...UNSIGNED });
    },
    'going on with what was whole': async (raw, house) => {
      const identifier = await delivered(raw, house);
      raw.send({ type: 'continue-receive', identifier, part: 0n, ...UNSIGNED });
    },
    'confirming twice': async (raw, house) => {
      const identifier = await delivered(raw, house);
      for (let time = 0; time < 2; time++)
        raw.send({ type: 'confirm-receive', identifier, subscribers: 1, ...UNSIGNED });
    },
  });
});

function hmac(): AuthConfig {
  return hmacAuth(SECRETS);
}

function hmacAt(offset: number): AuthConfig {
  return hmacAuth({ ...SECRETS, now: () => Date.now() + offset });
}

const THREE_MINUTES = 180_000;

describe('an authorization that is not good ends its connection, of CONFIGURE:', () => {
  const configuring =
    (auth: AuthConfig): Fault =>
    async (raw, house) => {
      await using other = await house.connect(auth);
      raw.send(await other.configureMessage());
    };
  faults((house) => house.connect(), hmac, {
    none: configuring(noneAuth()),
    forged: configuring(hmacAuth(FORGED)),
    expired: configuring(hmacAt(-THREE_MINUTES)),
    'of the future': configuring(hmacAt(THREE_MINUTES)),
    'no HMAC at all': async (raw) => {
      raw.send({ ...(await raw.configureMessage()), authorization: 'Bearer of nothing' });
    },
    'for another nonce': async (raw) => {
      raw.send({ ...(await raw.configureMessage()), subscriberNonce: new Uint8Array(randomBytes(32)) });
    },
    'seen before': async (raw, house) => {
      const message = await raw.configureMessage();
      await using first = await house.connect();
      first.send(message);
      await first.next('confirm-configure');
      raw.send(message);
    },
  });
});

describe('an authorization that is not good ends its connection, of what follows:', () => {
  const replayed = async (from: RawWebSocket): Promise<Notify> => {
    const message = await from.notifyMessage('steady elsewhere', BODY);
    from.send(message);
    await from.next('confirm-notify');
    return message;
  };
  faults((house) => house.open(), hmac, {
    'a notification without one': (raw) => raw.send(notifyOf('topic', BODY)),
    'a notification forged': async (raw, house) => {
      await using forger = await house.connect(hmacAuth(FORGED));
      raw.send(await forger.notifyMessage('topic', BODY));
    },
    'a notification expired': async (raw, house) => {
      await using late = await house.connect(hmacAt(-THREE_MINUTES));
      raw.send(await late.notifyMessage('topic', BODY));
    },
    'a notification seen on this connection': async (raw) => raw.send(await replayed(raw)),
    'a notification seen on another': async (raw, house) => {
      await using other = await house.open();
      raw.send(await replayed(other));
    },
    'a notification for another topic': async (raw) => {
      raw.send({ ...(await raw.notifyMessage('topic', BODY)), topic: encodeUtf8('steady') });
    },
    'a notification of another message': async (raw) => {
      const other = notifyOf('topic', LONG);
      raw.send({ ...other, authorization: (await raw.notifyMessage('topic', BODY)).authorization });
    },
    'a part without one': async (raw) => {
      const message = await raw.notifyMessage('topic', LONG);
      const [start, part] = partsOf(message, 2 * SPOOL_SIZE);
      raw.send(start);
      raw.send({ ...(part ?? assert.fail()), authorization: null });
    },
    'a part with that of the beginning': async (raw) => {
      const message = await raw.notifyMessage('topic', LONG);
      for (const part of partsOf(message, 2 * SPOOL_SIZE)) raw.send(part);
    },
    'a subscription for a number that was passed over': async (raw) => {
      raw.nextUrl();
      raw.send(await raw.subscribeMessage('topic'));
    },
    'a subscription of another connection': async (raw, house) => {
      await using other = await house.open();
      raw.send(await other.subscribeMessage('topic'));
    },
    'a subscription turned into its end': async (raw) => {
      const message = await raw.subscribeMessage('topic');
      raw.send(message);
      raw.send({ ...message, type: 'unsubscribe-exact' } as ToBroadcaster);
    },
    'a confirmation without one': async (raw, house) => {
      await raw.subscribe('here');
      await using publisher = await house.open();
      publisher.send(await publisher.notifyMessage('here', BODY));
      const { identifier } = await raw.next('receive-stream-start');
      raw.send({ type: 'confirm-receive', identifier, subscribers: 1, ...UNSIGNED });
    },
  });
});

test('a message that is cut anywhere ends its connection', async () => {
  await using house = await House.open(noneAuth);
  await using first = await house.connect();
  const configure = encodeToBroadcaster(await first.configureMessage());
  const cuts = (bytes: Uint8Array): Uint8Array[] =>
    Array.from({ length: bytes.length }, (_, length) => bytes.subarray(0, length));
  const ends = async (open: () => Promise<RawWebSocket>, message: Uint8Array): Promise<void> => {
    await using raw = await open();
    raw.send(message);
    await raw.ended;
  };
  for (const message of cuts(configure)) await ends(() => house.connect(), message);
  // The beginning of a stream may come in a shorter piece, and its parts without a byte.
  for (const kind of EVERY_KIND.filter(({ type }) => !type.startsWith('notify-stream'))) {
    for (const message of cuts(encodeToBroadcaster(kind))) await ends(() => house.open(), message);
  }
  await house.assertServes();
});

/** Bytes after a handshake, without a WebSocket library in between: what comes back until it ends. */
async function afterHandshake(address: string, bytes: Uint8Array, hangsUp = false): Promise<Buffer> {
  const socket = connect(Number(new URL(address).port), '127.0.0.1');
  socket.on('error', () => {}); // its end says enough
  const key = randomBytes(16).toString('base64');
  socket.write(
    `GET /v1/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'data');
  socket.write(bytes);
  if (hangsUp) socket.destroySoon();
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

test('frames that are not those of RFC 6455, or end in the middle, end their connection', async () => {
  await using house = await House.open(noneAuth);
  const { address } = house.broadcaster;
  const mask = [1, 2, 3, 4];
  const wrong: Readonly<Record<string, readonly number[]>> = {
    'no mask': [0x82, 1, 0],
    'a reserved bit': [0xc2, 0x81, ...mask, 0],
    'a reserved opcode': [0x83, 0x81, ...mask, 0],
    'a continuation of nothing': [0x80, 0x81, ...mask, 0],
    'a ping in two': [0x09, 0x80, ...mask],
    'a long ping': [0x89, 0xfe, 0, 126, ...mask],
    'a length beyond all numbers': [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...mask],
    'text, and no goodbye': [0x81, 0x81, ...mask, 0],
    'no frame at all': [...encodeUtf8('POST /v1/notify HTTP/1.1\r\n\r\n')],
  };
  for (const [name, bytes] of Object.entries(wrong)) {
    const answer = await afterHandshake(address, Uint8Array.from(bytes));
    assert.match(answer.toString('latin1'), /^HTTP\/1.1 101/, name);
  }
  const frame = concat(Uint8Array.of(0x82, 0x80 | 100, ...mask), new Uint8Array(100));
  for (const length of [0, 1, 2, 5, 6, 50, 105])
    await afterHandshake(address, frame.subarray(0, length), true);
  await house.assertServes();
});

test('who says nothing for five seconds is ended, and who has said CONFIGURE is not', async () => {
  await using house = await House.open(noneAuth);
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    await using silent = await house.connect();
    await using configured = await house.open();
    mock.timers.tick(4999);
    assert.equal(silent.hasEnded, false);
    mock.timers.tick(1);
    await silent.ended;
    assert.equal(await configured.notify('nobody', ''), 0);
  } finally {
    mock.timers.reset();
  }
  await house.assertServes();
});

interface Slow {
  readonly broadcaster: Broadcaster;
  readonly slow: RawWebSocket;
  readonly steady: RawWebSocket;
  readonly forward: (ms: number) => void;
  /** Each by a request of its own, so that none waits for the answer of another. */
  readonly notify: (text: string) => Promise<number>;
}

/** As many as may be unconfirmed on a connection. */
const MOST_UNCONFIRMED = 64;
const MAX_WAITING = 5;

/** Two subscribers to one topic, of which one confirms nothing. */
async function withSlow(work: (slow: Slow) => Promise<void>): Promise<void> {
  let ahead = 0;
  await using broadcaster = await broadcasting({
    limits: { maxWaitingPerUrl: MAX_WAITING, deliveryTimeout: DELIVERY_TIMEOUT, spoolSize: SPOOL_SIZE },
    now: () => Date.now() + ahead,
  });
  const { address } = broadcaster;
  await using slow = await RawWebSocket.open(address);
  await using steady = await RawWebSocket.open(address, { confirms: true });
  for (const each of [slow, steady]) await each.subscribe('news');
  const options = { auth: noneAuth(), timeout: 60_000, retries: 0, backoff: { first: 1, tries: 1 } };
  const calls = new BroadcasterCalls({ broadcasters: [address], ...options });
  const topic = encodeUtf8('news');
  const notify = (text: string): Promise<number> =>
    calls.notify({ topic, identifier: randomBytes(16), ...hashedMessage(encodeUtf8(text)) });
  await work({ broadcaster, slow, steady, notify, forward: (ms) => (ahead += ms) });
}

/** One after the other, each once everybody but the slow one has it. */
async function notifyAll(
  { notify, steady }: Slow,
  texts: readonly string[],
): Promise<readonly Promise<number>[]> {
  const told: Promise<number>[] = [];
  const before = steady.messages.length;
  for (const text of texts) {
    told.push(notify(text));
    await until(() => steady.messages.length === before + told.length);
  }
  return told;
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${number}`);
}

describe('a subscriber that confirms nothing', () => {
  const ROOM = MOST_UNCONFIRMED + MAX_WAITING;
  const texts = numbered(ROOM + 30);

  test('slows nobody, and is told once it confirms again that it has missed what found no room', async () => {
    await withSlow(async (house) => {
      const { slow, steady, notify } = house;
      const told = await notifyAll(house, texts);
      assert.deepEqual(steady.messages, texts);
      assert.deepEqual(await Promise.all(told.slice(ROOM)), Array(30).fill(1));
      assert.deepEqual(slow.messages, texts.slice(0, MOST_UNCONFIRMED));
      assert.deepEqual(slow.missed, []);
      await slow.confirmAll();
      assert.deepEqual(await Promise.all(told.slice(0, ROOM)), Array(ROOM).fill(2));
      assert.deepEqual(slow.messages, texts.slice(0, ROOM));
      assert.deepEqual(slow.missed, ['news']);
      assert.equal(await notify('room again'), 2);
      assert.equal(slow.messages.at(-1), 'room again');
    });
  });

  test('is ended when its time is over, and nobody waits any longer', async () => {
    await withSlow(async (house) => {
      const { slow, steady, notify, forward, broadcaster } = house;
      const told = await notifyAll(house, texts);
      forward(DELIVERY_TIMEOUT - 1000);
      assert.equal(slow.hasEnded, false);
      forward(2000);
      await slow.ended;
      assert.deepEqual(await Promise.all(told), Array(texts.length).fill(1));
      assert.deepEqual(steady.messages, texts);
      assert.equal(await notify('after it'), 1);
      await using again = await RawWebSocket.open(broadcaster.address, { confirms: true });
      await again.subscribe('news');
      assert.equal(await notify('back'), 2);
    });
  });

  test('is ended in the middle of a long message too', async () => {
    await withSlow(async ({ slow, steady, notify, forward }) => {
      const long = 'long'.repeat(1_000_000);
      const told = notify(long);
      await until(() => steady.messages.length === 1);
      assert.equal(steady.messages[0], long);
      assert.deepEqual(slow.messages, []);
      forward(DELIVERY_TIMEOUT + 1000);
      await slow.ended;
      assert.equal(await told, 1);
      assert.equal(await notify('short'), 1);
    });
  });

  test('but now and then: what waits for longer than its time is missed, and told', async () => {
    await withSlow(async (house) => {
      const { slow, forward, notify } = house;
      const told = await notifyAll(house, texts.slice(0, ROOM));
      forward(DELIVERY_TIMEOUT - 10_000);
      await slow.confirm();
      assert.equal(await told[0], 2); // it has moved, and is not silent
      forward(20_000);
      // One of those that waited went when there was room for it; the others are too old.
      assert.deepEqual(await Promise.all(told.slice(MOST_UNCONFIRMED + 1)), Array(MAX_WAITING - 1).fill(1));
      assert.equal(slow.hasEnded, false);
      await slow.confirmAll();
      assert.deepEqual(
        await Promise.all(told.slice(0, MOST_UNCONFIRMED + 1)),
        Array(MOST_UNCONFIRMED + 1).fill(2),
      );
      assert.equal(await notify('room again'), 2);
      assert.deepEqual(slow.missed, ['news']);
      assert.deepEqual(slow.messages, [...texts.slice(0, MOST_UNCONFIRMED + 1), 'room again']);
    });
  });
});

/** Files that are open: one that is let go of instead of closed would end the process. */
class OpenFiles implements Disposable {
  readonly #open = new Set<FileHandle>();
  readonly #opening = Promise.withResolvers<void>();
  #released: Promise<void> = Promise.resolve();
  /** How many have been opened so far. */
  total = 0;

  constructor() {
    const original = fs.open;
    mock.method(fs, 'open', async (...args: Parameters<typeof fs.open>) => {
      this.#opening.resolve();
      await this.#released;
      const handle = await original(...args);
      this.#open.add(handle);
      this.total += 1;
      (handle as FileHandle & EventEmitter).once('close', () => this.#open.delete(handle));
      return handle;
    });
    syncBuiltinESMExports();
  }

  get count(): number {
    return this.#open.size;
  }

  /** Resolves once one is being opened, which takes until what this gives is called. */
  async hold(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#released = promise;
    await this.#opening.promise;
    return resolve;
  }

  [Symbol.dispose](): void {
    mock.restoreAll();
    syncBuiltinESMExports();
  }
}

describe('no temporary file stays open', () => {
  const [start, second, third] = partsOf(notifyOf('topic', LONG), SPOOL_SIZE);
  assert.ok(second && third);

  test('whatever becomes of the message in it', async () => {
    using files = new OpenFiles();
    await using house = await House.open(noneAuth);
    const broken: readonly (readonly ToBroadcaster[])[] = [
      [{ ...start, sha512: sha512(EMPTY) }, second, third],
      [{ ...start, compressor: 7n }, second, third],
      [start, { ...second, body: LONG }],
      [start, third],
    ];
    for (const messages of broken) {
      await using raw = await house.open();
      for (const message of messages) raw.send(message);
      await raw.ended;
    }
    await using cut = await house.open();
    cut.send(start);
    await cut.next('continue-notify');
    assert.equal(files.count, 1);
    cut.webSocket.terminate();
    await house.assertServes();
    await until(() => files.count === 0);
  });

  test('of a connection that ends while it is being opened', async () => {
    using files = new OpenFiles();
    await using house = await House.open(noneAuth);
    await using raw = await house.open();
    raw.send(start);
    const release = await files.hold();
    const closed = house.broadcaster.close();
    await raw.ended;
    release();
    await closed;
    await until(() => files.total === 1 && files.count === 0);
  });
});

/** Anything, and what looks like a message up to a point. */
const ANY_MESSAGE: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .tuple(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 12 }), fc.uint8Array({ maxLength: 200 }))
    .map(([flags, type, rest]) => concat(Uint8Array.of(0, flags, 0, type), rest)),
  fc
    .tuple(
      fc
        .constantFrom(...EVERY_KIND)
        .chain((message) =>
          fc.constantFrom(true, false).map((minimal) => encodeToBroadcaster(message, { minimal })),
        ),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
    )
    .map(([bytes, changes]) => {
      const changed = Uint8Array.from(bytes);
      for (const [at, value] of changes) changed[at % changed.length] = value;
      return changed;
    }),
);

test('arbitrary bytes end at most their own connection', async () => {
  await using house = await House.open(noneAuth);
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(ANY_MESSAGE, { minLength: 1, maxLength: 6 }),
      async (isConfigured, messages) => {
        await using raw = await (isConfigured ? house.open() : house.connect());
        for (const message of messages) raw.send(message);
        raw.webSocket.ping();
        await Promise.race([once(raw.webSocket, 'pong'), raw.ended]);
        await house.assertServes();
      },
    ),
    { numRuns: 200 },
  );
});
