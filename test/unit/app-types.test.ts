/** What the compiler infers; `tsc` is the judge of most lines here. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { createApp, type Handler } from '../../src/app/app.ts';
import type { Context } from '../../src/app/context.ts';
import type { ParamsOf } from '../../src/app/router.ts';

/** Compiles only where both are one type: neither wider, narrower, nor `any`. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

test('the names of parameters come from the text of the route', async () => {
  true satisfies Same<ParamsOf<'/a/:x/b/*'>, { readonly x: string; readonly '*': string }>;
  true satisfies Same<ParamsOf<'/:x/:y'>, { readonly x: string; readonly y: string }>;
  true satisfies Same<keyof ParamsOf<'/plain'>, never>;
  true satisfies Same<ParamsOf<string>, Readonly<Record<string, string>>>;
  const app = createApp().on('/a/:x/b/*', ({ params }) => {
    true satisfies Same<typeof params, { readonly x: string; readonly '*': string }>;
    // @ts-expect-error: the route has no such parameter
    assert.equal(params.other, undefined);
    return `${params.x} ${params['*']}`;
  });
  assert.equal((await app.dispatch({ route: '/a/1/b/2/3' })).value, '1 2/3');
});

test('a schema types the body by its output; without one the body is unknown', async () => {
  const app = createApp()
    .on(
      '/length/:unit',
      ({ body, params }) => {
        true satisfies Same<typeof body, { text: number }>;
        return `${body.text} ${params.unit}`;
      },
      { schema: z.object({ text: z.string().transform((text) => text.length) }), once: true },
    )
    .on(
      '/unknown',
      ({ body }) => {
        true satisfies Same<typeof body, unknown>;
        // @ts-expect-error: nobody has looked at it
        return body.text;
      },
      { timeout: 1000 },
    );
  assert.equal((await app.dispatch({ route: '/length/letters', body: { text: 'abc' } })).value, '3 letters');
  assert.equal((await app.dispatch({ route: '/unknown', body: { text: 'abc' } })).value, 'abc');
});

test('a handler of any route fits a route with parameters', async () => {
  const echo: Handler = ({ route }) => route;
  const app = createApp().on('/:x', echo);
  assert.equal((await app.dispatch({ route: '/me' })).value, '/me');
});

test('what the message is cannot be assigned, what is answered can', async () => {
  const handler = (ctx: Context): void => {
    ctx.reply.value = 'set';
    ctx.reply.representation = 't';
    // @ts-expect-error: the body is the sender's
    assert.throws(() => (ctx.body = 'changed'));
    // @ts-expect-error: the sender is proven, never said
    assert.throws(() => (ctx.sender = null));
  };
  const reply = await createApp().on('/x', handler).dispatch({ route: '/x' });
  assert.deepEqual(reply, { status: 0, value: 'set', representation: 't' });
});
