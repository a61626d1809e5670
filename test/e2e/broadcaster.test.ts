/** A broadcaster and its subscribers over real sockets. */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { describe, test } from 'node:test';
import { concat, EMPTY } from '../../src/bytes/bytes.ts';
import { StreamReader } from '../../src/bytes/stream-reader.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/bytes/text.ts';
import { type AuthConfig, noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import {
  decodeAnswer,
  encodeAnswer,
  encodeNotifyHead,
  encodeSubscribeExact,
  readMissed,
  readReceiveHead,
  type StatelessAnswer,
} from '../../src/wire/lonelyps-stateless.ts';
import { until } from '../support/lookup.ts';

const SECRETS = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };
const TOPIC = encodeUtf8('news');

function sha512(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha512').update(bytes).digest());
}

/** A subscriber with a port of its own, which answers as the protocol has it. */
class Webhook implements AsyncDisposable {
  readonly messages: Uint8Array[] = [];
  readonly missed: string[] = [];
  readonly #server: Server;
  readonly #auth: AuthConfig;
  isDown = false;
  port = 0;

  static async start(auth: AuthConfig): Promise<Webhook> {
    const webhook = new Webhook(auth);
    await new Promise<void>((resolve) => webhook.#server.listen(0, '127.0.0.1', resolve));
    webhook.port = (webhook.#server.address() as { port: number }).port;
    return webhook;
  }

  private constructor(auth: AuthConfig) {
    this.#auth = auth;
    this.#server = createServer((request, response) => {
      if (this.isDown) return void request.socket.destroy();
      this.#answer(request).then(
        (answer) => response.end(encodeAnswer(answer)),
        () => response.destroy(),
      );
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/v1/receive`;
  }
  get recovery(): string {
    return `http://127.0.0.1:${this.port}/v1/recover`;
  }

  async #answer(request: IncomingMessage): Promise<StatelessAnswer> {
    const reader = new StreamReader(request);
    const signed = async (
      operation: Parameters<typeof this.authorize>[0],
    ): Promise<{ authorization: string | null; tracing: Uint8Array }> => ({
      authorization: await this.authorize(operation),
      tracing: EMPTY,
    });
    if (request.url === '/v1/recover') {
      const { topic } = await readMissed(reader);
      this.missed.push(decodeUtf8(topic));
      return {
        type: 'confirm-missed',
        ...(await signed({ kind: 'confirm-missed', topic, url: this.recovery })),
      };
    }
    const { identifier } = await readReceiveHead(reader);
    const parts: Uint8Array[] = [];
    for await (const part of reader.rest()) parts.push(part);
    this.messages.push(concat(...parts));
    const confirmed = { kind: 'confirm-receive', identifier, subscribers: 1, url: this.url } as const;
    return { type: 'confirm-receive', identifier, subscribers: 1, ...(await signed(confirmed)) };
  }

  authorize(
    operation: Parameters<AuthConfig['toBroadcaster']['authorize']>[0]['operation'],
  ): string | null | Promise<string | null> {
    return this.#auth.toBroadcaster.authorize({ operation, tracing: EMPTY });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function post(
  broadcaster: Broadcaster,
  path: string,
  body: Uint8Array,
  authorization: string | null,
): Promise<Response> {
  const headers = {
    'content-type': 'application/octet-stream',
    ...(authorization === null ? {} : { authorization }),
  };
  return fetch(`${broadcaster.address}${path}`, { method: 'POST', body: body.slice(), headers });
}

async function subscribe(broadcaster: Broadcaster, webhook: Webhook, auth: AuthConfig): Promise<void> {
  const { url, recovery } = webhook;
  const operation = { kind: 'subscribe-exact', url, recovery, topic: TOPIC } as const;
  const header = await auth.toBroadcaster.authorize({ operation, tracing: EMPTY });
  const body = encodeSubscribeExact({ url, recovery, topic: TOPIC, tracing: EMPTY });
  assert.equal((await post(broadcaster, '/v1/subscribe/exact', body, header)).status, 200);
}

async function notify(broadcaster: Broadcaster, message: Uint8Array, auth: AuthConfig): Promise<number> {
  const [digest, identifier] = [sha512(message), randomBytes(8)];
  const operation = { kind: 'notify', topic: TOPIC, identifier, sha512: digest } as const;
  const header = await auth.toBroadcaster.authorize({ operation, tracing: EMPTY });
  const head = encodeNotifyHead({
    topic: TOPIC,
    sha512: digest,
    tracing: EMPTY,
    identifier,
    length: BigInt(message.length),
  });
  const response = await post(broadcaster, '/v1/notify', concat(head, message), header);
  assert.equal(response.status, 200);
  const answer = decodeAnswer(new Uint8Array(await response.arrayBuffer()));
  assert.ok(answer.type === 'notify');
  assert.deepEqual(new Uint8Array(answer.identifier), new Uint8Array(identifier));
  const confirmed = {
    kind: 'confirm-notify',
    identifier,
    subscribers: answer.subscribers,
    topic: TOPIC,
    sha512: digest,
  } as const;
  const judgement = await auth.toSubscriber.verify(answer.authorization, {
    operation: confirmed,
    tracing: answer.tracing,
  });
  assert.ok(judgement === 'ok' || typeof judgement === 'object', 'the answer is proven');
  return answer.subscribers;
}

for (const [name, auth] of [
  ['without authorization', noneAuth()],
  ['with HMAC', hmacAuth(SECRETS)],
] as const) {
  describe(name, () => {
    test('what is published arrives, small and large', async () => {
      await using broadcaster = await Broadcaster.start({
        listen: 'http://127.0.0.1:0',
        store: 'sqlite::memory:',
        auth,
        limits: { spoolSize: 100_000 },
      });
      await using first = await Webhook.start(auth);
      await using second = await Webhook.start(auth);
      await subscribe(broadcaster, first, auth);
      await subscribe(broadcaster, second, auth);
      const messages = [
        EMPTY,
        encodeUtf8('hello'),
        new Uint8Array(randomBytes(50_000)),
        new Uint8Array(randomBytes(1_500_000)),
      ];
      for (const message of messages) assert.equal(await notify(broadcaster, message, auth), 2);
      for (const { messages: got } of [first, second]) {
        assert.deepEqual(
          got.map((each) => Buffer.from(each).toString('base64')),
          messages.map((each) => Buffer.from(each).toString('base64')),
        );
      }
      assert.equal(broadcaster.counters.delivery_received, 8);
    });

    test('who is away is told when it is back', async () => {
      await using broadcaster = await Broadcaster.start({
        listen: 'http://127.0.0.1:0',
        store: 'sqlite::memory:',
        auth,
        sweepInterval: 50,
      });
      await using webhook = await Webhook.start(auth);
      await subscribe(broadcaster, webhook, auth);
      webhook.isDown = true;
      assert.equal(await notify(broadcaster, encodeUtf8('1'), auth), 0);
      webhook.isDown = false;
      await until(() => webhook.missed.length > 0);
      assert.deepEqual(webhook.missed, ['news']);
      assert.equal(await notify(broadcaster, encodeUtf8('2'), auth), 1);
      await until(() => broadcaster.counters.missed_announced === 1);
    });
  });
}

test('what is no request of the protocol is refused, and the next is answered', async () => {
  await using broadcaster = await Broadcaster.start({
    listen: 'http://127.0.0.1:0',
    store: 'sqlite::memory:',
    limits: { maxMessage: 10 },
  });
  const digest = sha512(EMPTY);
  const head = (length: number): Uint8Array =>
    encodeNotifyHead({
      topic: TOPIC,
      sha512: digest,
      tracing: EMPTY,
      identifier: EMPTY,
      length: BigInt(length),
    });
  const cases: readonly (readonly [string, Uint8Array, number])[] = [
    ['/v1/notify', EMPTY, 400],
    ['/v1/notify', head(5), 400],
    ['/v1/notify', concat(head(5), encodeUtf8('short')), 400], // another hash
    ['/v1/notify', concat(head(0), encodeUtf8('more')), 400],
    ['/v1/notify', head(11), 413],
    ['/v1/subscribe/exact', randomBytes(3), 400],
    ['/v1/nothing', EMPTY, 404],
  ];
  for (const [path, body, status] of cases)
    assert.equal((await post(broadcaster, path, body, null)).status, status, path);
  assert.equal((await fetch(`${broadcaster.address}/v1/notify`)).status, 405);
  assert.equal((await post(broadcaster, '/v1/notify', head(0), null)).status, 200);
});

test('a network that others reach asks for authorization', async () => {
  await assert.rejects(Broadcaster.start({ listen: 'http://0.0.0.0:0', store: 'sqlite::memory:' }), {
    code: 'invalid_option',
    message: /auth is missing/,
  });
  await assert.rejects(Broadcaster.start({ listen: 'udp://127.0.0.1:0', store: 'sqlite::memory:' }), {
    code: 'invalid_url',
  });
  await using broadcaster = await Broadcaster.start({
    listen: 'http://127.0.0.1:0',
    store: 'sqlite::memory:',
  });
  await assert.rejects(Broadcaster.start({ listen: broadcaster.address, store: 'sqlite::memory:' }), {
    code: 'address_in_use',
  });
});

test('the requests end when nobody reads their answers', async () => {
  const broadcaster = await Broadcaster.start({ listen: 'http://127.0.0.1:0', store: 'sqlite::memory:' });
  await Promise.all(
    Array.from({ length: 20 }, () =>
      post(broadcaster, '/v1/notify', EMPTY, null).then((response) => response.arrayBuffer()),
    ),
  );
  await broadcaster.close();
  await assert.rejects(fetch(broadcaster.address));
});
