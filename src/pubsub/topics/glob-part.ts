/** Finding the part of a glob between two stars, in one walk over the topic whatever either is made of. */

import type { CharacterSet, Part, Step } from './glob.ts';

/** Where to look: from `at`, and the part ends before or at `end`. */
interface Range {
  readonly at: number;
  readonly end: number;
}

/** Steps that one number has bits for. */
const LONGEST_MIXED = 31;

/** Whether it can be found in one walk: it has literals alone, or at most 31 steps. */
export function isSearchable(part: Part): boolean {
  return part.length <= LONGEST_MIXED || part.every(({ type }) => type === 'literal');
}

/** Where the first place that fits the part ends; -1 where there is none. */
export function endOfPart(part: Part, characters: ArrayLike<number>, range: Range): number {
  if (part.length === 0) return range.at;
  if (part.length > range.end - range.at) return -1;
  const literals = part.flatMap((step) => (step.type === 'literal' ? [step.character] : []));
  if (literals.length === part.length) return endOfLiterals(literals, characters, range);
  if (part.length <= LONGEST_MIXED) return endOfMixed(part, characters, range);
  return endOfLong(part, characters, range);
}

/** By Knuth, Morris and Pratt: no character of the topic is looked at again after a mismatch. */
function endOfLiterals(
  literals: readonly number[],
  characters: ArrayLike<number>,
  { at, end }: Range,
): number {
  const borders = bordersOf(literals);
  let matched = 0;
  for (let index = at; index < end; index++) {
    const character = characters[index];
    while (matched > 0 && literals[matched] !== character) matched = borders[matched - 1] ?? 0;
    if (literals[matched] === character) matched += 1;
    if (matched === literals.length) return index + 1;
  }
  return -1;
}

/** For each beginning, how long an end of it is that is a shorter beginning too. */
function bordersOf(literals: readonly number[]): Int32Array {
  const borders = new Int32Array(literals.length);
  let matched = 0;
  for (let index = 1; index < literals.length; index++) {
    while (matched > 0 && literals[matched] !== literals[index]) matched = borders[matched - 1] ?? 0;
    if (literals[matched] === literals[index]) matched += 1;
    borders[index] = matched;
  }
  return borders;
}

/** Shift-and: a bit for each step up to which what was just read fits. */
function endOfMixed(part: Part, characters: ArrayLike<number>, { at, end }: Range): number {
  const maskOf = masksOf(part);
  const last = 1 << (part.length - 1);
  let fitting = 0;
  for (let index = at; index < end; index++) {
    fitting = ((fitting << 1) | 1) & maskOf(characters[index] ?? 0);
    if (fitting & last) return index + 1;
  }
  return -1;
}

/** The steps that take a character, found once for each that there is. */
function masksOf(part: Part): (character: number) => number {
  const masks: number[] = new Array(128).fill(-1); // no part has a bit for a sign
  const others = new Map<number, number>();
  return (character) => {
    const known = character < masks.length ? masks[character] : others.get(character);
    if (known !== undefined && known !== -1) return known;
    const mask = part.reduce((bits, step, index) => (takes(step, character) ? bits | (1 << index) : bits), 0);
    if (character < masks.length) masks[character] = mask;
    else others.set(character, mask);
    return mask;
  };
}

/** Place by place, for globs that were subscribed to before there were bounds. */
function endOfLong(part: Part, characters: ArrayLike<number>, { at, end }: Range): number {
  for (let start = at; start + part.length <= end; start++) {
    if (part.every((step, index) => takes(step, characters[start + index] ?? 0))) return start + part.length;
  }
  return -1;
}

/** Whether a step takes a character. */
export function takes(step: Step, character: number): boolean {
  if (step.type === 'literal') return step.character === character;
  return step.type === 'any' || (step.type === 'set' && isInSet(step, character));
}

export function isInSet({ ranges, inverted }: CharacterSet, character: number): boolean {
  return ranges.some(([from, to]) => character >= from && character <= to) !== inverted;
}
