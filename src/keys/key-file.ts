/**
 * What lies in an identity's file: JSON, with the private key plain or sealed under a passphrase.
 *
 * Sealed: scrypt makes the key, AES-256-GCM seals, and every other field is associated data.
 */

import { primitives } from '#crypto';
import { describe } from '../bytes/assert.ts';
import type { Bytes } from '../bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import type { ScryptCost } from '../platform/types.ts';
import { KEY_SIZE, keyText } from './key-like.ts';
import { newPassphraseKdf, type PassphraseKdf, passphraseKey, readPassphraseKdf } from './passphrase.ts';

const VERSION = 1;
const NONCE_SIZE = 12;
const TAG_SIZE = 16;

const PLAIN_FIELDS = ['sotto', 'version', 'publicKey', 'privateKey'];
const SEALED_FIELDS = ['sotto', 'version', 'publicKey', 'kdf', 'cipher', 'nonce', 'ciphertext'];

interface SealedHeader {
  readonly sotto: 'identity';
  readonly version: number;
  readonly publicKey: string;
  readonly kdf: PassphraseKdf;
  readonly cipher: 'aes-256-gcm';
  readonly nonce: string;
}

/** A private key as the text of a file. */
export async function encodeKeyFile(
  privateKey: Bytes,
  publicKey: string,
  passphrase: string | undefined,
  cost?: ScryptCost,
): Promise<string> {
  const start = { sotto: 'identity', version: VERSION, publicKey } as const;
  if (passphrase === undefined) return format({ ...start, privateKey: encodeHex(privateKey) });
  const header: SealedHeader = {
    ...start,
    kdf: newPassphraseKdf(cost),
    cipher: 'aes-256-gcm',
    nonce: encodeHex(primitives.randomBytes(NONCE_SIZE)),
  };
  const sealed = new Uint8Array(privateKey.length + TAG_SIZE);
  const key = await passphraseKey(passphrase, header.kdf, invalid);
  primitives.aesGcm.seal(key, decodeHex(header.nonce), associatedData(header), [privateKey], sealed, 0);
  return format({ ...header, ciphertext: encodeHex(sealed) });
}

/**
 * The private key in a file's text.
 *
 * @throws SottoError `key_file_invalid`, `passphrase_required`, `wrong_passphrase`.
 */
export async function decodeKeyFile(text: string, passphrase: string | undefined): Promise<Bytes> {
  const fields = parse(text);
  if (fields.version !== VERSION) throw invalid(`its version is ${describe(fields.version)}, not ${VERSION}`);
  if (!('ciphertext' in fields)) {
    requireFields(fields, PLAIN_FIELDS, 'it');
    return requireKey(hexField(fields.privateKey, 'privateKey'), fields.publicKey);
  }
  if (passphrase === undefined) {
    throw new SottoError('passphrase_required', 'This key file is sealed under a passphrase; give it.');
  }
  const header = sealedHeader(fields);
  const sealed = hexField(fields.ciphertext, 'ciphertext');
  const key = await passphraseKey(passphrase, header.kdf, invalid);
  const opened = primitives.aesGcm.open(key, decodeHex(header.nonce), associatedData(header), sealed);
  if (opened) return requireKey(opened, header.publicKey);
  throw new SottoError(
    'wrong_passphrase',
    'The passphrase does not open this key file (or the file was altered).',
  );
}

function sealedHeader(fields: Record<string, unknown>): SealedHeader {
  requireFields(fields, SEALED_FIELDS, 'it');
  const { publicKey, kdf, cipher, nonce } = fields;
  if (typeof publicKey !== 'string') throw invalid('it has no publicKey');
  if (cipher !== 'aes-256-gcm') throw invalid('its cipher is not aes-256-gcm');
  if (hexField(nonce, 'nonce').length !== NONCE_SIZE) throw invalid('its nonce has the wrong length');
  return {
    sotto: 'identity',
    version: VERSION,
    publicKey,
    kdf: readPassphraseKdf(kdf, invalid),
    cipher,
    nonce: String(nonce),
  };
}

/** The header in a fixed order of fields, whatever order the file has. */
function associatedData({ sotto, version, publicKey, kdf, cipher, nonce }: SealedHeader): Bytes {
  const { name, N, r, p, salt } = kdf;
  return encodeUtf8(JSON.stringify([sotto, version, publicKey, name, N, r, p, salt, cipher, nonce]));
}

function parse(text: string): Record<string, unknown> {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    // Without the cause: its text repeats a piece of the file, which may be a piece of the key.
    throw new SottoError('key_file_invalid', 'This is not a key file: neither JSON, PEM nor hex.');
  }
  if (isObject(fields) && fields.sotto === 'identity') return fields;
  throw invalid('it does not say {"sotto": "identity"}');
}

function hexField(value: unknown, name: string): Bytes {
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{2})+$/.test(value)) throw invalid(`its ${name} is not hex`);
  return decodeHex(value);
}

function requireKey(privateKey: Bytes, publicKey: unknown): Bytes {
  if (privateKey.length !== KEY_SIZE) {
    throw invalid(`its private key has ${privateKey.length} bytes, not ${KEY_SIZE}`);
  }
  const { x25519 } = primitives;
  if (publicKey === keyText(x25519.publicKey(x25519.importPrivate(privateKey)))) return privateKey;
  throw invalid('its public key is not that of its private key');
}

/** All of these fields and no other: nothing rides along that the seal does not cover. */
function requireFields(fields: Record<string, unknown>, names: readonly string[], whose: string): void {
  const missing = names.find((name) => !Object.hasOwn(fields, name));
  if (missing !== undefined) throw invalid(`${whose} has no ${missing}`);
  if (Object.keys(fields).length > names.length) throw invalid(`${whose} has fields that are not known`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function format(fields: object): string {
  return `${JSON.stringify(fields, null, 2)}\n`;
}

function invalid(why: string, cause?: unknown): SottoError {
  return new SottoError('key_file_invalid', `This key file cannot be used: ${why}.`, { cause });
}
