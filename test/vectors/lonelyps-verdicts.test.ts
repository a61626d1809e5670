/** What becomes of a header that comes twice, or not at all, by the golden vectors. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EMPTY } from '../../src/bytes/bytes.ts';
import { decodeHex } from '../../src/bytes/text.ts';
import { type Authorized, noneAuth } from '../../src/pubsub/authorization/authorization.ts';
import { hmacAuth } from '../../src/pubsub/authorization/config.ts';
import { vectorsOf } from '../support/lonelyps-vectors.ts';

interface Verified {
  readonly secret: string;
  readonly fields: Readonly<Record<'tracing' | 'topic' | 'identifier' | 'message_sha512', string>>;
  readonly now: string;
  readonly authorization: string | null;
  readonly result: string;
}

/** The only operation that these vectors verify. */
function notifyOf({ fields }: Verified): Authorized {
  const { tracing, topic, identifier, message_sha512: sha512 } = fields;
  const operation = {
    kind: 'notify',
    topic: decodeHex(topic),
    identifier: decodeHex(identifier),
    sha512: decodeHex(sha512),
  } as const;
  return { operation, tracing: decodeHex(tracing) };
}

async function verdict(
  auth: ReturnType<typeof hmacAuth>,
  header: string | null,
  asked: Authorized,
): Promise<string> {
  const judgement = await auth.toBroadcaster.verify(header, asked);
  return (typeof judgement === 'string' ? judgement : judgement.verdict).toUpperCase();
}

const verified = vectorsOf<Verified>('auth-hmac-verify');

function authOf(
  { secret, now }: Verified,
  replays: 'memory' | 'sqlite::memory:',
): ReturnType<typeof hmacAuth> {
  return hmacAuth({ toBroadcaster: secret, replays, now: () => 1000 * Number(now) });
}

describe('a header that comes again', () => {
  const replays = vectorsOf<{ readonly authorization: string; readonly results: readonly string[] }>(
    'auth-hmac-replay',
  );
  for (const { name, authorization, results } of replays) {
    for (const store of ['memory', 'sqlite::memory:'] as const) {
      test(`${name}, in ${store}`, async () => {
        const vector = verified.find((each) => each.authorization === authorization) ?? assert.fail();
        const auth = authOf(vector, store);
        for (const result of results)
          assert.equal(await verdict(auth, authorization, notifyOf(vector)), result);
      });
    }
  }
});

describe('no header', () => {
  for (const vector of verified.filter(({ authorization }) => authorization === null)) {
    test(vector.name, async () => {
      assert.equal(await verdict(authOf(vector, 'memory'), null, notifyOf(vector)), vector.result);
    });
  }

  for (const { name, authorization, result } of vectorsOf<Verified>('auth-none')) {
    test(name, async () => {
      const asked: Authorized = { operation: { kind: 'check', url: 'http://a/' }, tracing: EMPTY };
      const { toBroadcaster, toSubscriber } = noneAuth();
      for (const authorizer of [toBroadcaster, toSubscriber]) {
        assert.equal(await authorizer.authorize(asked), authorization);
      }
      for (const header of [null, '', 'Bearer whatever']) {
        assert.equal(await verdict(noneAuth(), header, asked), result);
      }
    });
  }
});
