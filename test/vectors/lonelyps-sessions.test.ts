/**
 * The original's recorded WebSocket sessions: every proof in them is checked; our broadcaster's end is told what its
 * subscriber said, our subscriber's end what its broadcaster said, and each must say just what the other end of the
 * original said. Nonces come out as they were drawn then, so that even the proofs are the same bytes.
 *
 * What ours does otherwise, and so cannot be compared byte by byte:
 * - it always writes minimal headers: its messages are written anew with the session's headers first;
 * - 768 and 2000 bytes go in one message, where the recorded ends were told to cut at 1200: what it says in one is compared
 *   with the recorded part 0, all parts joined; CONTINUE_* for parts that it did not send is not said to it;
 * - it counts only part 0 of what it delivers, as the original's subscriber does, so its MISSED comes one or two urls
 *   earlier: MISSED has a session of its own, which has used up as many;
 * - CONFIGURE says in its tracing that it is ours, which is signed.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { SILENT } from '../../src/app/message.ts';
import { type Bytes, EMPTY } from '../../src/bytes/bytes.ts';
import { decodeHex, decodeUtf8, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import type { Pipe, PipeEvents } from '../../src/platform/types.ts';
import { LiveSubscriptions } from '../../src/pubsub/broadcaster/live-subscriptions.ts';
import { Session } from '../../src/pubsub/broadcaster/session.ts';
import type { FanOut, Notification } from '../../src/pubsub/delivery/fan-out.ts';
import type { Outcome } from '../../src/pubsub/delivery/format.ts';
import { messageInMemory } from '../../src/pubsub/delivery/message.ts';
import { Renditions } from '../../src/pubsub/delivery/renditions.ts';
import { Watch } from '../../src/pubsub/operations/watch.ts';
import { OURS } from '../../src/pubsub/stateful/capabilities.ts';
import { ConnectionUrls } from '../../src/pubsub/stateful/connection-urls.ts';
import { bytesOf } from '../../src/pubsub/subscriber/calls.ts';
import { ConnectionCompression } from '../../src/pubsub/subscriber/compression.ts';
import { Connection } from '../../src/pubsub/subscriber/connection.ts';
import type { SignedOperation } from '../../src/wire/lonelyps-authorization.ts';
import {
  decodeToBroadcaster,
  decodeToSubscriber,
  encodeToBroadcaster,
  encodeToSubscriber,
  type ToBroadcaster,
  type ToSubscriber,
} from '../../src/wire/lonelyps-stateful.ts';
import { Drawn } from '../support/drawn.ts';
import {
  NOW,
  nonceOf,
  type RecordedSession,
  sessions,
  vectorsOf,
  wholeBody,
} from '../support/lonelyps-vectors.ts';

type From<Message, Type> = Extract<Message, { type: Type }>;

describe('urls of a connection', () => {
  const vectors = vectorsOf<{
    readonly subscriber_nonce: string;
    readonly broadcaster_nonce: string;
    readonly broadcaster: Readonly<Record<string, string>>;
    readonly subscriber: Readonly<Record<string, string>>;
  }>('websocket-url');
  for (const { name, subscriber_nonce, broadcaster_nonce, broadcaster, subscriber } of vectors) {
    test(name, () => {
      const urls = new ConnectionUrls(decodeHex(subscriber_nonce), decodeHex(broadcaster_nonce));
      for (let count = 1; count <= 26; count++) {
        const [mine, theirs] = [urls.nextBroadcaster(), urls.nextSubscriber()];
        assert.equal(mine, broadcaster[count] ?? mine);
        assert.equal(theirs, subscriber[-count] ?? theirs);
      }
    });
  }
});

type Signed = { readonly authorization: string | null; readonly tracing: Bytes };
type Notified = { readonly topic: Bytes; readonly identifier: Bytes; readonly sha512: Bytes };

/** What each message of a session must prove, as the original's broadcaster counts: every part of what it delivers too. */
class Proofs {
  readonly #urls: ConnectionUrls;
  #url = '';
  #notified: Notified | null = null;
  #received: Notified | null = null;

  constructor({ subscriberNonce, broadcasterNonce }: RecordedSession) {
    this.#urls = new ConnectionUrls(subscriberNonce, broadcasterNonce);
  }

  ofSubscriber(message: ToBroadcaster): SignedOperation {
    switch (message.type) {
      case 'configure':
        return { ...message, kind: 'configure', nonce: message.subscriberNonce };
      case 'subscribe-exact':
      case 'unsubscribe-exact':
        this.#url = this.#urls.nextSubscriber();
        return { kind: 'subscribe-exact', url: this.#url, recovery: null, topic: message.topic };
      case 'subscribe-glob':
      case 'unsubscribe-glob':
        this.#url = this.#urls.nextSubscriber();
        return { kind: 'subscribe-glob', url: this.#url, recovery: null, glob: message.glob };
      case 'notify':
      case 'notify-stream-start':
        this.#notified = message;
        return { ...message, kind: 'notify' };
      case 'notify-stream-part':
        return { ...(this.#notified ?? assert.fail()), kind: 'notify' };
      case 'continue-receive':
        return { ...message, kind: 'continue-receive', url: this.#urls.nextSubscriber() };
      case 'confirm-receive':
        return { ...message, kind: 'confirm-receive', url: this.#urls.nextSubscriber() };
      case 'serve':
        return assert.fail('the original has no SERVE');
    }
  }

  ofBroadcaster(message: ToSubscriber): SignedOperation {
    switch (message.type) {
      case 'confirm-configure':
        return { kind: 'confirm-configure', nonce: message.broadcasterNonce };
      case 'enable-zstd-preset':
        return { ...message, kind: 'enable-zstd-preset', url: this.#urls.nextBroadcaster() };
      case 'confirm-subscribe-exact':
      case 'confirm-unsubscribe-exact':
        return { kind: 'confirm-exact', url: this.#url, recovery: null, topic: message.topic };
      case 'confirm-subscribe-glob':
      case 'confirm-unsubscribe-glob':
        return { kind: 'confirm-glob', url: this.#url, recovery: null, glob: message.glob };
      case 'confirm-notify': {
        const { topic, identifier, sha512 } = this.#notified ?? assert.fail();
        return {
          kind: 'confirm-notify',
          identifier,
          topic,
          sha512,
          subscribers: Number(message.subscribers),
        };
      }
      case 'continue-notify':
        return { ...message, kind: 'continue-notify' };
      case 'receive-stream-start':
        this.#received = message;
        return { ...message, kind: 'receive', url: this.#urls.nextBroadcaster() };
      case 'receive-stream-part':
        return { ...(this.#received ?? assert.fail()), kind: 'receive', url: this.#urls.nextBroadcaster() };
      case 'missed':
        return { kind: 'missed', recovery: this.#urls.nextBroadcaster(), topic: message.topic };
      default:
        return assert.fail(`no session has ${message.type}`);
    }
  }
}

/** What names the url of one message of this connection is not remembered: nobody expects that url again. */
function isRemembered(operation: SignedOperation): boolean {
  const named = 'url' in operation ? operation.url : operation.kind === 'missed' ? operation.recovery : '';
  return !named.startsWith('websocket:');
}

describe('every message of the original proves what ours asks of it, once', () => {
  for (const session of sessions) {
    test(session.name, async () => {
      const urls = new ConnectionUrls(session.subscriberNonce, session.broadcasterNonce);
      assert.equal(urls.nextBroadcaster(), `websocket:${session.connectionNonce}:1`);
      const { toBroadcaster, toSubscriber } = session.auth();
      const proofs = new Proofs(session);
      for (const { sender, message } of session.events) {
        const [authorizer, operation] =
          sender === 'subscriber'
            ? [toBroadcaster, proofs.ofSubscriber(message)]
            : [toSubscriber, proofs.ofBroadcaster(message)];
        const { authorization, tracing } = message;
        const judgement = await authorizer.verify(authorization, { operation, tracing });
        assert.ok(typeof judgement === 'object', `${message.type} is ${judgement}`);
        const again = await authorizer.verify(authorization, { operation, tracing });
        assert.equal(again === 'forbidden', isRemembered(operation), message.type);
      }
    });
  }
});

/** What came, in its order, for one who waits. */
class Arrivals {
  readonly #come: Bytes[] = [];
  #wake: () => void = () => {};
  #ended = false;

  add(bytes: Bytes): void {
    this.#come.push(bytes);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async next(): Promise<Bytes> {
    for (;;) {
      const bytes = this.#come.shift();
      if (bytes) return bytes;
      assert.ok(!this.#ended, 'it has hung up');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** A connection whose other end is the test. */
class TestPipe implements Pipe {
  readonly remote = { host: 'the original', port: 0 };
  readonly buffered = 0;
  readonly sent: Arrivals = new Arrivals();
  #events: PipeEvents | null = null;

  start(events: PipeEvents): void {
    this.#events = events;
  }

  send(messages: readonly Bytes[]): void {
    for (const message of messages) this.sent.add(message);
  }

  receive(message: Bytes): void {
    this.#events?.onData(message);
  }

  end(): void {
    this.sent.end();
  }

  destroy(): void {
    this.sent.end();
  }

  pause(): void {}
  resume(): void {}
}

/** Of the nonce in an HMAC header. */
const HMAC_NONCE = 4;

/** Our broadcaster's end of a recorded session. */
class OurBroadcaster {
  readonly notified: Bytes[] = [];
  readonly settled: Outcome[] = [];
  readonly #recorded: RecordedSession;
  readonly #pipe = new TestPipe();
  readonly #session: Session;

  constructor(recorded: RecordedSession, { maxWaiting = 10 } = {}) {
    const notify = async ({ body }: Notification): Promise<object> => {
      this.notified.push(await bytesOf(body.chunks()));
      return { notified: 0, failed: 0 };
    };
    this.#recorded = recorded;
    this.#session = new Session(this.#pipe, {
      auth: recorded.auth(),
      fanOut: { notify } as unknown as FanOut,
      live: new LiveSubscriptions(),
      maxMessage: 10_000,
      spoolSize: 10_000,
      maxSubscriptions: 10,
      compression: { training: false },
      wantsToBeServed: async () => false,
      maxWaiting,
      deliveryTimeout: 1000,
      configureTimeout: 1000,
      now: () => NOW,
      log: SILENT,
      watch: new Watch(),
      onEnd: () => {},
    });
  }

  hear(bytes: Bytes): void {
    this.#pipe.receive(bytes);
  }

  deliver(about: Notified, body: Bytes): void {
    const { topic, identifier, sha512 } = about;
    const message = messageInMemory(body);
    const renditions = new Renditions(message, sha512, 10_000);
    this.#session.deliver({
      notification: { topic, identifier, sha512, tracing: EMPTY, body: message, renditions },
      hasFallback: false,
      settle: (outcome) => this.settled.push(outcome),
    });
  }

  async says(expected: Bytes): Promise<void> {
    const { isMinimal: minimal } = this.#recorded;
    const sent = await this.#pipe.sent.next();
    if (minimal) assert.equal(encodeHex(sent), encodeHex(expected));
    assert.equal(encodeHex(encodeToSubscriber(decodeToSubscriber(sent), { minimal })), encodeHex(expected));
  }

  async saysAnything(): Promise<ToSubscriber> {
    return decodeToSubscriber(await this.#pipe.sent.next());
  }

  close(): Promise<void> {
    return this.#session.close(1000);
  }
}

/** What our broadcaster's end draws for what it says of that. */
function drawnByBroadcaster(
  { broadcasterNonce, events }: Pick<RecordedSession, 'broadcasterNonce' | 'events'>,
  isSaid: (message: ToSubscriber) => boolean,
): readonly Bytes[] {
  const said = events.flatMap(({ sender, message }) =>
    sender === 'broadcaster' && isSaid(message) ? [nonceOf(message)] : [],
  );
  return [broadcasterNonce, ...said];
}

/** A subscription that the original did not ask for, with its next url. */
async function anotherSubscribe(recorded: RecordedSession, url: string): Promise<Bytes> {
  const topic = encodeUtf8(url);
  const operation = { kind: 'subscribe-exact', url, recovery: null, topic } as const;
  const authorization = await recorded.auth().toBroadcaster.authorize({ operation, tracing: EMPTY });
  return encodeToBroadcaster({ type: 'subscribe-exact', topic, authorization, tracing: EMPTY });
}

describe("our broadcaster answers the original's subscriber as the original's does", () => {
  for (const recorded of sessions) {
    test(recorded.name, async (t) => {
      const isSaid = ({ type }: ToSubscriber): boolean => type !== 'missed' && type !== 'receive-stream-part';
      const drawn = new Drawn(t, drawnByBroadcaster(recorded, isSaid));
      const proofs = new Proofs(recorded);
      const ours = new OurBroadcaster(recorded);
      for (const { sender, bytes, message } of recorded.events) {
        if (sender === 'subscriber') {
          const operation = proofs.ofSubscriber(message);
          if (operation.kind !== 'continue-receive') ours.hear(bytes);
          else {
            // Something else must use up its url; it is signed, and so is its answer.
            drawn.another(HMAC_NONCE, 2);
            ours.hear(await anotherSubscribe(recorded, operation.url));
            assert.equal((await ours.saysAnything()).type, 'confirm-subscribe-exact');
          }
        } else if (message.type === 'receive-stream-start') {
          const body = wholeBody(recorded, message);
          ours.deliver(message, body);
          await ours.says(encodeToSubscriber({ ...message, body }, { minimal: recorded.isMinimal }));
        } else if (isSaid(message)) await ours.says(bytes);
      }
      assert.deepEqual(
        ours.notified.map(({ length }) => length),
        [5, 768],
      );
      const received = { state: 'received', subscribers: 1 };
      assert.deepEqual(ours.settled, [received, received]);
      await ours.close();
    });

    test(`${recorded.name}: MISSED`, async (t) => {
      const missed = recorded.events.find(({ message }) => message.type === 'missed') ?? assert.fail();
      const delivered = recorded.events.filter(({ message }) => message.type.startsWith('receive-stream-'));
      const until = recorded.events.findIndex(({ message }) => message.type === 'notify');
      const events = [...recorded.events.slice(0, until), missed];
      const drawn = new Drawn(
        t,
        drawnByBroadcaster({ ...recorded, events }, () => true),
      );
      // Whatever is delivered has missed its turn.
      const ours = new OurBroadcaster(recorded, { maxWaiting: 0 });
      for (const { sender, bytes } of events.slice(0, -1)) {
        if (sender === 'subscriber') ours.hear(bytes);
        else await ours.says(bytes);
      }
      const about = { identifier: EMPTY, sha512: EMPTY, ...(missed.message as From<ToSubscriber, 'missed'>) };
      for (const _url of delivered) {
        drawn.another(HMAC_NONCE, 1);
        ours.deliver(about, EMPTY);
        assert.equal((await ours.saysAnything()).type, 'missed');
      }
      ours.deliver(about, EMPTY);
      await ours.says(missed.bytes);
      await ours.close();
    });
  }
});

/** The original's broadcaster, as far as the test plays it. */
class OriginalBroadcaster {
  readonly #server: WebSocketServer;
  readonly #arrivals = new Arrivals();
  #webSocket: WebSocket | null = null;

  static async listen(t: TestContext): Promise<OriginalBroadcaster> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/v1/websocket' });
    t.after(() => server.close());
    await once(server, 'listening');
    return new OriginalBroadcaster(server);
  }

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (webSocket) => {
      this.#webSocket = webSocket;
      webSocket.on('message', (data: Buffer) => this.#arrivals.add(new Uint8Array(data)));
      webSocket.on('close', () => this.#arrivals.end());
    });
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  says(bytes: Bytes): void {
    this.#webSocket?.send(bytes);
  }

  async hears(expected: Bytes, { isMinimal: minimal }: RecordedSession): Promise<void> {
    const came = await this.#arrivals.next();
    if (minimal) assert.equal(encodeHex(came), encodeHex(expected));
    assert.equal(encodeHex(encodeToBroadcaster(decodeToBroadcaster(came), { minimal })), encodeHex(expected));
  }

  async hearsAnything(): Promise<ToBroadcaster> {
    return decodeToBroadcaster(await this.#arrivals.next());
  }
}

/** Our subscriber's end of a recorded session. */
class OurSubscriber {
  readonly received: Bytes[] = [];
  readonly missed: Bytes[] = [];
  readonly answers: Promise<unknown>[] = [];
  readonly #opening: Promise<Connection>;

  constructor(address: string, auth: ReturnType<RecordedSession['auth']>) {
    this.#opening = Connection.open(address, {
      auth,
      timeout: 5000,
      maxMessage: 10_000,
      spoolSize: 10_000,
      newCompression: () => new ConnectionCompression({ training: true }),
      onMessage: async ({ body }) => {
        this.received.push(await bytesOf(body.chunks()));
        return 1;
      },
      onMissed: (topic) => this.missed.push(topic),
      onServing: () => {},
      onEnd: () => {},
    });
  }

  /** Does what made the original say this, where that was not the broadcaster. */
  async act(message: ToBroadcaster, recorded: RecordedSession): Promise<void> {
    const connection = message.type === 'configure' ? null : await this.#opening;
    switch (message.type) {
      case 'subscribe-exact':
      case 'subscribe-glob':
        return this.#await(connection?.subscribe(patternOf(message)));
      case 'unsubscribe-exact':
      case 'unsubscribe-glob':
        return this.#await(connection?.unsubscribe(patternOf(message)));
      case 'notify':
      case 'notify-stream-start': {
        const body = messageInMemory(wholeBody(recorded, message));
        return this.#await(connection?.notify({ ...message, body }));
      }
    }
  }

  async close(): Promise<void> {
    (await this.#opening).close();
  }

  #await(answer: Promise<unknown> | undefined): void {
    this.answers.push(answer ?? assert.fail());
  }
}

type Subscribing = From<ToBroadcaster, `${'' | 'un'}subscribe-${'exact' | 'glob'}`>;

function patternOf(message: Subscribing): { kind: 'exact'; topic: Bytes } | { kind: 'glob'; glob: string } {
  return 'topic' in message ? { kind: 'exact', topic: message.topic } : { kind: 'glob', glob: message.glob };
}

/** What the original says in parts as ours does in one. */
function inOne(message: ToBroadcaster, recorded: RecordedSession): ToBroadcaster {
  if (message.type !== 'notify-stream-start') return message;
  const { compressedLength: _length, ...rest } = message;
  return { ...rest, type: 'notify', body: wholeBody(recorded, message) };
}

/** CONFIGURE of ours is the original's, but says that it is ours. */
async function assertConfigures(
  recorded: RecordedSession,
  ours: ToBroadcaster,
  theirs: Signed,
): Promise<void> {
  const { authorization, tracing } = ours;
  assert.deepEqual({ ...ours, authorization: null, tracing: EMPTY }, { ...theirs, authorization: null });
  assert.deepEqual(tracing, OURS);
  const operation = new Proofs(recorded).ofSubscriber(ours);
  const judgement = await recorded.auth().toBroadcaster.verify(authorization, { operation, tracing });
  assert.ok(typeof judgement === 'object', `${judgement}`);
}

describe("our subscriber answers the original's broadcaster as the original's does", () => {
  for (const recorded of sessions) {
    test(recorded.name, async (t) => {
      const isSaid = ({ type }: ToBroadcaster): boolean => type !== 'notify-stream-part';
      const said = recorded.events.flatMap(({ sender, message }) =>
        sender === 'subscriber' && isSaid(message) ? [nonceOf(message)] : [],
      );
      new Drawn(t, [recorded.subscriberNonce, ...said]);
      const original = await OriginalBroadcaster.listen(t);
      const ours = new OurSubscriber(original.address, recorded.auth());
      for (const { sender, bytes, message } of recorded.events) {
        if (sender === 'broadcaster') {
          if (message.type !== 'continue-notify') original.says(bytes);
        } else if (message.type === 'configure') {
          await assertConfigures(recorded, await original.hearsAnything(), message);
        } else if (isSaid(message)) {
          await ours.act(message, recorded);
          const { isMinimal: minimal } = recorded;
          await original.hears(encodeToBroadcaster(inOne(message, recorded), { minimal }), recorded);
        }
      }
      assert.deepEqual(await Promise.all(ours.answers), [undefined, undefined, 0, 0, undefined, undefined]);
      assert.deepEqual(
        ours.received.map(({ length }) => length),
        [5, 2000],
      );
      assert.deepEqual(ours.missed.map(decodeUtf8), ['foo/bar']);
      await ours.close();
    });
  }
});
