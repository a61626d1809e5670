/** Whether a failed delivery is tried again, and when; and which urls are gone for good. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SottoError } from '../../src/errors.ts';
import { DeadUrls } from '../../src/pubsub/delivery/dead-urls.ts';
import { failed, failedBy, failedByStatus, type Outcome } from '../../src/pubsub/delivery/format.ts';
import { Recent } from '../../src/pubsub/delivery/recent.ts';
import {
  assertRetry,
  RETRY_DEFAULTS,
  type RetryOptions,
  RetryPolicy,
} from '../../src/pubsub/delivery/retry.ts';

const NETWORK = failedBy(new SottoError('unreachable', 'refused', { cause: new Error('ECONNREFUSED') }));
const status = (code: number, retryAfter: string | null = null): Outcome =>
  failedByStatus(`it answered with status ${code}`, { status: code, body: new Uint8Array(0), retryAfter });
const RECEIVED: Outcome = { state: 'received', subscribers: 1 };

const OPTIONS: RetryOptions = { tries: 5, first: 100, longest: 1000, total: 10_000 };
const START = { tries: 1, elapsed: 0, now: Date.UTC(2026, 0, 1) };
const always = (part: number, options: Partial<RetryOptions> = {}): RetryPolicy =>
  new RetryPolicy({ ...OPTIONS, ...options }, () => part);

describe('another try', () => {
  test('is worth it where nobody answered, or who may do better soon', () => {
    for (const outcome of [NETWORK, status(429), status(502), status(503), status(504)]) {
      assert.equal(always(0.5).pause(outcome, START), 50);
    }
  });

  test('is not worth it where the same would come again', () => {
    const final = [
      RECEIVED,
      { state: 'unsubscribed' } as const,
      failed('its answer is not proven'),
      { state: 'failed', why: 'said by who knows no faults' } as const,
      failedBy(new SottoError('body_too_large', 'too long to be signed')),
      failedBy(new SottoError('unreachable', 'private', { cause: new SottoError('not_allowed', 'private') })),
      failedBy(new Error('a bug')),
      ...[200, 301, 400, 401, 403, 404, 410, 422, 500, 501].map((code) => status(code)),
    ];
    for (const outcome of final)
      assert.equal(always(0.5).pause(outcome, START), null, JSON.stringify(outcome));
  });

  test('comes after twice as long each time, up to a limit, and so many times', () => {
    const pauses = [1, 2, 3, 4, 5, 6].map((tries) => always(1).pause(NETWORK, { ...START, tries }));
    assert.deepEqual(pauses, [100, 200, 400, 800, null, null]);
    assert.equal(always(1, { tries: 9 }).pause(NETWORK, { ...START, tries: 8 }), 1000);
  });

  test('is none where one try is all', () => {
    assert.equal(new RetryPolicy({ ...RETRY_DEFAULTS, tries: 1 }).pause(NETWORK, START), null);
  });

  test('comes at any time within that, so that who failed together does not come back together', () => {
    const policy = new RetryPolicy(OPTIONS);
    const pauses = Array.from({ length: 100 }, () => policy.pause(NETWORK, START) ?? assert.fail());
    assert.ok(new Set(pauses).size > 50);
    assert.ok(pauses.every((pause) => pause >= 0 && pause <= 100));
  });

  test('begins in its time or not at all', () => {
    assert.equal(always(1).pause(NETWORK, { ...START, elapsed: 9900 }), 100);
    assert.equal(always(1).pause(NETWORK, { ...START, elapsed: 9901 }), null);
  });

  test('waits as long as it is asked to, and gives up where that is too long', () => {
    const asked = (header: string): number | null => always(1).pause(status(503, header), START);
    assert.equal(asked('0'), 100, 'never sooner than it would');
    assert.equal(asked(' 1 '), 1000);
    assert.equal(asked('2'), null);
    assert.equal(asked('9'.repeat(400)), null);
    assert.equal(always(1, { longest: 5000 }).pause(status(429, '2'), START), 2000);
    assert.equal(asked('Thu, 01 Jan 2026 00:00:01 GMT'), 1000);
    assert.equal(asked('Thu, 01 Jan 2026 00:01:00 GMT'), null);
    assert.equal(asked('Wed, 31 Dec 2025 23:00:00 GMT'), 100);
    for (const nonsense of ['', 'soon', '-1', '1.5', 'NaN', '0x10'])
      assert.equal(asked(nonsense), 100, nonsense);
  });

  test('whatever happens, the tries are so many and end in their time', () => {
    const outcome = fc.oneof(
      fc.constantFrom(NETWORK, RECEIVED),
      fc
        .tuple(fc.integer({ min: 100, max: 599 }), fc.option(fc.string()))
        .map(([code, header]) => status(code, header)),
    );
    const options = fc.record({
      tries: fc.integer({ min: 1, max: 8 }),
      first: fc.nat(5000),
      longest: fc.nat(5000),
      total: fc.nat(20_000),
    });
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(options, fc.infiniteStream(outcome), fc.infiniteStream(part), (given, outcomes, parts) => {
        const policy = new RetryPolicy(given, () => parts.next().value);
        let elapsed = 0;
        let tries = 0;
        for (const each of outcomes) {
          tries += 1;
          const pause = policy.pause(each, { tries, elapsed, now: START.now });
          if (pause === null) break;
          assert.ok(pause >= 0 && pause <= given.longest && elapsed + pause <= given.total);
          elapsed += pause;
        }
        assert.ok(tries <= given.tries);
      }),
    );
  });

  test('has options that are checked', () => {
    assertRetry(RETRY_DEFAULTS);
    for (const wrong of [
      { tries: 0 },
      { first: -1 },
      { longest: Number.NaN },
      { total: -1 },
      { longest: 2 ** 31 },
    ]) {
      assert.throws(() => assertRetry({ ...OPTIONS, ...wrong }), {
        code: 'invalid_option',
        message: /^retry\./,
      });
    }
  });
});

const DAY = 86_400_000;

/** A policy and its clock. */
class Days {
  now = 0;
  readonly urls: DeadUrls;
  constructor(options: { maxUrls?: number; leastFailures?: number } = {}) {
    this.urls = new DeadUrls({ leastFailures: 3, ...options, now: () => this.now });
  }
  note(day: number, outcome: Outcome, url = 'http://a/'): boolean {
    this.now = day * DAY;
    return this.urls.note(url, outcome);
  }
}

describe('a url is dead', () => {
  test('at once where it says so', () => {
    const days = new Days();
    assert.equal(days.note(0, status(410)), true);
    assert.equal(days.urls.size, 0);
  });

  test('after days of nobody there, without one success', () => {
    const days = new Days();
    const found = [0, 1, 3, 5, 5.01].map((day) => days.note(day, day % 2 === 0 ? NETWORK : status(404)));
    assert.deepEqual(found, [false, false, false, false, true]);
    assert.equal(days.note(6, NETWORK), false, 'and then it counts anew');
  });

  test('not where it was reached in between', () => {
    const days = new Days();
    for (const day of [0, 1, 2]) days.note(day, NETWORK);
    assert.equal(days.note(3, RECEIVED), false);
    assert.equal(days.urls.size, 0);
    for (const day of [6, 7, 8]) assert.equal(days.note(day, NETWORK), false);
  });

  test('not by two short outages that lie days apart', () => {
    const days = new Days();
    days.note(0, NETWORK);
    assert.equal(days.note(30, NETWORK), false);
    assert.equal(days.note(30, NETWORK), true);
  });

  test('not by what says nothing of it', () => {
    const days = new Days({ leastFailures: 1 });
    for (const outcome of [
      status(500),
      status(200),
      status(403),
      failed('not sent'),
      failedBy(new Error('a bug')),
    ]) {
      days.note(0, outcome);
      assert.equal(days.note(9, outcome), false);
    }
    assert.equal(days.urls.size, 0);
  });

  test('for itself alone, and so many are remembered', () => {
    const days = new Days({ maxUrls: 2, leastFailures: 1 });
    for (const url of ['a', 'b', 'a', 'c']) days.note(0, NETWORK, url);
    assert.equal(days.urls.size, 2);
    assert.equal(days.note(6, NETWORK, 'b'), false, 'the one that was not tried for longest was forgotten');
    assert.equal(days.note(6, NETWORK, 'c'), true);
  });
});

test('what is recent stays, as a model of it does', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const step = fc.tuple(fc.constantFrom('get', 'set', 'delete'), key, fc.nat());
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (most, steps) => {
      const recent = new Recent<number>(most);
      let model: [string, number][] = [];
      for (const [what, name, value] of steps) {
        const known = model.find(([each]) => each === name);
        const others = model.filter(([each]) => each !== name);
        if (what === 'get') {
          assert.equal(recent.get(name), known?.[1]);
          if (known) model = [...others, known];
        } else if (what === 'set') {
          recent.set(name, value);
          model = [...others, [name, value] as [string, number]].slice(-most);
        } else {
          recent.delete(name);
          model = others;
        }
        assert.equal(recent.size, model.length);
      }
    }),
  );
});
