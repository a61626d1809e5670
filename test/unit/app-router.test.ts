import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApp } from '../../src/app/app.ts';
import { Router } from '../../src/app/router.ts';

function routerOf(...routes: string[]): Router<string> {
  const router = new Router<string>();
  for (const route of routes) router.add(route, route);
  return router;
}

test('the first segment that differs decides, even where a later one would fit more closely', () => {
  const router = routerOf('/a/*', '/:x/b/c', '/:x/*');
  assert.equal(router.match('/a/b/c')?.value, '/a/*');
  assert.equal(router.match('/z/b/c')?.value, '/:x/b/c');
  assert.equal(router.match('/z/b/d')?.value, '/:x/*');
});

test('parameters taken in a dead end are forgotten', () => {
  const router = routerOf('/:a/:b/end', '/:whole/*');
  assert.deepEqual({ ...router.match('/x/y/other')?.params }, { whole: 'x', '*': 'y/other' });
});

test('routes that differ only in the names of parameters on their way keep their own names', () => {
  const router = routerOf('/:user/posts', '/:group/members');
  assert.deepEqual({ ...router.match('/ann/posts')?.params }, { user: 'ann' });
  assert.deepEqual({ ...router.match('/staff/members')?.params }, { group: 'staff' });
});

test('a parameter may have a name that objects already know', () => {
  const params = routerOf('/:__proto__/:constructor').match('/a/b')?.params;
  assert.deepEqual(Object.entries(params ?? {}), [
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
  assert.equal('constructor' in (routerOf('/a').match('/a')?.params ?? {}), false);
});

test('64 segments and 4096 characters are taken, one more of either is nobody’s', () => {
  const router = routerOf('/*');
  assert.ok(router.match('/a'.repeat(64)));
  assert.equal(router.match('/a'.repeat(65)), null);
  assert.ok(router.match(`/${'a'.repeat(4095)}`));
  assert.equal(router.match(`/${'a'.repeat(4096)}`), null);
});

test('a pattern beyond the limits or with an odd parameter is refused, in a short text', () => {
  for (const [route, reason] of [
    ['/a'.repeat(65), /has more than 64 segments/],
    [`/${'a'.repeat(4096)}`, /is longer than 4096 characters/],
    ['/:id?', /has the parameter ":id\?"/],
    ['/:id.json', /letters, digits and "_" alone/],
    ['/:1', /letters, digits and "_" alone/],
  ] as const) {
    assert.throws(
      () => createApp().on(route, () => 1),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'invalid_route');
        assert.match(error.message, reason);
        assert.ok(error.message.length < 250);
        return true;
      },
    );
  }
});

test('the same pattern twice is refused, and the first one stays', async () => {
  const app = createApp().on('/files/*', () => 'first');
  assert.throws(() => app.on('/files/*', () => 'second'), { code: 'invalid_route', message: /is taken by/ });
  assert.equal((await app.dispatch({ route: '/files/x' })).value, 'first');
});
