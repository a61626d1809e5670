/** The keys of a server's clients, and new ones. */

import { primitives } from '#crypto';
import { decodeUtf8 } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import type { SickservPayload } from '../../wire/sickserv.ts';

/** The length of a random key, unless told otherwise. */
const KEY_LENGTH = 16;
/** The longest key that is drawn or taken, characters; the first 256 of them count. */
const MAX_KEY = 1024;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
/** The largest multiple of 26 that a byte can be drawn below: so all letters are as likely. */
const FAIR = 234;

export interface KeyTableOptions {
  /** Of every client that has not changed its own. */
  readonly initKey: string;
  /** Clients with keys of their own. */
  readonly maxKeys: number;
  /** A key that was not used for so long is forgotten, ms. */
  readonly keyTtl: number;
  /** A clock in ms that never goes back. */
  readonly now?: () => number;
}

interface OwnKey {
  readonly key: string;
  /** The one that the answer went out under, until the client is heard under the new one: the answer may be lost. */
  readonly before: string | null;
  /** Whether it has been heard under the one before since: it does not know the new one. */
  readonly isBehind: boolean;
  readonly usedAt: number;
}

/** Who has a key of their own; bounded, and those who are not heard of are forgotten, never those who are. */
export class KeyTable {
  readonly #initKey: string;
  readonly #maxKeys: number;
  readonly #keyTtl: number;
  readonly #now: () => number;
  /** By sysid; who was heard last comes last. */
  readonly #own = new Map<string, OwnKey>();

  constructor({ initKey, maxKeys, keyTtl, now = () => performance.now() }: KeyTableOptions) {
    this.#initKey = initKey;
    this.#maxKeys = maxKeys;
    this.#keyTtl = keyTtl;
    this.#now = now;
  }

  /** Clients with keys of their own. */
  get size(): number {
    return this.#own.size;
  }

  /** What to send to this client under, if not in answer to something. */
  keyOf(sysid: string): string {
    const own = this.#find(sysid);
    return (own?.isBehind ? own.before : own?.key) ?? this.#initKey;
  }

  /** What a message of this client may be under, the likeliest first. */
  keysOf(sysid: string): readonly string[] {
    const own = this.#find(sysid);
    if (!own) return [this.#initKey];
    return own.before === null ? [own.key] : [own.key, own.before];
  }

  /** A message of this client has opened under this key. */
  heard(sysid: string, key: string): void {
    const own = this.#find(sysid);
    if (!own) return;
    const isBehind = key !== own.key;
    this.#set(sysid, { key: own.key, before: isBehind ? own.before : null, isBehind });
  }

  /**
   * Gives this client a key of its own.
   *
   * @param before the one that its question came under.
   * @throws SottoError `unavailable` where there are too many clients.
   */
  change(sysid: string, key: string, before: string): void {
    this.#forgetOld();
    if (!this.#own.has(sysid) && this.#own.size >= this.#maxKeys) {
      throw new SottoError(
        'unavailable',
        `${this.#maxKeys} clients have keys of their own; no more are kept.`,
      );
    }
    this.#set(sysid, { key, before, isBehind: false });
  }

  #find(sysid: string): OwnKey | undefined {
    const own = this.#own.get(sysid);
    return own && !this.#isOld(own) ? own : undefined;
  }

  #set(sysid: string, own: Omit<OwnKey, 'usedAt'>): void {
    this.#own.delete(sysid); // to the end of the order
    this.#own.set(sysid, { ...own, usedAt: this.#now() });
  }

  #forgetOld(): void {
    for (const [sysid, own] of this.#own) {
      if (!this.#isOld(own)) return;
      this.#own.delete(sysid);
    }
  }

  #isOld({ usedAt }: OwnKey): boolean {
    return this.#now() - usedAt >= this.#keyTtl;
  }
}

/** Which key is next; without either, 16 random letters. */
export interface RekeyOptions {
  /** The new key. Default: random letters, drawn by the server. */
  readonly key?: string;
  /** Of a random key, characters: 1 to 1024. Default 16. */
  readonly length?: number;
}

/**
 * What a client asks a new key with.
 *
 * @throws SottoError `invalid_key`, `invalid_option`.
 */
export function rekeyRequest({ key, length = KEY_LENGTH }: RekeyOptions): SickservPayload {
  if (key !== undefined) requireKey(key);
  if (!isLength(length)) {
    throw new SottoError(
      'invalid_option',
      `length must be a whole number from 1 to ${MAX_KEY}; it is ${length}.`,
    );
  }
  return { key: key ?? '', length: String(length) };
}

/**
 * The key that a request asks for, or one that is drawn for it.
 *
 * @throws SottoError `invalid_body` for what would lock the client out of the original.
 */
export function newKeyFor(request: SickservPayload): string {
  const key = textOf(request.key) ?? '';
  if (key.length > MAX_KEY) throw new SottoError('invalid_body', `A key has at most ${MAX_KEY} characters.`);
  if (key !== '') return key;
  const [, digits = ''] = /^\s*\+?(\d{1,9})\s*$/.exec(textOf(request.length) ?? '') ?? [];
  const length = Number(digits);
  if (digits !== '' && isLength(length)) return randomLetters(length);
  throw new SottoError('invalid_body', `The length of a key is a number from 1 to ${MAX_KEY}.`);
}

/**
 * The key that a server has answered with.
 *
 * @throws SottoError `invalid_body`.
 */
export function answeredKey(answer: SickservPayload): string {
  const key = textOf(answer.key) ?? '';
  if (key !== '' && key.length <= MAX_KEY) return key;
  throw new SottoError('invalid_body', 'The server answered with something that is no key.');
}

/** @throws SottoError `invalid_key`. */
export function requireKey(key: string): string {
  if (typeof key === 'string' && key !== '' && key.length <= MAX_KEY) return key;
  throw new SottoError('invalid_key', `A key of sickserv is text of 1 to ${MAX_KEY} characters.`);
}

/** Null for what is no text, which 0.0.1 to 0.0.3 read as bytes like all values. */
function textOf(value: SickservPayload[string] | undefined): string | null {
  try {
    return value instanceof Uint8Array ? decodeUtf8(value) : typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}

function isLength(length: number): boolean {
  return Number.isInteger(length) && length >= 1 && length <= MAX_KEY;
}

function randomLetters(length: number): string {
  let letters = '';
  while (letters.length < length) {
    for (const byte of primitives.randomBytes(length - letters.length)) {
      if (byte < FAIR) letters += LETTERS[byte % LETTERS.length];
    }
  }
  return letters;
}
