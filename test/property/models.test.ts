/** The clever thing against the naive one: the router against a list, windows against sets. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Router } from '../../src/app/router.ts';
import { REPLAY_WINDOW_SIZE, ReplayWindow } from '../../src/envelope/replay.ts';
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

/** Steps forth and back from the highest nonce so far: close to it, about the window's edges, and far away. */
const stride = fc.oneof(
  fc.bigInt({ min: -3n, max: 3n }),
  fc.bigInt({ min: -1026n, max: 1026n }),
  fc.constantFrom(
    -1025n,
    -1024n,
    -1023n,
    -1022n,
    -33n,
    -32n,
    -31n,
    1022n,
    1023n,
    1024n,
    1025n,
    2048n,
    2n ** 32n,
  ),
);

test('the replay window admits what a set that never forgets has not seen, up to 1023 below the highest', () => {
  const start = fc.constantFrom(0n, 1n, 1023n, 1024n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1100n);
  fc.assert(
    fc.property(start, fc.array(fc.tuple(stride, fc.boolean()), { maxLength: 300 }), (first, steps) => {
      const window = new ReplayWindow();
      const seen = new Set<bigint>();
      let highest = -1n;
      for (const [step, opens] of [[0n, true] as const, ...steps]) {
        const wanted = highest < 0n ? first : highest + step;
        const nonce = wanted < 0n ? 0n : wanted < 2n ** 64n ? wanted : 2n ** 64n - 1n;
        const fresh = !seen.has(nonce) && nonce > highest - BigInt(REPLAY_WINDOW_SIZE);
        assert.equal(window.admits(nonce), fresh, `${nonce}, where ${highest} is the highest`);
        if (!opens) continue; // a forgery: asked about, never added
        window.add(nonce); // also what is not admitted: it must change nothing
        if (fresh) seen.add(nonce);
        if (fresh && nonce > highest) highest = nonce;
      }
    }),
    { numRuns: 3000 },
  );
});

test('the replay window takes 1024 nonces in any order, each once', () => {
  const order = fc.shuffledSubarray([...Array(REPLAY_WINDOW_SIZE).keys()], { minLength: REPLAY_WINDOW_SIZE });
  fc.assert(
    fc.property(order, fc.bigInt({ min: 0n, max: 2n ** 63n }), (numbers, base) => {
      const window = new ReplayWindow();
      for (const number of numbers) {
        const nonce = base + BigInt(number);
        assert.equal(window.admits(nonce), true);
        window.add(nonce);
        assert.equal(window.admits(nonce), false);
      }
      assert.equal(
        numbers.some((number) => window.admits(base + BigInt(number))),
        false,
      );
    }),
    { numRuns: 50 },
  );
});
