/**
 * All globs that a topic fits, at the price of the topic and not of their number: globs share a tree of their steps, and
 * a topic is walked through all its branches at once.
 */

import type { Bytes } from '../../bytes/bytes.ts';
import { type CharacterSet, charactersOf, type GlobToken, isInSet, parseGlob } from './glob.ts';

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

/** A place in the tree: a glob read so far. */
class Place<Value> {
  /** After a run: it stays, whatever character comes. */
  readonly isRun: boolean;
  readonly literals = new Branches<Place<Value>>();
  /** By the text of the set. */
  readonly sets = new Map<string, { readonly set: CharacterSet; readonly place: Place<Value> }>();
  any: Place<Value> | null = null;
  run: Place<Value> | null = null;
  /** Of the globs that end here. */
  readonly values = new Set<Value>();
  /** The step of a walk that was here last, so that no place is taken twice. */
  visited = 0;

  constructor(isRun = false) {
    this.isRun = isRun;
  }

  get isEmpty(): boolean {
    const leads = !this.literals.isEmpty || this.sets.size > 0 || this.any !== null || this.run !== null;
    return !leads && this.values.size === 0;
  }
}

export class GlobIndex<Value> {
  readonly #root = new Place<Value>();
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
    const { values } = tokens.reduce(placeAfter, this.#root);
    if (values.has(value)) return false;
    values.add(value);
    this.#size += 1;
    return true;
  }

  /** @returns false where there is no such pair. */
  remove(glob: string, value: Value): boolean {
    const tokens = parseGlob(glob);
    if (tokens === null || !removeBelow(this.#root, tokens, 0, value)) return false;
    this.#size -= 1;
    return true;
  }

  /** The values of every glob that the topic fits; a value of several globs comes once for each. */
  match(topic: Bytes): Value[] {
    let places: Place<Value>[] = [];
    this.#steps += 1;
    this.#enter(this.#root, places);
    const characters = charactersOf(topic);
    for (let at = 0; at < characters.length; at++) {
      const character = characters[at] ?? 0;
      const next: Place<Value>[] = [];
      this.#steps += 1;
      for (const place of places) this.#advance(place, character, next);
      if (next.length === 0) return [];
      places = next;
    }
    return places.flatMap(({ values }) => [...values]);
  }

  #advance(place: Place<Value>, character: number, next: Place<Value>[]): void {
    if (place.isRun) this.#enter(place, next);
    const literal = place.literals.get(character);
    if (literal) this.#enter(literal, next);
    if (place.any) this.#enter(place.any, next);
    if (place.sets.size === 0) return; // to iterate over nothing has its price too
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

/** Removes the value, and on the way back every place that leads nowhere any more. */
function removeBelow<Value>(
  place: Place<Value>,
  tokens: readonly GlobToken[],
  at: number,
  value: Value,
): boolean {
  const token = tokens[at];
  if (token === undefined) return place.values.delete(value);
  const next = knownPlaceAfter(place, token);
  if (!next || !removeBelow(next, tokens, at + 1, value)) return false;
  if (next.isEmpty) forget(place, token);
  return true;
}

function knownPlaceAfter<Value>(place: Place<Value>, token: GlobToken): Place<Value> | null {
  switch (token.type) {
    case 'run':
      return place.run;
    case 'any':
      return place.any;
    case 'set':
      return place.sets.get(token.text)?.place ?? null;
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
      place.sets.delete(token.text);
      break;
    case 'literal':
      place.literals.delete(token.character);
      break;
  }
}
