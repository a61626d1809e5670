/** RECEIVE and MISSED by the golden vectors: what our broadcaster makes of an answer, and what our subscriber answers. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { EMPTY } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import type { HttpRequest, HttpResponse } from '../../src/platform/types.ts';
import { type AuthConfig, noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth, tokenAuth } from '../../src/pubsub/authorization/config.ts';
import { Broadcaster } from '../../src/pubsub/broadcaster/broadcaster.ts';
import { Subscriber } from '../../src/pubsub/subscriber/subscriber.ts';
import { decodeAnswer, encodeSubscribeExact } from '../../src/wire/lonelyps-stateless.ts';
import { Drawn } from '../support/drawn.ts';
import { lonelyps, NOW, nonceOf, vectorsOf } from '../support/lonelyps-vectors.ts';

const TOPIC = 'foo/bar';

interface AnswerVector {
  readonly status: number;
  readonly response: string;
  readonly succeeded: number;
  readonly failed: number;
  readonly still_subscribed: boolean;
  readonly missed_scheduled: boolean;
}

/** A webhook that always answers so. */
async function webhookFor(t: TestContext, { status, response }: AnswerVector): Promise<string> {
  const server = createServer((request, answer) => {
    request.resume();
    request.once('end', () => answer.writeHead(status).end(decodeHex(response)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/receive`;
}

describe('what a broadcaster makes of an answer to RECEIVE', () => {
  for (const vector of vectorsOf<AnswerVector>('receive-answer')) {
    test(vector.name, async (t) => {
      const listen = 'http://127.0.0.1:0';
      await using broadcaster = await Broadcaster.start({
        listen,
        store: 'sqlite::memory:',
        retry: { tries: 1 },
      });
      const url = await webhookFor(t, vector);
      const asked = { url, topic: encodeUtf8(TOPIC), recovery: `${url}/missed`, tracing: EMPTY };
      const body = new Uint8Array(encodeSubscribeExact(asked));
      await fetch(`${broadcaster.address}/v1/subscribe/exact`, { method: 'POST', body });
      await using notifier = await Subscriber.connect({ broadcasters: broadcaster.address });
      assert.deepEqual(await notifier.notify(TOPIC, 'hello'), { notified: vector.succeeded });
      const { counters } = broadcaster;
      assert.equal(counters.delivery_received ?? 0, 1 - vector.failed);
      assert.equal(broadcaster.subscriptions === 1, vector.still_subscribed);
      assert.equal(counters.missed === 1, vector.missed_scheduled);
    });
  }
});

interface RequestVector {
  readonly auth?: 'hmac' | 'none' | 'token';
  readonly url?: string;
  readonly path?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly status: number;
  readonly response: string;
}

const { to_broadcaster_secret, to_subscriber_secret, to_broadcaster_token, to_subscriber_token } =
  lonelyps.fixed;

const AUTHS: Readonly<Record<'hmac' | 'none' | 'token', () => AuthConfig>> = {
  none: noneAuth,
  token: () => tokenAuth({ toBroadcaster: to_broadcaster_token, toSubscriber: to_subscriber_token }),
  hmac: () =>
    hmacAuth({ toBroadcaster: to_broadcaster_secret, toSubscriber: to_subscriber_secret, now: () => NOW }),
};

function requestOf({ path, url, headers, body }: RequestVector): HttpRequest {
  const names = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    method: 'POST',
    path: path ?? new URL(url ?? '').pathname,
    query: '',
    header: (name) => names.get(name) ?? null,
    body: inPieces(decodeHex(body)),
    remote: { host: '127.0.0.1', port: 1 },
  };
}

async function* inPieces(body: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < body.length; at += 5) yield body.subarray(at, at + 5);
}

/** Answers as the vectors' subscriber, which is known as http://127.0.0.1:3002. */
async function answerOf(
  vector: RequestVector,
  before: () => void = () => {},
): Promise<HttpResponse & { messages: number; missed: number }> {
  const auth = AUTHS[vector.auth ?? 'hmac'];
  const [listen, publicUrl] = ['http://127.0.0.1:0', 'http://127.0.0.1:3002'];
  await using broadcaster = await Broadcaster.start({ listen, store: 'sqlite::memory:', auth: auth() });
  await using subscriber = await Subscriber.connect({
    broadcasters: broadcaster.address,
    auth: auth(),
    publicUrl,
  });
  let missed = 0;
  const subscription = await subscriber.subscribe({ exact: [TOPIC], onMissed: () => missed++ });
  before();
  const answer = await subscriber.answer(requestOf(vector));
  const texts = subscription[Symbol.asyncIterator]();
  const isTaken = answer.status === 200 && missed === 0;
  if (isTaken) assert.equal(await (await texts.next()).value?.text(), 'hello');
  return { ...answer, missed, messages: isTaken ? 1 : 0 };
}

describe("what a subscriber answers the original's broadcaster", () => {
  const vectors = vectorsOf<RequestVector>('stateless').filter(({ url = '' }) => url.includes(':3002/'));
  assert.equal(vectors.length, 6);
  for (const vector of vectors) {
    test(vector.name, async (t) => {
      const theirs = decodeHex(vector.response);
      const { status, body, missed, messages } = await answerOf(vector, () => {
        if (vector.auth === 'hmac') new Drawn(t, [nonceOf(signedIn(theirs))]);
      });
      assert.equal(status, vector.status);
      assert.equal(encodeHex(body), vector.response);
      assert.deepEqual([messages, missed], vector.name.includes('missed') ? [0, 1] : [1, 0]);
    });
  }
});

function signedIn(answer: Uint8Array): { readonly authorization: string | null } {
  const decoded = decodeAnswer(answer);
  return 'authorization' in decoded ? decoded : assert.fail('it proves nothing');
}

/**
 * What ours answers otherwise. It never says UNSUBSCRIBE_IMMEDIATE (`000a`): a broadcaster with a wrong secret, or a proxy
 * that changes a message, would else end the subscription of whoever it reaches.
 */
const OURS: Readonly<Record<string, number>> = {
  'subscriber: receive without repr-digest': 400,
  'subscriber: receive with sha-256 only': 400,
  'subscriber: receive with two digests and a space': 400,
  'subscriber: receive without authorization': 403,
  // It judges by the url that it registered, whatever name it is reached by.
  'subscriber: receive with the host of another url': 200,
  'subscriber: receive with a short message': 400,
  'subscriber: receive with a long message': 400,
  // The proof is good, the message is not what was proven.
  'subscriber: receive with another message': 400,
  // The original fails.
  'subscriber: recover truncated': 400,
};

describe('what a subscriber answers to odd requests', () => {
  const vectors = vectorsOf<RequestVector>('stateless-odd').filter(({ name }) =>
    name.startsWith('subscriber'),
  );
  assert.equal(vectors.length, 12);
  for (const vector of vectors) {
    const ours = OURS[vector.name];
    test(ours === undefined ? vector.name : `${vector.name}: ${ours}`, async (t) => {
      const isSigned = vector.status === 200;
      const { status, body } = await answerOf(vector, () => {
        if (isSigned) new Drawn(t, [nonceOf(signedIn(decodeHex(vector.response)))]);
      });
      assert.equal(status, ours ?? vector.status);
      if (ours === undefined) assert.equal(encodeHex(body), vector.response);
      else if (ours !== 200) assert.equal(body.length, 0);
    });
  }
  test('whatever is listed as otherwise is', () => {
    const names = Object.keys(OURS);
    assert.ok(names.every((name) => vectors.some((vector) => vector.name === name)));
  });
});

describe('the endpoints by which the original posts to its own WebSockets', () => {
  const vectors = vectorsOf<RequestVector>('stateless-odd').filter(({ name }) => /websockets/.test(name));
  assert.equal(vectors.length, 8);
  for (const vector of vectors) {
    // Ours hands messages to its WebSockets itself; nobody else may.
    test(`${vector.name}: ours has none`, async () => {
      await using broadcaster = await Broadcaster.start({ store: 'sqlite::memory:', auth: noneAuth() });
      assert.equal(broadcaster.takes(vector.path ?? ''), false);
      assert.equal((await broadcaster.answer(requestOf(vector))).status, 404);
    });
  }
});
