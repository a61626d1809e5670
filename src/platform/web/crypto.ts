/** Primitives by noble: pure JavaScript, synchronous, in every browser and on insecure origins too. */

import { gcm } from '@noble/ciphers/aes.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '@noble/hashes/utils.js';
import { type Bytes, concatAll } from '../../bytes/bytes.ts';
import { OnDemand } from '../../bytes/on-demand.ts';
import { SottoError } from '../../errors.ts';
import type { Aead, MlKemPrivateKey, Primitives, X25519PrivateKey, X25519PublicKey } from '../types.ts';
import { x25519 } from './x25519.ts';

const postQuantum: OnDemand<typeof import('./post-quantum.ts')> = /* @__PURE__ */ new OnDemand(
  'ML-KEM',
  'loadPostQuantum() of sotto/browser',
  () => import('./post-quantum.ts'),
);

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
  sha3_256: (data) => postQuantum.part.sha3_256(data),
  shake256: (data, length) => postQuantum.part.shake256(data, { dkLen: length }),
  hmacSha256: (key, data) => hmac(sha256, key, data),
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

  loadPostQuantum: () => postQuantum.load(),
  mlKem768: {
    fromSeed(seed) {
      const { secretKey, publicKey } = postQuantum.part.ml_kem768.keygen(seed);
      return { privateKey: handle<MlKemPrivateKey>(secretKey), publicKey };
    },
    encapsulate(publicKey) {
      const { ml_kem768 } = postQuantum.part;
      try {
        const { sharedSecret, cipherText } = ml_kem768.encapsulate(publicKey);
        return { sharedSecret, ciphertext: cipherText };
      } catch (cause) {
        throw new SottoError('invalid_key', 'This is not an ML-KEM-768 public key.', { cause });
      }
    },
    decapsulate: (privateKey, ciphertext) =>
      postQuantum.part.ml_kem768.decapsulate(ciphertext, raw(privateKey)),
  },

  async scrypt(passphrase, salt, cost, length) {
    const { scryptAsync } = await import('@noble/hashes/scrypt.js');
    return scryptAsync(passphrase, salt, { ...cost, dkLen: length });
  },
};

/** As much of noble's ciphers as an AEAD needs. */
type Cipher = (
  key: Bytes,
  nonce: Bytes,
  associatedData: Bytes,
) => {
  encrypt(plaintext: Bytes): Bytes;
  decrypt(sealed: Bytes): Bytes;
};

export function aead(cipher: Cipher): Aead {
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
