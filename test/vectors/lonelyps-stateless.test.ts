/** The golden vectors of lonelyps' HTTP bodies, digests and etags. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { type Bytes, concat } from '../../src/bytes/bytes.ts';
import { StreamReader } from '../../src/bytes/stream-reader.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import {
  decodeAnswer,
  decodeReprDigest,
  type ExactSubscription,
  encodeAnswer,
  encodeCheck,
  encodeMissed,
  encodeNotifyHead,
  encodeReceiveHead,
  encodeReprDigest,
  encodeSet,
  encodeSubscribeExact,
  encodeSubscribeGlob,
  encodeUnsubscribeExact,
  encodeUnsubscribeGlob,
  etagDocument,
  type GlobSubscription,
  readCheck,
  readExacts,
  readGlobs,
  readMissed,
  readNotifyHead,
  readReceiveHead,
  readSetHead,
  readSubscribeExact,
  readSubscribeGlob,
  readUnsubscribeExact,
  readUnsubscribeGlob,
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

/** A body as it might come: in pieces of `size` bytes. */
function readerOf(bytes: Bytes, size: number): StreamReader {
  return new StreamReader(
    (async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    })(),
  );
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function rewrittenSet(reader: StreamReader): Promise<Bytes> {
  const head = await readSetHead(reader);
  const exacts = await all(readExacts(reader));
  const globs = await all(readGlobs(reader));
  assert.deepEqual(sha512(...etagDocument(head.url, exacts, globs)), head.etag);
  return concat(...encodeSet(head, exacts, globs));
}

/** Each body read and written again. */
const BODIES: Readonly<Record<string, (reader: StreamReader, vector: Vector) => Promise<Bytes>>> = {
  '/v1/notify': async (reader) => {
    const head = await readNotifyHead(reader);
    const message = concat(...(await all(reader.rest())));
    assert.equal(BigInt(message.length), head.length);
    assert.deepEqual(sha512(message), head.sha512);
    return concat(encodeNotifyHead(head), message);
  },
  '/v1/receive': async (reader, { headers }) => {
    const head = await readReceiveHead(reader);
    const message = concat(...(await all(reader.rest())));
    const digest = headers['Repr-Digest'] ?? '';
    assert.deepEqual(decodeReprDigest(digest), sha512(message));
    assert.equal(encodeReprDigest(sha512(message)), digest);
    return concat(encodeReceiveHead(head), message);
  },
  '/v1/recover': async (reader) => encodeMissed(await readMissed(reader)),
  '/v1/subscribe/exact': async (reader) => encodeSubscribeExact(await readSubscribeExact(reader)),
  '/v1/subscribe/glob': async (reader) => encodeSubscribeGlob(await readSubscribeGlob(reader)),
  '/v1/unsubscribe/exact': async (reader) => encodeUnsubscribeExact(await readUnsubscribeExact(reader)),
  '/v1/unsubscribe/glob': async (reader) => encodeUnsubscribeGlob(await readUnsubscribeGlob(reader)),
  '/v1/check_subscriptions': async (reader) => encodeCheck(await readCheck(reader)),
  '/v1/set_subscriptions': rewrittenSet,
};

describe('requests and their answers, between Python and Python', () => {
  for (const vector of vectorsOf<Vector>('stateless')) {
    for (const size of [1, 7, 100_000]) {
      test(`${vector.name}, in pieces of ${size}`, async () => {
        const rewrite = BODIES[new URL(vector.url).pathname];
        assert.ok(rewrite, vector.url);
        const written = await rewrite(readerOf(decodeHex(vector.body), size), vector);
        assert.equal(encodeHex(written), vector.body);
        if (vector.response === '') return;
        assert.equal(encodeHex(encodeAnswer(decodeAnswer(decodeHex(vector.response)))), vector.response);
      });
    }
  }
});

describe('every body cut anywhere is refused', () => {
  for (const vector of vectorsOf<Vector>('stateless').filter(({ name }) => name.startsWith('hmac'))) {
    test(vector.name, async () => {
      const rewrite = BODIES[new URL(vector.url).pathname];
      const body = decodeHex(vector.body);
      const hasMessage = /notify|receive/.test(vector.name);
      const end = hasMessage ? body.length - 13 : body.length;
      for (let length = 0; length < Math.max(0, end); length += 3) {
        await assert.rejects(async () => rewrite?.(readerOf(body.subarray(0, length), 50), vector), {
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
