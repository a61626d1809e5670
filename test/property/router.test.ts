/** The trie router against a naive matcher that tries every route, and the work a match takes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Router } from '../../src/app/router.ts';
import { SottoError } from '../../src/errors.ts';

// Few names, so that random paths often fit, nearly fit, or fit several routes at once.
const segment = fc.constantFrom('a', 'b', '', '__proto__', ':x', ':y', ':z');
const pattern = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([segments, wildcard]) => `/${[...segments, ...(wildcard ? ['*'] : [])].join('/')}`);
const path = fc
  .array(fc.constantFrom('a', 'b', 'c', '', '__proto__', ':x', '*'), { minLength: 1, maxLength: 6 })
  .map((segments) => `/${segments.join('/')}`);

/** What `route` takes from `path`, as pairs of name and value in order; null where it does not fit. */
function naiveFit(route: string, path: string): [string, string][] | null {
  const wanted = route.slice(1).split('/');
  const given = path.slice(1).split('/');
  const pairs: [string, string][] = [];
  for (const [index, part] of wanted.entries()) {
    const value = given[index];
    if (value === undefined) return null;
    if (part === '*') return [...pairs, ['*', given.slice(index).join('/')]];
    if (part.startsWith(':') && value !== '') pairs.push([part.slice(1), value]);
    else if (part !== value || part.startsWith(':')) return null;
  }
  return wanted.length === given.length ? pairs : null;
}

/** Sorts literals before parameters before the wildcard, at the first segment where two routes differ in kind. */
function rank(route: string): string {
  const kinds = route
    .slice(1)
    .split('/')
    .map((part) => (part === '*' ? '2' : part.startsWith(':') ? '1' : '0'));
  return kinds.join('');
}

function naiveMatch(routes: readonly string[], path: string): string | null {
  return routes.filter((route) => naiveFit(route, path)).toSorted(byRank)[0] ?? null;
}

function byRank(one: string, other: string): number {
  return rank(one) < rank(other) ? -1 : 1;
}

function routerOf(patterns: readonly string[]): { router: Router<string>; routes: string[] } {
  const router = new Router<string>();
  const routes = patterns.filter((route) => {
    try {
      router.add(route, route);
      return true;
    } catch (error) {
      assert.ok(error instanceof SottoError && error.code === 'invalid_route');
      return false;
    }
  });
  return { router, routes };
}

test('finds the route and the parameters that trying every route finds', () => {
  let fits = 0;
  let ambiguous = 0;
  const property = fc.property(
    fc.array(pattern, { maxLength: 12 }),
    fc.array(path, { minLength: 1, maxLength: 12 }),
    (patterns, paths) => {
      const { router, routes } = routerOf(patterns);
      for (const each of paths) {
        const expected = naiveMatch(routes, each);
        const match = router.match(each);
        assert.equal(match?.value ?? null, expected, `${each} in ${routes.join(' ')}`);
        if (expected === null || !match) continue;
        assert.deepEqual(Object.entries(match.params).toSorted(), naiveFit(expected, each)?.toSorted());
        fits++;
        if (routes.filter((route) => naiveFit(route, each)).length > 1) ambiguous++;
      }
    },
  );
  fc.assert(property, { numRuns: 2000 });
  assert.ok(fits > 500 && ambiguous > 50, `only ${fits} fits, ${ambiguous} of them ambiguous`);
});

test('the order in which routes are added does not matter', () => {
  const property = fc.property(fc.array(pattern, { maxLength: 10 }), path, (patterns, each) => {
    const { router, routes } = routerOf(patterns);
    const reversed = routerOf(routes.toReversed());
    assert.deepEqual(reversed.routes, routes.toReversed());
    assert.equal(reversed.router.match(each)?.value, router.match(each)?.value);
  });
  fc.assert(property);
});

test('any text can be asked for', () => {
  const { router } = routerOf(['/a/:x', '/a/*', '/']);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const match = router.match(text);
      if (!text.startsWith('/')) assert.equal(match, null);
    }),
  );
});

test('a match looks at as many nodes among ten thousand routes as among ten', () => {
  const paths = ['/users/7/posts/9', '/users/7/none', '/files/a/b/c', '/nothing/here'];
  assert.deepEqual(paths.map(lookUps(10_000)), paths.map(lookUps(10)));
  assert.ok(lookUps(10)('/users/7/posts/9') > 0, 'the counter counts');
});

/** How many nodes' children a match looks up; the one thing it does at each node. */
function lookUps(count: number): (path: string) => number {
  const router = new Router<number>();
  for (const route of ['/users/:id/posts/:post', '/users/:id', '/files/*', '/:any']) router.add(route, 0);
  for (let i = 0; i < count; i++) {
    for (const route of [`/r${i}/:x/y`, `/users/u${i}`, `/users/:id/p${i}`, `/files/f${i}/*`]) {
      router.add(route, i);
    }
  }
  return (path) => countMapGets(() => router.match(path));
}

function countMapGets(work: () => unknown): number {
  const original = Map.prototype.get;
  let count = 0;
  Map.prototype.get = function (this: Map<unknown, unknown>, key: unknown): unknown {
    count++;
    return original.call(this, key);
  };
  try {
    work();
  } finally {
    Map.prototype.get = original;
  }
  return count;
}
