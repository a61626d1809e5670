/**
 * simple_client_server's scheme `H`: textbook RSA for a key, AES-256-CFB8 for the value. For meeting the original only.
 *
 * ```text
 * offset   size  field
 * 0        128   R = (IV || K)^e mod n
 * 128      16    IV again, in clear
 * 144      n     AES-256-CFB8(K, IV) of the value
 * ```
 *
 * Nothing is authenticated, a message can be replayed and altered, and 1024 bits are short. Source:
 * specs/simple-client-server.md, section 4.
 */

import { primitives } from '#crypto';
import { legacyCrypto } from '#legacy-crypto';
import { type Bytes, concat, sameBytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { RsaKey, RsaPrivateKey, RsaPublicKey } from '../../platform/types.ts';

// Specified.
const BLOCK_SIZE = 128;
const IV_SIZE = 16;
const KEY_SIZE = 32;
/** Bytes that the scheme adds to a value. */
export const HYBRID_OVERHEAD: number = BLOCK_SIZE + IV_SIZE;
/** The original drops zeros at the front of R; splits with more than this are too rare to try. */
const MOST_DROPPED_ZEROS = 2;

const { rsa, aes256Cfb8 } = legacyCrypto;

/**
 * Encrypts so that every original can read it: IV and key are drawn again where zeros at the front would be dropped.
 *
 * @param random gives so many random bytes.
 */
export function hybridEncrypt(
  plaintext: Bytes,
  key: RsaPublicKey,
  random: (length: number) => Bytes = primitives.randomBytes,
): Bytes {
  for (;;) {
    // In the original's order, which only its vectors notice.
    const symmetricKey = random(KEY_SIZE);
    const iv = random(IV_SIZE);
    const block = rsaPower(concat(iv, symmetricKey), key);
    if (iv[0] === 0 || block.length !== BLOCK_SIZE) continue;
    return sealWith(plaintext, iv, symmetricKey, block);
  }
}

/** What the original sends for this IV and key, readable or not. */
export function sealWith(plaintext: Bytes, iv: Bytes, symmetricKey: Bytes, block: Bytes): Bytes {
  return concat(block, iv, aes256Cfb8.encrypt(symmetricKey, iv, plaintext));
}

/**
 * Decrypts what any original sends. The second copy of the IV tells where R ends, even where its zeros were dropped.
 *
 * @throws SottoError `decrypt_failed`; it cannot tell an altered value from a true one.
 */
export function hybridDecrypt(ciphertext: Bytes, key: RsaPrivateKey): Bytes {
  for (let blockSize = BLOCK_SIZE; blockSize >= BLOCK_SIZE - MOST_DROPPED_ZEROS; blockSize--) {
    const bodyStart = blockSize + IV_SIZE;
    if (ciphertext.length < bodyStart) continue;
    const opened = openBlock(ciphertext.subarray(0, blockSize), key);
    if (opened === null) continue;
    const iv = ciphertext.subarray(blockSize, bodyStart);
    if (!sameBytes(opened.subarray(0, IV_SIZE), iv)) continue;
    return aes256Cfb8.decrypt(opened.subarray(IV_SIZE), iv, ciphertext.subarray(bodyStart));
  }
  throw new SottoError('decrypt_failed', 'The query does not open: another key, or altered on the way.');
}

/** IV and key in R; null where it holds something else. */
function openBlock(block: Bytes, key: RsaPrivateKey): Bytes | null {
  const number = legacyNumber(leftPadded(block), key);
  return number !== null && number.length <= IV_SIZE + KEY_SIZE
    ? leftPadded(number, IV_SIZE + KEY_SIZE)
    : null;
}

function legacyNumber(block: Bytes, key: RsaPrivateKey): Bytes | null {
  try {
    return withoutZeros(rsa.decryptRaw(key, block));
  } catch {
    return null; // the number is larger than the modulus
  }
}

/** A number to the power of the public exponent, as PyCrypto writes it: without zeros at the front. */
export function rsaPower(number: Bytes, key: RsaPublicKey): Bytes {
  return withoutZeros(rsa.encryptRaw(key, leftPadded(number)));
}

/** The same with the private exponent. */
export function rsaRoot(number: Bytes, key: RsaPrivateKey): Bytes {
  return withoutZeros(rsa.decryptRaw(key, leftPadded(number)));
}

/** @throws SottoError `invalid_key` for a key that the original cannot use. */
export function requireOriginalSize<Key extends RsaKey>(key: Key): Key {
  const size = rsa.size(key);
  if (size === BLOCK_SIZE) return key;
  const text = `This RSA key has ${size * 8} bits; simple_client_server takes 1024, no more and no less.`;
  throw new SottoError('invalid_key', text);
}

function leftPadded(number: Bytes, size = BLOCK_SIZE): Bytes {
  const padded = new Uint8Array(size);
  padded.set(number, size - number.length);
  return padded;
}

/** Zero itself keeps one byte. */
function withoutZeros(number: Bytes): Bytes {
  const start = number.findIndex((byte) => byte !== 0);
  return number.subarray(start === -1 ? number.length - 1 : start);
}
