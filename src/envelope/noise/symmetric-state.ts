/**
 * The hash of everything both ends have seen of a handshake, and the keys that follow from what they agreed on.
 *
 * Source: the Noise Protocol Framework, revision 34, section 5.2. Its HKDF is RFC 5869's with the chaining key as salt.
 */

import { type Bytes, concat, EMPTY } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';
import { CipherState, KEY_SIZE, type NoiseSuite, TAG_SIZE } from './cipher-state.ts';

const HASH_SIZE = 32;

export class SymmetricState {
  readonly #suite: NoiseSuite;
  #chainingKey: Bytes;
  #hash: Bytes;
  #cipher: CipherState | null = null;

  constructor(suite: NoiseSuite, protocolName: string) {
    const name = encodeUtf8(protocolName);
    this.#suite = suite;
    this.#hash = name.length <= HASH_SIZE ? padded(name) : suite.primitives.sha256(name);
    this.#chainingKey = this.#hash.slice();
  }

  /** 32 bytes: the same at both ends if they saw the same, and only then. */
  get handshakeHash(): Bytes {
    return this.#hash.slice();
  }

  /** By how much encryption lengthens what is written now. */
  get overhead(): number {
    return this.#cipher === null ? 0 : TAG_SIZE;
  }

  mixHash(data: Bytes): void {
    this.#hash = this.#suite.primitives.sha256(concat(this.#hash, data));
  }

  mixKey(input: Bytes): void {
    const [chainingKey, key] = hkdf(this.#suite, this.#chainingKey, input);
    this.#replace(chainingKey, key);
  }

  mixKeyAndHash(input: Bytes): void {
    const [chainingKey, hashed, key] = hkdf(this.#suite, this.#chainingKey, input);
    this.mixHash(hashed);
    this.#replace(chainingKey, key);
  }

  /** As it is, as long as there is no key. */
  encryptAndHash(plaintext: Bytes): Bytes {
    const ciphertext = this.#cipher?.encryptWithAd(this.#hash, plaintext) ?? plaintext;
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** @throws SottoError `decrypt_failed`. */
  decryptAndHash(ciphertext: Bytes): Bytes {
    const plaintext = this.#cipher?.decryptWithAd(this.#hash, ciphertext) ?? ciphertext;
    this.mixHash(ciphertext);
    return plaintext;
  }

  /**
   * The key from the initiator to the responder, the one back, and a third for what the session derives later. Nothing
   * secret is left here.
   */
  split(): readonly [Bytes, Bytes, Bytes] {
    const keys = hkdf(this.#suite, this.#chainingKey, EMPTY);
    this.wipe();
    return keys;
  }

  wipe(): void {
    this.#chainingKey.fill(0);
    this.#cipher?.wipe();
  }

  #replace(chainingKey: Bytes, key: Bytes): void {
    this.wipe();
    this.#chainingKey = chainingKey;
    this.#cipher = new CipherState(this.#suite, key);
  }
}

/** Noise's HKDF with three outputs of 32 bytes, of which the first two are what it gives with two. */
export function hkdf(
  { primitives }: NoiseSuite,
  chainingKey: Bytes,
  input: Bytes,
): readonly [Bytes, Bytes, Bytes] {
  const outputs = primitives.hkdfSha256(input, chainingKey, EMPTY, 3 * KEY_SIZE);
  return [
    outputs.subarray(0, KEY_SIZE),
    outputs.subarray(KEY_SIZE, 2 * KEY_SIZE),
    outputs.subarray(2 * KEY_SIZE),
  ];
}

function padded(name: Bytes): Bytes {
  const whole = new Uint8Array(HASH_SIZE);
  whole.set(name);
  return whole;
}
