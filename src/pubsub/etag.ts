/** What a url is subscribed to, in the order and under the hash that both ends agree on. */

import { startSha512 } from '#sha512';
import { type Bytes, compareBytes } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { type ExactSubscription, etagDocument, type GlobSubscription } from '../wire/lonelyps-stateless.ts';
import { nameOfPattern, type Pattern, type Wanted } from './stores/store.ts';

/**
 * The strong etag. Source: specs/lonelyps.md, section 10.
 *
 * @param wanted topics ascending by bytes, and globs ascending by their UTF-8.
 * @throws SottoError `invalid_message` where they are not.
 */
export function etagOf(url: string, wanted: readonly Wanted[]): Bytes {
  const { exacts, globs } = listsOf(wanted);
  const hash = startSha512();
  for (const part of etagDocument(url, exacts, globs)) hash.update(part);
  return hash.digest();
}

/** Each kind by itself, in the order given. */
export function listsOf(wanted: readonly Wanted[]): {
  readonly exacts: readonly ExactSubscription[];
  readonly globs: readonly GlobSubscription[];
} {
  const exacts: ExactSubscription[] = [];
  const globs: GlobSubscription[] = [];
  for (const { pattern, recovery } of wanted) {
    if (pattern.kind === 'exact') exacts.push({ topic: pattern.topic, recovery });
    else globs.push({ glob: pattern.glob, recovery });
  }
  return { exacts, globs };
}

/** Patterns in the order that the etag wants, each once. */
export function inEtagOrder(patterns: readonly Pattern[]): readonly Pattern[] {
  const once = [...new Map(patterns.map((each) => [nameOfPattern(each), each])).values()];
  return once.sort((left, right) =>
    left.kind === right.kind ? compareBytes(bytesIn(left), bytesIn(right)) : left.kind === 'exact' ? -1 : 1,
  );
}

function bytesIn(pattern: Pattern): Bytes {
  return pattern.kind === 'exact' ? pattern.topic : encodeUtf8(pattern.glob);
}
