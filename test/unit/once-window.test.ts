/** The at-most-once window, with both stores and clocks that do as they are told. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OnceWindow } from '../../src/sealed/once-window.ts';
import { ServerClock } from '../../src/sealed/server-clock.ts';
import { MemoryOnceStore } from '../../src/sealed/stores/memory.ts';
import type { OnceStore } from '../../src/sealed/stores/store.ts';

const START = 1_795_000_000_000;

function exchange(number: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

function windowAt(time: { now: number }, store: OnceStore = new MemoryOnceStore(), patience = 0): OnceWindow {
  const onStoreError = (error: unknown): void => assert.fail(String(error));
  return new OnceWindow(store, { clock: () => time.now, patience, onStoreError });
}

const lasting = (): OnceStore => Object.defineProperty(new MemoryOnceStore(), 'persistent', { value: true });

describe('freshness', () => {
  test('120 s behind and 5 s ahead pass; one ms more is refused with the time', () => {
    const time = { now: START };
    const window = windowAt(time, lasting());
    time.now += 1_000_000;
    assert.equal(window.refusal(time.now - 120_000), null);
    assert.equal(window.refusal(time.now + 5_000), null);
    assert.equal(window.refusal(time.now - 120_001), time.now);
    assert.equal(window.refusal(time.now + 5_001), time.now);
    assert.equal(window.refusal(0), time.now);
  });

  test('without a lasting store, what could have been answered before the start is refused', () => {
    const time = { now: START };
    const window = windowAt(time);
    assert.equal(window.refusal(START), START + 5_000);
    assert.equal(window.refusal(START + 4_999), START + 5_000);
    assert.equal(window.refusal(START + 5_000), null, 'the time named in the refusal passes at once');
    time.now += 60_000;
    assert.equal(window.refusal(time.now), null);
    assert.equal(window.refusal(START + 4_999), time.now);
  });

  test('a clock set back does not make old requests fresh', () => {
    const time = { now: START };
    const window = windowAt(time, lasting());
    time.now += 500_000;
    assert.equal(window.refusal(START), START + 500_000);
    time.now = START;
    assert.equal(window.refusal(START), START + 500_000);
  });
});

describe('running', () => {
  test('every copy gets the packet of the first, and only the first runs', async () => {
    const window = windowAt({ now: START }, lasting());
    let runs = 0;
    const handle = async (): Promise<Uint8Array> => Uint8Array.of(++runs);
    for (let copy = 0; copy < 3; copy++) {
      assert.deepEqual(await window.run(exchange(1), START, handle), {
        state: 'answered',
        packet: Uint8Array.of(1),
      });
    }
    assert.equal(runs, 1);
  });

  test('a full store refuses rather than forgets', async () => {
    const time = { now: START };
    const window = windowAt(time, new MemoryOnceStore({ maxEntries: 2 }));
    const handle = async (): Promise<Uint8Array> => new Uint8Array(1);
    await window.run(exchange(1), START, handle);
    await window.run(exchange(2), START, handle);
    assert.deepEqual(await window.run(exchange(3), START, handle), { state: 'full' });
    assert.equal((await window.run(exchange(1), START, handle)).state, 'answered');
    time.now += 151_000; // what the window would refuse anyway is forgotten
    assert.equal((await window.run(exchange(3), time.now, handle)).state, 'answered');
  });

  test('bytes are bounded too', async () => {
    const window = windowAt({ now: START }, new MemoryOnceStore({ maxBytes: 1000 }));
    const handle = async (): Promise<Uint8Array> => new Uint8Array(900);
    assert.equal((await window.run(exchange(1), START, handle)).state, 'answered');
    assert.equal((await window.run(exchange(2), START, handle)).state, 'full');
  });

  test('what another process began and never ended is of unknown outcome', async () => {
    const store = new MemoryOnceStore();
    await store.claim(exchange(1), START, START + 1000);
    const outcome = await windowAt({ now: START }, store).run(exchange(1), START, () =>
      assert.fail('it ran again'),
    );
    assert.deepEqual(outcome, { state: 'unknown' });
  });

  test('a store that fails keeps nobody from an answer that was computed', async () => {
    const errors: unknown[] = [];
    const store = new MemoryOnceStore();
    store.answer = () => Promise.reject(new Error('disk full'));
    const window = new OnceWindow(store, {
      clock: () => START,
      patience: 0,
      onStoreError: (error) => errors.push(error),
    });
    assert.equal((await window.run(exchange(1), START, async () => new Uint8Array(1))).state, 'answered');
    store.claim = () => Promise.reject(new Error('disk full'));
    assert.equal((await window.run(exchange(2), START, () => assert.fail('ran unclaimed'))).state, 'full');
    assert.equal(errors.length, 2);
  });
});

describe('the client’s idea of the server’s time', () => {
  test('stamps 0 until told, so that no mistaken stamp can come true later', () => {
    const clock = new ServerClock(
      () => START + 3_600_000,
      () => 0,
    );
    assert.equal(clock.onceStamp(), 0);
    assert.equal(clock.stamp(), START + 3_600_000);
  });

  test('then goes on by a clock that nobody sets', () => {
    let steady = 1000;
    let wall = START + 3_600_000;
    const clock = new ServerClock(
      () => wall,
      () => steady,
    );
    clock.learn(START);
    steady += 250;
    wall = 0;
    assert.equal(clock.onceStamp(), START + 250);
    assert.equal(clock.stamp(), START + 250);
  });
});
