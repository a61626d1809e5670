/** Messages of topics as an app sees them: routes, bodies, order, and nothing that goes wrong ends the loop. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type App, createApp } from '../../src/app/app.ts';
import type { Logger } from '../../src/app/message.ts';
import { concat } from '../../src/bytes/bytes.ts';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { routeOf, shownTopic, toInbound } from '../../src/pubsub/adapter.ts';
import {
  type Attachable,
  type AttachContext,
  type AttachOptions,
  attachTo,
  type SkipReason,
} from '../../src/pubsub/attach.ts';
import { generateTopicSecret, sealedTopics, topicKeyring } from '../../src/pubsub/sealed-topics.ts';
import type { ReceivedMessage } from '../../src/pubsub/subscriber/inbox.ts';
import { Counters } from '../../src/sealed/counters.ts';
import type { Representation } from '../../src/wire/representation.ts';

// What a subscription yields can be attached.
(message: ReceivedMessage): Attachable => message;

function message(topic: string | Uint8Array, body: string | Uint8Array = ''): Attachable {
  const bytes = typeof body === 'string' ? encodeUtf8(body) : body;
  return {
    topic: typeof topic === 'string' ? encodeUtf8(topic) : topic,
    length: bytes.length,
    bytes: async () => bytes,
  };
}

async function* given(...messages: readonly Attachable[]): AsyncGenerator<Attachable> {
  yield* messages;
}

interface Attached {
  readonly counts: Readonly<Record<string, number>>;
  readonly log: readonly string[];
  readonly skipped: readonly SkipReason[];
}

/** Attaches until the messages end. */
async function attached(
  app: App,
  messages: AsyncIterable<Attachable>,
  options: AttachOptions & Partial<AttachContext> = {},
): Promise<Attached> {
  const counters = new Counters();
  const lines: string[] = [];
  const skipped: SkipReason[] = [];
  const line =
    (level: string) =>
    (_fields: object, text: string): void =>
      void lines.push(`${level}: ${text}`);
  const log: Logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  const onSkipped = (_topic: Uint8Array, why: SkipReason): void => void skipped.push(why);
  await attachTo(app, messages, { transport: 'http', counters, log, onSkipped, ...options });
  return { counts: counters.snapshot(), log: lines, skipped };
}

describe('a topic', () => {
  test('is a route, each one of its own', () => {
    const topics = ['x/y', '/x/y', 'größe/€', '', 'a b', 'x/y/', '*'];
    assert.deepEqual(
      topics.map((topic) => routeOf(encodeUtf8(topic))),
      topics.map((topic) => `/${topic}`),
    );
  });

  test('that is not UTF-8, has a zero, or is too long for a router has none', () => {
    for (const topic of [Uint8Array.of(0xff), encodeUtf8('a\0b'), encodeUtf8('x'.repeat(4096))]) {
      assert.equal(routeOf(topic), null);
    }
    assert.equal(routeOf(encodeUtf8('x'.repeat(4095)))?.length, 4096);
  });

  test('is shown in part, as text or as hex', () => {
    assert.equal(shownTopic(encodeUtf8('x/y')), 'x/y');
    assert.equal(shownTopic(Uint8Array.of(0xff, 1)), '0xff01');
    assert.equal(shownTopic(encodeUtf8('€'.repeat(50))), `${'€'.repeat(33)}…`);
  });
});

describe('a body', () => {
  const inbound = (body: string | Uint8Array, representation: Representation | 'auto' = 'auto') => {
    const bytes = typeof body === 'string' ? encodeUtf8(body) : body;
    const road = { transport: 'ws', representation, signal: null } as const;
    return toInbound({ route: '/x', bytes, proof: 'none' }, road);
  };

  test('is a JSON object or array, else text, else bytes', () => {
    const bytes = Uint8Array.of(0xff, 0xfe);
    const seen: [string | Uint8Array, Representation, unknown][] = [
      ['{"a":[1,"two"]}', 'j', { a: [1, 'two'] }],
      [' \n[1]\n', 'j', [1]],
      ['[1', 't', '[1'],
      ['{not json}', 't', '{not json}'],
      ['7', 't', '7'],
      ['true', 't', 'true'],
      ['"x"', 't', '"x"'],
      ['null', 't', 'null'],
      ['', 't', ''],
      ['grüße', 't', 'grüße'],
      [bytes, 'b', bytes],
    ];
    for (const [body, representation, value] of seen) {
      const message = inbound(body);
      assert.deepEqual([message.body, message.representation], [value, representation]);
    }
  });

  test('is what it was said to be', () => {
    assert.deepEqual(inbound('7', 'j').body, 7);
    assert.deepEqual(inbound('{}', 't').body, '{}');
    assert.deepEqual(inbound('{}', 'b').body, encodeUtf8('{}'));
    assert.equal(inbound('7', 'j').representation, 'j');
    assert.throws(() => inbound('{', 'j').body, { code: 'invalid_body' });
  });

  test('comes with all that is known of its road', () => {
    const { sender, proof, protocol, transport, signal, bytes } = inbound('{}');
    assert.deepEqual([sender, proof, protocol, transport, signal], [null, 'none', 'pubsub', 'ws', undefined]);
    assert.deepEqual(bytes, encodeUtf8('{}'));
  });

  test('with a hostile name reaches no prototype', () => {
    assert.equal((inbound('{"__proto__":{"admin":true}}').body as { admin?: boolean }).admin, undefined);
  });
});

describe('attached to an app', () => {
  test('messages find their handlers, with parameters', async () => {
    const seen: unknown[] = [];
    const app = createApp()
      .on('/orders/:id', (ctx) => void seen.push([ctx.params.id, ctx.body, ctx.protocol, ctx.transport]))
      .on('/files/*', (ctx) => void seen.push([ctx.params['*'], ctx.bytes.length]));
    const messages = given(
      message('orders/7', '{"n":1}'),
      message('files/a/b', Uint8Array.of(0xff)),
      message('news'),
    );
    const { counts, log } = await attached(app, messages);
    assert.deepEqual(seen, [
      ['7', { n: 1 }, 'pubsub', 'http'],
      ['a/b', 1],
    ]);
    assert.deepEqual(counts, { received: 3, handled: 2, not_found: 1 });
    assert.deepEqual(log, ['debug: a message was refused']);
  });

  test('one is done before the next begins, in their order', async () => {
    const seen: string[] = [];
    const app = createApp().on('/:n', async (ctx) => {
      seen.push(`begin ${ctx.params.n}`);
      await sleep(10 - Number(ctx.params.n));
      seen.push(`end ${ctx.params.n}`);
    });
    await attached(app, given(message('1'), message('5'), message('9')));
    assert.deepEqual(seen, ['begin 1', 'end 1', 'begin 5', 'end 5', 'begin 9', 'end 9']);
  });

  test('as many at one time as were asked for, and the last is waited for', async () => {
    let [now, most, done] = [0, 0, 0];
    const app = createApp().on('/:n', async () => {
      most = Math.max(most, ++now);
      await sleep(5);
      now -= 1;
      done += 1;
    });
    const messages = Array.from({ length: 20 }, (_, index) => message(String(index)));
    await attached(app, given(...messages), { concurrency: 4 });
    assert.deepEqual([most, done], [4, 20]);
  });

  test('a body is read before the next message is asked for', async () => {
    const bodies: unknown[] = [];
    const app = createApp().on('/x', async (ctx) => {
      await sleep(5);
      bodies.push(ctx.body);
    });
    async function* once(): AsyncGenerator<Attachable> {
      for (const body of ['a', 'b', 'c']) {
        let gone = false;
        const { topic, length } = message('x', body);
        const bytes = async (): Promise<Uint8Array> => (gone ? assert.fail('gone') : encodeUtf8(body));
        yield { topic, length, bytes };
        gone = true;
      }
    }
    await attached(app, once(), { concurrency: 3 });
    assert.deepEqual(bodies, ['a', 'b', 'c']);
  });

  test('nothing that goes wrong with one stops the others', async () => {
    const app = createApp()
      .on('/fails', () => {
        throw new Error('oh');
      })
      .on('/slow', () => sleep(1000), { timeout: 5 })
      .on('/number', (ctx) => ctx.body, { maxBody: 2 })
      .on('/fine', () => 'nobody hears this');
    const unreadable: Attachable = {
      ...message('fine'),
      bytes: () => Promise.reject(new Error('the disk is gone')),
    };
    const messages = given(
      message('fails'),
      message('slow'),
      message('number', '123'),
      message(Uint8Array.of(0xff)),
      message('x'.repeat(5000)),
      unreadable,
      message('fine', new Uint8Array(11)),
      message('fine', new Uint8Array(10)),
    );
    const { counts, log, skipped } = await attached(app, messages, { maxBody: 10 });
    assert.deepEqual(counts, {
      ...{ received: 8, handled: 1, failed: 2, refused: 1 },
      ...{ unroutable: 2, unreadable: 1, too_large: 1 },
    });
    assert.deepEqual(skipped, ['unroutable', 'unroutable', 'unreadable', 'too_large']);
    assert.equal(log.filter((line) => line === 'warn: a message was not handled').length, 2);
    assert.equal(log.filter((line) => line === 'warn: a message was skipped').length, 2);
    assert.equal(log.filter((line) => line.startsWith('debug: ')).length, 3);
  });

  test('a callback and an app that throw do not end it either', async () => {
    const onSkipped = (): never => {
      throw new Error('oh');
    };
    const broken = { ...createApp(), dispatch: () => Promise.reject(new Error('no app')) } as unknown as App;
    const { counts } = await attached(broken, given(message(Uint8Array.of(0xff)), message('x')), {
      onSkipped,
    });
    assert.deepEqual(counts, { received: 2, unroutable: 1, failed: 1 });
  });

  test('longer bodies than a mebibyte are not even read', async () => {
    const huge: Attachable = {
      ...message('x'),
      length: 1024 ** 2 + 1,
      bytes: () => assert.fail('it was read'),
    };
    const { counts } = await attached(createApp(), given(huge));
    assert.deepEqual(counts, { received: 1, too_large: 1 });
  });

  test('what was sealed has the proof of a token', async () => {
    const proofs: string[] = [];
    const app = createApp().on('/*', (ctx) => void proofs.push(ctx.proof));
    const seal = sealedTopics({
      keyring: topicKeyring({ secrets: generateTopicSecret(), topics: ['orders/*'] }),
    });
    await attached(app, given(message('orders/1'), message('news')), { seal });
    assert.deepEqual(proofs, ['token', 'none']);
  });

  test('a signal ends it while nothing comes, and tells handlers to stop', async () => {
    const waiting = new AbortController();
    const silence: AsyncIterable<Attachable> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    };
    const ended = attached(createApp(), silence, { signal: waiting.signal });
    waiting.abort();
    assert.deepEqual((await ended).counts, {});

    const handling = new AbortController();
    let told = false;
    const app = createApp().on('/x', async (ctx) => {
      ctx.signal.addEventListener('abort', () => {
        told = true;
      });
      setImmediate(() => handling.abort());
      await new Promise(() => {});
    });
    let returned = false;
    async function* endless(): AsyncGenerator<Attachable> {
      try {
        for (;;) yield message('x');
      } finally {
        returned = true;
      }
    }
    const { counts } = await attached(app, endless(), { signal: handling.signal });
    assert.deepEqual([counts, told, returned], [{ received: 1, refused: 1 }, true, true]);
  });

  test('an error of the subscription itself is the caller’s, once handlers are done', async () => {
    let done = false;
    const app = createApp().on('/x', async () => {
      await sleep(5);
      done = true;
    });
    async function* breaking(): AsyncGenerator<Attachable> {
      yield message('x');
      throw new Error('the broadcaster is gone');
    }
    await assert.rejects(attached(app, breaking(), { concurrency: 2 }), /broadcaster is gone/);
    assert.equal(done, true);
  });

  test('options out of range are refused', async () => {
    await assert.rejects(attached(createApp(), given(), { concurrency: 0 }), { code: 'invalid_option' });
    await assert.rejects(attached(createApp(), given(), { maxBody: -1 }), { code: 'invalid_option' });
  });
});

test('what was published sealed is handled as if it had come by another road', async () => {
  const seen: unknown[] = [];
  const app = createApp().on('/orders/:id', (ctx) => void seen.push([ctx.params.id, ctx.body, ctx.proof]));
  const seal = sealedTopics({ keyring: topicKeyring({ secrets: generateTopicSecret() }) });
  const topic = encodeUtf8('orders/7');
  const carried = seal.seal(topic, encodeUtf8('{"n":1}'));
  const opened = seal.open(topic, carried) ?? assert.fail('it did not open');
  assert.equal(seal.open(topic, concat(carried, carried)), null);
  await attached(app, given(message(topic, opened)), { seal });
  assert.deepEqual(seen, [['7', { n: 1 }, 'token']]);
});
