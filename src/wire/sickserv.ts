/**
 * sickserv's payload (legacy): a dict of text and bytes, as one text that HTTP or a WebSocket carries.
 *
 * ```text
 * dialect   made by         the way to the wire
 * lz4       0.0.1 - 0.0.5   values as base64, JSON, LZ4 frame, base64, RC4, hex
 * plain     0.0.6 - 0.1.3   values as base64, JSON, RC4, hex
 *
 * base64    in lines, as Python has it (python-base64.ts)
 * JSON      as Python writes it (python-text.ts), names in the dict's order; of names that repeat the last is read
 * LZ4       any frame without a dictionary; made without the content's size, where the original says it (flags 0x68)
 * RC4       key: the text's code points modulo 256, the first 256 of them; the keystream starts anew with each message
 * hex       upper case; either is read, blanks and line ends are not
 *
 * version         may be sent                               comes back as
 * 0.0.1 - 0.0.3   text, bytes                               bytes
 * 0.0.4 - 0.0.5   text, bytes                               text; what is not UTF-8 is refused
 * 0.0.6           text, bytes, dicts                        text; as before
 * 0.0.7           text, bytes, dicts, lists of text, bytes  text; as before
 * 0.1.0 - 0.1.3   the same                                  text where it is UTF-8, else bytes
 *
 * HTTP            POST /{endpoint}/{sysid}; answered by 200, text/plain. A failure is 500
 * WebSocket       /{endpoint}/{sysid}; messages of text, any number both ways. A failure closes it
 * 0.0.1           the same without /{sysid}, and one key for everybody
 * sysid           12 hex digits, in clear; says which key
 * rekey           {"key": KEY or "", "length": "16"} to the endpoint rekey; answered by {"key": NEW} under the old key
 * ```
 *
 * A dialect without a version takes what its last version takes, and reads text where it is UTF-8, else bytes.
 *
 * Nothing is authenticated, and two messages under one key give each other away. Source: specs/sickserv.md.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { decodeHex, decodeUtf8, encodeHex, encodeUtf8 } from '../bytes/text.ts';
import { messageOf, SottoError } from '../errors.ts';
import { decodePythonBase64, encodePythonBase64 } from './python-base64.ts';
import { parsePythonJson } from './python-json.ts';
import { Nesting, pythonJson } from './python-text.ts';

// Specified.
/** The endpoint that changes a key. */
export const REKEY = 'rekey';
/** The key of all programs that are given none. */
export const ORIGINAL_KEY = 'sickservsickserv';
export const ORIGINAL_PORT = 1337;
const MOST_OF_KEY = 256;
const HTTPS_PORT = 443;

// Chosen.
/** The longest a wire is for each byte of JSON: hex of base64 of what LZ4 could not make shorter. */
const WIRE_FOR_JSON = 3;
const WIRE_AT_LEAST = 128;

/** Which of two wires; nothing in a message tells. */
export type SickservDialect = 'lz4' | 'plain';

/** A release of the original whose ways are followed. */
export type SickservVersion =
  | '0.0.1'
  | '0.0.2'
  | '0.0.3'
  | '0.0.4'
  | '0.0.5'
  | '0.0.6'
  | '0.0.7'
  | '0.1.0'
  | '0.1.1'
  | '0.1.2'
  | '0.1.3';

/** A value of a payload; what is read is never a Map. */
export type SickservValue = string | Bytes | readonly (string | Bytes)[] | SickservPayload;

/** Values by name. */
export interface SickservPayload {
  readonly [name: string]: SickservValue;
}

/** What a version does. */
export interface SickservHabits {
  readonly dialect: SickservDialect;
  /** Takes dicts as values. */
  readonly nests: boolean;
  /** Takes lists as values. */
  readonly lists: boolean;
  /** What values come back as. */
  readonly values: 'bytes' | 'text' | 'text-or-bytes';
  /** Whether a url ends with the sysid. */
  readonly hasSysid: boolean;
}

/** What the pure format is lent. */
export interface SickservCodecs {
  rc4(key: Bytes, data: Bytes): Bytes;
  compress(bytes: Bytes): Bytes;
  /** @param most bytes that may come out. */
  decompress(frame: Bytes, most: number): Bytes;
}

const LZ4: SickservHabits = {
  dialect: 'lz4',
  nests: false,
  lists: false,
  values: 'text-or-bytes',
  hasSysid: true,
};
const PLAIN: SickservHabits = { ...LZ4, dialect: 'plain', nests: true, lists: true };

const DIALECTS: Readonly<Record<SickservDialect, SickservHabits>> = { lz4: LZ4, plain: PLAIN };

const VERSIONS: Readonly<Record<SickservVersion, SickservHabits>> = {
  '0.0.1': { ...LZ4, values: 'bytes', hasSysid: false },
  '0.0.2': { ...LZ4, values: 'bytes' },
  '0.0.3': { ...LZ4, values: 'bytes' },
  '0.0.4': { ...LZ4, values: 'text' },
  '0.0.5': { ...LZ4, values: 'text' },
  '0.0.6': { ...PLAIN, values: 'text', lists: false },
  '0.0.7': { ...PLAIN, values: 'text' },
  '0.1.0': PLAIN,
  '0.1.1': PLAIN,
  '0.1.2': PLAIN,
  '0.1.3': PLAIN,
};

/** @throws SottoError `invalid_option` for a dialect or version that is none, and for two that exclude each other. */
export function sickservHabits(dialect: SickservDialect, version?: SickservVersion): SickservHabits {
  if (!Object.hasOwn(DIALECTS, dialect)) {
    throw new SottoError('invalid_option', `dialect is "lz4" or "plain", not "${String(dialect)}".`);
  }
  if (version === undefined) return DIALECTS[dialect];
  if (!Object.hasOwn(VERSIONS, version)) {
    throw new SottoError('invalid_option', `There is no version "${String(version)}" of sickserv.`);
  }
  const habits = VERSIONS[version];
  if (habits.dialect === dialect) return habits;
  throw new SottoError('invalid_option', `sickserv ${version} speaks "${habits.dialect}", not "${dialect}".`);
}

/**
 * The text that goes to the wire; the payload is left as it is.
 *
 * @param payload an object, or a Map, whose order is kept whatever its names.
 * @param key not empty.
 * @throws SottoError `invalid_argument` for what is no dict, `invalid_body` for a value that the version cannot send,
 * `invalid_key`.
 */
export function sealSickserv(
  payload: unknown,
  key: string,
  habits: SickservHabits,
  codecs: SickservCodecs,
): string {
  const json = encodeSickservJson(payload, habits);
  const text = habits.dialect === 'lz4' ? encodePythonBase64(codecs.compress(encodeUtf8(json))) : json;
  return encryptSickserv(text, key, codecs);
}

/**
 * The payload of a text from the wire.
 *
 * @param maxJson the longest JSON that is taken, bytes.
 * @throws SottoError `frame_too_large`, `invalid_text` for what is not hex, `decrypt_failed` under most other keys,
 * `invalid_message` for what is not a dict in the end, `invalid_body` for a value that is none, `invalid_key`.
 */
export function openSickserv(
  wire: string,
  key: string,
  habits: SickservHabits,
  codecs: SickservCodecs,
  maxJson: number,
): SickservPayload {
  if (wire.length > maxSickservWire(maxJson)) throw tooLarge(maxJson);
  const text = decryptSickserv(wire, key, codecs);
  const json = habits.dialect === 'lz4' ? decompressed(text, codecs, maxJson) : text;
  if (json.length > maxJson) throw tooLarge(maxJson);
  return decodeSickservJson(json, habits);
}

/** The longest text on the wire that so much JSON may make, bytes. */
export function maxSickservWire(maxJson: number): number {
  return WIRE_FOR_JSON * maxJson + WIRE_AT_LEAST;
}

/** Text under RC4, as hex. @throws SottoError `invalid_key`. */
export function encryptSickserv(text: string, key: string, { rc4 }: SickservCodecs): string {
  return encodeHex(rc4(keyBytes(key), encodeUtf8(text))).toUpperCase();
}

/** @throws SottoError `invalid_text`, `decrypt_failed`, `invalid_key`. */
export function decryptSickserv(wire: string, key: string, { rc4 }: SickservCodecs): string {
  if (typeof wire !== 'string' || wire.length % 2 !== 0 || /[^0-9A-Fa-f]/.test(wire)) {
    throw new SottoError('invalid_text', 'A message of sickserv is an even number of hexadecimal digits.');
  }
  const bytes = rc4(keyBytes(key), decodeHex(wire));
  try {
    return decodeUtf8(bytes);
  } catch {
    throw new SottoError('decrypt_failed', 'The message does not open: another key, or altered on the way.');
  }
}

/** @throws SottoError `invalid_key` for a key without a character, which no version can use. */
function keyBytes(key: string): Bytes {
  if (typeof key !== 'string' || key === '') {
    throw new SottoError('invalid_key', 'A key of sickserv is text of one character or more.');
  }
  return Uint8Array.from(
    [...key].slice(0, MOST_OF_KEY),
    (character) => (character.codePointAt(0) ?? 0) & 0xff,
  );
}

function decompressed(text: string, { decompress }: SickservCodecs, maxJson: number): string {
  try {
    return decodeUtf8(decompress(decodePythonBase64(text), maxJson));
  } catch (cause) {
    if (cause instanceof SottoError && cause.code !== 'invalid_text') throw cause;
    throw noPayload(messageOf(cause), cause);
  }
}

/** @throws SottoError `invalid_argument`, `invalid_body`. */
export function encodeSickservJson(payload: unknown, habits: SickservHabits): string {
  if (entriesOf(payload) !== null) return jsonOf(payload, habits, new Nesting());
  throw new SottoError('invalid_argument', 'A payload of sickserv is an object: names, and text or bytes.');
}

function jsonOf(value: unknown, habits: SickservHabits, nesting: Nesting): string {
  const bytes = bytesOf(value);
  if (bytes !== null) return pythonJson(encodePythonBase64(bytes));
  if (Array.isArray(value)) return listJson(value);
  const entries = entriesOf(value);
  if (entries === null) throw unsendable(value);
  return nesting.within(value as object, () => {
    const members = entries.map(([name, member]) => {
      const isContainer = bytesOf(member) === null;
      if (isContainer && !(Array.isArray(member) ? habits.lists : habits.nests)) throw unsendable(member);
      return `${pythonJson(nameOf(name))}: ${jsonOf(member, habits, nesting)}`;
    });
    return `{${members.join(', ')}}`;
  });
}

function listJson(items: readonly unknown[]): string {
  const texts = Array.from(items, (item) => {
    const bytes = bytesOf(item);
    if (bytes === null) throw unsendable(item);
    return pythonJson(encodePythonBase64(bytes));
  });
  return `[${texts.join(', ')}]`;
}

/** Null for what is neither text nor bytes. */
function bytesOf(value: unknown): Bytes | null {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') return null;
  if (value.isWellFormed()) return encodeUtf8(value);
  throw new SottoError('invalid_body', 'sickserv cannot send text with half a surrogate pair.');
}

/** Null for what is no dict. */
function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] | null {
  if (value instanceof Map) return [...value];
  if (typeof value !== 'object' || value === null) return null;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : null;
}

/** An integer becomes text, as in Python. */
function nameOf(name: unknown): string {
  if (typeof name === 'string') return name;
  if (Number.isSafeInteger(name)) return String(name);
  throw new SottoError('invalid_body', `A name in a payload of sickserv is text, not ${typeof name}.`);
}

/** @throws SottoError `invalid_message`, `invalid_body`. */
export function decodeSickservJson(json: string, habits: SickservHabits): SickservPayload {
  let value: unknown;
  try {
    value = parsePythonJson(json);
  } catch (cause) {
    throw noPayload(messageOf(cause), cause);
  }
  if (isObject(value)) return dictOf(value, habits);
  throw noPayload('it holds no dict');
}

function dictOf(members: object, habits: SickservHabits): SickservPayload {
  const entries = Object.entries(members).map(([name, member]): [string, SickservValue] => {
    if (isObject(member) && habits.nests) return [name, dictOf(member, habits)];
    if (Array.isArray(member) && habits.lists) {
      return [name, member.map((item) => scalarOf(item, habits))];
    }
    return [name, scalarOf(member, habits)];
  });
  return Object.fromEntries(entries); // an own "__proto__" is a name like any other
}

function scalarOf(value: unknown, { values }: SickservHabits): string | Bytes {
  if (typeof value !== 'string') throw unreadable('a value is of a kind that this version does not read');
  const bytes = valueBytes(value);
  if (values === 'bytes') return bytes;
  try {
    return decodeUtf8(bytes);
  } catch {
    if (values === 'text') throw unreadable('a value is not UTF-8');
    return bytes;
  }
}

function valueBytes(text: string): Bytes {
  try {
    return decodePythonBase64(text);
  } catch {
    throw unreadable('a value is not base64');
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Where the client of a version finds a server that it knows by host and port.
 *
 * @param version Default the newest. From 0.0.3 on, port 443 means https.
 */
export function sickservUrl(server: string, port: number, version: SickservVersion = '0.1.3'): string {
  const isSecure = port === HTTPS_PORT && version !== '0.0.1' && version !== '0.0.2';
  return isSecure ? `https://${server}` : `http://${server}:${port}`;
}

/** The path of an endpoint, from its slash on. */
export function sickservPath(endpoint: string, sysid: string, { hasSysid }: SickservHabits): string {
  const path = endpoint.split('/').map(encodeURIComponent).join('/');
  return hasSysid ? `/${path}/${encodeURIComponent(sysid)}` : `/${path}`;
}

function unsendable(value: unknown): SottoError {
  const kind = Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value;
  return new SottoError('invalid_body', `sickserv cannot send this ${kind} here: only text and bytes.`);
}

function unreadable(why: string): SottoError {
  return new SottoError('invalid_body', `This payload of sickserv cannot be read: ${why}.`);
}

function noPayload(why: string, cause?: unknown): SottoError {
  return new SottoError('invalid_message', `This is no payload of sickserv: ${why}`, { cause });
}

function tooLarge(maxJson: number): SottoError {
  return new SottoError('frame_too_large', `A payload of sickserv is over the limit of ${maxJson} bytes.`);
}
