/**
 * MLKEM768-X25519, the hybrid KEM that HPKE numbers 0x647A and that is also called X-Wing.
 *
 * Sizes in bytes: seed 32, public key 1216 (ML-KEM-768 1184, X25519 32), ciphertext 1120 (1088, 32), secret 32.
 * Source: draft-ietf-hpke-pq and draft-connolly-cfrg-xwing-kem-10, section 5.
 */

import { type Bytes, concat } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import type { MlKemPrivateKey, Primitives, X25519PrivateKey } from '../platform/types.ts';

export const HYBRID_SEED_SIZE = 32;
const HYBRID_PUBLIC_KEY_SIZE = 1216;
const MLKEM_PUBLIC_KEY_SIZE = 1184;
const MLKEM_CIPHERTEXT_SIZE = 1088;
const MLKEM_SEED_SIZE = 64;
const LABEL = encodeUtf8('\\.//^\\');

export interface HybridPrivateKey {
  readonly mlKem: MlKemPrivateKey;
  readonly x25519: X25519PrivateKey;
  readonly publicKey: Bytes;
}

/** The key pair that a 32-byte seed stands for. */
export function hybridKeyFromSeed(primitives: Primitives, seed: Bytes): HybridPrivateKey {
  const expanded = primitives.shake256(seed, MLKEM_SEED_SIZE + 32);
  const mlKem = primitives.mlKem768.fromSeed(expanded.subarray(0, MLKEM_SEED_SIZE));
  const x25519 = primitives.x25519.importPrivate(expanded.subarray(MLKEM_SEED_SIZE));
  const publicKey = concat(mlKem.publicKey, primitives.x25519.publicKey(x25519));
  return { mlKem: mlKem.privateKey, x25519, publicKey };
}

/** The X25519 half of a hybrid public key. */
export function x25519Half(publicKey: Bytes): Bytes {
  return publicKey.subarray(MLKEM_PUBLIC_KEY_SIZE);
}

/**
 * A fresh shared secret, and the ciphertext that lets the key's owner have it too.
 *
 * @throws SottoError `invalid_key` for a wrong length or unreduced coefficients, `low_order_point`.
 */
export function encapsulate(
  primitives: Primitives,
  publicKey: Bytes,
): { sharedSecret: Bytes; ciphertext: Bytes } {
  if (publicKey.length !== HYBRID_PUBLIC_KEY_SIZE) {
    const text = `A hybrid public key has ${HYBRID_PUBLIC_KEY_SIZE} bytes; this one has ${publicKey.length}.`;
    throw new SottoError('invalid_key', text);
  }
  const theirs = x25519Half(publicKey);
  const mlKem = primitives.mlKem768.encapsulate(publicKey.subarray(0, MLKEM_PUBLIC_KEY_SIZE));
  const ephemeral = primitives.x25519.generate();
  const agreed = primitives.x25519.agree(ephemeral.privateKey, primitives.x25519.importPublic(theirs));
  return {
    sharedSecret: combine(primitives, mlKem.sharedSecret, agreed, ephemeral.publicKey, theirs),
    ciphertext: concat(mlKem.ciphertext, ephemeral.publicKey),
  };
}

/** @throws SottoError `low_order_point`. A ciphertext made for another key gives another secret, not an error. */
export function decapsulate(primitives: Primitives, key: HybridPrivateKey, ciphertext: Bytes): Bytes {
  const ephemeral = ciphertext.subarray(MLKEM_CIPHERTEXT_SIZE);
  const agreed = primitives.x25519.agree(key.x25519, primitives.x25519.importPublic(ephemeral));
  const mlKem = primitives.mlKem768.decapsulate(key.mlKem, ciphertext.subarray(0, MLKEM_CIPHERTEXT_SIZE));
  return combine(primitives, mlKem, agreed, ephemeral, x25519Half(key.publicKey));
}

function combine(
  primitives: Primitives,
  mlKem: Bytes,
  x25519: Bytes,
  ephemeral: Bytes,
  recipient: Bytes,
): Bytes {
  return primitives.sha3_256(concat(mlKem, x25519, ephemeral, recipient, LABEL));
}
