/** The clever thing against the naive one: the router against a list, the once-window against a set. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Router } from '../../src/app/router.ts';
import { MAX_AGE, MAX_AHEAD, OnceWindow } from '../../src/sealed/once-window.ts';
import { MemoryOnceStore } from '../../src/sealed/stores/memory.ts';

const segment = fc.constantFrom('a', 'b', ':x', ':y');
const pattern = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([segments, wildcard]) => `/${[...segments, ...(wildcard ? ['*'] : [])].join('/')}`);
const route = fc
  .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 6 })
  .map((segments) => `/${segments.join('/')}`);

/** Which pattern fits best: compared segment by segment, literal before parameter before wildcard. */
function naive(patterns: readonly string[], path: string): string | null {
  const fitting = patterns.filter((each) => {
    const expression = each
      .slice(1)
      .split('/')
      .map((part) => (part === '*' ? '.*' : part.startsWith(':') ? '[^/]+' : part));
    return new RegExp(`^/${expression.join('/')}$`).test(path);
  });
  const rank = (each: string): string =>
    each
      .slice(1)
      .split('/')
      .map((part) => (part === '*' ? '3' : part.startsWith(':') ? '2' : '1'))
      .join('');
  return fitting.sort((left, right) => (rank(left) < rank(right) ? -1 : 1))[0] ?? null;
}

test('the router finds what a list of regular expressions finds', () => {
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 12 }), route, (patterns, path) => {
      const router = new Router<string>();
      const added: string[] = [];
      for (const each of patterns) {
        try {
          router.add(each, each);
          added.push(each);
        } catch {
          // taken, or a parameter twice
        }
      }
      assert.equal(router.match(path)?.value ?? null, naive(added, path), `${added.join(' ')} for ${path}`);
    }),
    { numRuns: 3000 },
  );
});

const step = fc.record({
  number: fc.integer({ min: 0, max: 5 }),
  age: fc.integer({ min: -10_000, max: 130_000 }),
  passes: fc.integer({ min: 0, max: 60_000 }),
});

test('the once-window runs nothing that a set that never forgets has seen, and refuses only what is not fresh', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, persistent) => {
      const time = { now: 1_795_000_000_000 };
      const bootedAt = time.now;
      const store = Object.defineProperty(new MemoryOnceStore(), 'persistent', { value: persistent });
      const onStoreError = (error: unknown): void => assert.fail(String(error));
      const window = new OnceWindow(store, { clock: () => time.now, patience: 0, onStoreError });
      const seen = new Set<string>();
      for (const { number, age, passes } of steps) {
        time.now += passes;
        // The stamp is part of the sealed packet: another stamp is another exchange.
        const sentAt = time.now - age;
        const exchange = new Uint8Array(32);
        new DataView(exchange.buffer).setBigUint64(0, BigInt(sentAt));
        exchange[31] = number;
        const fresh = age <= MAX_AGE && age >= -MAX_AHEAD && (persistent || sentAt >= bootedAt + MAX_AHEAD);
        assert.equal(window.refusal(sentAt) === null, fresh);
        if (!fresh) continue;
        const name = `${sentAt} ${number}`;
        let ran = false;
        await window.run(exchange, sentAt, async () => {
          ran = true;
          return new Uint8Array(1);
        });
        assert.equal(ran, !seen.has(name));
        seen.add(name);
      }
    }),
    { numRuns: 500 },
  );
});
