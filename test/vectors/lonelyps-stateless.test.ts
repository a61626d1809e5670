/** The golden vectors of lonelyps' HTTP bodies, digests and etags. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { type Bytes, concat } from '../../src/bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { exactsFrom, readBody, writeBody } from '../../src/conformance/lonelyps-bodies.ts';
import {
  decodeAnswer,
  decodeReprDigest,
  type ExactSubscription,
  encodeAnswer,
  encodeReprDigest,
  etagDocument,
  type GlobSubscription,
} from '../../src/wire/lonelyps-stateless.ts';
import { encodeSimpleTracing } from '../../src/wire/lonelyps-tracing.ts';
import { vectorsOf } from '../support/lonelyps-vectors.ts';

interface Listed {
  readonly topic?: string;
  readonly glob?: string;
  readonly recovery: string | null;
}

interface Vector {
  readonly kind: string;
  readonly name: string;
  readonly url: string;
  readonly path?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly status: number;
  readonly response: string;
  readonly topics: readonly Listed[];
  readonly globs: readonly Listed[];
  readonly etag: string;
  readonly R: string;
}

function sha512(...parts: readonly Bytes[]): Bytes {
  return new Uint8Array(createHash('sha512').update(concat(...parts)).digest());
}

/** A body read, in pieces of `size` bytes, and written again; what it says of itself must be true. */
async function rewritten({ url, headers }: Vector, body: Bytes, size: number): Promise<Bytes> {
  const path = new URL(url).pathname;
  const fields = await readBody(path, body, size);
  const message = decodeHex(String(fields.message ?? ''));
  if (path === '/v1/notify') {
    assert.equal(String(message.length), fields.length);
    assert.equal(encodeHex(sha512(message)), fields.sha512);
  }
  if (path === '/v1/receive') {
    const digest = headers['Repr-Digest'] ?? '';
    assert.deepEqual(decodeReprDigest(digest), sha512(message));
    assert.equal(encodeReprDigest(sha512(message)), digest);
  }
  if (path === '/v1/set_subscriptions') {
    const [exacts, globs] = [exactsFrom(fields.topics), fields.globs as GlobSubscription[]];
    assert.equal(encodeHex(sha512(...etagDocument(String(fields.url), exacts, globs))), fields.etag);
  }
  return writeBody(path, fields);
}

describe('requests and their answers, between Python and Python', () => {
  for (const vector of vectorsOf<Vector>('stateless')) {
    for (const size of [1, 7, 100_000]) {
      test(`${vector.name}, in pieces of ${size}`, async () => {
        assert.equal(encodeHex(await rewritten(vector, decodeHex(vector.body), size)), vector.body);
        if (vector.response === '') return;
        assert.equal(encodeHex(encodeAnswer(decodeAnswer(decodeHex(vector.response)))), vector.response);
      });
    }
  }
});

describe('every body cut anywhere is refused', () => {
  for (const vector of vectorsOf<Vector>('stateless').filter(({ name }) => name.startsWith('hmac'))) {
    test(vector.name, async () => {
      const body = decodeHex(vector.body);
      const hasMessage = /notify|receive/.test(vector.name);
      const end = hasMessage ? body.length - 13 : body.length;
      for (let length = 0; length < Math.max(0, end); length += 3) {
        await assert.rejects(() => rewritten(vector, body.subarray(0, length), 50), {
          code: 'invalid_message',
        });
      }
    });
  }
});

function exactsOf({ topics }: Vector): ExactSubscription[] {
  return topics.map(({ topic, recovery }) => ({ topic: decodeHex(topic ?? ''), recovery }));
}

function globsOf({ globs }: Vector): GlobSubscription[] {
  return globs.map(({ glob, recovery }) => ({ glob: glob ?? '', recovery }));
}

describe('strong etags', () => {
  for (const vector of vectorsOf<Vector>('etag')) {
    test(vector.name, () => {
      const etag = sha512(...etagDocument(vector.url, exactsOf(vector), globsOf(vector)));
      assert.equal(encodeHex(etag), vector.etag);
    });
  }
  for (const vector of vectorsOf<Vector>('etag-recipe')) {
    test(vector.name, () => {
      const exacts = Array.from({ length: 250 }, (_, number) => ({
        topic: encodeUtf8(`topic/${String(number).padStart(4, '0')}`),
        recovery: number % 2 === 1 ? vector.R : null,
      }));
      assert.equal(encodeHex(sha512(...etagDocument(vector.url, exacts, []))), vector.etag);
    });
  }
  for (const vector of vectorsOf<Vector>('etag-error')) {
    test(`${vector.name} is refused`, () => {
      assert.throws(() => [...etagDocument(vector.url, exactsOf(vector), globsOf(vector))], {
        code: 'invalid_message',
      });
    });
  }
});

test('digests that hide, and those that are none', () => {
  const digest = encodeReprDigest(sha512(encodeUtf8('x')));
  assert.ok(decodeReprDigest(`sha-256=AAAA,${digest}`));
  assert.equal(decodeReprDigest(`sha-256=AAAA, ${digest}`), null);
  for (const header of ['', 'sha-512=', 'sha-512=AAAA', 'sha-512=!', 'sha-256=AAAA']) {
    assert.equal(decodeReprDigest(header), null);
  }
});

describe('the tracing of an answer to NOTIFY', () => {
  const vectors = vectorsOf<TracingVector>('tracing');
  for (const { name, traces, hex } of vectors) {
    test(name, () => {
      const at = (from: number): bigint => new DataView(decodeHex(hex.slice(from)).buffer).getBigUint64(0);
      const tracing = {
        truncated: false,
        traces: traces.map((trace) => ({ name: trace.name, extra: trace.extra_json, at: Number(trace.occurred_at) })),
        receivedAt: at(hex.length - 32),
        sentAt: at(hex.length - 16),
      };
      assert.equal(encodeHex(encodeSimpleTracing(tracing)), hex);
    });
  }
});

interface TracingVector {
  readonly kind: string;
  readonly name: string;
  readonly hex: string;
  readonly traces: readonly { readonly name: string; readonly extra_json: string; readonly occurred_at: string }[];
}
