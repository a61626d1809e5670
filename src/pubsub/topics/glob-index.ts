/**
 * All globs that a topic fits, at the price of the topic and not of their number: globs share a tree of their steps, and
 * a topic is walked through all its branches at once. Where globs and topic are made to fit everywhere, that would be all
 * places for each character: such a topic is held against each glob instead, which takes no longer than reading both.
 */

import type { Bytes } from '../../bytes/bytes.ts';
import { type CharacterSet, charactersOf, type GlobToken, globTakes, parseGlob } from './glob.ts';
import { isInSet } from './glob-part.ts';

/** By the next character. Most places lead on by one alone, which needs no map. */
class Branches<T> {
  #character = -1;
  #only: T | null = null;
  #others: Map<number, T> | null = null;

  get isEmpty(): boolean {
    return this.#only === null && this.#others === null;
  }

  get(character: number): T | null {
    if (character === this.#character) return this.#only;
    return this.#others?.get(character) ?? null;
  }

  set(character: number, branch: T): void {
    if (this.#only === null || character === this.#character) {
      this.#character = character;
      this.#only = branch;
    } else {
      this.#others ??= new Map();
      this.#others.set(character, branch);
    }
  }

  delete(character: number): void {
    if (character === this.#character) {
      this.#character = -1;
      this.#only = null;
    } else if (this.#others?.delete(character) && this.#others.size === 0) {
      this.#others = null;
    }
  }
}

/** Places that one walk takes before it is given up; those of a usual topic are some hundreds. */
const LONGEST_WALK = 200_000;

/** A set of a place, and where it leads. */
interface SetBranch<Value> {
  readonly set: CharacterSet;
  readonly place: Place<Value>;
}

/** A place in the tree: a glob read so far. What most places have none of is made when it is needed. */
class Place<Value> {
  /** After a run: it stays, whatever character comes. */
  readonly isRun: boolean;
  readonly literals = new Branches<Place<Value>>();
  /** By the text of the set. */
  sets: Map<string, SetBranch<Value>> | null = null;
  any: Place<Value> | null = null;
  run: Place<Value> | null = null;
  /** Of the globs that end here. */
  values: Set<Value> | null = null;
  /** The step of a walk that was here last, so that no place is taken twice. */
  visited = 0;

  constructor(isRun = false) {
    this.isRun = isRun;
  }

  /** Whether there is anything behind it. */
  get leads(): boolean {
    return !this.literals.isEmpty || this.sets !== null || this.any !== null || this.run !== null;
  }

  get isEmpty(): boolean {
    return !this.leads && this.values === null;
  }
}

export class GlobIndex<Value> {
  readonly #root = new Place<Value>();
  /** Where globs end, and one of those that do: `**` is the same as `*`. */
  readonly #ends = new Map<Place<Value>, string>();
  #size = 0;
  #steps = 0;

  /** How many pairs of a glob and a value there are. */
  get size(): number {
    return this.#size;
  }

  /** @returns false where the pair is there already, or the glob matches nothing. */
  add(glob: string, value: Value): boolean {
    const tokens = parseGlob(glob);
    if (tokens === null) return false;
    const end = tokens.reduce(placeAfter, this.#root);
    end.values ??= new Set();
    if (end.values.has(value)) return false;
    end.values.add(value);
    this.#ends.set(end, glob);
    this.#size += 1;
    return true;
  }

  /** @returns false where there is no such pair. */
  remove(glob: string, value: Value): boolean {
    const tokens = parseGlob(glob);
    const way = tokens && wayOf(this.#root, tokens);
    const end = way?.at(-1);
    if (!tokens || !way || !end?.values?.delete(value)) return false;
    this.#size -= 1;
    if (end.values.size > 0) return true;
    end.values = null;
    this.#ends.delete(end);
    prune(way, tokens);
    return true;
  }

  /** The values of every glob that the topic fits; a value of several globs comes once for each. */
  match(topic: Bytes): Value[] {
    const characters = charactersOf(topic);
    const ends = this.#walk(characters) ?? this.#endsOf(characters);
    return ends.flatMap(({ values }) => (values === null ? [] : [...values]));
  }

  /** Where the walk of a topic ends; null where it is too long a one. */
  #walk(characters: ArrayLike<number>): Place<Value>[] | null {
    let places: Place<Value>[] = [];
    let walked = 0;
    this.#steps += 1;
    this.#enter(this.#root, places);
    for (let at = 0; at < characters.length; at++) {
      const character = characters[at] ?? 0;
      const next: Place<Value>[] = [];
      this.#steps += 1;
      for (const place of places) this.#advance(place, character, next);
      walked += places.length;
      if (next.length === 0) return [];
      if (walked > LONGEST_WALK) return null;
      places = next;
    }
    return places;
  }

  #endsOf(characters: ArrayLike<number>): Place<Value>[] {
    return [...this.#ends].flatMap(([end, glob]) => (globTakes(glob, characters) ? [end] : []));
  }

  #advance(place: Place<Value>, character: number, next: Place<Value>[]): void {
    if (place.isRun) this.#enter(place, next);
    const literal = place.literals.get(character);
    if (literal) this.#enter(literal, next);
    if (place.any) this.#enter(place.any, next);
    if (place.sets === null) return;
    for (const { set, place: behind } of place.sets.values()) {
      if (isInSet(set, character)) this.#enter(behind, next);
    }
  }

  #enter(place: Place<Value>, places: Place<Value>[]): void {
    if (place.visited === this.#steps) return;
    place.visited = this.#steps;
    places.push(place);
    if (place.run) this.#enter(place.run, places); // a run may be of no characters
  }
}

function placeAfter<Value>(place: Place<Value>, token: GlobToken): Place<Value> {
  switch (token.type) {
    case 'run':
      place.run ??= new Place(true);
      return place.run;
    case 'any':
      place.any ??= new Place();
      return place.any;
    case 'set': {
      place.sets ??= new Map();
      const known = place.sets.get(token.text) ?? { set: token, place: new Place<Value>() };
      place.sets.set(token.text, known);
      return known.place;
    }
    case 'literal': {
      const known = place.literals.get(token.character) ?? new Place<Value>();
      place.literals.set(token.character, known);
      return known;
    }
  }
}

/** Every place on the way of a glob, the root first; null where there is none. Without recursion: globs may be long. */
function wayOf<Value>(root: Place<Value>, tokens: readonly GlobToken[]): readonly Place<Value>[] | null {
  const way = [root];
  for (const token of tokens) {
    const next = knownPlaceAfter(way.at(-1) ?? root, token);
    if (!next) return null;
    way.push(next);
  }
  return way;
}

/** Takes away every place on the way that leads nowhere any more. */
function prune<Value>(way: readonly Place<Value>[], tokens: readonly GlobToken[]): void {
  for (let at = tokens.length - 1; at >= 0; at--) {
    const [place, token, next] = [way[at], tokens[at], way[at + 1]];
    if (!place || !token || !next?.isEmpty) return;
    forget(place, token);
  }
}

function knownPlaceAfter<Value>(place: Place<Value>, token: GlobToken): Place<Value> | null {
  switch (token.type) {
    case 'run':
      return place.run;
    case 'any':
      return place.any;
    case 'set':
      return place.sets?.get(token.text)?.place ?? null;
    case 'literal':
      return place.literals.get(token.character);
  }
}

function forget<Value>(place: Place<Value>, token: GlobToken): void {
  switch (token.type) {
    case 'run':
      place.run = null;
      break;
    case 'any':
      place.any = null;
      break;
    case 'set':
      place.sets?.delete(token.text);
      if (place.sets?.size === 0) place.sets = null;
      break;
    case 'literal':
      place.literals.delete(token.character);
      break;
  }
}
