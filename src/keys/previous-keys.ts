/**
 * The keys before a server's current one, which lie beside its file, in `FILE.previous`: JSON, mode 0600.
 *
 * ```text
 * {"sotto":"previous-identities","version":1,"identities":[{"until":"2026-12-24T00:00:00.000Z","identity":{…}}]}
 * ```
 *
 * `identity` is the content of a key file, sealed under its passphrase where the key file was: who ends a key, or only
 * looks when each ends, needs no passphrase.
 */

import { files } from '#files';
import { decodeUtf8, encodeUtf8 } from '../bytes/text.ts';
import { codeOf, messageOf, SottoError } from '../errors.ts';
import type { Files } from '../platform/types.ts';
import { Identity } from './identity.ts';
import { decodeKeyFile } from './key-file.ts';
import { PublicKey } from './public-key.ts';

const VERSION = 1;

export interface PreviousKey {
  readonly publicKey: PublicKey;
  /** From then on it is refused, ms since 1970. */
  readonly until: number;
  /** The text of a key file. */
  readonly keyFile: string;
}

/** Where the keys before the one in `file` lie. */
export function previousFileOf(file: string): string {
  return `${file}.previous`;
}

/** In the order of the file, ended ones among them; none where there is no file. @throws SottoError as `Identity.load`. */
export async function readPreviousKeys(
  file: string,
  store: Pick<Files, 'readPrivate'> = files,
): Promise<readonly PreviousKey[]> {
  const path = previousFileOf(file);
  try {
    return decodePreviousKeys(decodeUtf8(await store.readPrivate(path)));
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'key_file_missing') return [];
    if (code === 'key_file_exposed' || code === 'unsupported_platform') throw cause;
    throw new SottoError('key_file_invalid', `${path}: ${messageOf(cause)}`, { cause });
  }
}

/** Whole or not at all. @throws SottoError `key_file_invalid`, `unsupported_platform`. */
export async function writePreviousKeys(
  file: string,
  keys: readonly PreviousKey[],
  store: Pick<Files, 'writePrivate'> = files,
): Promise<void> {
  await store.writePrivate(previousFileOf(file), encodeUtf8(encodePreviousKeys(keys)), { overwrite: true });
}

/** @throws SottoError `passphrase_required`, `wrong_passphrase`, `key_file_invalid`. */
export async function openPreviousKey(
  file: string,
  { keyFile }: PreviousKey,
  passphrase: string | undefined,
): Promise<Identity> {
  try {
    return Identity.from(await decodeKeyFile(keyFile, passphrase));
  } catch (cause) {
    const code = cause instanceof SottoError ? cause.code : 'key_file_invalid';
    throw new SottoError(code, `${previousFileOf(file)}: ${messageOf(cause)}`, { cause });
  }
}

function encodePreviousKeys(keys: readonly PreviousKey[]): string {
  const identities = keys.map(({ until, keyFile }) => ({
    until: new Date(until).toISOString(),
    identity: JSON.parse(keyFile) as unknown,
  }));
  return `${JSON.stringify({ sotto: 'previous-identities', version: VERSION, identities }, null, 2)}\n`;
}

function decodePreviousKeys(text: string): PreviousKey[] {
  const content = parse(text);
  if (!isObject(content) || content.sotto !== 'previous-identities') {
    throw invalid('it does not say {"sotto": "previous-identities"}');
  }
  if (content.version !== VERSION) throw invalid(`its version is not ${VERSION}`);
  if (!Array.isArray(content.identities)) throw invalid('it has no list of identities');
  return content.identities.map(decodePreviousKey);
}

function decodePreviousKey(entry: unknown): PreviousKey {
  const { until, identity } = isObject(entry) ? entry : {};
  const end = typeof until === 'string' ? Date.parse(until) : Number.NaN;
  if (Number.isNaN(end)) throw invalid('a key has no time at which it ends');
  if (!isObject(identity) || typeof identity.publicKey !== 'string') throw invalid('a key is missing');
  return {
    publicKey: PublicKey.from(identity.publicKey),
    until: end,
    keyFile: JSON.stringify(identity),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('it is not JSON'); // without the cause, whose text repeats a piece of the file
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function invalid(why: string): SottoError {
  return new SottoError('key_file_invalid', `These previous keys cannot be used: ${why}.`);
}
