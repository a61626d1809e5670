/**
 * A server's key file gets a new key, and the one before it stays accepted for a while.
 *
 * Two files change, each whole or not at all, and in this order: the old key is put beside before the new one takes its
 * place. So whatever stops it in between, the key that clients know is in its file or accepted. Who changes either holds the
 * lock of the key file from reading to writing, so that no change undoes another.
 */

import { files } from '#files';
import { assertNumber } from '../bytes/assert.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import type { Files } from '../platform/types.ts';
import { Identity } from './identity.ts';
import { MAX_PREVIOUS } from './identity-ring.ts';
import { encodeKeyFile } from './key-file.ts';
import type { KeyLike } from './key-like.ts';
import { type PreviousKey, readPreviousKeys, writePreviousKeys } from './previous-keys.ts';
import { PublicKey } from './public-key.ts';

const DAY = 86_400_000;
const DEFAULT_OVERLAP = 30 * DAY;
const MAX_OVERLAP = 3650 * DAY;

export interface RotationOptions {
  /** Opens the old key, and seals the new one. Needed where the file is sealed. */
  readonly passphrase?: string;
  /** How long the old key is accepted, ms, up to ten years. 0: not at all. Default 30 days. */
  readonly overlap?: number;
  /** ms since 1970. Default now. */
  readonly now?: number;
  /** Where files are, for tests. */
  readonly store?: Pick<Files, 'readPrivate' | 'writePrivate'>;
}

export interface Rotation {
  readonly current: PublicKey;
  readonly before: PublicKey;
  /** All that are accepted besides the current one. */
  readonly previous: readonly PreviousKey[];
}

/**
 * Puts a new key into a key file.
 *
 * @throws SottoError as {@link Identity.load} does; `invalid_option` for an overlap out of range, or where as many old keys
 * as may be are accepted already.
 */
export async function rotateIdentity(file: string, options: RotationOptions = {}): Promise<Rotation> {
  assertNumber(options.overlap ?? DEFAULT_OVERLAP, 'overlap', 0, MAX_OVERLAP);
  await files.readPrivate(file); // for its lock makes the folder too
  return await files.locked(file, () => rotate(file, options));
}

async function rotate(file: string, options: RotationOptions): Promise<Rotation> {
  const { passphrase, overlap = DEFAULT_OVERLAP, now = Date.now(), store = files } = options;
  const old = await Identity.load(file, passphrase === undefined ? {} : { passphrase });
  const known = await readPreviousKeys(file, store);
  // The old key is among them where a rotation was stopped in between.
  const accepted = known.filter(({ publicKey, until }) => until > now && !publicKey.equals(old.publicKey));
  const keyFile = await encodeKeyFile(old.privateKey, old.publicKey.toString(), passphrase);
  const ending = { publicKey: old.publicKey, until: now + overlap, keyFile };
  const previous = overlap === 0 ? accepted : [ending, ...accepted];
  if (previous.length > MAX_PREVIOUS) throw tooMany(file, accepted);
  const next = Identity.generate();
  const text = await encodeKeyFile(next.privateKey, next.publicKey.toString(), passphrase);
  if (previous.length > 0 || known.length > 0) await writePreviousKeys(file, previous, store);
  await store.writePrivate(file, encodeUtf8(text), { overwrite: true });
  return { current: next.publicKey, before: old.publicKey, previous };
}

/**
 * Takes the keys that have ended out of `FILE.previous`.
 *
 * @param now ms since 1970.
 * @returns those that went.
 * @throws SottoError `key_file_exposed`, `key_file_invalid`.
 */
export function prunePreviousKeys(file: string, now: number = Date.now()): Promise<readonly PreviousKey[]> {
  return dropWhere(file, ({ until }) => until <= now);
}

/** Ends one key before its time. @returns whether it was there. @throws as {@link prunePreviousKeys}. */
export async function dropPreviousKey(file: string, key: KeyLike): Promise<boolean> {
  const wanted = PublicKey.from(key);
  const dropped = await dropWhere(file, ({ publicKey }) => publicKey.equals(wanted));
  return dropped.length > 0;
}

function dropWhere(file: string, isGoing: (key: PreviousKey) => boolean): Promise<readonly PreviousKey[]> {
  return files.locked(file, () => dropAlone(file, isGoing));
}

async function dropAlone(
  file: string,
  isGoing: (key: PreviousKey) => boolean,
): Promise<readonly PreviousKey[]> {
  const keys = await readPreviousKeys(file);
  const going = keys.filter(isGoing);
  if (going.length > 0) {
    await writePreviousKeys(
      file,
      keys.filter((key) => !going.includes(key)),
    );
  }
  return going;
}

function tooMany(file: string, accepted: readonly PreviousKey[]): SottoError {
  const first = accepted.reduce((one, other) => (other.until < one.until ? other : one));
  const date = new Date(first.until).toISOString();
  const text =
    `${MAX_PREVIOUS} keys before that of ${file} are accepted already, and no more may be. Wait until ${date}, when ` +
    `the next of them ends, or end it now: sotto keys revoke ${first.publicKey} --identity ${file}`;
  return new SottoError('invalid_option', text);
}
