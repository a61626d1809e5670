/**
 * What a platform must offer: `node/` and `web/` each meet these interfaces, and package.json `imports` picks one.
 */

import type { Bytes } from '../bytes/bytes.ts';

/** An X25519 private key in the form this platform computes with fastest; made and read only by {@link Primitives}. */
export interface X25519PrivateKey {
  readonly kind: 'x25519-private';
}

/** An X25519 public key in the form this platform computes with fastest. */
export interface X25519PublicKey {
  readonly kind: 'x25519-public';
}

/** An ML-KEM-768 decapsulation key in the form this platform computes with fastest. */
export interface MlKemPrivateKey {
  readonly kind: 'ml-kem-768-private';
}

/** Cryptographic primitives, all synchronous. Lengths are in bytes. */
export interface Primitives {
  readonly name: 'node' | 'web';

  randomBytes(length: number): Bytes;
  /** Compares in constant time; lengths are public. */
  equalSecrets(left: Bytes, right: Bytes): boolean;

  sha256(data: Bytes): Bytes;
  sha3_256(data: Bytes): Bytes;
  shake256(data: Bytes, length: number): Bytes;
  hmacSha256(key: Bytes, data: Bytes): Bytes;
  /** RFC 5869, extract and expand. */
  hkdfSha256(secret: Bytes, salt: Bytes, info: Bytes, length: number): Bytes;

  readonly x25519: {
    /** A fresh pair; `publicKey` is 32 bytes. */
    generate(): { privateKey: X25519PrivateKey; publicKey: Bytes };
    /** 32 bytes, clamped at every use (RFC 7748). */
    importPrivate(raw: Bytes): X25519PrivateKey;
    exportPrivate(privateKey: X25519PrivateKey): Bytes;
    importPublic(raw: Bytes): X25519PublicKey;
    publicKey(privateKey: X25519PrivateKey): Bytes;
    /** @throws SottoError `low_order_point` where the result is all zero. */
    agree(privateKey: X25519PrivateKey, publicKey: X25519PublicKey): Bytes;
  };

  /** AES-GCM with a 16-byte tag; the key's length (16 or 32) picks AES-128 or AES-256. */
  readonly aesGcm: {
    /** Writes ciphertext and tag of the joined `plaintext` parts into `out` from `offset`. */
    seal(key: Bytes, nonce: Bytes, associatedData: Bytes, plaintext: readonly Bytes[], out: Bytes, offset: number): void;
    /** The plaintext, or null where the tag does not match. `sealed` is ciphertext and tag. */
    open(key: Bytes, nonce: Bytes, associatedData: Bytes, sealed: Bytes): Bytes | null;
  };

  /** FIPS 203. */
  readonly mlKem768: {
    /** From the 64-byte seed d || z. `publicKey` is 1184 bytes. */
    fromSeed(seed: Bytes): { privateKey: MlKemPrivateKey; publicKey: Bytes };
    /** @throws SottoError `invalid_key` for a public key with unreduced coefficients or a wrong length. */
    encapsulate(publicKey: Bytes): { sharedSecret: Bytes; ciphertext: Bytes };
    decapsulate(privateKey: MlKemPrivateKey, ciphertext: Bytes): Bytes;
  };

  /** RFC 7914, off the main thread where the platform has others. */
  scrypt(passphrase: Bytes, salt: Bytes, cost: ScryptCost, length: number): Promise<Bytes>;
}

export interface ScryptCost {
  /** CPU and memory cost, a power of two. */
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** Files that hold secrets, and small databases. */
export interface Files {
  /** @throws SottoError `key_file_missing`, or `key_file_exposed` where others can read or write the file. */
  readPrivate(path: string): Promise<Bytes>;
  /**
   * Writes by a temporary file and a rename, mode 0600, so that a crash leaves the old file or the new one.
   *
   * @throws SottoError `key_file_exists` unless `overwrite`.
   */
  writePrivate(path: string, content: Bytes, options: { overwrite: boolean }): Promise<void>;
}

export type SqlValue = null | number | string | Bytes;

/** An SQL database in a file, one statement at a time. */
export interface Database {
  execute(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export interface Statement {
  /** The number of rows changed. */
  run(...values: SqlValue[]): number;
  /** The first row. */
  get(...values: SqlValue[]): Record<string, SqlValue> | undefined;
}
