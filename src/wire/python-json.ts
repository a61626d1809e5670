/**
 * What Python's `json.loads()` makes of a text, within bounds.
 *
 * ```text
 * JSON (RFC 8259)           as JSON.parse has it; of names that repeat the last wins
 * NaN, Infinity, -Infinity  numbers, as Python writes and reads them though JSON has none
 * 1.0, 1e400, 2 ** 70       1, Infinity and the nearest double: JavaScript has one kind of number
 * {...}                     an object without a prototype, so that "__proto__" is a name like any other
 * ```
 *
 * Deeper than 257 containers, or more than 100 000 values, is refused where the bound is passed. Made by Python's
 * `json.dumps()`: `pythonJson` of python-text.ts.
 */

import { SottoError } from '../errors.ts';
import { MAX_DEPTH } from './python-text.ts';

// Chosen: what pythonJson makes and a wrapper around it; and no more values than a short message has by far.
const MAX_CONTAINERS = MAX_DEPTH + 1;
const MAX_VALUES = 100_000;

const BLANKS = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** @throws SottoError `invalid_body` for what Python cannot read, and for what is too deep or has too many values. */
export function parsePythonJson(text: string): unknown {
  return new JsonReader(text).whole();
}

class JsonReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #values = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): unknown {
    const value = this.#value();
    if (this.#peek() !== '') throw this.#refused('something follows the value');
    return value;
  }

  #value(): unknown {
    this.#values += 1;
    if (this.#values > MAX_VALUES) throw this.#refused(`there are more than ${MAX_VALUES} values`);
    switch (this.#peek()) {
      case '{':
        return this.#within(() => this.#object());
      case '[':
        return this.#within(() => this.#array());
      case '"':
        return this.#string();
      default:
        return this.#wordOrNumber();
    }
  }

  #within<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_CONTAINERS) throw this.#refused(`it is deeper than ${MAX_CONTAINERS} containers`);
    this.#at += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #object(): Record<string, unknown> {
    const members: Record<string, unknown> = Object.create(null);
    if (this.#takes('}')) return members;
    do {
      if (this.#peek() !== '"') throw this.#refused('a name is missing');
      const name = this.#string();
      if (!this.#takes(':')) throw this.#refused('a colon is missing');
      members[name] = this.#value();
    } while (this.#takes(','));
    if (!this.#takes('}')) throw this.#refused('an object does not end');
    return members;
  }

  #array(): unknown[] {
    const items: unknown[] = [];
    if (this.#takes(']')) return items;
    do items.push(this.#value());
    while (this.#takes(','));
    if (!this.#takes(']')) throw this.#refused('an array does not end');
    return items;
  }

  /** By hand to its end, whatever its length; the rest JSON.parse knows, and which characters may not be in it. */
  #string(): string {
    const start = this.#at;
    let end = start + 1;
    for (let code = 0; code !== 0x22; end += 1) {
      code = this.#text.charCodeAt(end);
      if (Number.isNaN(code)) throw this.#refused('a string does not end');
      if (code === 0x5c) end += 1;
    }
    this.#at = end;
    try {
      return JSON.parse(this.#text.slice(start, end)) as string;
    } catch {
      throw this.#refused('a string holds what it may not'); // the error of JSON.parse would quote it
    }
  }

  #wordOrNumber(): unknown {
    for (const [word, value] of WORDS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    const digits = this.#match(NUMBER);
    if (digits === '') throw this.#refused('a value is missing');
    return Number(digits);
  }

  /** The next character that is no blank; empty at the end. */
  #peek(): string {
    this.#match(BLANKS);
    return this.#text.charAt(this.#at);
  }

  #takes(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [matched = ''] = pattern.exec(this.#text) ?? [];
    this.#at += matched.length;
    return matched;
  }

  #refused(why: string): SottoError {
    return new SottoError('invalid_body', `This is not JSON as Python reads it, at ${this.#at}: ${why}.`);
  }
}
