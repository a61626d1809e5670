/** Sessions over real WebSockets: questions, pushes and streams both ways, presence, rooms, ends. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createApp } from '../../src/app/app.ts';
import { createClient } from '../../src/app/typed-client.ts';
import { StatusError } from '../../src/errors.ts';
import { Identity } from '../../src/keys/identity.ts';
import { type RequestOptions, SessionClient } from '../../src/session/client.ts';
import { Journal } from '../support/journal.ts';
import { until } from '../support/lookup.ts';
import {
  connected,
  echoing,
  eventsOf,
  presence,
  proxied,
  RawSession,
  SECRET,
  serving,
  urlOf,
} from '../support/session.ts';

async function collected(values: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const value of values) all.push(value);
  return all;
}

function never(): Promise<never> {
  return new Promise(() => {});
}

describe('who is there', () => {
  test('a client that knows the secret, as bytes or as a passphrase', async (t) => {
    const app = createApp().on('/who', (ctx) => [ctx.sender?.toString() ?? null, ctx.proof, ctx.protocol]);
    const server = await serving(t, app, { secret: 'correct horse battery staple' });
    const client = await connected(t, server, { secret: 'correct horse battery staple' });
    assert.deepEqual(await client.request('/who'), [null, 'session', 'session']);
    assert.equal(server.publicKey, null);
  });

  test('clients by secret and by key at one server, anonymous or not', async (t) => {
    const [identity, known] = [Identity.generate(), Identity.generate()];
    const app = createApp().on('/who', (ctx) => ctx.sender?.toString() ?? null);
    const server = await serving(t, app, { identity });
    const serverKey = server.publicKey?.toString() ?? '';
    const bySecret = await connected(t, server);
    const byKey = await connected(t, server, { serverKey, identity: known });
    const anonymous = await connected(t, server, { serverKey });
    assert.equal(await bySecret.request('/who'), null);
    assert.equal(await byKey.request('/who'), known.publicKey.toString());
    assert.equal(await anonymous.request('/who'), null);
    assert.deepEqual(
      server.sessions.map(({ id }) => id).sort(),
      [bySecret.id, byKey.id, anonymous.id].sort(),
    );
  });

  test('allow lets in, or does not, and nothing but true does', async (t) => {
    const [friend, stranger, identity] = [Identity.generate(), Identity.generate(), Identity.generate()];
    const server = await serving(t, echoing(), {
      identity,
      allow: (key) => {
        if (key === null) throw new Error('an anonymous one');
        if (key.equals(stranger.publicKey)) return Promise.resolve(true) as unknown as boolean;
        return key.equals(friend.publicKey);
      },
    });
    const serverKey = identity.publicKey;
    const client = await connected(t, server, { serverKey, identity: friend });
    assert.equal(await client.request('/echo', 1), 1);
    const refusal = { code: 'refused' };
    await assert.rejects(connected(t, server, { serverKey, identity: stranger }), refusal);
    await assert.rejects(connected(t, server, { serverKey, identity: Identity.generate() }), refusal);
    await assert.rejects(connected(t, server, { serverKey }), refusal);
    await assert.rejects(connected(t, server), refusal);
    assert.equal(server.sessions.length, 1);
    assert.equal(server.counters.handshake_not_allowed, 4);
  });

  test('whatever is wrong with a client, it learns the same', async (t) => {
    const identity = Identity.generate();
    const server = await serving(t, echoing(), { identity, allow: (key) => key === null });
    const tries = [
      { secret: new Uint8Array(32) },
      { serverKey: Identity.generate().publicKey },
      { serverKey: identity.publicKey, identity: Identity.generate() },
    ];
    const texts = await Promise.all(
      tries.map((options) => connected(t, server, options).catch((error: Error) => error.message)),
    );
    assert.equal(new Set(texts).size, 1);
  });

  test('nobody answers', async (t) => {
    const server = await serving(t, echoing());
    const url = urlOf(server);
    await server.close();
    for (const each of [url, url.replace('ws:', 'http:')]) {
      await assert.rejects(SessionClient.connect(each, { secret: SECRET }), { code: 'unreachable' });
    }
  });
});

describe('both ways', () => {
  test('questions, at once, by server and client, from within handlers', async (t) => {
    const app = createApp().on(
      '/relay',
      async (ctx) => `${await ctx.session?.request('/name')}: ${ctx.body}`,
    );
    const server = await serving(t, app);
    const clients = await Promise.all(
      ['ann', 'bob'].map(async (name) => {
        const client = await connected(t, server);
        client.on('/name', () => name);
        return client;
      }),
    );
    const answers = clients.flatMap((client) => [1, 2, 3].map((number) => client.request('/relay', number)));
    assert.deepEqual(await Promise.all(answers), [
      'ann: 1',
      'ann: 2',
      'ann: 3',
      'bob: 1',
      'bob: 2',
      'bob: 3',
    ]);
  });

  test('bodies of every kind and size', async (t) => {
    const app = createApp({ maxBody: 4 * 1024 * 1024 }).on('/echo', (ctx) => ctx.body);
    const server = await serving(t, app, { maxMessage: 4 * 1024 * 1024 });
    const client = await connected(t, server, { maxMessage: 4 * 1024 * 1024 });
    const bodies = [
      '',
      'text',
      null,
      { a: [1, 2, { b: true }] },
      new Uint8Array(0),
      new Uint8Array(3_000_000).fill(3),
    ];
    for (const body of bodies) assert.deepEqual(await client.request('/echo', body), body);
    for (const body of [new Date(5), 2n ** 100n, new Map([[1, 2]])])
      assert.deepEqual(await client.request('/echo', body), body);
  });

  test('streams, with values both ways at the same time', async (t) => {
    const app = createApp().on('/sum', async function* (ctx) {
      let sum = 0;
      for await (const value of ctx.body as AsyncIterable<number>) {
        sum += value;
        yield sum;
      }
    });
    const server = await serving(t, app);
    const client = await connected(t, server);
    const answered = new Journal<number>();
    // Each value is sent after the answer to the one before.
    async function* source(): AsyncGenerator<number> {
      for (let number = 1; number <= 100; number++) {
        yield number;
        await answered.until('an answer', () => answered.entries.length === number);
      }
    }
    for await (const sum of client.stream('/sum', source())) answered.add(sum as number);
    assert.equal(answered.entries.at(-1), 5050);
  });

  test('by a client that knows the routes: what they take and give is for the compiler to check', async (t) => {
    const app = createApp()
      .on('/next/:number', (ctx) => Number(ctx.params.number) + 1)
      .on('/twice', async function* () {
        yield* ['one', 'two'];
      });
    const typed = createClient<typeof app, RequestOptions>(await connected(t, await serving(t, app)));
    const next: number = await typed.request('/next/41', undefined, { once: true });
    assert.equal(next, 42);
    const words: string[] = [];
    for await (const word of typed.stream('/twice')) words.push(word);
    assert.deepEqual(words, ['one', 'two']);
    // @ts-expect-error: there is no such route
    await assert.rejects(typed.request('/last/41'), { status: 404 });
  });

  test('a slow reader of a stream slows its source, and nobody else', async (t) => {
    let made = 0;
    const app = echoing().on('/big', async function* () {
      for (; made < 1000; ) {
        made += 1;
        yield new Uint8Array(100_000);
      }
    });
    const server = await serving(t, app);
    const client = await connected(t, server);
    const values = client.stream('/big');
    await values.next();
    for (let number = 0; number < 50; number++) assert.equal(await client.request('/echo', number), number);
    assert.ok(made < 10, `${made} were made`);
    await values.return?.();
    await until(() => made < 10);
  });

  test('cancel, by either side, reaches the handler’s signal', async (t) => {
    const seen = new Journal<string>();
    const hang = async (ctx: { readonly signal: AbortSignal; readonly body: unknown }): Promise<void> => {
      ctx.signal.addEventListener('abort', () => seen.add(`aborted ${ctx.body}`));
      seen.add(`began ${ctx.body}`);
      await never();
    };
    const server = await serving(t, createApp().on('/hang', hang));
    const client = await connected(t, server);
    client.on('/hang', hang);
    await until(() => server.sessions.length === 1);
    const [session] = server.sessions;
    const control = new AbortController();
    const asked = [
      client.request('/hang', 'by client', { signal: control.signal }),
      session?.request('/hang', 'by server', { signal: control.signal }),
      collected(client.stream('/hang', 'stream', { signal: control.signal })),
    ];
    for (const name of ['by client', 'by server', 'stream']) {
      await seen.until(name, (entry) => entry === `began ${name}`);
    }
    control.abort();
    for (const each of asked) await assert.rejects(Promise.resolve(each), { code: 'aborted' });
    for (const name of ['by client', 'by server', 'stream']) {
      await seen.until(name, (entry) => entry === `aborted ${name}`);
    }
    await assert.rejects(client.request('/hang', 'late', { timeout: 20 }), { code: 'timeout' });
    await seen.until('the timeout', (entry) => entry === 'aborted late');
  });

  test('handlers that fail', async (t) => {
    const app = createApp()
      .on('/fails', () => {
        throw new Error('a secret');
      })
      .on('/conflict', () => {
        throw new StatusError(412, 'changed meanwhile', { code: 'conflict' });
      })
      .on('/stops', async function* () {
        yield 1;
        throw new Error('a secret');
      });
    const server = await serving(t, app);
    const client = await connected(t, server);
    await assert.rejects(client.request('/fails'), {
      code: 'handler_failed',
      message: 'The handler failed.',
    });
    await assert.rejects(client.request('/conflict'), { code: 'conflict', message: 'changed meanwhile' });
    await assert.rejects(collected(client.stream('/stops')), { status: 500, message: 'The stream failed.' });
    await assert.rejects(client.request('/nowhere'), { code: 'route_not_found' });
  });
});

describe('presence and rooms', () => {
  test('who comes, goes, comes back, and is where', async (t) => {
    const server = await serving(
      t,
      createApp().on('/join', (ctx) => ctx.session?.join(String(ctx.body))),
    );
    const seen = presence(server);
    const proxy = await proxied(t, server);
    const client = await connected(t, proxy);
    await client.request('/join', 'a');
    await client.request('/join', 'b');
    assert.deepEqual(server.sessions[0]?.rooms, ['a', 'b']);
    proxy.cut();
    await seen.until('back', (entry) => entry === 'back');
    await client.close();
    await seen.until('gone', (entry) => entry === 'leave');
    assert.deepEqual(seen.entries, ['join', 'in a', 'in b', 'away', 'back', 'out of a', 'out of b', 'leave']);
    assert.deepEqual(server.sessions, []);
    assert.deepEqual(server.room('a').members, []);
  });

  test('a room hears what is pushed to it, but for the one who said it', async (t) => {
    const app = createApp()
      .on('/join', (ctx) => ctx.session?.join('room'))
      .on('/say', (ctx) =>
        server.room('room').push('/said', ctx.body, { except: ctx.session ?? { id: '' } }),
      );
    const server = await serving(t, app);
    const heard = await Promise.all(
      [0, 1, 2, 3].map(async (number) => {
        const client = await connected(t, server);
        const journal = new Journal<unknown>();
        client.on('/said', (ctx) => journal.add(ctx.body));
        if (number < 3) await client.request('/join');
        return { client, journal };
      }),
    );
    assert.equal(await heard[0]?.client.request('/say', 'hello'), 2);
    await heard[1]?.journal.until('it', (entry) => entry === 'hello');
    await heard[2]?.journal.until('it', (entry) => entry === 'hello');
    await heard[3]?.client.request('/say', 'last').catch(() => {});
    assert.deepEqual(
      heard.map(({ journal }) => journal.entries.includes('hello')),
      [false, true, true, false],
    );
  });

  test('a room is told while somebody leaves it, and nobody joins after the end', async (t) => {
    const seen = new Journal<string>();
    const app = createApp()
      .on('/join', (ctx) => {
        for (const room of ['a', 'b']) ctx.session?.join(room);
      })
      .on('/late', async (ctx) => {
        seen.add('began');
        await seen.until('the end', (entry) => entry === 'leave');
        ctx.session?.join('a');
        seen.add('joined late');
      });
    const server = await serving(t, app);
    server.on('leave', () => seen.add('leave'));
    server.on('room', ({ isIn, room }) => isIn || seen.add(`told ${server.room('a').push('/left', room)}`));
    const [first, second] = [await connected(t, server), await connected(t, server)];
    const left = new Journal<unknown>();
    second.on('/left', (ctx) => left.add(ctx.body));
    await Promise.all([first.request('/join'), second.request('/join')]);
    const late = first.request('/late');
    await seen.until('it', (entry) => entry === 'began');
    await first.close();
    await assert.rejects(late, { code: 'closed' });
    await seen.until('it', (entry) => entry === 'joined late');
    await left.until('both', () => left.entries.length === 2);
    assert.deepEqual(left.entries, ['a', 'b']);
    assert.equal(server.room('a').members.length, 1);
  });

  test('a listener that fails harms nobody', async (t) => {
    const server = await serving(t, echoing());
    server.on('join', () => {
      throw new Error('mine');
    });
    const client = await connected(t, server);
    client.on('disconnected', () => {
      throw new Error('mine');
    });
    assert.equal(await client.request('/echo', 1), 1);
  });
});

describe('the end', () => {
  test('by the server: what is being answered is answered, then the client is told', async (t) => {
    const seen = new Journal<string>();
    const go = Promise.withResolvers<void>();
    const app = createApp().on('/slow', async () => {
      seen.add('began');
      await go.promise;
      return 'answered';
    });
    const server = await serving(t, app);
    const client = await connected(t, server);
    const answer = client.request('/slow');
    await seen.until('it', (entry) => entry === 'began');
    const closed = server.close();
    assert.equal(server.close(), closed, 'once');
    await assert.rejects(connected(t, server));
    go.resolve();
    assert.equal(await answer, 'answered');
    await closed;
    assert.deepEqual(server.sessions, []);
  });

  test('by the server, over HTTP too: what was not answered fails at once', async (t) => {
    let isAsked = false;
    const app = createApp().on('/never', () => {
      isAsked = true;
      return never();
    });
    const server = await serving(t, app, { listen: 'http://127.0.0.1:0' });
    const client = await connected(t, server);
    const asked = client.request('/never');
    asked.catch(() => {});
    await until(() => isAsked);
    await server.close({ timeout: 0 });
    await assert.rejects(asked, { code: 'unreachable' });
  });

  test('by the server, of one session: the client is of no more use', async (t) => {
    const server = await serving(t, echoing());
    const client = await connected(t, server);
    const events = eventsOf(client);
    await client.request('/echo');
    server.sessions[0]?.close();
    await events.until('the end', (entry) => entry === 'closed');
    await assert.rejects(client.request('/echo', 1), { code: 'closed' });
    await client.close();
    assert.deepEqual(events.entries, ['disconnected', 'closed']);
  });

  test('by the client, whatever is under way; again is nothing', async (t) => {
    const server = await serving(t, createApp().on('/hang', never));
    const seen = presence(server);
    const client = await connected(t, server);
    const [asked, values] = [client.request('/hang'), client.stream('/hang')];
    await client.close();
    await client.close();
    await assert.rejects(asked, { code: 'closed' });
    await assert.rejects(collected(values), { code: 'closed' });
    assert.throws(() => client.push('/x'), { code: 'closed' });
    await seen.until('the end', (entry) => entry === 'leave');
  });

  test('by the client, while it shakes hands', async (t) => {
    const server = await serving(t, echoing());
    const proxy = await proxied(t, server);
    const client = await connected(t, proxy);
    const events = eventsOf(client);
    proxy.cut();
    await events.until('the cut', (entry) => entry === 'disconnected');
    await setImmediate();
    await client.close();
    await until(() => server.sessions.every((session) => !session.isConnected));
    assert.ok(!events.entries.includes('resumed'));
  });

  test('of a session in which nothing is asked or told', async (t) => {
    const app = createApp()
      .on('/echo', (ctx) => ctx.body)
      .on('/slow', () => answer.promise);
    const answer = Promise.withResolvers<string>();
    const server = await serving(t, app, { idleTimeout: 500 });
    const seen = presence(server);
    const [busy, idle] = [
      await connected(t, server, { quiet: 100 }),
      await connected(t, server, { quiet: 100 }),
    ];
    const slow = busy.request('/slow');
    const events = eventsOf(idle);
    await events.until('the end', (entry) => entry === 'closed');
    assert.deepEqual(
      server.sessions.map(({ id }) => id),
      [busy.id],
      'an open question is not nothing',
    );
    answer.resolve('at last');
    assert.equal(await slow, 'at last');
    await seen.until('both', () => seen.entries.filter((entry) => entry === 'leave').length === 2);
    assert.equal(server.counters.idle, 2);
  });
});

describe('compressed', () => {
  const text = 'all of this has been said before. '.repeat(3000);

  test('questions, answers and pushes of both ends, to those who ask for it', async (t) => {
    const seen = new Journal<unknown>();
    const app = createApp()
      .on('/echo', (ctx) => {
        ctx.reply.compress = true;
        return ctx.body;
      })
      .on('/told', (ctx) => seen.add(ctx.body));
    const server = await serving(t, app);
    const proxy = await proxied(t, server);
    const client = await connected(t, proxy);
    client.on('/told', (ctx) => seen.add(ctx.body));
    const options = { compress: true };
    assert.equal(await client.request('/echo', text, options), text);
    assert.equal(await client.request('/echo', text, { ...options, once: true }), text);
    client.push('/told', `client ${text}`, options);
    server.sessions[0]?.push('/told', `server ${text}`, options);
    await seen.until('both', () => seen.entries.length === 2);
    assert.ok(proxy.carried < 10_000, `${proxy.carried} bytes for six times ${text.length}`);
  });

  for (const readsCompressed of [true, false]) {
    test(`${readsCompressed ? 'to' : 'never to'} a client that says it ${readsCompressed ? 'can' : 'cannot'} read it`, async (t) => {
      const server = await serving(t, echoing());
      const raw = await RawSession.begun(t, server, { readsCompressed });
      assert.equal(raw.hello?.readsCompressed, true);
      assert.ok(server.sessions[0]?.push('/told', text.slice(0, 1000), { compress: true }));
      const push = await raw.received.until('the push', ({ kind }) => kind === 'data');
      assert.ok('compressed' in push && push.compressed === readsCompressed);
      assert.equal(push.content.length < 500, readsCompressed);
    });
  }
});
