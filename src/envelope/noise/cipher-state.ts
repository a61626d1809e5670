/**
 * One key that seals messages in one direction, each under a nonce of its own.
 *
 * Source: the Noise Protocol Framework, revision 34, sections 4.2, 5.1, 11.3 and 12. Other than there, a state without a
 * key does not exist: one that was wiped can never let plaintext through.
 */

import type { Bytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { Aead, NoisePrimitives } from '../../platform/types.ts';

export const KEY_SIZE = 32;
export const TAG_SIZE = 16;
/** Of every Noise message, handshake or transport. */
export const MAX_MESSAGE_SIZE = 65_535;

const NONCE_SIZE = 12;
/** Its nonce is kept for rekeying; no message ever has it. */
const RESERVED_NONCE = 2n ** 64n - 1n;
const NO_BYTES = new Uint8Array(0);

export type CipherName = 'AESGCM' | 'ChaChaPoly';

interface Cipher {
  aead(primitives: NoisePrimitives): Aead;
  /** How the 64-bit number is written, after four bytes of zero. */
  readonly littleEndian: boolean;
}

const CIPHERS: Readonly<Record<CipherName, Cipher>> = {
  AESGCM: { aead: ({ aesGcm }) => aesGcm, littleEndian: false },
  ChaChaPoly: { aead: ({ chaCha20Poly1305 }) => chaCha20Poly1305, littleEndian: true },
};

/** What a session computes with. */
export interface NoiseSuite {
  readonly primitives: NoisePrimitives;
  readonly cipher: CipherName;
}

/** A ciphertext and the nonce that opens it. */
export interface SealedMessage {
  readonly nonce: bigint;
  readonly ciphertext: Bytes;
}

export class CipherState {
  readonly #aead: Aead;
  readonly #littleEndian: boolean;
  #key: Bytes | null;
  #nonce: bigint;

  /**
   * @param key 32 bytes, which belong to this state from now on: it overwrites them when it is done.
   * @param nonce of the first message; default 0.
   */
  constructor({ primitives, cipher }: NoiseSuite, key: Bytes, nonce: bigint = 0n) {
    this.#aead = CIPHERS[cipher].aead(primitives);
    this.#littleEndian = CIPHERS[cipher].littleEndian;
    this.#key = key;
    this.#nonce = nonce;
  }

  /** Of the next message. */
  get nonce(): bigint {
    return this.#nonce;
  }

  /**
   * The ciphertext, 16 bytes longer, under the next nonce.
   *
   * @throws SottoError `nonce_exhausted`, `frame_too_large` for what would be longer than 65 535 bytes.
   */
  encryptWithAd(associatedData: Bytes, plaintext: Bytes): Bytes {
    return this.encryptNext(associatedData, plaintext).ciphertext;
  }

  /** As `encryptWithAd`, with the nonce: for transports that carry it, because messages may overtake each other. */
  encryptNext(associatedData: Bytes, plaintext: Bytes): SealedMessage {
    if (plaintext.length + TAG_SIZE > MAX_MESSAGE_SIZE) throw tooLarge(plaintext, TAG_SIZE);
    const nonce = this.#nonce;
    if (nonce >= RESERVED_NONCE) throw exhausted();
    const ciphertext = this.#seal(nonce, associatedData, plaintext);
    this.#nonce += 1n;
    return { nonce, ciphertext };
  }

  /**
   * The plaintext of the message that comes next. One that does not open leaves the nonce as it was.
   *
   * @throws SottoError `decrypt_failed`, `nonce_exhausted`.
   */
  decryptWithAd(associatedData: Bytes, ciphertext: Bytes): Bytes {
    if (this.#nonce >= RESERVED_NONCE) throw exhausted();
    const plaintext = this.decryptAt(this.#nonce, associatedData, ciphertext);
    this.#nonce += 1n;
    return plaintext;
  }

  /**
   * The plaintext of the message with this nonce, in any order, as often as it is asked: a repetition is for the caller
   * to notice (see `replay.ts`). Does not touch the state's own nonce.
   *
   * @throws SottoError `decrypt_failed`.
   */
  decryptAt(nonce: bigint, associatedData: Bytes, ciphertext: Bytes): Bytes {
    if (nonce < 0n || nonce >= RESERVED_NONCE || ciphertext.length > MAX_MESSAGE_SIZE) throw decryptFailed();
    const plaintext = this.#aead.open(this.#present(), this.#encode(nonce), associatedData, ciphertext);
    if (plaintext === null) throw decryptFailed();
    return plaintext;
  }

  /** Replaces the key by one that follows from it, so that the old one is gone; the nonce goes on (section 11.3). */
  rekey(): void {
    const next = this.#seal(RESERVED_NONCE, NO_BYTES, new Uint8Array(KEY_SIZE)).subarray(0, KEY_SIZE);
    this.wipe();
    this.#key = next;
  }

  /** Overwrites the key. What is encrypted or decrypted afterwards throws SottoError `closed`. */
  wipe(): void {
    this.#key?.fill(0);
    this.#key = null;
  }

  #seal(nonce: bigint, associatedData: Bytes, plaintext: Bytes): Bytes {
    const sealed = new Uint8Array(plaintext.length + TAG_SIZE);
    this.#aead.seal(this.#present(), this.#encode(nonce), associatedData, [plaintext], sealed, 0);
    return sealed;
  }

  #encode(nonce: bigint): Bytes {
    const bytes = new Uint8Array(NONCE_SIZE);
    new DataView(bytes.buffer).setBigUint64(4, nonce, this.#littleEndian);
    return bytes;
  }

  #present(): Bytes {
    if (this.#key !== null) return this.#key;
    throw new SottoError('closed', 'The key of this cipher state has been wiped.');
  }
}

/** One text for whatever came by the network and is not as it should be: it must not tell which check failed. */
export function decryptFailed(): SottoError {
  return new SottoError(
    'decrypt_failed',
    'The message does not open: not meant for this session, or altered.',
  );
}

export function tooLarge(plaintext: Bytes, overhead: number): SottoError {
  return new SottoError(
    'frame_too_large',
    `${plaintext.length} bytes do not fit into one Noise message: ${MAX_MESSAGE_SIZE - overhead} are the most.`,
  );
}

function exhausted(): SottoError {
  return new SottoError('nonce_exhausted', 'This key has sealed all it may; begin a new session.');
}
