/** Primitives by noble: pure JavaScript, synchronous, in every browser and on insecure origins too. */

import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { scryptAsync } from '@noble/hashes/scrypt.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { sha3_256, shake256 } from '@noble/hashes/sha3.js';
import { randomBytes } from '@noble/hashes/utils.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { type Bytes, concatAll } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { Aead, MlKemPrivateKey, Primitives, X25519PrivateKey, X25519PublicKey } from '../types.ts';

export const primitives: Primitives = {
  name: 'web',
  randomBytes: (length) => randomBytes(length),
  equalSecrets(left, right) {
    if (left.length !== right.length) return false;
    let difference = 0;
    for (let i = 0; i < left.length; i++) difference |= (left[i] ?? 0) ^ (right[i] ?? 0);
    return difference === 0;
  },

  sha256: (data) => sha256(data),
  sha3_256: (data) => sha3_256(data),
  shake256: (data, length) => shake256(data, { dkLen: length }),
  sha512: (data) => sha512(data),
  startSha512() {
    const running = sha512.create();
    return { update: (data) => void running.update(data), digest: () => running.digest() };
  },
  hmacSha256: (key, data) => hmac(sha256, key, data),
  hmacSha512: (key, data) => hmac(sha512, key, data),
  hkdfSha256: (secret, salt, info, length) => hkdf(sha256, secret, salt, info, length),

  x25519: {
    generate() {
      const { secretKey, publicKey } = x25519.keygen();
      return { privateKey: handle<X25519PrivateKey>(secretKey), publicKey };
    },
    importPrivate: (raw) => handle<X25519PrivateKey>(raw.slice()),
    exportPrivate: (privateKey) => raw(privateKey).slice(),
    importPublic: (bytes) => handle<X25519PublicKey>(bytes),
    publicKey: (privateKey) => x25519.getPublicKey(raw(privateKey)),
    agree(privateKey, publicKey) {
      try {
        return x25519.getSharedSecret(raw(privateKey), raw(publicKey));
      } catch (cause) {
        throw new SottoError('low_order_point', 'The public key is a point of low order.', { cause });
      }
    },
  },

  aesGcm: aead(gcm),

  mlKem768: {
    fromSeed(seed) {
      const { secretKey, publicKey } = ml_kem768.keygen(seed);
      return { privateKey: handle<MlKemPrivateKey>(secretKey), publicKey };
    },
    encapsulate(publicKey) {
      try {
        const { sharedSecret, cipherText } = ml_kem768.encapsulate(publicKey);
        return { sharedSecret, ciphertext: cipherText };
      } catch (cause) {
        throw new SottoError('invalid_key', 'This is not an ML-KEM-768 public key.', { cause });
      }
    },
    decapsulate: (privateKey, ciphertext) => ml_kem768.decapsulate(ciphertext, raw(privateKey)),
  },

  scrypt: (passphrase, salt, cost, length) => scryptAsync(passphrase, salt, { ...cost, dkLen: length }),
};

export const chaCha20Poly1305: Aead = /* @__PURE__ */ aead(chacha20poly1305);

function aead(cipher: typeof gcm | typeof chacha20poly1305): Aead {
  return {
    seal(key, nonce, associatedData, plaintext, out, offset) {
      out.set(cipher(key, nonce, associatedData).encrypt(concatAll(plaintext)), offset);
    },
    sealParts: (key, nonce, associatedData, plaintext) => [
      cipher(key, nonce, associatedData).encrypt(concatAll(plaintext)),
    ],
    open(key, nonce, associatedData, sealed) {
      try {
        return cipher(key, nonce, associatedData).decrypt(sealed);
      } catch {
        return null;
      }
    },
  };
}

// The handles of types.ts are raw keys here; these two functions are the only place that knows.
function handle<Handle>(key: Bytes): Handle {
  return key as unknown as Handle;
}

function raw(key: X25519PrivateKey | X25519PublicKey | MlKemPrivateKey): Bytes {
  return key as unknown as Bytes;
}
