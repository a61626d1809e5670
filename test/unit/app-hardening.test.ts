/** What a hostile sender, or a careless handler, middleware or option does to an app: never more than a reply. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { appFrom, createApp } from '../../src/app/app.ts';
import type { InboundMessage, Logger } from '../../src/app/message.ts';
import { SottoError, StatusError } from '../../src/errors.ts';

const GAVE_NOTHING_AWAY = { status: 500, value: 'The handler failed.', representation: 't' };

describe('options', () => {
  test('a limit out of its range is refused where it is given', () => {
    const refused = { code: 'invalid_option' };
    for (const timeout of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      assert.throws(() => createApp({ timeout }), refused);
      assert.throws(() => createApp().on('/x', () => 1, { timeout }), refused);
    }
    assert.throws(() => createApp({ maxBody: -1 }), refused);
    assert.throws(() => appFrom(() => 1, { maxBody: Number.NaN }), refused);
    assert.doesNotThrow(() => createApp({ timeout: 2 ** 31 - 1, maxBody: 0 }));
  });

  test('a handler, middleware or schema that is none is refused where it is given', () => {
    const refused = { code: 'invalid_argument' };
    assert.throws(() => createApp().on('/x', 'handler' as never), refused);
    assert.throws(() => createApp().use(null as never), refused);
    assert.throws(() => createApp().on('/x', () => 1, { schema: {} as never }), refused);
  });

  test('once is known by the route that fits', () => {
    const app = createApp()
      .on('/pay/:to', () => 1, { once: true })
      .on('/pay/nobody', () => 1);
    assert.deepEqual(
      ['/pay/ann', '/pay/nobody', '/other', ''].map((route) => app.isOnce(route)),
      [true, false, false, false],
    );
  });
});

describe('bodies', () => {
  test('the reasons of a refusal stay short, however much was sent', async () => {
    const app = createApp().on('/x', () => 1, { schema: z.strictObject({}) });
    const body = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`name${i}`, i]));
    const { status, value } = await app.dispatch({ route: '/x', body });
    assert.equal(status, 400);
    assert.match(String(value), /^The body does not fit: .*name0/);
    assert.ok(String(value).length < 1100);
  });

  test('each reason names its place', async () => {
    const schema = z.object({ list: z.array(z.object({ n: z.number() })), name: z.string() });
    const app = createApp().on('/x', () => 1, { schema });
    const { value } = await app.dispatch({ route: '/x', body: { list: [{ n: 1 }, { n: 'x' }] } });
    assert.match(String(value), /list\.1\.n: [^;]+; name: /);
  });

  test('an asynchronous schema is waited for, one that throws is a failure of ours', async () => {
    const app = createApp()
      .on('/async', (ctx) => ctx.body, { schema: z.string().refine(async (text) => text !== 'no') })
      .on('/broken', () => 1, {
        schema: z.string().transform(() => {
          throw new Error('secret');
        }),
      });
    assert.equal((await app.dispatch({ route: '/async', body: 'yes' })).value, 'yes');
    assert.equal((await app.dispatch({ route: '/async', body: 'no' })).status, 400);
    assert.deepEqual(await app.dispatch({ route: '/broken', body: '' }), GAVE_NOTHING_AWAY);
  });

  test('is decoded once however often it is read, and not at all where it is too long', async () => {
    let decoded = 0;
    const message: InboundMessage = {
      route: '/x',
      bytes: new Uint8Array(3),
      get body(): unknown {
        decoded++;
        return { n: 1 };
      },
    };
    await createApp({ maxBody: 2 })
      .on('/x', (ctx) => ctx.body)
      .dispatch(message);
    assert.equal(decoded, 0);
    const twice = await createApp()
      .on('/x', (ctx) => [ctx.body, ctx.body])
      .dispatch(message);
    assert.deepEqual(twice.value, [{ n: 1 }, { n: 1 }]);
    assert.equal(decoded, 1);
  });

  test('an undecodable one is the sender’s fault only where it is the sender’s', async () => {
    const fail = (): never => {
      throw new SottoError('invalid_body', 'Not JSON.');
    };
    const sent: InboundMessage = {
      route: '/x',
      get body(): unknown {
        return fail();
      },
    };
    const inSchema = createApp().on('/x', () => 1, { schema: z.unknown() });
    assert.deepEqual(await inSchema.dispatch(sent), { status: 400, value: 'Not JSON.', representation: 't' });
    assert.deepEqual(await appFrom(fail).dispatch({ route: '/x' }), GAVE_NOTHING_AWAY);
  });
});

describe('failures', () => {
  test('whatever is thrown, the reply gives nothing away and the log has the error itself', async () => {
    for (const thrown of [new SottoError('wrong_passphrase', 'secret'), 'secret', null, undefined]) {
      const logged: object[] = [];
      const log: Logger = { debug() {}, info() {}, warn() {}, error: (fields) => logged.push(fields) };
      const app = appFrom(
        () => {
          throw thrown;
        },
        { log },
      );
      assert.deepEqual(await app.dispatch({ route: '/x' }), GAVE_NOTHING_AWAY);
      assert.deepEqual(logged, [{ error: thrown, route: '/x' }]);
    }
  });

  test('a status that no wire can carry is a failure, not an answer', async () => {
    for (const status of [0, 99, 600, 70_000, 404.5, Number.NaN]) {
      const thrown = appFrom(() => {
        throw new StatusError(status, 'text');
      });
      assert.deepEqual(await thrown.dispatch({ route: '/x' }), GAVE_NOTHING_AWAY);
    }
    const assigned = appFrom(({ reply }) => {
      reply.status = 70_000;
    });
    assert.deepEqual(await assigned.dispatch({ route: '/x' }), GAVE_NOTHING_AWAY);
    const missing = appFrom(({ reply }) => {
      reply.status = 404;
      return 'nobody';
    });
    assert.deepEqual(await missing.dispatch({ route: '/x' }), {
      status: 404,
      value: 'nobody',
      representation: 'auto',
    });
  });

  test('dispatch does not reject for a broken log or a broken message', async () => {
    const broken = (): never => {
      throw new Error('the log is full');
    };
    const log: Logger = { debug: broken, info: broken, warn: broken, error: broken };
    assert.deepEqual(await appFrom(broken, { log }).dispatch({ route: '/x' }), GAVE_NOTHING_AWAY);
    assert.deepEqual(await createApp().dispatch({} as never), GAVE_NOTHING_AWAY);
  });

  test('a bare handler answers any route text, even none', async () => {
    const app = appFrom((ctx) => ('constructor' in ctx.params ? 'surprise' : 'fine'));
    for (const route of ['', 'no slash', '/'.repeat(10_000)]) {
      assert.equal((await app.dispatch({ route })).value, 'fine');
    }
  });
});

describe('middleware', () => {
  test('one that returns nothing is over when what it called is', async () => {
    const app = createApp()
      .use((_ctx, next) => {
        next();
      })
      .on('/value', async () => 'value')
      .on('/error', async () => {
        throw new StatusError(409, 'taken');
      });
    assert.equal((await app.dispatch({ route: '/value' })).value, 'value');
    assert.equal((await app.dispatch({ route: '/error' })).status, 409);
  });

  test('one that forgets to wait lets no failure escape as an unhandled rejection', async (t) => {
    const escaped = t.mock.fn();
    process.on('unhandledRejection', escaped);
    t.after(() => process.off('unhandledRejection', escaped));
    const app = createApp()
      .use(async (_ctx, next) => {
        next();
      })
      .on('/x', () => {
        throw new Error('unheard');
      });
    await app.dispatch({ route: '/x' });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(escaped.mock.callCount(), 0);
  });

  test('sees a message that no route fits, and may answer it', async () => {
    const app = createApp().use(async (ctx, next) => {
      await next().catch((error: StatusError) => {
        ctx.reply.value = `${error.code} for ${ctx.route}`;
      });
    });
    assert.equal((await app.dispatch({ route: '/x' })).value, 'route_not_found for /x');
  });

  test('is seen by messages after it was added', async () => {
    const app = createApp().on('/x', () => 'plain');
    assert.equal((await app.dispatch({ route: '/x' })).value, 'plain');
    app.use(async (ctx, next) => {
      await next();
      ctx.reply.value = 'wrapped';
    });
    assert.equal((await app.dispatch({ route: '/x' })).value, 'wrapped');
  });
});

describe('waiting', () => {
  test('a caller that goes while the handler is still running its first steps ends the waiting', async () => {
    const caller = new AbortController();
    const never = appFrom(async () => {
      await null;
      caller.abort();
      return new Promise(() => {});
    });
    assert.equal((await never.dispatch({ route: '/x', signal: caller.signal })).status, 499);
  });

  test('a handler is not started for a caller that is already gone', async (t) => {
    const handler = t.mock.fn(() => 1);
    assert.equal((await appFrom(handler).dispatch({ route: '/x', signal: AbortSignal.abort() })).status, 499);
    assert.equal(handler.mock.callCount(), 0);
  });

  test('a signal that is first looked at after the end is aborted with the reason', async () => {
    const looked = Promise.withResolvers<AbortSignal>();
    const caller = new AbortController();
    const gone = Promise.withResolvers<void>();
    const app = appFrom(async (ctx) => {
      await gone.promise;
      looked.resolve(ctx.signal);
    });
    const reply = app.dispatch({ route: '/x', signal: caller.signal });
    setImmediate(() => caller.abort());
    assert.equal((await reply).status, 499);
    gone.resolve();
    const signal = await looked.promise;
    assert.ok(signal.aborted && signal.reason instanceof StatusError && signal.reason.status === 499);
  });

  test('a handler that ends leaves no timer and no listener behind', async (t) => {
    const set = t.mock.method(globalThis, 'setTimeout');
    const clear = t.mock.method(globalThis, 'clearTimeout');
    const { signal } = new AbortController();
    const remove = t.mock.method(signal, 'removeEventListener');
    const app = createApp()
      .on('/now', () => 1)
      .on('/soon', async () => 1)
      .on('/later', () => new Promise((resolve) => setImmediate(resolve, 1)));
    await app.dispatch({ route: '/now', signal });
    await app.dispatch({ route: '/soon', signal });
    assert.equal(set.mock.callCount(), 0, 'what does not wait needs no timer');
    assert.equal((await app.dispatch({ route: '/later', signal })).value, 1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(set.mock.callCount(), 1);
    assert.equal(clear.mock.calls[0]?.arguments[0], set.mock.calls[0]?.result);
    assert.equal(remove.mock.callCount(), 1);
  });

  test('a handler that ends badly after its time is up disturbs nobody', async (t) => {
    const escaped = t.mock.fn();
    process.on('unhandledRejection', escaped);
    t.after(() => process.off('unhandledRejection', escaped));
    const app = appFrom(
      ({ signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => setImmediate(reject, new Error('late'))),
        ),
      { timeout: 1 },
    );
    assert.equal((await app.dispatch({ route: '/x' })).status, 504);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    assert.equal(escaped.mock.callCount(), 0);
  });
});
