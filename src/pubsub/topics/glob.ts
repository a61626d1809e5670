/**
 * Globs as SQLite's GLOB reads them, which is how lonelyps decides who hears of a topic.
 *
 * ```text
 * *        any run of characters, also none, also slashes
 * ?        one character
 * [a-c]    one of a set; [^a-c] one that is not in it; "]" as its first member is a member
 * [        without its "]": matches nothing
 * ```
 *
 * All of the topic must fit, case counts, and there is no escape but a set of one. A topic ends at its first zero byte.
 * Source: specs/lonelyps.md, section 12; https://sqlite.org/lang_expr.html#glob.
 */

import type { Bytes } from '../../bytes/bytes.ts';
import { endOfPart, isSearchable, takes } from './glob-part.ts';

/** One step of a glob. */
export type GlobToken =
  | { readonly type: 'literal'; readonly character: number }
  | { readonly type: 'any' }
  | { readonly type: 'run' }
  | CharacterSet;

/** One step that takes one character. */
export type Step = Exclude<GlobToken, { readonly type: 'run' }>;

/** Steps between two runs. */
export type Part = readonly Step[];

export interface CharacterSet {
  readonly type: 'set';
  /** As it is written, which tells sets apart. */
  readonly text: string;
  readonly inverted: boolean;
  /** From and to, both inside. */
  readonly ranges: readonly (readonly [number, number])[];
}

const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;

/** The steps of a glob; null for one that matches nothing. */
export function parseGlob(glob: string): readonly GlobToken[] | null {
  const characters = untilZero(Array.from(glob, (character) => character.codePointAt(0) ?? 0));
  const tokens: GlobToken[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? 0;
    if (character === STAR) {
      if (tokens.at(-1)?.type !== 'run') tokens.push({ type: 'run' });
    } else if (character === QUESTION) {
      tokens.push({ type: 'any' });
    } else if (character === OPEN) {
      const end = endOfSet(characters, at);
      if (end === -1) return null;
      tokens.push(setOf(characters.slice(at + 1, end)));
      at = end;
    } else {
      tokens.push({ type: 'literal', character });
    }
  }
  return tokens;
}

/** Where the `]` of the set at `start` is, or -1. */
function endOfSet(characters: readonly number[], start: number): number {
  const first = characters[start + 1] === CARET ? start + 2 : start + 1;
  return characters.indexOf(CLOSE, characters[first] === CLOSE ? first + 1 : first);
}

function setOf(members: readonly number[]): CharacterSet {
  const inverted = members[0] === CARET;
  const ranges: [number, number][] = [];
  let last = 0;
  for (let at = inverted ? 1 : 0; at < members.length; at++) {
    const member = members[at] ?? 0;
    const to = members[at + 1];
    if (member === DASH && to !== undefined && last > 0) {
      ranges.push([last, to]);
      last = 0;
      at += 1;
    } else {
      ranges.push([member, member]);
      last = member;
    }
  }
  return { type: 'set', text: String.fromCodePoint(...members), inverted, ranges };
}

// Chosen. What a stranger's glob may have: every topic pays its price.
const MOST_RUNS = 16;
const MOST_MEMBERS = 256;

/**
 * Whether a glob costs no more than may be: at most 16 stars, 256 members (a range is one) in a set, and where there are
 * sets or `?` between two stars, 31 characters there. Then it is matched in the time of its length and
 * the topic's together, but for a small factor. Its length is for the caller to bound.
 */
export function isAffordable(glob: string): boolean {
  const tokens = parseGlob(glob);
  if (tokens === null) return true; // it matches nothing
  const isWide = tokens.some((token) => token.type === 'set' && token.ranges.length > MOST_MEMBERS);
  const parts = partsBetweenRuns(tokens);
  const between = parts.slice(1, -1);
  return !isWide && parts.length <= MOST_RUNS + 1 && between.every(isSearchable);
}

/** Whether a topic fits a glob. For many globs at once there is {@link GlobIndex}. */
export function globMatches(glob: string, topic: Bytes): boolean {
  return globTakes(glob, charactersOf(topic));
}

/** The same for the characters of a topic. */
export function globTakes(glob: string, characters: ArrayLike<number>): boolean {
  const tokens = parseGlob(glob);
  return tokens !== null && fitsInParts(partsBetweenRuns(tokens), characters);
}

function partsBetweenRuns(tokens: readonly GlobToken[]): readonly Part[] {
  const parts: Step[][] = [[]];
  for (const token of tokens) {
    if (token.type === 'run') parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

/** The first part begins the topic, the last ends it, and those between are each found as early as they can be. */
function fitsInParts(parts: readonly Part[], characters: ArrayLike<number>): boolean {
  const [first = [], ...others] = parts;
  const last = others.pop();
  if (last === undefined) return first.length === characters.length && takesAt(first, characters, 0);
  const end = characters.length - last.length;
  if (end < first.length || !takesAt(first, characters, 0) || !takesAt(last, characters, end)) return false;
  let at = first.length;
  for (const part of others) {
    at = endOfPart(part, characters, { at, end });
    if (at === -1) return false;
  }
  return true;
}

/**
 * Whether every topic that `narrow` fits is one that `wide` fits too. It may say no where it is so, never yes where it is
 * not.
 *
 * @param wide of literals and runs alone.
 */
export function globCovers(wide: readonly GlobToken[], narrow: readonly GlobToken[]): boolean {
  let step = 0;
  let at = 0;
  // Greedy with one place to come back to: a later run makes an earlier one's choices harmless.
  let retry: { step: number; at: number } | null = null;
  while (at < narrow.length || step < wide.length) {
    if (wide[step]?.type === 'run') {
      step += 1;
      retry = { step, at };
    } else if (isSameLiteral(wide[step], narrow[at])) {
      step += 1;
      at += 1;
    } else {
      if (retry === null || retry.at >= narrow.length) return false;
      retry.at += 1;
      ({ step, at } = retry);
    }
  }
  return true;
}

function isSameLiteral(left: GlobToken | undefined, right: GlobToken | undefined): boolean {
  return left?.type === 'literal' && right?.type === 'literal' && left.character === right.character;
}

function takesAt(part: Part, characters: ArrayLike<number>, at: number): boolean {
  return part.every((step, index) => takes(step, characters[at + index] ?? 0));
}

/** A topic's characters, read as leniently as SQLite reads UTF-8, up to its first zero. */
export function charactersOf(topic: Bytes): ArrayLike<number> {
  if (isPlain(topic)) return topic;
  const characters: number[] = [];
  for (let at = 0; at < topic.length; ) {
    const first = topic[at] ?? 0;
    at += 1;
    if (first < 0xc0) {
      characters.push(first);
      continue;
    }
    let character = first & leadBits(first);
    while (((topic[at] ?? 0) & 0xc0) === 0x80) {
      character = ((character << 6) | ((topic[at] ?? 0) & 0x3f)) >>> 0;
      at += 1;
    }
    characters.push(isReal(character) ? character : 0xfffd);
  }
  return untilZero(characters);
}

/** ASCII without a zero: each byte is a character, as in most topics. */
function isPlain(topic: Bytes): boolean {
  for (let at = 0; at < topic.length; at++) {
    const byte = topic[at] ?? 0;
    if (byte === 0 || byte >= 0x80) return false;
  }
  return true;
}

/** What of a first byte belongs to the character. */
function leadBits(first: number): number {
  if (first < 0xe0) return 0x1f;
  if (first < 0xf0) return 0x0f;
  if (first < 0xf8) return 0x07;
  if (first < 0xfc) return 0x03;
  return first < 0xfe ? 0x01 : 0x00;
}

function isReal(character: number): boolean {
  const isSurrogate = (character & 0xffff_f800) >>> 0 === 0xd800;
  return character >= 0x80 && !isSurrogate && (character & 0xffff_fffe) >>> 0 !== 0xfffe;
}

function untilZero(characters: readonly number[]): readonly number[] {
  const zero = characters.indexOf(0);
  return zero === -1 ? characters : characters.slice(0, zero);
}
