/**
 * What a JavaScript value is in Python, and how Python prints it: `str()` and `json.dumps()`.
 *
 * ```text
 * JavaScript                        Python   str()                   json.dumps()
 * undefined, null                   None     None                    null
 * boolean                           bool     True                    true
 * number, whole and safe; bigint    int      12                      12 (bigint: refused)
 * any other number, -0 too          float    0.1, 1e+16, nan         0.1, 1e+16 (nan, inf: refused)
 * string                            str      as it is; inside: 'a'   "a", "\u00e9"
 * Uint8Array                        bytes    b'a\x00'                refused
 * Array                             list     [1, 'a']                [1, "a"]
 * plain object, Map                 dict     {'a': None}             {"a": null} (Map: refused)
 * Set                               set      {1}, set()              refused
 * ```
 *
 * Anything else is refused, and so are values that contain themselves. Source: specs/simple-client-server.md, section 2.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';

// Chosen: as in representation.ts, so that nothing recurses without end.
export const MAX_DEPTH = 256;

/** One method for each type of Python. Containers get their parts and, to be recognised by, the object itself. */
export interface PythonTypes<T> {
  none(): T;
  bool(value: boolean): T;
  int(value: number | bigint): T;
  float(value: number): T;
  str(value: string): T;
  bytes(value: Bytes): T;
  list(items: readonly unknown[], source: object): T;
  dict(entries: readonly DictEntry[], source: object): T;
  set(members: readonly unknown[], source: object): T;
}

export type DictEntry = readonly [key: unknown, value: unknown];

/**
 * The string that Python's `str()` makes of the value; a string stays as it is.
 *
 * @throws SottoError `invalid_body` for a value that Python's types cannot hold.
 */
export function pythonText(value: unknown): string {
  return typeof value === 'string' ? value : new Repr().of(value);
}

/**
 * The string that Python's `json.dumps()` makes of the value. Like `JSON.stringify`, it calls `toJSON`, leaves out
 * members that are undefined or functions, and writes null for those in an array.
 *
 * @param blank what follows each comma and colon: nothing where Python is told `separators=(',', ':')`.
 * @throws SottoError `invalid_body` for a value that JSON cannot hold.
 */
export function pythonJson(value: unknown, blank: '' | ' ' = ' '): string {
  const text = jsonOf(value, '', { nesting: new Nesting(), blank });
  if (text === undefined) throw refused(`JSON cannot hold ${typeof value}`);
  return text;
}

/** Calls the one method of `types` that fits `value`. */
export function asPython<T>(value: unknown, types: PythonTypes<T>, nesting: Nesting): T {
  switch (typeof value) {
    case 'undefined':
      return types.none();
    case 'boolean':
      return types.bool(value);
    case 'number':
      return isInt(value) ? types.int(value) : types.float(value);
    case 'bigint':
      return types.int(value);
    case 'string':
      return types.str(value);
    case 'object':
      return value === null ? types.none() : objectAsPython(value, types, nesting);
    default:
      throw refused(`Python has no type for a ${typeof value}`);
  }
}

function objectAsPython<T>(value: object, types: PythonTypes<T>, nesting: Nesting): T {
  if (value instanceof Uint8Array) return types.bytes(value);
  return nesting.within(value, () => {
    if (Array.isArray(value)) return types.list(value, value);
    if (value instanceof Set) return types.set(hashable([...value]), value);
    if (value instanceof Map) {
      hashable([...value.keys()]);
      return types.dict([...value], value);
    }
    if (isPlain(value)) return types.dict(Object.entries(value), value);
    throw refused(`Python has no type for a ${value.constructor?.name ?? 'class'}`);
  });
}

/** A list, dict or set can be no key in Python, and no member of a set. */
function hashable(keys: readonly unknown[]): readonly unknown[] {
  const container = keys.some(
    (key) => typeof key === 'object' && key !== null && !(key instanceof Uint8Array),
  );
  if (container) throw refused('in Python a list, dict or set can be neither a key nor a member of a set');
  return keys;
}

function isInt(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The containers around the value at hand: refuses more than {@link MAX_DEPTH}, and any that is inside itself. */
export class Nesting {
  readonly #around = new Set<object>();

  within<T>(container: object, work: () => T): T {
    if (this.#around.has(container)) throw refused('it contains itself');
    if (this.#around.size === MAX_DEPTH) throw tooDeep();
    this.#around.add(container);
    const result = work();
    this.#around.delete(container);
    return result;
  }
}

/** Python's `repr()`. */
class Repr implements PythonTypes<string> {
  readonly #nesting = new Nesting();

  of(value: unknown): string {
    return asPython(value, this, this.#nesting);
  }

  none(): string {
    return 'None';
  }

  bool(value: boolean): string {
    return value ? 'True' : 'False';
  }

  int(value: number | bigint): string {
    return String(value);
  }

  float(value: number): string {
    return floatText(value);
  }

  str(value: string): string {
    // What Python calls printable, nearly: it may know another version of Unicode than we do.
    return quoted(value, /['\\\p{C}\p{Z}]/gu);
  }

  bytes(value: Bytes): string {
    return `b${quoted(latin1(value), /['\\]|[^ -~]/g)}`;
  }

  list(items: readonly unknown[]): string {
    return `[${this.#joined(items)}]`;
  }

  dict(entries: readonly DictEntry[]): string {
    return `{${entries.map(([key, value]) => `${this.of(key)}: ${this.of(value)}`).join(', ')}}`;
  }

  set(members: readonly unknown[]): string {
    return members.length === 0 ? 'set()' : `{${this.#joined(members)}}`;
  }

  #joined(items: readonly unknown[]): string {
    return Array.from(items, (item) => this.of(item)).join(', '); // `map` would skip holes
  }
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (Object.is(value, -0)) return '-0.0';
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e16) return value.toExponential().replace(/(?<=e[+-])\d$/, '0$&');
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** In single quotes; in double quotes where that saves escaping single ones. */
function quoted(text: string, special: RegExp): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  return (
    quote + text.replace(special, (char) => (quote === '"' && char === "'" ? char : escaped(char))) + quote
  );
}

const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  ' ': ' ',
  "'": "\\'",
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};

function escaped(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const [letter, digits] = code <= 0xff ? ['x', 2] : code <= 0xffff ? ['u', 4] : ['U', 8];
  return NAMED_ESCAPES[char] ?? `\\${letter}${code.toString(16).padStart(digits, '0')}`;
}

/** One character for each byte. */
export function latin1(bytes: Bytes): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

interface JsonWriting {
  readonly nesting: Nesting;
  readonly blank: string;
}

/** Undefined for what JSON leaves out. `key` is what `toJSON` is told. */
function jsonOf(original: unknown, key: string, writing: JsonWriting): string | undefined {
  const value = throughToJson(original, key);
  switch (typeof value) {
    case 'string':
      return jsonString(value);
    case 'number':
      if (!Number.isFinite(value)) throw refused(`JSON cannot hold ${value}`);
      return isInt(value) ? String(value) : floatText(value);
    case 'boolean':
      return String(value);
    case 'bigint':
      throw refused('JSON cannot hold a bigint');
    case 'object':
      return value === null ? 'null' : writing.nesting.within(value, () => jsonOfObject(value, writing));
    default:
      return undefined;
  }
}

function throughToJson(value: unknown, key: string): unknown {
  // Before `toJSON`, since a Buffer has one and other arrays of bytes have none.
  if (ArrayBuffer.isView(value)) throw refused('JSON cannot hold bytes');
  if (typeof value !== 'object' || value === null || !('toJSON' in value)) return value;
  return typeof value.toJSON === 'function' ? value.toJSON(key) : value;
}

function jsonOfObject(value: object, writing: JsonWriting): string {
  if (ArrayBuffer.isView(value)) throw refused('JSON cannot hold bytes');
  if (value instanceof Map || value instanceof Set) throw refused('JSON cannot hold a Map or a Set');
  if (Array.isArray(value)) return `[${jsonItems(value, writing)}]`;
  const { blank } = writing;
  let members = '';
  for (const key of Object.keys(value)) {
    const text = jsonOf(Reflect.get(value, key), key, writing);
    if (text === undefined) continue;
    members += `${members === '' ? '' : `,${blank}`}${jsonString(key)}:${blank}${text}`;
  }
  return `{${members}}`;
}

function jsonItems(items: readonly unknown[], writing: JsonWriting): string {
  const texts = Array.from(items, (item, index) => jsonOf(item, String(index), writing) ?? 'null');
  return texts.join(`,${writing.blank}`);
}

function jsonString(text: string): string {
  const json = JSON.stringify(text);
  // One escape for each UTF-16 unit, as Python has it; most texts need none.
  return /[\x7f-\uffff]/.test(json) ? json.replace(/[\x7f-\uffff]/g, escapedUnit) : json;
}

function escapedUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

export function tooDeep(): SottoError {
  return refused(`it is nested deeper than ${MAX_DEPTH} containers`);
}

function refused(why: string): SottoError {
  return new SottoError('invalid_body', `This value cannot be sent to or taken from Python: ${why}.`);
}
