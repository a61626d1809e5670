/**
 * STP's own encryption: a body sealed whole by RSA-OAEP. For meeting the originals only.
 *
 * ```text
 * key        RSA, 1024 bits; announced as hex of DER
 * body       RSA-OAEP (SHA-1, MGF1 with SHA-1, empty label): 128 bytes
 * plaintext  {"msg": ...}, 86 bytes at most
 * ```
 *
 * Nobody is authenticated and nothing is hidden from those who listen: the originals multicast their private keys. They
 * are read here for the public part, which alone is kept. Source: specs/stp.md, section 6.
 */

import { legacyCrypto } from '#legacy-crypto';
import type { Bytes } from '../../bytes/bytes.ts';
import { decodeHex, encodeHex } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import type { RsaKey, RsaPrivateKey, RsaPublicKey } from '../../platform/types.ts';

// Specified.
const BITS = 1024;
const BLOCK_SIZE = BITS / 8;
/** The longest body that can be sealed, bytes: a message has about 77 of them. */
export const MAX_LEGACY_BODY = 86;

// Chosen: hex digits; the longest of the four forms has about 1 270.
const MAX_ANNOUNCED = 4096;

const { rsa } = legacyCrypto;

/** The key that another node announced, less the private part that came with it. */
export class LegacyPeerKey {
  readonly #key: RsaPublicKey;
  /** SubjectPublicKeyInfo, hex: what may be kept and shown in the place of what was announced. */
  readonly publicKey: string;

  private constructor(key: RsaPublicKey) {
    this.#key = key;
    this.publicKey = encodeHex(rsa.exportPublicDer(key));
  }

  /**
   * @param announced hex of DER: SubjectPublicKeyInfo, PKCS#1 public or private, or PKCS#8 private.
   * @throws SottoError `invalid_key` for what is no RSA key of 1024 bits; says nothing of what it holds.
   */
  static read(announced: string): LegacyPeerKey {
    const der = decodeAnnounced(announced);
    try {
      return new LegacyPeerKey(requireSize(rsa.importPublicDer(der)));
    } finally {
      der.fill(0); // it may be a private key
    }
  }

  /**
   * A body that only this peer, and whoever heard it announce its key, can open.
   *
   * @returns 128 bytes, each time others.
   * @throws SottoError `request_too_large` for more than 86 bytes, `invalid_key` for a key that cannot encrypt.
   */
  seal(body: Bytes): Bytes {
    if (body.length > MAX_LEGACY_BODY) {
      const text = `A body of ${body.length} bytes does not fit; RSA-OAEP takes ${MAX_LEGACY_BODY}.`;
      throw new SottoError('request_too_large', text);
    }
    try {
      return rsa.encryptOaep(this.#key, body);
    } catch {
      throw new SottoError('invalid_key', 'This RSA key cannot encrypt.');
    }
  }
}

/** A node's own key, to be opened with and announced. */
export class LegacyNodeKey {
  readonly #key: RsaPrivateKey;
  /** What to announce: SubjectPublicKeyInfo, hex, in lower case. Never the private key. */
  readonly publicKey: string;

  private constructor(key: RsaPrivateKey) {
    this.#key = key;
    this.publicKey = encodeHex(rsa.exportPublicDer(key));
  }

  /** A new one, as each start of an original makes one; takes some 10 ms. */
  static generate(): LegacyNodeKey {
    return LegacyNodeKey.from(rsa.generate(BITS).privatePem);
  }

  /**
   * @param pem text of a private key, PKCS#1 or PKCS#8.
   * @throws SottoError `invalid_key`, `passphrase_required`, `wrong_passphrase`.
   */
  static from(pem: string, passphrase?: string): LegacyNodeKey {
    return new LegacyNodeKey(requireSize(rsa.importPrivate(pem, passphrase)));
  }

  /** @throws SottoError `decrypt_failed`, whatever it is that does not open. */
  open(body: Bytes): Bytes {
    try {
      if (body.length === BLOCK_SIZE) return rsa.decryptOaep(this.#key, body);
    } catch {
      // Why it does not open is nobody's business: that has been an oracle before.
    }
    throw new SottoError('decrypt_failed', 'The body does not open: another key, or altered on the way.');
  }
}

function decodeAnnounced(announced: string): Uint8Array {
  if (announced.length > MAX_ANNOUNCED) {
    throw new SottoError('invalid_key', `A public_key has at most ${MAX_ANNOUNCED} digits.`);
  }
  try {
    return decodeHex(announced);
  } catch {
    throw new SottoError('invalid_key', 'This public_key is not hexadecimal text.');
  }
}

function requireSize<Key extends RsaKey>(key: Key): Key {
  if (rsa.size(key) === BLOCK_SIZE) return key;
  throw new SottoError('invalid_key', `This RSA key has ${rsa.size(key) * 8} bits; STP takes ${BITS}.`);
}
