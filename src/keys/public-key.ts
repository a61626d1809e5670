import { type Bytes, sameBytes } from '../bytes/bytes.ts';
import { fingerprintOf, fingerprintWords } from './fingerprint.ts';
import { type KeyLike, keyText, rawKey } from './key-like.ts';

/**
 * An X25519 public key: safe to print, to store and to hand out.
 *
 * @example
 * ```ts
 * import { Identity, PublicKey } from 'sotto';
 * const { publicKey } = Identity.generate();
 * console.log(publicKey.toString()); // sotto1…
 * console.log(publicKey.words); // eight words, to compare over the telephone
 * console.log(PublicKey.from(publicKey.toString()).equals(publicKey)); // true
 * ```
 */
export class PublicKey {
  /** 32 bytes. */
  readonly bytes: Bytes;
  #fingerprint: string | undefined;

  /**
   * @param key 32 bytes, their hex, a `sotto1…` text, or another public key.
   * @throws SottoError `invalid_key`.
   */
  static from(key: KeyLike): PublicKey {
    return key instanceof PublicKey ? key : new PublicKey(rawKey(key, 'The public key'));
  }

  private constructor(bytes: Bytes) {
    // A copy (a Buffer's slice would be none): what is later written into that buffer must not change who this is.
    this.bytes = new Uint8Array(bytes);
  }

  /** SHA-256 of the key as 64 hex digits. */
  get fingerprint(): string {
    this.#fingerprint ??= fingerprintOf(this.bytes);
    return this.#fingerprint;
  }

  /**
   * The fingerprint's first 88 bits as eight English words, joined by blanks.
   *
   * @throws SottoError `unsupported_platform` in pages, before `loadWords` of `sotto/browser`.
   */
  get words(): string {
    return fingerprintWords(this.bytes);
  }

  /** Whether it is the same key. */
  equals(other: KeyLike): boolean {
    return sameBytes(this.bytes, PublicKey.from(other).bytes);
  }

  /** `sotto1…`, with a checksum. */
  toString(): string {
    return keyText(this.bytes);
  }

  toJSON(): string {
    return this.toString();
  }
}
