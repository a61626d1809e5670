/** One session as either end sees it: what is asked and told, and what befalls it where the other end is slow, gone or wrong. */

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createApp } from '../../src/app/app.ts';
import { cbor } from '../../src/bytes/cbor.ts';
import { StatusError } from '../../src/errors.ts';
import { encodeBody } from '../../src/wire/representation.ts';
import { encodeRoutedRequest } from '../../src/wire/routed.ts';
import type { KeptMessage } from '../../src/wire/session.ts';
import { encodeCount, MAX_CONTENT } from '../../src/wire/session.ts';
import { type TestEnd, TestLink, testEnd } from '../support/conversations.ts';
import { Journal } from '../support/journal.ts';

async function turns(count = 50): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}

async function collected(values: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const value of values) all.push(value);
  return all;
}

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number++) yield number;
}

function never(): Promise<never> {
  return new Promise(() => {});
}

const echo = createApp().on('/echo', (ctx) => ctx.body);

describe('questions', () => {
  test('go both ways', async () => {
    const link = TestLink.connected({ app: echo }, { app: echo });
    assert.deepEqual(await link.client.conversation.request('/echo', { a: 1 }), { a: 1 });
    assert.equal(await link.server.conversation.request('/echo', 'back'), 'back');
  });

  test('wait for a connection', async () => {
    const link = new TestLink({}, { app: echo });
    const answer = link.client.conversation.request('/echo', 1);
    link.connect();
    assert.equal(await answer, 1);
  });

  test('a failing handler, an unknown route and a refusal are told as such', async () => {
    const app = createApp()
      .on('/fails', () => {
        throw new Error('the password is 1234');
      })
      .on('/refuses', () => {
        throw new StatusError(403, 'not you');
      });
    const { client } = TestLink.connected({}, { app });
    await assert.rejects(client.conversation.request('/fails', 1), (error: Error) => {
      assert.ok(!error.message.includes('1234'));
      return (error as StatusError).status === 500;
    });
    await assert.rejects(client.conversation.request('/refuses', 1), { status: 403, message: 'not you' });
    await assert.rejects(client.conversation.request('/nowhere', 1), { code: 'route_not_found' });
  });

  test('no listener is left at a signal that lives on', async () => {
    const link = TestLink.connected({}, { app: echo });
    const { signal } = new AbortController();
    const { conversation } = link.client;
    for (let time = 0; time < 20; time++) await conversation.request('/echo', time, { signal });
    await collected(conversation.stream('/echo', 1, { signal }));
    void conversation.request('/echo', 1, { signal }).catch(() => {});
    conversation.end(new StatusError(503, 'over'));
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  test('an abort reaches the handler, and its answer is nobody’s', async () => {
    const seen = new Journal<string>();
    const app = createApp().on('/slow', async (ctx) => {
      seen.add('began');
      ctx.signal.addEventListener('abort', () => seen.add('aborted'));
      await never();
    });
    const { client } = TestLink.connected({}, { app });
    const control = new AbortController();
    const answer = client.conversation.request('/slow', 1, { signal: control.signal });
    await seen.until('it began', (entry) => entry === 'began');
    control.abort();
    await assert.rejects(answer, { code: 'aborted' });
    await seen.until('the abort', (entry) => entry === 'aborted');
    await assert.rejects(client.conversation.request('/slow', 1, { signal: control.signal }), {
      code: 'aborted',
    });
  });

  test('more than are handled at a time wait, unless they are cancelled; more than may wait are refused', async () => {
    const asked: unknown[] = [];
    const app = createApp()
      .on('/slow', never)
      .on('/echo', (ctx) => {
        asked.push(ctx.body);
        return ctx.body;
      });
    const { client } = TestLink.connected({}, { app, maxStreams: 3, maxOutbox: 1000 });
    const { conversation } = client;
    const controls = Array.from({ length: 3 }, () => new AbortController());
    for (const { signal } of controls) conversation.request('/slow', 1, { signal }).catch(() => {});
    const [waits, cancelled] = [conversation.request('/echo', 'waits'), new AbortController()];
    const unwanted = conversation.request('/echo', 'cancelled', { signal: cancelled.signal });
    await assert.rejects(conversation.request('/echo', 'x'.repeat(1000)), { code: 'unavailable' });
    await assert.rejects(conversation.request('/echo', numbers(3)), { code: 'unavailable' });
    cancelled.abort();
    await assert.rejects(unwanted, { code: 'aborted' });
    await turns();
    controls[1]?.abort();
    assert.equal(await waits, 'waits');
    assert.equal(await conversation.request('/echo', 2), 2);
    assert.deepEqual(asked, ['waits', 2]);
    for (const control of controls) control.abort();
  });

  test('a question that is too long is refused here, an answer there, and the session goes on', async () => {
    const app = createApp()
      .on('/echo', (ctx) => ctx.body)
      .on('/long', () => 'x'.repeat(2000));
    const { client } = TestLink.connected({ maxMessage: 1000 }, { app, maxMessage: 1000 });
    const { conversation } = client;
    await assert.rejects(conversation.request('/echo', 'x'.repeat(1000)), { code: 'request_too_large' });
    await assert.rejects(conversation.request('/long', 1), { code: 'reply_too_large' });
    assert.equal(await conversation.request('/echo', 1), 1);
  });

  for (const size of [2000, 200_000]) {
    test(`ends with different limits: what is too long, ${size} bytes, fails alone`, async () => {
      const app = createApp()
        .on('/echo', (ctx) => ctx.body)
        .on('/long', () => 'x'.repeat(size))
        .on('/many', async function* () {
          yield 'short';
          yield 'x'.repeat(size);
        });
      const small = { app, maxMessage: 1000 };
      const link = TestLink.connected(small, { app });
      const { client, server } = link;
      await assert.rejects(client.conversation.request('/long', 1), { code: 'frame_too_large' });
      const values = client.conversation.stream('/many', 1);
      assert.equal((await values.next()).value, 'short');
      await assert.rejects(values.next(), { code: 'frame_too_large' });
      await assert.rejects(server.conversation.request('/echo', 'x'.repeat(size)), {
        code: 'reply_too_large',
      });
      assert.ok(server.conversation.push('/echo', 'x'.repeat(size)));
      assert.equal(await server.conversation.request('/echo', 1), 1);
      assert.equal(await client.conversation.request('/echo', 1), 1);
      assert.equal(client.skipped, 1, 'the push that could not be taken is told');
      assert.deepEqual([client.broken, server.broken], [[], []]);
    });
  }

  test('an answer that cannot be read fails its question', async () => {
    const { client } = new TestLink();
    const answer = client.conversation.request('/x', 1);
    client.conversation.take({
      kind: 'data',
      stream: 1,
      number: 0,
      more: false,
      compressed: false,
      content: Uint8Array.of(9),
    });
    await assert.rejects(answer, { code: 'invalid_message' });
    assert.equal(client.broken.length, 1);
  });
});

describe('pushes', () => {
  test('come in their order, and more than are handled at a time wait', async () => {
    const seen = new Journal<unknown>();
    let [now, most] = [0, 0];
    const app = createApp().on('/told', async (ctx) => {
      seen.add(ctx.body);
      now += 1;
      most = Math.max(most, now);
      await setImmediate();
      now -= 1;
    });
    const { server } = TestLink.connected({ app, maxStreams: 3 });
    for (let number = 0; number < 1000; number++) assert.ok(server.conversation.push('/told', number));
    await seen.until('the last', (entry) => entry === 999);
    assert.deepEqual(
      seen.entries,
      Array.from({ length: 1000 }, (_, number) => number),
    );
    assert.equal(most, 3);
  });

  test('what is lost because it is not handled in time is told', async () => {
    let told = 0;
    const app = createApp().on('/told', () => {
      told += 1;
      return never();
    });
    const { client, server } = TestLink.connected({ app, maxStreams: 1, maxOutbox: 1000 });
    for (let number = 0; number < 100; number++)
      assert.ok(server.conversation.push('/told', 'x'.repeat(100)));
    await turns();
    assert.equal(told, 1);
    assert.ok(client.skipped > 85 && client.skipped < 95, String(client.skipped));
    client.conversation.end(new StatusError(503, 'over'));
  });

  test('an end that does not confirm is skipped, and told exactly where and how much is missing', async () => {
    const seen = new Journal<unknown>();
    const app = createApp().on('/told', (ctx) => seen.add(ctx.body));
    const link = new TestLink(
      { app, onSkipped: (count) => seen.add(`gap of ${count}`) },
      { maxOutbox: 2000 },
    );
    const { conversation } = link.server;
    const sent: boolean[] = [];
    for (let number = 0; number < 300; number++) sent.push(conversation.push('/told', number));
    const missing = sent.filter((went) => !went).length;
    assert.equal(sent.indexOf(false), 300 - missing, 'the last ones');
    assert.equal(link.server.slow, missing);
    assert.ok(conversation.unconfirmed < 2100);
    link.connect();
    await seen.until('the gap', (entry) => entry === `gap of ${missing}`);
    assert.ok(conversation.push('/told', 'after'));
    await seen.until('what follows', (entry) => entry === 'after');
    const [gap, after] = seen.entries.slice(-2);
    assert.deepEqual([gap, after], [`gap of ${missing}`, 'after']);
    assert.equal(seen.entries.length, 300 - missing + 2);
  });

  test('a push behind a gap does not overtake the news of it', async () => {
    const seen: unknown[] = [];
    const app = createApp().on('/told', (ctx) => void seen.push(ctx.body));
    const link = new TestLink({ app, onSkipped: (count) => seen.push(`gap ${count}`) }, { maxOutbox: 1000 });
    const { conversation } = link.server;
    while (conversation.push('/told', 'before'));
    link.connect();
    let went = false;
    for (let turn = 0; turn < 1000 && !went; turn++) {
      await setImmediate();
      went = conversation.push('/told', 'after');
    }
    await turns();
    assert.equal(seen.at(-1), 'after');
    assert.match(String(seen.at(-2)), /^gap \d+$/);
  });
});

describe('an end that asks and does not confirm', () => {
  test('gets no more answers than fit, until it does', async () => {
    const app = createApp().on('/big', () => new Uint8Array(1000));
    const link = TestLink.connected({}, { app, maxOutbox: 5000, maxStreams: 1000 });
    link.mute('server', true);
    const answers = Array.from({ length: 200 }, () => link.client.conversation.request('/big', 1));
    await turns(200);
    assert.ok(link.server.conversation.unconfirmed < 7000, String(link.server.conversation.unconfirmed));
    link.cut();
    link.connect();
    assert.equal((await Promise.all(answers)).length, 200);
  });

  test('gets no more values than fit, however many streams it opens', async () => {
    const app = createApp().on('/many', async function* () {
      for (;;) yield new Uint8Array(1000);
    });
    const link = TestLink.connected({}, { app, maxOutbox: 5000 });
    link.mute('server', true);
    for (let stream = 0; stream < 50; stream++) link.client.conversation.stream('/many', 1);
    await turns(200);
    assert.ok(link.server.conversation.unconfirmed < 7000, String(link.server.conversation.unconfirmed));
    link.client.conversation.end(new StatusError(503, 'over'));
    link.server.conversation.end(new StatusError(503, 'over'));
  });

  test('and is refused too often is no honest one', () => {
    const { conversation, broken } = testEnd('server', { maxStreams: 1, maxOutbox: 100 });
    const content = encodeRoutedRequest({
      ...{ route: '/slow', once: false, oneWay: false, sentAt: 0, representation: 't' as const },
      body: new Uint8Array(0),
    });
    for (let number = 0; broken.length === 0 && number < 100_000; number++) {
      conversation.take({
        kind: 'data',
        stream: 2 * number + 1,
        number,
        more: false,
        compressed: false,
        content,
      });
    }
    assert.equal(broken.length, 1);
  });
});

describe('streams', () => {
  test('of many values, both ways at once', async () => {
    const app = createApp().on('/double', async function* (ctx) {
      for await (const value of ctx.body as AsyncIterable<number>) yield 2 * value;
    });
    const { client, server } = TestLink.connected({ app }, { app });
    const expected = Array.from({ length: 500 }, (_, number) => 2 * number);
    const both = [client, server].map(({ conversation }) =>
      collected(conversation.stream('/double', numbers(500))),
    );
    assert.deepEqual(await Promise.all(both), [expected, expected]);
  });

  test('one answer is a stream of one; many are no answer', async () => {
    const app = createApp()
      .on('/one', () => 1)
      .on('/many', () => numbers(3));
    const { client } = TestLink.connected({}, { app });
    assert.deepEqual(await collected(client.conversation.stream('/one', null)), [1]);
    await assert.rejects(client.conversation.request('/many', null), { code: 'invalid_message' });
    assert.deepEqual(await collected(client.conversation.stream('/many', null)), [0, 1, 2]);
  });

  test('an error comes after the values before it', async () => {
    const app = createApp().on('/fails', async function* () {
      yield 1;
      throw new StatusError(409, 'no more');
    });
    const { client } = TestLink.connected({}, { app });
    const values = client.conversation.stream('/fails', 1);
    assert.deepEqual(await values.next(), { done: false, value: 1 });
    await assert.rejects(values.next(), { status: 409, message: 'no more' });
    assert.deepEqual(await values.next(), { done: true, value: undefined });
  });

  test('a value that cannot be sent ends it, and the source is closed', async () => {
    const seen = new Journal<string>();
    const app = createApp().on('/bad', async function* () {
      try {
        yield () => {};
      } finally {
        seen.add('closed');
      }
    });
    const { client } = TestLink.connected({}, { app });
    await assert.rejects(collected(client.conversation.stream('/bad', 1)), { status: 500 });
    await seen.until('the end of the source', (entry) => entry === 'closed');
  });

  test('who leaves early stops the source, and aborts the handler', async () => {
    const seen = new Journal<string>();
    const app = createApp().on('/endless', async function* (ctx) {
      ctx.signal.addEventListener('abort', () => seen.add('aborted'));
      try {
        for (let number = 0; ; number++) yield number;
      } finally {
        seen.add('closed');
      }
    });
    const { client, server } = TestLink.connected({}, { app });
    for await (const value of client.conversation.stream('/endless', 1)) if (value === 5) break;
    await seen.until('the end of the source', (entry) => entry === 'closed');
    await seen.until('the abort', (entry) => entry === 'aborted');
    await server.conversation.settled(10_000);
  });

  test('an answer ends what the question still streams', async () => {
    const seen = new Journal<string>();
    const app = createApp().on('/first', async (ctx) => {
      for await (const value of ctx.body as AsyncIterable<number>) return value;
      return null;
    });
    async function* endless(): AsyncGenerator<number> {
      try {
        for (let number = 7; ; number++) yield number;
      } finally {
        seen.add('closed');
      }
    }
    const { client } = TestLink.connected({}, { app });
    assert.equal(await client.conversation.request('/first', endless()), 7);
    await seen.until('the end of the source', (entry) => entry === 'closed');
  });

  test('a source is read no further than its reader allows', async () => {
    let made = 0;
    const app = createApp().on('/endless', async function* () {
      for (;;) {
        made += 1;
        yield made;
      }
    });
    const { client } = TestLink.connected({}, { app });
    const values = client.conversation.stream('/endless', 1);
    await turns();
    assert.equal(made, 32);
    for (let read = 0; read < 16; read++) await values.next();
    await turns();
    assert.equal(made, 48);
    await values.return?.();
  });

  test('large values count for more, one at least is always on its way', async () => {
    let made = 0;
    const app = createApp().on('/endless', async function* () {
      for (;;) {
        made += 1;
        yield new Uint8Array(100 * 1024);
      }
    });
    const { client } = TestLink.connected({}, { app });
    const values = client.conversation.stream('/endless', 1);
    await turns();
    assert.equal(made, 3, '256 KiB, and what goes beyond it once');
    for (let read = 0; read < 50; read++) await values.next();
    await turns();
    assert.equal(made, 53);
    await values.return?.();
  });

  test('a stream that cannot begin fails where it is read', async () => {
    const { client } = TestLink.connected({ maxMessage: 10 });
    const values = client.conversation.stream('/too/long', 'x'.repeat(100));
    await assert.rejects(collected(values), { code: 'request_too_large' });
    client.conversation.end(new StatusError(503, 'over'));
    await assert.rejects(collected(client.conversation.stream('/x', 1)), { status: 503 });
  });
});

describe('an end that does what no honest one does', () => {
  const message = (part: Partial<KeptMessage>): KeptMessage => ({
    ...{ kind: 'data', stream: 1, number: 0, more: false, compressed: false, content: new Uint8Array(0) },
    ...part,
  });

  test('skips a number', () => {
    const { conversation, broken } = testEnd('server');
    conversation.take(message({ number: 1 }));
    assert.equal(broken.length, 1);
  });

  test('confirms what was not sent', () => {
    const { conversation } = testEnd('server');
    assert.throws(() => conversation.confirm(1), { code: 'invalid_message' });
  });

  test('sends more values than it may', async () => {
    const link = new TestLink();
    const { conversation, broken } = link.client;
    const values = conversation.stream('/x', 1);
    const content = Uint8Array.of('j'.charCodeAt(0), '1'.charCodeAt(0));
    for (let number = 0; number < 33; number++) conversation.take(message({ kind: 'item', number, content }));
    assert.equal(broken.length, 1);
    await assert.rejects(collected(values), { status: 413 });
  });

  test('begins a message and never ends it, in thousands of streams', () => {
    const { conversation, broken } = testEnd('server');
    const content = new Uint8Array(MAX_CONTENT);
    conversation.take(message({ more: true, content }));
    conversation.take(message({ stream: 3, number: 1, more: true, content }));
    assert.equal(broken.length, 1);
  });

  test('sends a message without an end: no more than its beginning is kept', () => {
    const { conversation, broken } = testEnd('server', { maxMessage: 100_000 });
    const content = new Uint8Array(MAX_CONTENT);
    for (let number = 0; number < 10_000; number++)
      conversation.take(message({ number, more: true, compressed: false, content }));
    assert.deepEqual(broken, []);
  });

  test('opens a stream twice, or sends what is no question', () => {
    for (const content of [new Uint8Array(0), Uint8Array.of(1, 2, 3)]) {
      const { conversation, broken } = testEnd('server');
      conversation.take(message({ content }));
      assert.equal(broken.length, 1);
    }
    const app = createApp({ timeout: 10 }).on('/slow', never);
    const { conversation, broken } = testEnd('server', { app });
    const content = encodeRoutedRequest({
      ...{ route: '/slow', once: false, oneWay: false, sentAt: 0, representation: 't' as const },
      body: new Uint8Array(0),
    });
    conversation.take(message({ content }));
    conversation.take(message({ content, number: 1 }));
    assert.equal(broken.length, 1);
  });

  test('gives credit without end, or for nothing', async () => {
    let made = 0;
    const app = createApp().on('/many', async function* () {
      for (; made < 100_000; ) {
        made += 1;
        yield new Uint8Array(100);
      }
    });
    const { conversation, broken } = testEnd('server', { app, maxOutbox: 10_000 });
    const content = encodeRoutedRequest({
      ...{ route: '/many', once: false, oneWay: false, sentAt: 0, representation: 't' as const },
      body: new Uint8Array(0),
    });
    conversation.take(message({ content }));
    for (let number = 1; number <= 100; number++) {
      const stream = number % 2 === 0 ? 1 : 77;
      conversation.take(message({ kind: 'credit', stream, number, content: encodeCount(2 ** 32 - 1) }));
    }
    await turns();
    assert.ok(conversation.unconfirmed < 11_000, String(conversation.unconfirmed));
    assert.ok(made < 200);
    assert.deepEqual(broken, []);
    conversation.end(new StatusError(503, 'over'));
  });
});

describe('the end', () => {
  test('fails what waits, aborts what is being answered, and wakes who waits for it', async () => {
    const seen = new Journal<string>();
    const app = createApp()
      .on('/slow', async (ctx) => {
        seen.add('began');
        ctx.signal.addEventListener('abort', () => seen.add('aborted'));
        await never();
      })
      .on('/read', async (ctx) => {
        try {
          for await (const _value of ctx.body as AsyncIterable<unknown>);
        } catch {
          seen.add('body failed');
        }
      });
    const { client, server } = TestLink.connected({}, { app });
    async function* silent(): AsyncGenerator<never> {
      yield never();
    }
    const asked = [client.conversation.request('/slow', 1), client.conversation.request('/read', silent())];
    const values = client.conversation.stream('/slow', 1);
    await seen.until('it began', () => seen.entries.length === 2);
    const settled = server.conversation.settled(60_000);
    server.conversation.end(new StatusError(503, 'over'));
    await settled;
    client.conversation.end(new StatusError(503, 'over'));
    for (const each of [...asked, collected(values)]) await assert.rejects(each, { status: 503 });
    await seen.until('two aborts', () => seen.entries.filter((entry) => entry === 'aborted').length === 2);
    await seen.until('the body', (entry) => entry === 'body failed');
    assert.throws(() => client.conversation.push('/x', 1), { status: 503 });
    await assert.rejects(client.conversation.request('/x', 1), { status: 503 });
  });

  test('wakes those who wait for room', async () => {
    const seen = new Journal<string>();
    const app = createApp().on('/big', async function* () {
      try {
        for (;;) yield new Uint8Array(1000);
      } finally {
        seen.add('closed');
      }
    });
    const link = TestLink.connected({}, { app, maxOutbox: 1000 });
    link.mute('server', true);
    link.client.conversation.stream('/big', 1);
    await turns();
    link.server.conversation.end(new StatusError(503, 'over'));
    await seen.until('the end of the source', (entry) => entry === 'closed');
  });

  test('is idle when nothing is asked or told, and not before', async () => {
    const app = createApp().on('/slow', never);
    const { client, server } = TestLink.connected({}, { app });
    const control = new AbortController();
    const answer = client.conversation.request('/slow', 1, { signal: control.signal });
    await turns();
    assert.deepEqual([client.conversation.idleFor, server.conversation.idleFor], [0, 0]);
    control.abort();
    await assert.rejects(answer);
    await turns();
    assert.ok(client.conversation.idleFor > 0 && server.conversation.idleFor > 0);
  });
});

describe('what must be loaded before it can be read, as CBOR in pages', () => {
  const usual = { ...cbor };

  /** A page that is told 0 to 4, of which 0 and 2 are CBOR. */
  function told(t: TestContext, loads: PromiseWithResolvers<void>[]): { end: TestEnd; seen: unknown[] } {
    const seen: unknown[] = [];
    const end = testEnd('client', { app: createApp().on('/told', (ctx) => void seen.push(ctx.body)) });
    const bodies = (['c', 'j', 'c', 'j', 'j'] as const).map((letter, number) => encodeBody(number, letter));
    t.after(() => Object.assign(cbor, usual));
    Object.assign(cbor, { isLoaded: false, load: () => loads.shift()?.promise ?? null });
    for (const [number, { bytes: body, representation }] of bodies.entries()) {
      const request = { route: '/told', once: false, oneWay: true, sentAt: 0, representation, body };
      const content = encodeRoutedRequest(request);
      const whole = { kind: 'data', more: false, compressed: false } as const;
      end.conversation.take({ ...whole, stream: 2 * number + 2, number, content });
    }
    return { end, seen };
  }

  test('is not overtaken', async (t) => {
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { end, seen } = told(t, [first, second]);
    await turns();
    assert.deepEqual(seen, []);
    first.resolve();
    await turns();
    assert.deepEqual(seen, [0, 1]);
    second.resolve();
    await turns();
    assert.deepEqual([seen, end.skipped], [[0, 1, 2, 3, 4], 0]);
  });

  test('is told as lost where that fails, and the rest goes on', async (t) => {
    const first = Promise.withResolvers<void>();
    const { end, seen } = told(t, [first]);
    first.reject(new Error('404'));
    await turns();
    assert.deepEqual([seen, end.skipped], [[1, 2, 3, 4], 1]);
  });
});
