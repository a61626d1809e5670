/** What every store of a once-window must do. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OnceStore, StoreLimits } from '../../src/sealed/stores/store.ts';

const NOW = Date.now();
const LATER = NOW + 60_000;

function exchange(number: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

export function storeContract(name: string, make: (limits?: Partial<StoreLimits>) => OnceStore): void {
  describe(`the ${name} store`, () => {
    test('lets the first of many claim, and gives the others its answer', async () => {
      const store = make();
      const claims = await Promise.all(
        Array.from({ length: 10 }, () => store.claim(exchange(1), NOW, LATER)),
      );
      assert.deepEqual(claims.map(({ state }) => state).sort(), ['claimed', ...Array(9).fill('running')]);
      await store.answer(exchange(1), Uint8Array.of(7, 8));
      const claim = await store.claim(exchange(1), NOW, LATER);
      assert.ok(claim.state === 'answered');
      assert.deepEqual(new Uint8Array(claim.packet), Uint8Array.of(7, 8));
      assert.equal((await store.claim(exchange(2), NOW, LATER)).state, 'claimed');
      await store.close();
    });

    test('keeps the first answer', async () => {
      const store = make();
      await store.claim(exchange(1), NOW, LATER);
      await store.answer(exchange(1), Uint8Array.of(1));
      await store.answer(exchange(1), Uint8Array.of(2));
      const claim = await store.claim(exchange(1), NOW, LATER);
      assert.equal(claim.state === 'answered' && claim.packet[0], 1);
      await store.close();
    });

    test('refuses when it is full, by entries and by bytes, and knows what it has', async () => {
      for (const limits of [{ maxEntries: 3 }, { maxBytes: 650 }]) {
        const store = make(limits);
        for (let number = 0; number < 3; number++) {
          assert.equal((await store.claim(exchange(number), NOW, LATER)).state, 'claimed');
          await store.answer(exchange(number), new Uint8Array(10));
        }
        assert.equal((await store.claim(exchange(3), NOW, LATER)).state, 'full');
        assert.equal((await store.claim(exchange(0), NOW, LATER)).state, 'answered');
        await store.close();
      }
    });

    test('remembers the latest time it was asked at', async () => {
      const store = make();
      await store.claim(exchange(1), NOW, LATER);
      await store.claim(exchange(2), NOW - 5000, LATER);
      assert.equal(store.latestClaim, NOW);
      await store.close();
    });
  });
}
