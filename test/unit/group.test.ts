/** What a group seals, also while one secret follows another. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroupSeal } from '../../src/envelope/group.ts';

const PLACE = { group: '224.0.0.109', port: 57_000 };
const [OLD, NEXT] = ['the secret of old days', 'the secret that follows'];
const text = Uint8Array.of(1, 2, 3);

test('the first secret seals, and all of them open', () => {
  const steps = [OLD, [OLD, NEXT], [NEXT, OLD], [NEXT]].map((secrets) => new GroupSeal(secrets, PLACE));
  const opens = steps.map((from) => steps.map((to) => to.open(from.seal(text))?.length ?? 0));
  assert.deepEqual(opens, [
    [3, 3, 3, 0],
    [3, 3, 3, 0],
    [0, 3, 3, 3],
    [0, 3, 3, 3],
  ]);
  assert.equal(new GroupSeal(OLD, { ...PLACE, port: 1 }).open(steps[0]?.seal(text) ?? text), null);
  for (const wrong of [[], ['short'], [OLD, 'short'], Array<string>(5).fill(OLD)]) {
    assert.throws(() => new GroupSeal(wrong, PLACE), { code: 'invalid_option' });
  }
});
