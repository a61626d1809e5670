/** What a review of publish and subscribe found, so that it stays found. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../src/bytes/text.ts';
import { globMatches, isAffordable } from '../../src/pubsub/topics/glob.ts';
import { GlobIndex } from '../../src/pubsub/topics/glob-index.ts';

/** How long `work` takes, ms. */
function timeOf(work: () => void): number {
  const begun = performance.now();
  work();
  return performance.now() - begun;
}

/** As the definition has it, for short ones. */
function fitsSlowly(glob: string, topic: string): boolean {
  if (glob === '') return topic === '';
  if (glob.startsWith('*'))
    return fitsSlowly(glob.slice(1), topic) || (topic !== '' && fitsSlowly(glob, topic.slice(1)));
  const [step = ''] = /^(\[[^\]]*\]|.)/.exec(glob) ?? [];
  const taken =
    step === '?' || (step.startsWith('[') ? step.slice(1, -1).includes(topic[0] ?? '') : step === topic[0]);
  return topic !== '' && taken && fitsSlowly(glob.slice(step.length), topic.slice(1));
}

describe('globs', () => {
  const pieces = fc.constantFrom('a', 'b', '*', '*', '?', '[ab]', '[b]');
  const globs = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(''));
  const topics = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 }).map((parts) => parts.join(''));

  test('fit as their definition has it, alone and together, whichever way they are looked for', () => {
    fc.assert(
      fc.property(fc.array(globs, { maxLength: 6 }), topics, (list, topic) => {
        const expected = list.map((glob) => fitsSlowly(glob, topic));
        assert.deepEqual(
          list.map((glob) => globMatches(glob, encodeUtf8(topic))),
          expected,
        );
        const index = new GlobIndex<number>();
        for (const [number, glob] of list.entries()) index.add(glob, number);
        const found = (): number[] => index.match(encodeUtf8(topic)).sort((x, y) => x - y);
        const fitting = list.flatMap((_glob, number) => (expected[number] ? [number] : []));
        assert.deepEqual(found(), fitting);
        for (const [number, glob] of list.entries())
          if (number % 2 === 0) assert.ok(index.remove(glob, number));
        assert.deepEqual(
          found(),
          fitting.filter((number) => number % 2 === 1),
        );
      }),
      { numRuns: 3000 },
    );
  });

  test('of 64 KiB are removed again', () => {
    const index = new GlobIndex<number>();
    const glob = 'a'.repeat(65_535);
    index.add(glob, 1);
    index.add(glob.slice(1), 2);
    assert.ok(index.remove(glob, 1));
    assert.equal(index.remove(glob, 1), false);
    assert.deepEqual(index.match(encodeUtf8(glob.slice(1))), [2]);
    assert.ok(index.remove(glob.slice(1), 2));
    assert.equal(index.size, 0);
  });

  test('of 64 KiB are held against topics of 64 KiB in the time of both together', () => {
    const topic = new Uint8Array(65_535).fill(0x61);
    assert.ok(timeOf(() => globMatches(`*${'a'.repeat(32_000)}b*`, topic)) < 500);
    assert.ok(timeOf(() => globMatches(`*${'[ab]'.repeat(31)}c*`, topic)) < 500);
    assert.ok(timeOf(() => globMatches(`*${'*a'.repeat(4000)}b`, topic)) < 500);
  });

  test('many that fit everywhere take no longer than reading them', () => {
    const index = new GlobIndex<number>();
    const fitting = (number: number): string =>
      `*${'?'.repeat(1 + (number % 30))}a*${'[ab]a'.repeat(10)}*[ab${number}]`;
    for (let number = 0; number < 1000; number++) index.add(fitting(number), number);
    const topic = new Uint8Array(65_535).fill(0x61);
    let found = 0;
    const time = timeOf(() => {
      found = index.match(topic).length;
    });
    assert.equal(found, 1000);
    assert.ok(time < 5000, `${time} ms`);
  });

  test('that cost too much are known', () => {
    const dear = ['*a'.repeat(17), `*[${'ab'.repeat(129)}]`, `*${'?'.repeat(32)}*`, `*${'[ab]'.repeat(32)}*`];
    for (const glob of dear) assert.ok(!isAffordable(glob), glob);
    const cheap = [
      '',
      '*',
      '**',
      `${'*a'.repeat(15)}*`,
      `*${'a'.repeat(500)}*`,
      `${'?'.repeat(500)}*`,
      '[a-z]*[^/]',
      '[',
    ];
    for (const glob of cheap) assert.ok(isAffordable(glob), glob);
  });
});
