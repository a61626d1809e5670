/** Globs, by the golden vectors and by SQLite itself. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { openDatabase } from '../../src/platform/node/sqlite.ts';
import { globMatches } from '../../src/pubsub/topics/glob.ts';
import { GlobIndex } from '../../src/pubsub/topics/glob-index.ts';
import { vectorsOf } from '../support/lonelyps-vectors.ts';

interface Vector {
  readonly kind: string;
  readonly name: string;
  readonly pattern: string;
  readonly topics: readonly string[];
  readonly topic: string;
  readonly sqlite: readonly string[] | boolean;
}

/** By the index too, which must agree. */
function matches(glob: string, topic: Uint8Array): boolean {
  const index = new GlobIndex<string>();
  index.add(glob, glob);
  const found = index.match(topic).length > 0;
  assert.equal(globMatches(glob, topic), found, `${glob}: the matcher and the index differ`);
  return found;
}

describe('the vectors', () => {
  for (const { name, pattern, topics, sqlite } of vectorsOf<Vector>('glob')) {
    test(name, () => {
      assert.deepEqual(
        topics.filter((topic) => matches(pattern, encodeUtf8(topic))),
        sqlite,
      );
    });
  }
  for (const { name, pattern, topic, sqlite } of vectorsOf<Vector>('glob-bytes')) {
    test(name, () => assert.equal(matches(pattern, decodeHex(topic)), sqlite));
  }
});

const database = openDatabase(':memory:');
const statement = database.prepare('SELECT CAST(? AS TEXT) GLOB ? AS fits');

function sqliteMatches(glob: string, topic: Uint8Array): boolean {
  return statement.get(topic, glob)?.fits === 1;
}

const letters = fc.constantFrom('a', 'b', '/', 'é', '😀', '-');
const piece = fc.oneof(
  { weight: 4, arbitrary: letters },
  { weight: 4, arbitrary: fc.constantFrom('*', '?', '**', '[a-c]', '[^b]', '[]]', '[^]a]', '[a', '[', ']', '^', '[-a]', '[a-]', '[é-😀]') },
);
const globs = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
const topics = fc.oneof(
  fc.array(letters, { maxLength: 12 }).map((parts) => encodeUtf8(parts.join(''))),
  fc.array(fc.constantFrom('a', 'b', ']', '[', '^', '-', '*', 'é'), { maxLength: 6 }).map((parts) => encodeUtf8(parts.join(''))),
  fc.uint8Array({ maxLength: 8 }),
);

test('any glob and any topic, as SQLite has it', () => {
  fc.assert(
    fc.property(globs, topics, (glob, topic) => {
      assert.equal(matches(glob, topic), sqliteMatches(glob, topic), `${glob} on ${Buffer.from(topic).toString('hex')}`);
    }),
    { numRuns: 20_000 },
  );
});

test('an index of many globs finds what each of them alone would, while they come and go', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(globs, fc.nat({ max: 3 }), fc.boolean()), { maxLength: 40 }),
      fc.array(topics, { minLength: 1, maxLength: 5 }),
      (changes, asked) => {
        const index = new GlobIndex<string>();
        const there = new Set<string>();
        for (const [glob, number, isAdded] of changes) {
          const value = `${number} ${glob}`;
          const isReal = index.add(glob, value) || index.remove(glob, value);
          if (!isReal) continue; // it matches nothing
          index.remove(glob, value);
          there.delete(value);
          if (!isAdded) continue;
          assert.equal(index.add(glob, value), true);
          assert.equal(index.add(glob, value), false);
          there.add(value);
        }
        assert.equal(index.size, there.size);
        for (const topic of asked) {
          const expected = [...there].filter((value) => globMatches(value.slice(2), topic));
          assert.deepEqual(index.match(topic).sort(), expected.sort());
        }
      },
    ),
    { numRuns: 1000 },
  );
});
