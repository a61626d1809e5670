/**
 * How a value is written as bytes, named by one letter that every job shares.
 *
 * ```text
 * letter  name   bytes                                        value
 * t       text   UTF-8                                        string
 * j       JSON   UTF-8 (RFC 8259)                             what JSON holds
 * c       CBOR   RFC 8949; dates, maps, sets, big integers    those too, and undefined, NaN, nested bytes
 * b       bytes  as they are                                  Uint8Array
 * ```
 *
 * CBOR has one kind of map and of integer: a `Map` whose keys are all text comes back as a plain object, and a bigint
 * that a number can hold as a number.
 * `p` (pickle) belongs to the lookup job alone. Source: specs/native.md, section 2.
 */

import { cbor } from '#cbor';
import type { Bytes } from '../bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/text.ts';
import { codeOf, SottoError } from '../errors.ts';

export type Representation = 't' | 'j' | 'c' | 'b';

export const REPRESENTATIONS: readonly Representation[] = ['t', 'j', 'c', 'b'];

// Chosen: what is nested deeper than CBOR's decoder goes is nothing for JSON either.
const MAX_DEPTH = 256;

/** The whole CBOR of undefined, which is what most handlers return: no library is loaded for it. */
const UNDEFINED = 0xf7;

export interface EncodedBody {
  readonly representation: Representation;
  readonly bytes: Bytes;
}

/**
 * A value as bytes. `auto` picks `b` for bytes, `t` for strings, `j` where JSON keeps the value whole, else `c` (also
 * for undefined).
 *
 * @throws SottoError `invalid_body` for a value that the representation cannot hold; in pages `unsupported_platform` for
 * one that needs CBOR before that is loaded.
 */
export function encodeBody(value: unknown, representation: Representation | 'auto' = 'auto'): EncodedBody {
  const letter = representation === 'auto' ? representationFor(value) : representation;
  return { representation: letter, bytes: ENCODERS[letter](value) };
}

/**
 * The value that `bytes` stand for. No bytes at all are `undefined`, except as text or bytes.
 *
 * @throws SottoError `invalid_body` for bytes that are not of that representation.
 */
export function decodeBody(bytes: Bytes, representation: Representation): unknown {
  if (bytes.length === 0 && (representation === 'j' || representation === 'c')) return undefined;
  try {
    return DECODERS[representation](bytes);
  } catch (cause) {
    if (codeOf(cause) === 'unsupported_platform') throw cause;
    throw new SottoError('invalid_body', `The body is not ${NAMES[representation]}.`, { cause });
  }
}

/** What must be awaited before `value` can be written; null where nothing must, as everywhere but in pages. */
export function loadingToEncode(
  value: unknown,
  representation: Representation | 'auto' = 'auto',
): Promise<void> | null {
  if (cbor.isLoaded || value === undefined) return null;
  const letter = representation === 'auto' ? representationFor(value) : representation;
  return letter === 'c' ? cbor.load() : null;
}

/** What must be awaited before `bytes` can be read; null where nothing must, as everywhere but in pages. */
export function loadingToDecode(bytes: Bytes, representation: Representation): Promise<void> | null {
  if (cbor.isLoaded || representation !== 'c') return null;
  return bytes.length === 0 || isUndefined(bytes) ? null : cbor.load();
}

/** The value, or a promise of it where it cannot be read yet. @throws as {@link decodeBody}. */
export function decodeSoon(bytes: Bytes, representation: Representation): unknown {
  const loading = loadingToDecode(bytes, representation);
  if (!loading) return decodeBody(bytes, representation);
  const value = loading.then(() => decodeBody(bytes, representation));
  value.catch(() => {}); // it may be given up before anybody waits
  return value;
}

/** @throws SottoError `unsupported_representation` for any other byte. */
export function representationFromByte(byte: number): Representation {
  const letter = REPRESENTATIONS.find((each) => each.charCodeAt(0) === byte);
  if (letter) return letter;
  throw new SottoError(
    'unsupported_representation',
    `Byte ${byte} names no representation; use t, j, c or b.`,
  );
}

/** The letter that keeps `value` whole at the least cost. */
export function representationFor(value: unknown): Representation {
  if (value instanceof Uint8Array) return 'b';
  if (typeof value === 'string') return 't';
  return isJson(value, 0) ? 'j' : 'c';
}

const NAMES: Readonly<Record<Representation, string>> = { t: 'UTF-8 text', j: 'JSON', c: 'CBOR', b: 'bytes' };

const ENCODERS: Readonly<Record<Representation, (value: unknown) => Bytes>> = {
  t(value) {
    if (typeof value === 'string') return encodeUtf8(value);
    if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') {
      return encodeUtf8(String(value));
    }
    throw cannotHold('t', value);
  },
  j(value) {
    const text = attempt('j', value, () => JSON.stringify(value));
    if (text === undefined) throw cannotHold('j', value);
    return encodeUtf8(text);
  },
  c(value) {
    if (value === undefined) return Uint8Array.of(UNDEFINED);
    const { encode } = cbor.part;
    return attempt('c', value, () => encode(value));
  },
  b(value) {
    if (value instanceof Uint8Array) return value;
    if (value === undefined) return new Uint8Array(0);
    if (typeof value === 'string') return encodeUtf8(value);
    throw cannotHold('b', value);
  },
};

const DECODERS: Readonly<Record<Representation, (bytes: Bytes) => unknown>> = {
  t: decodeUtf8,
  j: (bytes) => JSON.parse(decodeUtf8(bytes)),
  c: (bytes) => (isUndefined(bytes) ? undefined : cbor.part.decode(bytes)),
  b: (bytes) => bytes,
};

function isUndefined(bytes: Bytes): boolean {
  return bytes.length === 1 && bytes[0] === UNDEFINED;
}

/** Whether JSON gives the same value back: plain objects and arrays of strings, finite numbers, booleans, null. */
function isJson(value: unknown, depth: number): boolean {
  if (depth > MAX_DEPTH) return false;
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'object':
      return value === null || isPlainJson(value, depth);
    default:
      return false;
  }
}

function isPlainJson(value: object, depth: number): boolean {
  // By index: `every` would skip holes, which JSON turns into null.
  if (Array.isArray(value)) return Array.from(value).every((each) => isJson(each, depth + 1));
  if ('toJSON' in value) return typeof value.toJSON === 'function' && !(value instanceof Date);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((each) => isJson(each, depth + 1));
}

function attempt<T>(letter: Representation, value: unknown, encode: () => T): T {
  try {
    return encode();
  } catch (cause) {
    throw cannotHold(letter, value, cause);
  }
}

function cannotHold(letter: Representation, value: unknown, cause?: unknown): SottoError {
  const what = value === null ? 'null' : Array.isArray(value) ? 'this array' : `this ${typeof value}`;
  return new SottoError('invalid_body', `A body of ${NAMES[letter]} cannot hold ${what}.`, { cause });
}
