/** Primitives by node:crypto (OpenSSL), arranged as measured in docs/benchmarks.md. */

import {
  type BinaryLike,
  type CipherChaCha20Poly1305,
  type CipherGCM,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type DecipherChaCha20Poly1305,
  type DecipherGCM,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  hash,
  hkdfSync,
  type KeyObject,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat } from '../../bytes/bytes.ts';
import { decodeHex } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import type { Aead, MlKemPrivateKey, Primitives, X25519PrivateKey, X25519PublicKey } from '../types.ts';
import { simulated } from './simulated.ts';

const TAG_SIZE = 16;
const TAG = { authTagLength: TAG_SIZE };
const MAX_HKDF_INFO = 1024;
const X25519_KEY_SIZE = 32;
const MLKEM768_PUBLIC_KEY_SIZE = 1184;

// DER headers of the fixed-size keys, so that a raw key is one concatenation away (RFC 8410, RFC 9935).
const X25519_PKCS8 = decodeHex('302e020100300506032b656e04220420');
const MLKEM768_SPKI = decodeHex('308204b2300b0609608648016503040402038204a100');
const MLKEM768_PKCS8_SEED = decodeHex('3054020100300b060960864801650304040204428040');

// Node 24.18 to 24.x asks whether a raw key is a key object by throwing inside: 4 times the cost of the cipher itself.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const RAW_KEYS_ARE_SLOW = major === 24 && minor >= 18;
export const symmetricKey: (key: Bytes) => Bytes | KeyObject = RAW_KEYS_ARE_SLOW
  ? createSecretKey
  : (key) => key;

/** Runs `work` without stack traces where that same inner throw would collect one. */
const untraced: <T>(work: () => T) => T = RAW_KEYS_ARE_SLOW ? withoutStackTraces : (work) => work();

function withoutStackTraces<T>(work: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

export const primitives: Primitives = {
  name: 'node',
  randomBytes(length) {
    const machine = simulated();
    if (machine) return machine.randomBytes(length);
    return length <= MAX_POOLED ? fromPool(length) : plain(randomBytes(length));
  },
  equalSecrets: (left, right) => left.length === right.length && timingSafeEqual(left, right),

  sha256: (data) => plain(hash('sha256', data, 'buffer')),
  sha3_256: (data) => hash('sha3-256', data, 'buffer'),
  shake256: (data, outputLength) => createHash('shake256', { outputLength }).update(data).digest(),
  hmacSha256: (key, data) => createHmac('sha256', symmetricKey(key)).update(data).digest(),
  hkdfSha256(secret, salt, info, length) {
    // Node takes no longer info; the post-quantum suite has one, which carries a whole key and ciphertext.
    if (info.length > MAX_HKDF_INFO) return hkdf(sha256, secret, salt, info, length);
    return new Uint8Array(hkdfSync('sha256', symmetricKey(secret), salt, info, length));
  },

  x25519: {
    generate() {
      const machine = simulated();
      if (machine) return pairOf(machine.randomBytes(X25519_KEY_SIZE));
      const { privateKey, publicKey } = generateKeyPairSync('x25519');
      return { privateKey: handle<X25519PrivateKey>(privateKey), publicKey: jwkField(publicKey, 'x') };
    },
    importPrivate: privateKeyOf,
    exportPrivate: (privateKey) => jwkField(keyObject(privateKey), 'd'),
    importPublic(raw) {
      // By JWK: cheap on every version, where DER costs 2 to 12 times as much.
      const x = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString('base64url');
      const key = { kty: 'OKP', crv: 'X25519', x };
      return handle<X25519PublicKey>(untraced(() => createPublicKey({ key, format: 'jwk' })));
    },
    publicKey: (privateKey) => jwkField(keyObject(privateKey), 'x'),
    agree(privateKey, publicKey) {
      try {
        return plain(diffieHellman({ privateKey: keyObject(privateKey), publicKey: keyObject(publicKey) }));
      } catch (cause) {
        // OpenSSL refuses an all-zero result (RFC 7748, section 6.1); nothing else can fail here.
        throw new SottoError('low_order_point', 'The public key is a point of low order.', { cause });
      }
    },
  },

  aesGcm: aead(
    (key, nonce) => createCipheriv(gcmOf(key), symmetricKey(key), nonce, TAG),
    (key, nonce) => createDecipheriv(gcmOf(key), symmetricKey(key), nonce, TAG),
  ),

  loadPostQuantum: () => null,
  mlKem768: {
    fromSeed(seed) {
      const der = Buffer.from(concat(MLKEM768_PKCS8_SEED, seed));
      const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
      const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
      return {
        privateKey: handle<MlKemPrivateKey>(privateKey),
        publicKey: plain(spki).subarray(MLKEM768_SPKI.length),
      };
    },
    encapsulate(publicKey) {
      const key = mlKemPublicKey(publicKey);
      const machine = simulated();
      if (machine) return machine.encapsulate(publicKey);
      const { sharedKey, ciphertext } = encapsulate(key);
      return { sharedSecret: plain(sharedKey), ciphertext: plain(ciphertext) };
    },
    decapsulate: (privateKey, ciphertext) => plain(decapsulate(keyObject(privateKey), ciphertext)),
  },

  scrypt(passphrase, salt, { N, r, p }, length) {
    const derived = new Promise<Bytes>((resolve, reject) => {
      // Twice what scrypt needs: Node's own limit of 32 MiB is below our cost, and a refusal would haunt the next call.
      const maxmem = 256 * r * (N + p + 2);
      scrypt(passphrase, salt, length, { N, r, p, maxmem }, (error, key) =>
        error ? reject(error) : resolve(plain(key)),
      );
    });
    return simulated()?.outside(derived) ?? derived;
  },
};

export const chaCha20Poly1305: Aead = aead(
  (key, nonce) => createCipheriv('chacha20-poly1305', symmetricKey(key), nonce, TAG),
  (key, nonce) => createDecipheriv('chacha20-poly1305', symmetricKey(key), nonce, TAG),
);

// A call for random bytes costs more than sealing a packet: nonces and names are cut from a pool. Keys never are.
const POOL_SIZE = 4096;
const MAX_POOLED = 16;
let pool = new Uint8Array(0);
let pooled = 0;

function fromPool(length: number): Bytes {
  if (pooled + length > pool.length) {
    pool = new Uint8Array(randomBytes(POOL_SIZE));
    pooled = 0;
  }
  pooled += length;
  return pool.slice(pooled - length, pooled);
}

function privateKeyOf(raw: Bytes): X25519PrivateKey {
  const der = Buffer.from(concat(X25519_PKCS8, raw));
  return handle<X25519PrivateKey>(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

function pairOf(raw: Bytes): { privateKey: X25519PrivateKey; publicKey: Bytes } {
  const privateKey = privateKeyOf(raw);
  return { privateKey, publicKey: jwkField(keyObject(privateKey), 'x') };
}

function mlKemPublicKey(raw: Bytes): KeyObject {
  try {
    if (raw.length !== MLKEM768_PUBLIC_KEY_SIZE) throw new Error(`it has ${raw.length} bytes`); // DER ignores a surplus
    const der = Buffer.from(concat(MLKEM768_SPKI, raw));
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new SottoError('invalid_key', 'This is not an ML-KEM-768 public key.', { cause });
  }
}

function aead(
  encryptionOf: (key: Bytes, nonce: Bytes) => CipherGCM | CipherChaCha20Poly1305,
  decryptionOf: (key: Bytes, nonce: Bytes) => DecipherGCM | DecipherChaCha20Poly1305,
): Aead {
  return {
    seal(key, nonce, associatedData, plaintext, out, offset) {
      let end = offset;
      for (const part of this.sealParts(key, nonce, associatedData, plaintext)) {
        out.set(part, end);
        end += part.length;
      }
    },
    sealParts(key, nonce, associatedData, plaintext) {
      const cipher = encryptionOf(key, nonce);
      cipher.setAAD(associatedData);
      const parts: Bytes[] = plaintext.map((part) => cipher.update(part));
      cipher.final();
      parts.push(cipher.getAuthTag());
      return parts;
    },
    open(key, nonce, associatedData, sealed) {
      const length = sealed.length - TAG_SIZE;
      if (length < 0) return null;
      const decipher = decryptionOf(key, nonce);
      decipher.setAAD(associatedData);
      decipher.setAuthTag(sealed.subarray(length));
      const plaintext = decipher.update(sealed.subarray(0, length));
      try {
        decipher.final();
      } catch {
        return null;
      }
      return plain(plaintext);
    },
  };
}

function gcmOf(key: Bytes): 'aes-128-gcm' | 'aes-256-gcm' {
  return key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
}

function jwkField(key: KeyObject, field: 'x' | 'd'): Bytes {
  return plain(Buffer.from(key.export({ format: 'jwk' })[field] ?? '', 'base64url'));
}

/** The same bytes without Buffer's own methods, so that what users get compares equal on every platform. */
export function plain(bytes: NodeJS.ArrayBufferView & BinaryLike): Bytes {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// The handles of types.ts are key objects here; these two functions are the only place that knows.
function handle<Handle>(key: KeyObject): Handle {
  return key as unknown as Handle;
}

function keyObject(key: X25519PrivateKey | X25519PublicKey | MlKemPrivateKey): KeyObject {
  return key as unknown as KeyObject;
}
