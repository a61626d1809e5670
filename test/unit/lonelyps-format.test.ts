/** Deliveries as lonelyps has them: what is posted, and what its answers mean. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { EMPTY } from '../../src/bytes/bytes.ts';
import { StreamReader } from '../../src/bytes/stream-reader.ts';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import type { Notification } from '../../src/pubsub/delivery/fan-out.ts';
import type { Outcome } from '../../src/pubsub/delivery/format.ts';
import { LonelypsFormat } from '../../src/pubsub/delivery/lonelyps-format.ts';
import {
  decodeReprDigest,
  encodeAnswer,
  readMissed,
  readReceiveHead,
  type StatelessAnswer,
} from '../../src/wire/lonelyps-stateless.ts';

const SECRETS = { toBroadcaster: 'A'.repeat(86), toSubscriber: `${'B'.repeat(85)}A` };
const URL_A = 'http://a/v1/receive';
const TOPIC = encodeUtf8('news');
const NOTICE = { url: URL_A, recovery: 'http://a/v1/recover', topic: TOPIC };
const IDENTIFIER = encodeUtf8('identifier');

const MESSAGE = encodeUtf8('hello');
const NOTIFICATION: Notification = {
  topic: TOPIC,
  sha512: new Uint8Array(createHash('sha512').update(MESSAGE).digest()),
  identifier: IDENTIFIER,
  tracing: EMPTY,
  body: { length: MESSAGE.length, chunks: () => [MESSAGE] },
};

function readerOf(bytes: Uint8Array): StreamReader {
  return new StreamReader(
    (async function* () {
      yield bytes;
    })(),
  );
}

const judge = (
  answer: StatelessAnswer | Uint8Array,
  { format = new LonelypsFormat(noneAuth()), status = 200 } = {},
): Promise<Outcome> =>
  format.judge(URL_A, { status, body: answer instanceof Uint8Array ? answer : encodeAnswer(answer) });

const confirmed = {
  type: 'confirm-receive',
  authorization: null,
  tracing: EMPTY,
  identifier: IDENTIFIER,
} as const;

describe('a delivery', () => {
  test('is a head, proven, and the message as it was', async () => {
    const auth = hmacAuth(SECRETS);
    const { headers, head, body } = await new LonelypsFormat(auth).prepare(URL_A, NOTIFICATION);
    assert.equal(body, NOTIFICATION.body);
    assert.deepEqual(decodeReprDigest(headers['repr-digest'] ?? ''), NOTIFICATION.sha512);
    const { topic, identifier, tracing, length } = await readReceiveHead(readerOf(head));
    assert.deepEqual([topic, identifier, length], [TOPIC, IDENTIFIER, 5n]);
    const { sha512 } = NOTIFICATION;
    const operation = { kind: 'receive', url: URL_A, topic, identifier, sha512 } as const;
    const judgement = await auth.toSubscriber.verify(headers.authorization ?? null, { operation, tracing });
    assert.ok(judgement === 'ok' || typeof judgement === 'object');
  });

  test('has no authorization where there is none', async () => {
    const { headers } = await new LonelypsFormat(noneAuth()).prepare(URL_A, NOTIFICATION);
    assert.deepEqual(Object.keys(headers), ['content-type', 'repr-digest']);
  });
});

describe('an answer', () => {
  test('counts as many as it says, whatever its status', async () => {
    for (const status of [200, 500]) {
      const outcome = await judge({ ...confirmed, subscribers: 5 }, { status });
      assert.deepEqual(outcome, { state: 'received', subscribers: 5 });
    }
  });

  test('that unsubscribes does so, whatever its status', async () => {
    for (const status of [200, 403]) {
      assert.deepEqual(await judge({ type: 'unsubscribe-immediate' }, { status }), { state: 'unsubscribed' });
    }
  });

  test('of another kind, or unproven, is a failure that another try would not mend', async () => {
    const other = await judge(
      { type: 'confirm-missed', authorization: null, tracing: EMPTY },
      { status: 503 },
    );
    assert.deepEqual(other, {
      state: 'failed',
      why: 'it answered with confirm-missed',
      fault: { kind: 'final' },
    });
    const format = new LonelypsFormat(hmacAuth(SECRETS));
    const unproven = await judge({ ...confirmed, subscribers: 1 }, { format });
    assert.deepEqual(unproven, {
      state: 'failed',
      why: 'its answer is not proven',
      fault: { kind: 'final' },
    });
  });

  test('that is none of the protocol is a failure by its status', async () => {
    const outcome = await judge(encodeUtf8('<html>busy'), { status: 503 });
    assert.ok(outcome.state === 'failed');
    assert.match(outcome.why, /status 503/);
    assert.deepEqual(outcome.fault, { kind: 'status', status: 503, retryAfter: null });
  });

  test('of any bytes gives an outcome', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
        assert.ok((await judge(bytes)).state.length > 0);
      }),
    );
  });
});

describe('what was missed', () => {
  test('is told, proven, and confirmed by an answer that is', async () => {
    const auth = hmacAuth(SECRETS);
    const format = new LonelypsFormat(auth);
    const { headers, head, body } = await format.prepareMissed(NOTICE);
    assert.equal(body, null);
    const { topic, tracing } = await readMissed(readerOf(head));
    const { recovery } = NOTICE;
    const told = { operation: { kind: 'missed', recovery, topic } as const, tracing };
    const judgement = await auth.toSubscriber.verify(headers.authorization ?? null, told);
    assert.ok(judgement === 'ok' || typeof judgement === 'object');
    const operation = { kind: 'confirm-missed', topic, url: recovery } as const;
    const proof = await auth.toBroadcaster.authorize({ operation, tracing: EMPTY });
    for (const [authorization, state] of [
      [proof, 'received'],
      [null, 'failed'],
    ] as const) {
      const answer = encodeAnswer({ type: 'confirm-missed', authorization, tracing: EMPTY });
      assert.equal((await format.judgeMissed(NOTICE, { status: 200, body: answer })).state, state);
    }
  });

  test('is not confirmed by anything else', async () => {
    const format = new LonelypsFormat(noneAuth());
    for (const body of [encodeAnswer({ ...confirmed, subscribers: 1 }), EMPTY, encodeUtf8('ok')]) {
      assert.equal((await format.judgeMissed(NOTICE, { status: 200, body })).state, 'failed');
    }
  });
});
