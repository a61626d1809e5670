/**
 * Keys that are refused for good, because somebody may have them who should not. JSON, mode 0600, a line for each:
 *
 * ```text
 * {"sotto":"revoked-keys","version":1,"keys":[
 * {"id":"64 hex digits","since":"2026-11-24T00:00:00.000Z","why":"the laptop was stolen"}
 * ]}
 * ```
 */

import { files } from '#files';
import { decodeUtf8, encodeUtf8 } from '../bytes/text.ts';
import { codeOf, messageOf, SottoError } from '../errors.ts';
import type { PublicKey } from './public-key.ts';

const VERSION = 1;
const MAX_KEYS = 10_000;
const MAX_WHY = 200;
const MAX_FILE = 4 * 1024 * 1024;

export interface RevokedKey {
  /** The fingerprint: 64 hex digits. */
  readonly id: string;
  /** ms since 1970. */
  readonly since: number;
  readonly why: string;
}

/**
 * The keys that a file revokes.
 *
 * @example
 * ```ts
 * import { createApp, Identity, RevokedKeys } from 'sotto';
 * import { RequestServer } from 'sotto/request';
 * const revoked = await RevokedKeys.load('.sotto/revoked.json');
 * const server = await RequestServer.start(createApp(), {
 *   identity: Identity.generate(),
 *   listen: 'udp://127.0.0.1:0',
 *   allow: revoked.refusing(() => true),
 * });
 * await revoked.refresh(); // after the file has changed
 * await server.close();
 * ```
 */
export class RevokedKeys {
  readonly #file: string;
  #keys: ReadonlyMap<string, RevokedKey> = new Map();

  /** There need not be a file yet. @throws SottoError `key_file_exposed`, `key_file_invalid`, `unsupported_platform`. */
  static async load(file: string): Promise<RevokedKeys> {
    const revoked = new RevokedKeys(file);
    await revoked.refresh();
    return revoked;
  }

  private constructor(file: string) {
    this.#file = file;
  }

  list(): readonly RevokedKey[] {
    return [...this.#keys.values()];
  }

  has({ fingerprint }: Pick<PublicKey, 'fingerprint'>): boolean {
    return this.#keys.has(fingerprint);
  }

  /** Who may do something, without those who are revoked. Who shows no key is left to `allow`. */
  refusing(allow: (key: PublicKey | null) => boolean): (key: PublicKey | null) => boolean {
    return (key) => !(key && this.has(key)) && allow(key);
  }

  /** Takes what the file says now; where it cannot be read, what was known stays. Throws as {@link load} does. */
  async refresh(): Promise<void> {
    this.#keys = await read(this.#file);
  }

  /**
   * Revokes a key, in the file too. What others have written there since stays.
   *
   * @param id its fingerprint.
   * @returns false where it was revoked already.
   * @throws SottoError as {@link load} does; `invalid_argument` for what is no fingerprint; `invalid_option` where there are
   * 10 000.
   */
  async add(id: string, why: string, now: number = Date.now()): Promise<boolean> {
    if (!isId(id)) throw new SottoError('invalid_argument', 'The fingerprint of a key has 64 hex digits.');
    return await files.locked(this.#file, () => this.#add(id, why, now));
  }

  async #add(id: string, why: string, now: number): Promise<boolean> {
    const known = await read(this.#file);
    this.#keys = known;
    if (known.has(id)) return false;
    if (known.size >= MAX_KEYS) {
      throw new SottoError('invalid_option', `${this.#file} has ${MAX_KEYS} keys, and takes no more.`);
    }
    const keys = new Map([...known, [id, { id, since: now, why: why.slice(0, MAX_WHY) }]]);
    await files.writePrivate(this.#file, encodeUtf8(encode(keys.values())), { overwrite: true });
    this.#keys = keys;
    return true;
  }
}

async function read(file: string): Promise<ReadonlyMap<string, RevokedKey>> {
  try {
    const keys = decode(decodeUtf8(await files.readPrivate(file, MAX_FILE)));
    return new Map(keys.map((key) => [key.id, key]));
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'key_file_missing') return new Map();
    if (code === 'key_file_exposed' || code === 'unsupported_platform') throw cause;
    throw new SottoError('key_file_invalid', `${file}: ${messageOf(cause)}`, { cause });
  }
}

function encode(keys: Iterable<RevokedKey>): string {
  const rows = [...keys].map(({ id, since, why }) =>
    JSON.stringify({ id, since: new Date(since).toISOString(), why }),
  );
  return `{"sotto":"revoked-keys","version":${VERSION},"keys":[\n${rows.join(',\n')}\n]}\n`;
}

function decode(text: string): RevokedKey[] {
  const content: unknown = JSON.parse(text);
  if (!isObject(content) || content.sotto !== 'revoked-keys') {
    throw invalid('it does not say {"sotto": "revoked-keys"}');
  }
  if (content.version !== VERSION) throw invalid(`its version is not ${VERSION}`);
  if (!Array.isArray(content.keys) || content.keys.length > MAX_KEYS) throw invalid('it has no list of keys');
  return content.keys.map(decodeKey);
}

/** A key that cannot be read is not passed over: it would be accepted. */
function decodeKey(entry: unknown): RevokedKey {
  const { id, since, why = '' } = isObject(entry) ? entry : {};
  const time = typeof since === 'string' ? Date.parse(since) : Number.NaN;
  if (typeof id !== 'string' || !isId(id)) throw invalid('a key has no fingerprint as its id');
  if (Number.isNaN(time) || typeof why !== 'string') throw invalid(`the key ${id} has no time`);
  return { id, since: time, why };
}

function isId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function invalid(why: string): SottoError {
  return new SottoError('key_file_invalid', `This list of revoked keys cannot be used: ${why}.`);
}
