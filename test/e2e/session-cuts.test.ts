/** Sessions whose connections are cut, whose servers die, and whose other ends are slow, silent or gone. */

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type App, createApp } from '../../src/app/app.ts';
import type { StatusError } from '../../src/errors.ts';
import type { SessionClient } from '../../src/session/client.ts';
import type { SessionServer } from '../../src/session/server.ts';
import type { CuttingProxy } from '../support/cutting-proxy.ts';
import { Journal } from '../support/journal.ts';
import { until } from '../support/lookup.ts';
import { mulberry32 } from '../support/lossy-proxy.ts';
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

const COUNT = 1000;
/** Between two cuts, bytes: a handshake, and something after it. */
const LEAST_CARRIED = 1500;
const ALL = Array.from({ length: COUNT }, (_, number) => number);

/**
 * Cuts at random moments, until `work` is over; not before the client is back, or a slow machine would never get on.
 *
 * @returns how often.
 */
async function cutDuring(
  {
    proxy,
    client,
    seed,
  }: { readonly proxy: CuttingProxy; readonly client: SessionClient; readonly seed: number },
  work: Promise<unknown>,
): Promise<number> {
  const random = mulberry32(seed);
  const state = { isOver: false };
  const over = work.finally(() => {
    state.isOver = true;
  });
  void over.catch(() => {});
  let cuts = 0;
  while (!state.isOver) {
    const carried = proxy.carried;
    await delay(10 + random() * 60);
    await until(() => state.isOver || (client.isConnected && proxy.carried > carried + LEAST_CARRIED));
    proxy.cut();
    cuts += 1;
  }
  await over;
  return cuts;
}

for (const scheme of ['ws', 'http'])
  describe(`under random cuts, by ${scheme}`, () => {
    const listen = `${scheme}://127.0.0.1:0`;

    for (const seed of [1, 2, 3]) {
      test(`1000 questions and 1000 pushes each way, nothing lost or doubled (${seed})`, async (t) => {
        const random = mulberry32(seed);
        const [askedServer, toldServer, askedClient, toldClient] = [[], [], [], []] as number[][];
        const answering = (asked: number[] | undefined) => async (ctx: { readonly body: unknown }) => {
          asked?.push(ctx.body as number);
          if (random() < 0.2) await delay(random() * 5);
          return ctx.body;
        };
        const app = createApp()
          .on('/ask', answering(askedServer))
          .on('/tell', (ctx) => void toldServer?.push(ctx.body as number));
        const server = await serving(t, app, { listen, maxOutbox: 64 * 1024 * 1024 });
        const proxy = await proxied(t, server);
        const client = await connected(t, proxy, { maxOutbox: 64 * 1024 * 1024 });
        const events = eventsOf(client);
        client
          .on('/ask', answering(askedClient))
          .on('/tell', (ctx) => void toldClient?.push(ctx.body as number));
        await until(() => server.sessions.length === 1);
        const session = server.sessions[0] ?? assert.fail();
        const talk = async (end: typeof client | typeof session): Promise<void> => {
          const answers: Promise<void>[] = [];
          for (const number of ALL) {
            assert.ok(end.push('/tell', number));
            answers.push(end.request('/ask', number).then((answer) => assert.equal(answer, number)));
            if (number % 20 === 0) await delay(random() * 10);
          }
          await Promise.all(answers);
        };
        const cuts = await cutDuring({ proxy, client, seed }, Promise.all([talk(client), talk(session)]));
        await until(() => toldServer?.length === COUNT && toldClient?.length === COUNT);
        assert.deepEqual([toldServer, toldClient], [ALL, ALL], 'in order, once');
        for (const asked of [askedServer, askedClient])
          assert.deepEqual(
            asked?.toSorted((a, b) => a - b),
            ALL,
          );
        assert.ok(cuts > 3, `${cuts} cuts`);
        // A pipe of POSTs outlives most cuts by itself.
        if (scheme === 'ws') assert.ok(events.entries.includes('resumed'));
        assert.ok(!events.entries.some((entry) => entry.startsWith('gap') || entry === 'begun'));
        assert.equal(server.sessions.length, 1);
      });
    }

    test('streams both ways come whole', async (t) => {
      const app = createApp().on('/twice', async function* (ctx) {
        for await (const value of ctx.body as AsyncIterable<number>) {
          yield value;
          yield value;
        }
      });
      const server = await serving(t, app, { listen });
      const proxy = await proxied(t, server);
      const client = await connected(t, proxy);
      const read = async (): Promise<void> => {
        async function* source(): AsyncGenerator<number> {
          for (const number of ALL) {
            if (number % 50 === 0) await delay(2);
            yield number;
          }
        }
        const values: unknown[] = [];
        for await (const value of client.stream('/twice', source())) values.push(value);
        assert.deepEqual(
          values,
          ALL.flatMap((number) => [number, number]),
        );
      };
      await cutDuring({ proxy, client, seed: 4 }, Promise.all([read(), read(), read()]));
    });

    test('messages in many parts come whole', async (t) => {
      const server = await serving(t, echoing(), { listen });
      const proxy = await proxied(t, server);
      const client = await connected(t, proxy);
      const ask = async (fill: number): Promise<void> => {
        for (let time = 0; time < 5; time++) {
          const body = new Uint8Array(800_000).fill(fill + time);
          assert.deepEqual(await client.request('/echo', body), body);
        }
      };
      await cutDuring({ proxy, client, seed: 5 }, Promise.all([ask(1), ask(50), ask(100)]));
    });
  });

/** Where a server was, there is a new one. */
async function restarted(t: TestContext, old: SessionServer, app: App): Promise<SessionServer> {
  const listen = urlOf(old);
  await old.close({ timeout: 0 });
  return serving(t, app, { listen });
}

describe('a lost session', () => {
  test('is a gap of nobody knows how much; what was asked is rejected; then all goes on', async (t) => {
    const app = (): App => echoing().on('/hang', () => new Promise(() => {}));
    const server = await serving(t, app());
    const client = await connected(t, server);
    const events = eventsOf(client);
    await client.request('/echo', 1);
    const [before, asked, values] = [client.id, client.request('/hang'), client.stream('/hang')];
    void asked.catch(() => {});
    await until(() => server.sessions.length === 1);
    const after = await restarted(t, server, app());
    await events.until('a new session', (entry) => entry === 'begun');
    await assert.rejects(asked, { code: 'unreachable' });
    await assert.rejects(values.next(), { code: 'unreachable' });
    assert.equal(events.entries.filter((entry) => entry === 'gap null').length, 1);
    assert.equal(await client.request('/echo', 2), 2);
    assert.notEqual(client.id, before);
    assert.deepEqual(
      after.sessions.map(({ id }) => id),
      [client.id],
    );
  });

  test('ends after resumeWithin; a once question is asked again, and handled once', async (t) => {
    let handled = 0;
    const seen = new Journal<string>();
    const go = Promise.withResolvers<void>();
    const app = createApp().on('/pay', async (ctx) => {
      handled += 1;
      ctx.signal.addEventListener('abort', () => seen.add('aborted'));
      seen.add('began');
      await go.promise;
      return 'paid';
    });
    const server = await serving(t, app, { resumeWithin: 10 });
    const joined = presence(server);
    const proxy = await proxied(t, server);
    const client = await connected(t, proxy);
    const events = eventsOf(client);
    const [once, plain] = [client.request('/pay', 1, { once: true }), client.request('/pay', 2)];
    void plain.catch(() => {});
    await seen.until('both', () => handled === 2);
    proxy.setDown(true);
    await joined.until('the end', (entry) => entry === 'leave');
    proxy.setDown(false);
    await events.until('a new session', (entry) => entry === 'begun');
    go.resolve();
    assert.equal(await once, 'paid');
    await assert.rejects(plain, { code: 'unreachable' });
    assert.equal(handled, 2, 'the once question one time, and the plain one');
    assert.equal(seen.entries.filter((entry) => entry === 'aborted').length, 1, 'the plain one alone');
  });

  test('a once question that a restarted server may have handled is not handled again', async (t) => {
    let handled = 0;
    const seen = new Journal<string>();
    const app = (): App =>
      echoing().on('/pay', () => {
        handled += 1;
        seen.add('began');
        return handled === 1 ? new Promise(() => {}) : 'paid';
      });
    const server = await serving(t, app());
    const client = await connected(t, server);
    const paid = client.request('/pay', 1, { once: true });
    void paid.catch(() => {});
    await seen.until('it', () => handled === 1);
    await restarted(t, server, app());
    await assert.rejects(paid, { code: 'outcome_unknown' });
    assert.equal(handled, 1);
  });

  test('a once question that never left is asked at the restarted server', async (t) => {
    let handled = 0;
    const app = (): App =>
      echoing().on('/pay', () => {
        handled += 1;
        return 'paid';
      });
    const server = await serving(t, app());
    const client = await connected(t, server);
    const events = eventsOf(client);
    await client.request('/echo', 1);
    await server.close({ timeout: 0 });
    await events.until('the end', (entry) => entry === 'gap null' || entry === 'disconnected');
    const paid = client.request('/pay', 1, { once: true });
    await serving(t, app(), { listen: urlOfClosed(server) });
    assert.equal(await paid, 'paid');
    assert.equal(handled, 1);
  });

  test('a server that has no room is not stormed, and let in again when there is', async (t) => {
    const server = await serving(t, echoing(), { maxSessions: 1 });
    const first = await connected(t, server);
    await assert.rejects(connected(t, server), { status: 503 });
    const events = eventsOf(first);
    server.sessions[0]?.close(503, 'Make room.');
    const second = await connected(t, server); // before the first is back
    await events.until('the loss', (entry) => entry.startsWith('gap'));
    const refused = server.counters.too_many_sessions ?? 0;
    await until(() => (server.counters.too_many_sessions ?? 0) > refused);
    assert.equal(server.sessions.length, 1);
    await second.close();
    await until(() => first.request('/echo', 2).then(Boolean, () => false));
    assert.ok((server.counters.too_many_sessions ?? 0) > 0);
  });
});

function urlOfClosed(server: SessionServer): string {
  return server.addresses[0] ?? assert.fail();
}

describe('an end that is slow', () => {
  test('has pushes skipped, is told how many and where, and nobody else feels it', async (t) => {
    const server = await serving(t, echoing(), { maxOutbox: 100_000 });
    const proxy = await proxied(t, server);
    const slow = await connected(t, proxy);
    const other = await connected(t, server);
    const seen = new Journal<unknown>();
    slow.on('/told', (ctx) => seen.add(ctx.body));
    slow.on('gap', ({ missed }) => seen.add(`gap ${missed}`));
    let others = 0;
    other.on('/told', () => {
      others += 1;
    });
    await Promise.all([slow.request('/echo', 1), other.request('/echo', 1)]);
    for (const session of server.sessions) session.join('room');
    const session = server.sessions.find(({ id }) => id === slow.id) ?? assert.fail();
    proxy.setHeld(true);
    const body = { filler: 'x'.repeat(10_000) };
    let [reached, sent] = [2, 0];
    for (; reached === 2 || sent < 50; sent++) {
      reached = server.room('room').push('/told', body);
      await other.request('/echo', sent);
    }
    const skipped = Array.from({ length: 5 }, () => session.push('/told', body));
    assert.deepEqual(new Set(skipped), new Set([false]));
    assert.ok((server.counters.slow ?? 0) >= 5);
    await until(() => others === sent);
    proxy.setHeld(false);
    const gap = await seen.until('the gap', (entry) => typeof entry === 'string');
    assert.ok(session.push('/told', 'after'));
    await seen.until('what follows', (entry) => entry === 'after');
    const missed = Number(String(gap).slice(4));
    assert.equal(seen.entries.length - 2 + missed, sent + 5, 'all is there, or told to be missing');
    assert.equal(seen.entries.indexOf(gap), seen.entries.length - 2);
  });

  test('is cut off where the app says so, and begins anew', async (t) => {
    const server = await serving(t, echoing(), { maxOutbox: 100_000, slow: 'cut' });
    const left = new Journal<string>();
    server.on('leave', ({ why }) => left.add(why));
    const proxy = await proxied(t, server);
    const client = await connected(t, proxy);
    const events = eventsOf(client);
    await client.request('/echo', 1);
    const session = server.sessions[0] ?? assert.fail();
    proxy.setHeld(true);
    while (session.push('/told', 'x'.repeat(10_000)));
    await left.until('its end', (why) => why.includes('slow'));
    assert.throws(() => session.push('/told', 1), { code: 'unreachable' });
    assert.deepEqual(server.sessions, []);
    proxy.setHeld(false);
    await events.until('a new session', (entry) => entry === 'begun');
    assert.ok(events.entries.includes('gap null'));
    assert.equal(await client.request('/echo', 2), 2);
  });

  test('and asks on and on without ever reading fills no memory', async (t) => {
    const app = createApp().on('/big', () => new Uint8Array(50_000));
    const server = await serving(t, app, { maxOutbox: 100_000, maxStreams: 8 });
    const raw = await RawSession.begun(t, server);
    raw.webSocket.pause();
    const { encodeRoutedRequest } = await import('../../src/wire/routed.ts');
    const content = encodeRoutedRequest({
      ...{ route: '/big', once: false, oneWay: false, sentAt: 0, representation: 't' as const },
      body: new Uint8Array(0),
    });
    const before = process.memoryUsage().arrayBuffers;
    for (let number = 0; number < 20_000; number++) {
      raw.say({ kind: 'data', stream: 2 * number + 1, number, more: false, compressed: false, content });
      raw.say({ kind: 'ping', received: 0 });
      if (number % 500 === 0) await delay(1);
    }
    await until(() => raw.webSocket.bufferedAmount === 0);
    const client = await connected(t, server);
    await client.request('/big');
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 30_000_000, `${grown} bytes more; all answers would be 1 GB`);
  });

  test('as a server: the client’s pushes are skipped, and told as a gap there', async (t) => {
    const told: unknown[] = [];
    const server = await serving(
      t,
      echoing().on('/told', (ctx) => void told.push(ctx.body)),
    );
    const gaps = new Journal<number>();
    server.on('gap', ({ missed }) => gaps.add(missed));
    const proxy = await proxied(t, server);
    const client = await connected(t, proxy, { maxOutbox: 10_000 });
    await client.request('/echo', 1);
    proxy.setHeld(true); // its confirmations do not come
    let sent = 0;
    while (client.push('/told', 'x'.repeat(1000))) sent += 1;
    proxy.setHeld(false);
    assert.deepEqual(await gaps.until('the gap', () => true), 1);
    assert.equal(told.length, sent);
  });
});

describe('an end that is gone without a word', () => {
  test('is found by pings, on both sides', async (t) => {
    const server = await serving(t, echoing(), { quiet: 40 });
    const seen = presence(server);
    const proxy = await proxied(t, server);
    const client = await connected(t, proxy, { quiet: 40 });
    const events = eventsOf(client);
    await client.request('/echo', 1);
    proxy.setHeld(true);
    await events.until('the client finds out', (entry) => entry === 'disconnected');
    const raw = await RawSession.begun(t, server);
    raw.webSocket.pause(); // it answers no ping
    await seen.until(
      'the server does, too',
      () => seen.entries.filter((entry) => entry === 'away').length >= 2,
    );
  });

  test('and one that is only quiet is not', async (t) => {
    const server = await serving(t, echoing(), { quiet: 200 });
    const client = await connected(t, server, { quiet: 200 });
    const events = eventsOf(client);
    const raw = await RawSession.begun(t, server);
    let pings = 0;
    raw.webSocket.on('message', () => {
      pings += 1;
      raw.say({ kind: 'pong', received: 0 });
    });
    await until(() => pings >= 4);
    assert.deepEqual(events.entries, []);
    assert.equal(server.sessions.length, 2);
    assert.equal(await client.request('/echo', 1), 1);
  });
});

test('a status of a once question comes back as it was', async (t) => {
  const server = await serving(t, echoing());
  const client = await connected(t, server);
  await assert.rejects(
    client.request('/nowhere', 1, { once: true }),
    (error: StatusError) => error.status === 404,
  );
  await assert.rejects(
    client.request(
      '/echo',
      (async function* () {
        yield 1;
      })(),
      { once: true },
    ),
    { code: 'invalid_argument' },
  );
});

test('nothing keeps a process that has closed all alive', async () => {
  const { spawn } = await import('node:child_process');
  const { once } = await import('node:events');
  const code = `
    import { createApp } from './src/app/app.ts';
    import { SessionServer, SessionClient } from './src/session/index.ts';
    const secret = new Uint8Array(32).fill(${SECRET[0]});
    const server = await SessionServer.start(createApp().on('/echo', (ctx) => ctx.body), { listen: 'ws://127.0.0.1:0', secret });
    const client = await SessionClient.connect(server.addresses[0], { secret });
    await client.request('/echo', 1);
    await client.close();
    const lost = await SessionClient.connect(server.addresses[0], { secret });
    await lost.request('/echo', 1);
    await server.close();
    await lost.close();
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' });
  const [status] = await once(child, 'exit');
  assert.equal(status, 0);
});
