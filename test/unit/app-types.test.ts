/** What the compiler infers; `tsc` is the judge of most lines here. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { type App, createApp, type Handler } from '../../src/app/app.ts';
import type { Context } from '../../src/app/context.ts';
import type { PathOf, RouteFor, RoutesOf } from '../../src/app/route-types.ts';
import type { ParamsOf } from '../../src/app/router.ts';
import { type Asker, createClient, type PushAsker, type TypedClient } from '../../src/app/typed-client.ts';
import { Identity } from '../../src/keys/identity.ts';
import { MemoryHub, RequestClient, type RequestOptions, RequestServer } from '../../src/request/index.ts';

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

/** An app of many kinds of routes; each handler's value is told apart by its type. */
function house() {
  return createApp()
    .use((_ctx, next) => next())
    .on('/', () => 'the door')
    .on('/weather/:city', ({ params }) => ({ city: params.city, celsius: 21 }))
    .on('/files/*', () => new Uint8Array(1))
    .on('/add', ({ body }) => body.a + body.b, { schema: z.object({ a: z.number(), b: z.number() }) })
    .on('/length', async ({ body }) => body, {
      schema: z.string().transform((text) => text.length),
      once: true,
    })
    .on('/greet', ({ body = 'you' }) => `Hello, ${body}.`, { schema: z.string().optional() })
    .on('/any', () => JSON.parse('{"a":1}'))
    .on('/fail', () => {
      throw new Error('always');
    })
    .on('/count/:to', async function* ({ params }) {
      for (let number = 1; number <= Number(params.to); number++) yield number;
    })
    .on('/sum', async ({ body }) => (await all(body)).reduce((sum, each) => sum + each, 0), {
      schema: z.custom<AsyncIterable<number>>(),
    });
}

type House = ReturnType<typeof house>;

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const gathered: Item[] = [];
  for await (const item of items) gathered.push(item);
  return gathered;
}

/** Asks the app in this process; a session in all but the wire. */
function askerOf(app: App): PushAsker {
  const ask = async (route: string, body: unknown): Promise<unknown> =>
    (await app.dispatch({ route, body })).value;
  return {
    request: ask,
    async *stream(route, body) {
      yield* (await ask(route, body)) as AsyncIterable<unknown>;
    },
    push: (route, body) => Boolean(app.dispatch({ route, body })),
  };
}

test('the paths of a route come from its text', () => {
  true satisfies Same<PathOf<'/'>, '/'>;
  true satisfies Same<PathOf<'/a/b'>, '/a/b'>;
  true satisfies Same<PathOf<'/weather/:city'>, `/weather/${string}`>;
  true satisfies Same<PathOf<'/a/:b/c/*'>, `/a/${string}/c/${string}`>;
});

test('types lead a path to the route that the router leads it to', async () => {
  const app = createApp()
    .on('/', () => '/')
    .on('/a', () => '/a')
    .on('/a/:x', () => '/a/:x')
    .on('/a/b', () => '/a/b')
    .on('/a/b/c/d', () => '/a/b/c/d')
    .on('/a/:x/c/:y', () => '/a/:x/c/:y')
    .on('/a/*', () => '/a/*')
    .on('/f/*', () => '/f/*')
    .on('/p/:x', () => '/p/:x');
  async function leads<Path extends string>(
    path: Path,
    route: [RouteFor<RoutesOf<typeof app>, Path>] extends [never]
      ? null
      : RouteFor<RoutesOf<typeof app>, Path>,
  ): Promise<void> {
    const { status, value } = await app.dispatch({ route: path });
    assert.equal(status === 404 ? null : value, route, path);
  }
  const [text, number] = ['t' as string, 7 as number];
  await leads('/', '/');
  await leads('/a', '/a');
  await leads('/a/b', '/a/b');
  await leads('/a/x', '/a/:x');
  await leads('/a/b/c/d', '/a/b/c/d');
  await leads('/a/b/c/x', '/a/:x/c/:y'); // back from the literal
  await leads('/a/b/x', '/a/*'); // back from both
  await leads('/a/', '/a/*'); // a parameter is not empty
  await leads('/a//c/x', '/a/*');
  await leads('/f/', '/f/*');
  await leads('/f/x/y/z', '/f/*');
  await leads('/f', null);
  await leads('/p', null);
  await leads('/p/', null);
  await leads('/p/x/y', null);
  await leads('/b', null);
  await leads('a', null);
  await leads(`/a/${text}`, '/a/:x');
  await leads(`/a/${text}/c/${number}`, '/a/:x/c/:y');
  await leads(`/f/${text}/x`, '/f/*');
  await leads(`/p/p${number}`, '/p/:x');
  await leads(`/q/${text}`, null);
  await leads('/a/b' as '/a/b' | '/p/x', '/a/b' as '/a/b' | '/p/:x');
  // @ts-expect-error: a literal beats a parameter
  await assert.rejects(leads('/a/b', '/a/:x'));
});

test('a path that no route fits does not compile', () => {
  const client = createClient<House>({ request: async (route) => route });
  const [text, path] = ['oslo' as string, '/weather/oslo' as string];
  void client.request('/weather/oslo');
  void client.request(`/weather/${text}`);
  void client.request('/files/a/b.txt');
  // @ts-expect-error: misspelt
  void client.request('/wether/oslo');
  // @ts-expect-error: no such route
  void client.request('/files');
  // @ts-expect-error: a parameter is one segment
  void client.request('/weather/oslo/tomorrow');
  // @ts-expect-error: a parameter is not empty
  void client.request('/weather/');
  // @ts-expect-error: which route it is nobody knows
  void client.request(path);
  // @ts-expect-error: one of the two is none
  void client.request(path as '/any' | '/weather/a/b');
  // @ts-expect-error: of a plain App no route is known
  void createClient<App>({ request: async (route) => route }).request('/any');
});

test("a body has the type of the schema's input, and may be left out only where it may be undefined", () => {
  const client = createClient<House>({ request: async (route) => route });
  void client.request('/add', { a: 1, b: 2 });
  void client.request('/length', 'text');
  void client.request('/greet');
  void client.request('/greet', 'Ada');
  void client.request('/greet', undefined, { timeout: 1000 });
  void client.request('/any', { what: 'ever' }, { signal: AbortSignal.timeout(1000) });
  // @ts-expect-error: b is missing
  void client.request('/add', { a: 1 });
  // @ts-expect-error: b is a number
  void client.request('/add', { a: 1, b: '2' });
  // @ts-expect-error: the body is missing
  void client.request('/add');
  // @ts-expect-error: a number is what the schema makes of it
  void client.request('/length', 3);
  // @ts-expect-error: Ada is a string
  void client.request('/greet', 1);
  // @ts-expect-error: there is no such option
  void client.request('/greet', 'Ada', { once: true });
  // @ts-expect-error: which of them it is nobody knows, and no body fits both
  void client.request('/add' as '/add' | '/length', 'text');
  void client.request('/greet' as '/greet' | '/length', 'fits both');
  void createClient<House, RequestOptions>({ request: async (route) => route }).request('/greet', 'Ada', {
    once: true,
  });
});

test('a value has the type that the handler returns, promised or not', async () => {
  const client = createClient<House>(askerOf(house()));
  const weather = await client.request('/weather/oslo');
  true satisfies Same<typeof weather, { city: string; celsius: number }>;
  assert.deepEqual(weather, { city: 'oslo', celsius: 21 });
  const [door, sum, length] = [
    await client.request('/'),
    await client.request('/add', { a: 1, b: 2 }),
    await client.request('/length', 'four'),
  ];
  true satisfies Same<[typeof door, typeof sum, typeof length], [string, number, number]>;
  assert.deepEqual([door, sum, length], ['the door', 3, 4]);
  const file = client.request('/files/a/b') satisfies Promise<Uint8Array>;
  assert.ok((await file) instanceof Uint8Array);
  const parsed = await client.request('/any');
  true satisfies Same<typeof parsed, unknown>;
  // @ts-expect-error: a handler that returns `any` does not switch the caller's checks off
  assert.equal(parsed.a, 1);
  const failing = (): Promise<never> => client.request('/fail');
  assert.equal(typeof failing, 'function');
});

test('many values come by stream() alone, one value by request() alone', async () => {
  const client = createClient<House>(askerOf(house()));
  const numbers = client.stream('/count/3');
  true satisfies Same<typeof numbers, AsyncIterable<number>>;
  assert.deepEqual(await all(numbers), [1, 2, 3]);
  async function* three(): AsyncGenerator<number> {
    yield* [1, 2, 3];
  }
  const sum = await client.request('/sum', three());
  true satisfies Same<typeof sum, number>;
  assert.equal(sum, 6);
  // @ts-expect-error: many values
  void client.request('/count/3');
  // @ts-expect-error: one value
  client.stream('/weather/oslo');
  // @ts-expect-error: a stream of numbers
  void client.request('/sum', [1, 2, 3]);
  assert.equal(client.push('/greet', 'Ada'), true);
  // @ts-expect-error: the body is missing
  client.push('/length');
  const plain: Asker = askerOf(house());
  // @ts-expect-error: this asker has no streams
  assert.deepEqual(await all(createClient<House>(plain).stream('/count/1')), [1]);
});

test('an app keeps its routes step by step and through functions', () => {
  const first = createApp().on('/one', () => 1);
  const second = first.use((_ctx, next) => next());
  const third = second.on('/two', () => 'two');
  function withHealth<Routes>(app: App<Routes>) {
    return app.on('/health', () => true);
  }
  const whole = withHealth(third);
  const client = createClient<typeof whole>({ request: async (route) => route });
  client satisfies TypedClient<typeof whole>;
  client.request('/one') satisfies Promise<number>;
  client.request('/two') satisfies Promise<string>;
  client.request('/health') satisfies Promise<boolean>;
  // @ts-expect-error: the app's type was of before
  void createClient<typeof first>({ request: async (route) => route }).request('/two');
  const prefix: string = '/made';
  const made = first.on(prefix, () => 3).on(`${prefix}/up`, () => 4);
  true satisfies Same<RoutesOf<typeof made>, RoutesOf<typeof first>>;
});

test('an app with routes is an App, but not every App has its routes', () => {
  const routed = createApp().on('/one', () => 1);
  const plain: App = routed;
  const fewer: typeof routed = routed.on('/two', () => 2);
  // @ts-expect-error: its routes are not known
  const more: typeof routed = plain;
  // @ts-expect-error: another value
  const other: App<{ '/one': { body: unknown; value: string } }> = routed;
  assert.deepEqual([fewer, more, other], [routed, routed, routed]);
});

test('values arrive typed from a server, and the client is the one that was given', async () => {
  const [app, identity, hub] = [house(), Identity.generate(), new MemoryHub()];
  await using server = await RequestServer.start(app, { identity, listen: 'memory://house', hub });
  await using asker = await RequestClient.connect(server.addresses, {
    serverKey: identity.publicKey,
    hub,
  });
  const client = createClient<typeof app, RequestOptions>(asker);
  assert.ok(Object.is(client, asker));
  const { city, celsius } = await client.request('/weather/oslo');
  assert.equal(`${city.toUpperCase()} ${celsius.toFixed(1)}`, 'OSLO 21.0');
  assert.equal((await client.request('/add', { a: 1, b: 2 })) + 1, 4);
  assert.equal(await client.request('/length', 'four', { once: true }), 4);
  assert.equal(await client.request('/greet'), 'Hello, you.');
  // @ts-expect-error: a schema checks again what the types do not
  await assert.rejects(client.request('/add', { a: 1, b: '2' }), { code: 'bad_request' });
  const plain: App = app;
  await (await RequestServer.start(plain, { identity, listen: 'memory://plain', hub })).close();
});
