/** RSA keys of the original, from PEM text and from files. */

import { dataFiles, files } from '#files';
import { legacyCrypto } from '#legacy-crypto';
import { decodeUtf8 } from '../../bytes/text.ts';
import type { RsaPrivateKey, RsaPublicKey } from '../../platform/types.ts';
import { requireOriginalSize } from './hybrid-rsa.ts';

/** The size that the original's reader takes for granted. */
const BITS = 1024;
/** Bytes. */
const MAX_PEM = 65_536;

/** The two halves that a server holds. */
export interface LegacyServerKeys {
  /** Opens queries: PEM text of a private key. */
  readonly query: string;
  /** Seals replies: PEM text of the asker's public key. Default: `ctx.replyKey` says it for each query. */
  readonly reply?: string;
  /** Of the private key, where it is sealed. */
  readonly passphrase?: string;
}

/** The two halves that a client holds. */
export interface LegacyClientKeys {
  /** Seals queries: PEM text of the server's public key. */
  readonly query: string;
  /** Opens replies: PEM text of a private key. */
  readonly reply: string;
  /** Of the private key, where it is sealed. */
  readonly passphrase?: string;
}

/** What one end computes with. */
export interface LegacyKeyPair<Seals = RsaPublicKey> {
  readonly opens: RsaPrivateKey;
  readonly seals: Seals;
}

/** @throws SottoError `invalid_key`, `passphrase_required`, `wrong_passphrase`. */
export function serverKeyPair({
  query,
  reply,
  passphrase,
}: LegacyServerKeys): LegacyKeyPair<RsaPublicKey | null> {
  return { opens: privateKey(query, passphrase), seals: reply === undefined ? null : publicKey(reply) };
}

/** @throws SottoError `invalid_key`, `passphrase_required`, `wrong_passphrase`. */
export function clientKeyPair({ query, reply, passphrase }: LegacyClientKeys): LegacyKeyPair {
  return { opens: privateKey(reply, passphrase), seals: publicKey(query) };
}

/** @throws SottoError `invalid_key`. */
export function publicKey(pem: string): RsaPublicKey {
  return requireOriginalSize(legacyCrypto.rsa.importPublic(pem));
}

function privateKey(pem: string, passphrase: string | undefined): RsaPrivateKey {
  return requireOriginalSize(legacyCrypto.rsa.importPrivate(pem, passphrase));
}

/**
 * The PEM text of a private key file.
 *
 * @throws SottoError `key_file_exposed` for a file that others can use, `key_file_missing`, `key_file_invalid`.
 */
export async function readLegacyKey(file: string): Promise<string> {
  return decodeUtf8(await files.readPrivate(file));
}

/**
 * The PEM text of a public key file, which everybody may read.
 *
 * @throws SottoError `file_unreadable`, `file_too_large`.
 */
export async function readLegacyPublicKey(file: string): Promise<string> {
  return decodeUtf8(await dataFiles.read(file, MAX_PEM));
}

/**
 * Makes a key pair as the original's `--gen-key` does: `file` (mode 0600) and `file.pub`.
 *
 * @throws SottoError `key_file_exists`, `key_file_invalid`.
 */
export async function generateLegacyKey(file: string, passphrase?: string): Promise<void> {
  const { privatePem, publicPem } = legacyCrypto.rsa.generate(BITS, passphrase);
  const encoder = new TextEncoder();
  await files.writePrivate(file, encoder.encode(privatePem), { overwrite: false });
  await files.writePrivate(`${file}.pub`, encoder.encode(publicPem), { overwrite: false });
}
