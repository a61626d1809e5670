import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { appFrom, createApp } from '../../src/app/app.ts';
import type { InboundMessage } from '../../src/app/message.ts';
import { SottoError, StatusError } from '../../src/errors.ts';

async function ask(app: ReturnType<typeof createApp>, route: string, more: Partial<InboundMessage> = {}) {
  const { status, value } = await app.dispatch({ route, ...more });
  return status === 0 ? value : { status, value };
}

describe('routes', () => {
  test('parameters and wildcards are named, typed and given as they came', async () => {
    const app = createApp()
      .on('/weather/:city/:day', ({ params }) => {
        params.city satisfies string;
        // @ts-expect-error: only names of the route are parameters
        params.country;
        return [params.city, params.day];
      })
      .on('/files/*', ({ params }) => params['*'])
      .on('/', () => 'root');
    assert.deepEqual(await ask(app, '/weather/oslo/mo%6Eday'), ['oslo', 'mo%6Eday']);
    assert.equal(await ask(app, '/files/a/b/c'), 'a/b/c');
    assert.equal(await ask(app, '/files/'), '');
    assert.equal(await ask(app, '/'), 'root');
  });

  test('a literal beats a parameter, a parameter the wildcard, and a dead end is left again', async () => {
    const app = createApp()
      .on('/a/b/c', () => 'literal')
      .on('/a/:x/d', () => 'parameter')
      .on('/a/*', () => 'wildcard');
    assert.equal(await ask(app, '/a/b/c'), 'literal');
    assert.equal(await ask(app, '/a/b/d'), 'parameter');
    assert.equal(await ask(app, '/a/b/e'), 'wildcard');
  });

  test('no route, too many segments and strange names are not found', async () => {
    const app = createApp().on('/a/:b', () => 1);
    for (const route of [
      '/b',
      '/a',
      '/a/',
      '/a/b/c',
      'a/b',
      '',
      '/constructor',
      '/__proto__',
      '/'.repeat(5000),
    ]) {
      const { status } = await app.dispatch({ route });
      assert.equal(status, 404, route.slice(0, 20));
    }
  });

  test('a pattern that cannot be is refused with the reason', () => {
    const app = createApp().on('/a/:b', () => 1);
    for (const [route, reason] of [
      ['a', /must start with/],
      ['/a/:c', /is taken by "\/a\/:b"/],
      ['/*/a', /only as its last/],
      ['/x*', /only as its last/],
      ['/:', /without a name/],
      ['/:a/:a', /twice/],
    ] as const) {
      assert.throws(() => app.on(route, () => 1), { code: 'invalid_route', message: reason });
    }
  });
});

describe('middleware', () => {
  test('runs in onion order, sees the reply, and may change it', async () => {
    const seen: string[] = [];
    const app = createApp()
      .use(async (ctx, next) => {
        seen.push('a in');
        await next();
        seen.push(`a out ${ctx.reply.value}`);
        ctx.reply.value = 'changed';
      })
      .use(async (_ctx, next) => {
        seen.push('b in');
        await next();
        seen.push('b out');
      })
      .on('/x', () => 'value');
    assert.equal(await ask(app, '/x'), 'changed');
    assert.deepEqual(seen, ['a in', 'b in', 'b out', 'a out value']);
  });

  test('may answer without going on, sees what no route fits, and may not go on twice', async () => {
    const refuse = createApp().use(() => {
      throw new StatusError(403, 'no');
    });
    assert.deepEqual(await ask(refuse, '/nowhere'), { status: 403, value: 'no' });
    const twice = createApp()
      .use(async (_ctx, next) => {
        await next();
        await next();
      })
      .on('/x', () => 1);
    assert.equal((await twice.dispatch({ route: '/x' })).status, 500);
  });
});

describe('bodies', () => {
  test('a schema checks, converts and types the body; reasons are told', async () => {
    const app = createApp().on('/add', ({ body }) => body.a + body.b, {
      schema: z.object({ a: z.number(), b: z.coerce.number() }),
    });
    assert.equal(await ask(app, '/add', { body: { a: 1, b: '2' } }), 3);
    const { status, value } = await app.dispatch({ route: '/add', body: { a: 'x', b: 1 } });
    assert.equal(status, 400);
    assert.match(String(value), /a: .*number/);
  });

  test('one that is too long or does not decode is refused before the handler runs', async () => {
    const app = createApp({ maxBody: 4 })
      .on('/x', (ctx) => ctx.body)
      .on('/y', () => 1, { maxBody: 100 });
    assert.deepEqual(await ask(app, '/x', { bytes: new Uint8Array(5) }), {
      status: 413,
      value: 'The body has 5 bytes; this route takes 4.',
    });
    assert.equal(await ask(app, '/y', { bytes: new Uint8Array(5) }), 1);
    const broken: InboundMessage = {
      route: '/x',
      get body(): unknown {
        throw new SottoError('invalid_body', 'The body is not JSON.');
      },
    };
    assert.deepEqual(await app.dispatch(broken), {
      status: 400,
      value: 'The body is not JSON.',
      representation: 't',
    });
  });
});

describe('ends', () => {
  test('a thrown status is sent; anything else is a 500 that gives nothing away, and is logged', async () => {
    const logged: unknown[] = [];
    const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => logged.push(fields) };
    const app = createApp({ log })
      .on('/status', () => {
        throw new StatusError(409, 'taken');
      })
      .on('/secret', () => {
        throw new Error('password is hunter2');
      });
    assert.deepEqual(await ask(app, '/status'), { status: 409, value: 'taken' });
    assert.deepEqual(await ask(app, '/secret'), { status: 500, value: 'The handler failed.' });
    assert.equal(logged.length, 1);
  });

  test('a handler that takes too long is answered for, and told to stop', async () => {
    const stopped = Promise.withResolvers<unknown>();
    const app = createApp().on(
      '/slow',
      ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            stopped.resolve(signal.reason);
            resolve('late');
          });
        }),
      { timeout: 5 },
    );
    const reply = await app.dispatch({ route: '/slow' });
    assert.equal(reply.status, 504);
    assert.ok((await stopped.promise) instanceof StatusError);
  });

  test('a caller that is gone ends the waiting, and the handler is told', async () => {
    const caller = new AbortController();
    const app = createApp().on('/wait', ({ signal }) => {
      queueMicrotask(() => caller.abort());
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve('gone')));
    });
    assert.equal((await app.dispatch({ route: '/wait', signal: caller.signal })).status, 499);
    assert.equal((await app.dispatch({ route: '/wait', signal: caller.signal })).status, 499);
  });

  test('a handler that answers a stream is told when nobody wants the rest', async () => {
    const caller = new AbortController();
    const gone = Promise.withResolvers<unknown>();
    const app = createApp().on('/ticks', async function* ({ signal }) {
      signal.addEventListener('abort', () => gone.resolve(signal.reason));
      yield 1;
    });
    const { value } = await app.dispatch({ route: '/ticks', signal: caller.signal });
    for await (const tick of value as AsyncIterable<number>) assert.equal(tick, 1);
    caller.abort();
    assert.equal(((await gone.promise) as StatusError).code, 'caller_gone');
  });

  test('a bare handler answers every route', async () => {
    assert.equal(
      await ask(
        appFrom((ctx) => ctx.route),
        '/any/thing',
      ),
      '/any/thing',
    );
  });

  test('what a handler knows of its caller has safe defaults', async () => {
    const app = appFrom(({ sender, proof, protocol, transport, remote }) => ({
      sender,
      proof,
      protocol,
      transport,
      remote,
    }));
    assert.deepEqual(await ask(app, '/'), {
      sender: null,
      proof: 'none',
      protocol: 'local',
      transport: 'memory',
      remote: null,
    });
  });
});
