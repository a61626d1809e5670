/** What a session sends compressed: when, to whom, and what befalls contents that are not what they say. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { createApp } from '../../src/app/app.ts';
import { type Bytes, concat } from '../../src/bytes/bytes.ts';
import { StatusError } from '../../src/errors.ts';
import { zstd } from '../../src/platform/node/zstd.ts';
import { zstd as webZstd } from '../../src/platform/web/zstd.ts';
import { STATUS } from '../../src/sealed/status.ts';
import { compressed, decompressed } from '../../src/session/compression.ts';
import { encodeRoutedRequest } from '../../src/wire/routed.ts';
import {
  decodeFailure,
  encodeCompressed,
  type KeptKind,
  type KeptMessage,
  MAX_CONTENT,
} from '../../src/wire/session.ts';
import { type TestEnd, TestLink, testEnd } from '../support/conversations.ts';
import { Journal } from '../support/journal.ts';

const TEXT = 'all of this has been said before. '.repeat(100);
const MANY = 1024 * 1024;

async function collected(values: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const value of values) all.push(value);
  return all;
}

async function* texts(count: number): AsyncGenerator<string> {
  for (let number = 0; number < count; number++) yield `${number} ${TEXT}`;
}

describe('a content', () => {
  const content = new TextEncoder().encode(TEXT);

  test('gets shorter, and is the same again', () => {
    const shorter = compressed(content) ?? assert.fail();
    assert.ok(shorter.length < content.length / 10);
    assert.deepEqual(decompressed(shorter, content.length), content);
  });

  test('stays as it is where it is short, would not get shorter, or cannot be compressed here', () => {
    assert.equal(compressed(content.subarray(0, 255)), null);
    assert.ok(compressed(content.subarray(0, 256)));
    assert.equal(compressed(randomBytes(10_000)), null);
    assert.equal(compressed(content, webZstd), null);
    const shorter = compressed(content) ?? assert.fail();
    assert.throws(() => decompressed(shorter, MANY, webZstd), { code: 'unsupported_platform' });
  });

  test('of another length than it announces, with more behind it, cut, or of no frame is refused', () => {
    const frame = (compressed(content) ?? assert.fail()).subarray(4);
    for (const length of [0, content.length - 1, content.length + 1, MANY]) {
      assert.throws(() => decompressed(encodeCompressed(length, frame), MANY), { code: 'invalid_message' });
    }
    for (const wrong of [
      concat(frame, frame),
      concat(frame, content),
      frame.subarray(1),
      new Uint8Array(0),
    ]) {
      const altered = encodeCompressed(content.length, wrong);
      assert.throws(() => decompressed(altered, MANY), { code: 'invalid_message' });
    }
    assert.throws(() => decompressed(frame.subarray(0, 3), MANY), { code: 'out_of_bounds' });
  });

  test('that announces more than may be is not looked into', () => {
    assert.equal(decompressed(encodeCompressed(MANY + 1, new Uint8Array(0)), MANY), null);
  });
});

describe('two ends', () => {
  /** An app that says the same back, compressed if it is to be. */
  const echoing = (compress: boolean) =>
    createApp()
      .on('/echo', (ctx) => {
        ctx.reply.compress = compress;
        return ctx.body;
      })
      .on('/stream', async function* (ctx) {
        ctx.reply.compress = compress;
        for await (const value of ctx.body as AsyncIterable<string>) yield value;
      })
      .on('/many', (ctx) => {
        ctx.reply.compress = compress;
        return texts(ctx.body as number);
      });
  const once = (_id: Bytes, _sentAt: number, run: (signal: AbortSignal) => Promise<Bytes>): Promise<Bytes> =>
    run(new AbortController().signal);

  for (const asker of ['client', 'server'] as const) {
    test(`questions of the ${asker}, compressed each way by itself`, async () => {
      for (const [asks, answers] of [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ] as const) {
        const app = echoing(answers);
        const link = TestLink.connected({ app, once }, { app, once });
        const { conversation } = link[asker];
        const options = { compress: asks };
        assert.equal(await conversation.request('/echo', TEXT, options), TEXT);
        assert.equal(link.compressed, Number(asks) + Number(answers));
        const stamp = { id: new Uint8Array(16), sentAt: Date.now() };
        assert.equal(await conversation.request('/echo', TEXT, { ...options, once: stamp }), TEXT);
        assert.equal(link.compressed, 2 * (Number(asks) + Number(answers)), 'once');
        assert.equal(await conversation.request('/echo', 'short', options), 'short');
        assert.equal(link.compressed, 2 * (Number(asks) + Number(answers)), 'nothing that is short');
      }
    });

    test(`streams of the ${asker}, and what they are answered`, async () => {
      const expected = await collected(texts(50));
      for (const compress of [false, true]) {
        const link = TestLink.connected({ app: echoing(compress) }, { app: echoing(compress) });
        const { conversation } = link[asker];
        assert.deepEqual(await collected(conversation.stream('/stream', texts(50), { compress })), expected);
        assert.deepEqual(await collected(conversation.stream('/many', 50, { compress })), expected);
        assert.equal(link.compressed, compress ? 150 : 0);
      }
    });

    test(`pushes of the ${asker}`, async () => {
      const seen = new Journal<unknown>();
      const app = createApp().on('/told', (ctx) => seen.add(ctx.body));
      const link = TestLink.connected({ app }, { app });
      assert.ok(link[asker].conversation.push('/told', `a ${TEXT}`));
      assert.ok(link[asker].conversation.push('/told', `b ${TEXT}`, { compress: true }));
      await seen.until('both', () => seen.entries.length === 2);
      assert.deepEqual([seen.entries, link.compressed], [[`a ${TEXT}`, `b ${TEXT}`], 1]);
    });

    test(`an end that cannot read it is sent it plain by the ${asker}`, async () => {
      const app = echoing(true);
      const other = asker === 'client' ? 'server' : 'client';
      const ends = { client: { app }, server: { app }, [other]: { app, readsCompressed: false } };
      const link = TestLink.connected(ends.client, ends.server);
      const options = { compress: true };
      const { conversation } = link[asker];
      assert.equal(await conversation.request('/echo', TEXT, options), TEXT);
      assert.equal(link.compressed, 1, 'the answer alone');
      assert.ok(conversation.push('/echo', TEXT, options));
      assert.equal((await collected(conversation.stream('/stream', texts(5), options))).length, 5);
      assert.ok(link.compressed <= 6, 'answers alone');
      assert.equal(await link[other].conversation.request('/echo', 'x', options), 'x');
    });
  }

  test('before the first connection nothing is known of the other end, and nothing compressed', async () => {
    const link = new TestLink({}, { app: echoing(false) });
    const answer = link.client.conversation.request('/echo', TEXT, { compress: true });
    link.connect();
    assert.deepEqual([await answer, link.compressed], [TEXT, 0]);
  });

  test('what is long still in its compressed form comes in parts', async () => {
    const text = randomBytes(200_000).toString('hex');
    const link = TestLink.connected({}, { app: echoing(true) });
    assert.equal(await link.client.conversation.request('/echo', text, { compress: true }), text);
    assert.equal(link.compressed, 8, 'four each way, where there were seven');
  });

  test('the limit is of what is uncompressed', async () => {
    const link = TestLink.connected({ maxMessage: 1000 }, { app: echoing(true) });
    const asked = link.client.conversation.request('/echo', TEXT, { compress: true });
    await assert.rejects(asked, { code: 'request_too_large' });
    assert.ok((compressed(new TextEncoder().encode(TEXT)) ?? assert.fail()).length < 1000);
    const values = link.client.conversation.stream('/many', 1);
    await assert.rejects(collected(values), { code: 'frame_too_large' });
  });

  test('values cost as much credit as they are uncompressed', async () => {
    let made = 0;
    const app = createApp().on('/endless', (ctx) => {
      ctx.reply.compress = true;
      return (async function* () {
        for (;;) {
          made += 1;
          yield new Uint8Array(100 * 1024);
        }
      })();
    });
    const link = TestLink.connected({}, { app });
    const values = link.client.conversation.stream('/endless', 1);
    for (let read = 0; read < 50; read++) await values.next();
    assert.ok(made <= 53, `${made}: 256 KiB beyond what was read, and one`);
    await values.return?.();
    assert.deepEqual([link.client.broken, link.server.broken], [[], []]);
  });
});

describe('a bomb', () => {
  const question = (oneWay: boolean, body: Bytes = new Uint8Array(0)): Bytes =>
    encodeRoutedRequest({
      ...{ route: '/echo', once: false, oneWay, sentAt: 0, representation: 'b' as const },
      body,
    });
  /** Zeros, announced as they are or as told. */
  const bomb = (size: number, announced: number = size): Bytes =>
    encodeCompressed(announced, zstd.compress(new Uint8Array(size), { level: 3, dictionary: null }));

  /** Says one thing after the other to an end, and hears what it says. */
  function speaker({ conversation }: TestEnd): {
    say(kind: KeptKind, stream: number, content: Bytes, isCompressed?: boolean): void;
    heard: Journal<KeptMessage>;
  } {
    const heard = new Journal<KeptMessage>();
    const send = (messages: readonly KeptMessage[]): void => {
      for (const message of messages) heard.add(message);
    };
    conversation.attach({ send, confirm() {} }, 0);
    let number = 0;
    return {
      heard,
      say(kind, stream, content, isCompressed = true) {
        conversation.take({ kind, stream, number, more: false, compressed: isCompressed, content });
        number += 1;
      },
    };
  }

  const limits = { maxMessage: 10_000 };
  const app = createApp()
    .on('/echo', (ctx) => ctx.body)
    .on('/count', async (ctx) => (await collected(ctx.body as AsyncIterable<unknown>)).length);

  for (const kind of ['data', 'once', 'open'] as const) {
    test(`for a question (${kind}) is told, and the session goes on`, async () => {
      const end = testEnd('server', { ...limits, app });
      const { say, heard } = speaker(end);
      say(kind, 1, bomb(2 ** 24));
      const error = await heard.until('the error', (message) => message.kind === 'error');
      assert.deepEqual([error.stream, decodeFailure(error.content).status], [1, STATUS.replyTooLarge]);
      assert.equal(end.skipped, kind === 'data' ? 1 : 0, 'it may have been a push');
      say('data', 3, question(false), false);
      await heard.until('an answer', (message) => message.kind === 'data' && message.stream === 3);
      assert.deepEqual(end.broken, []);
    });
  }

  test('for an answer, or a value of many, fails what was asked', async () => {
    const end = testEnd('client', limits);
    const { say } = speaker(end);
    const answer = end.conversation.request('/x', 1);
    const values = end.conversation.stream('/y', 1);
    say('data', 1, bomb(2 ** 24));
    say('item', 3, bomb(2 ** 24));
    await assert.rejects(answer, { code: 'frame_too_large' });
    await assert.rejects(collected(values), { code: 'frame_too_large' });
    assert.deepEqual(end.broken, []);
  });

  test('that lies about its length breaks the session, and nobody waits for the answer', async () => {
    for (const announced of [0, 300, 9999]) {
      const end = testEnd('client', limits);
      const { say } = speaker(end);
      const answer = end.conversation.request('/x', 1);
      say('data', 1, bomb(2 ** 24, announced));
      await assert.rejects(answer, { code: 'invalid_message' });
      assert.deepEqual(end.broken, ['invalid_message']);
      const server = testEnd('server', { ...limits, app });
      speaker(server).say('data', 1, bomb(2 ** 24, announced));
      assert.deepEqual(server.broken, ['invalid_message']);
    }
  });

  test('of many messages fills no more memory than those uncompressed may', () => {
    const slow = createApp().on('/echo', () => new Promise(() => {}));
    const end = testEnd('server', { app: slow, maxStreams: 1, maxOutbox: 50_000, maxMessage: 10_000 });
    const { say, heard } = speaker(end);
    const content = compressed(question(false, new Uint8Array(9000))) ?? assert.fail();
    for (let number = 0; number < 100; number++) say('data', 2 * number + 1, content);
    const refused = heard.entries.filter(({ kind }) => kind === 'error').length;
    assert.equal(refused, 100 - 1 - 5, 'one is handled, five wait');
    end.conversation.end(new StatusError(503, 'over'));
  });

  test('parts of one message are all compressed, or none is', () => {
    const { conversation, broken } = testEnd('server');
    const part = { kind: 'data', stream: 1, content: new Uint8Array(MAX_CONTENT) } as const;
    conversation.take({ ...part, number: 0, more: true, compressed: true });
    conversation.take({ ...part, number: 1, more: false, compressed: false });
    assert.deepEqual(broken, ['invalid_message']);
  });
});
