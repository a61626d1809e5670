/**
 * The original has three matchers of globs (specs/lonelyps.md, section 12): SQLite's for what is posted, and one of two of
 * Python's, by its version, for WebSockets and its client. Ours is SQLite's everywhere. Here stand the globs for which a
 * Python matcher says something else, topic by topic, so that nobody finds out by a message that does not come.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { globMatches } from '../../src/pubsub/topics/glob.ts';
import { vectorsOf } from '../support/lonelyps-vectors.ts';

type Matcher = 'sqlite' | 'fnmatch' | 'glob_translate';

interface Vector extends Readonly<Record<Matcher, readonly string[]>> {
  readonly pattern: string;
  readonly topics: readonly string[];
}

/** What ours matches and that one does not (`ours`), and the other way round (`theirs`). */
type Differences = Readonly<
  Record<string, { readonly ours: readonly string[]; readonly theirs: readonly string[] }>
>;

function differences(matcher: Matcher): Differences {
  const found = vectorsOf<Vector>('glob').map(({ pattern, topics, [matcher]: matched }) => {
    const mine = topics.filter((topic) => globMatches(pattern, encodeUtf8(topic)));
    const ours = mine.filter((topic) => !matched.includes(topic));
    const theirs = matched.filter((topic) => !mine.includes(topic));
    return [pattern, { ours, theirs }] as const;
  });
  return Object.fromEntries(found.filter(([, { ours, theirs }]) => ours.length + theirs.length > 0));
}

/** Of the topics that the vectors ask about. */
const NEGATION: Differences = {
  '[!a]': { ours: ['a'], theirs: ['b', 'd', ']', '^', 'é', '😀'] },
  '[^a]': { ours: ['b', 'd', ']', 'é', '😀'], theirs: ['a'] },
};
const UNCLOSED: Differences = { '[a': { ours: [], theirs: ['[a'] } };
const SLASHES: Differences = {
  '*': {
    ours: ['foo/bar', 'foo/a/b', 'foo/', 'foo/bar/', 'foo//bar', 'foo/x/bar', '', 'foo/.hidden'],
    theirs: [],
  },
  'foo/*': { ours: ['foo/a/b', 'foo/', 'foo/bar/', 'foo//bar', 'foo/x/bar'], theirs: [] },
  '*/bar': { ours: ['foo//bar', 'foo/x/bar'], theirs: [] },
  'foo/**/bar': { ours: ['foo//bar'], theirs: ['foo/bar'] },
};

describe('globs that ours and a matcher of the original take differently', () => {
  test("SQLite's: none", () => assert.deepEqual(differences('sqlite'), {}));

  test('fnmatch, Python before 3.13: negation, and a bracket that is not closed', () => {
    assert.deepEqual(differences('fnmatch'), { ...NEGATION, ...UNCLOSED });
  });

  test('glob.translate, Python from 3.13 on: also stars, which stop at a slash there', () => {
    assert.deepEqual(differences('glob_translate'), { ...NEGATION, ...UNCLOSED, ...SLASHES });
  });
});

interface BytesVector {
  readonly pattern: string;
  readonly topic: string;
  readonly sqlite: boolean;
  /** What its matcher says of a topic that is UTF-8; null where it is none, which matches nothing there. */
  readonly python_match: boolean | null;
}

test("topics that are no UTF-8, or hold a NUL: ours is SQLite's, Python's never is", () => {
  const vectors = vectorsOf<BytesVector>('glob-bytes');
  assert.equal(vectors.length, 5);
  for (const { name, pattern, topic, sqlite, python_match } of vectors) {
    const ours = globMatches(pattern, decodeHex(topic));
    assert.equal(ours, sqlite, name);
    assert.equal(ours, !(python_match ?? false), name);
  }
});
