/**
 * A stream cut into records, each sealed under a key that exists for this stream alone.
 *
 * ```text
 * record   = length of what follows (4 bytes) | AES-256-GCM of the plaintext, no associated data
 * nonce    = 4 bytes of zeros | number of the record, from 0 (8 bytes)
 * ```
 *
 * Records that are lost, doubled or moved do not open; that all have come is for what is in them to say.
 */

import { primitives } from '#crypto';
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { Writer } from '../bytes/writer.ts';
import { SottoError } from '../errors.ts';

const NONCE_SIZE = 12;
export const TAG_SIZE = 16;
const LENGTH_SIZE = 4;

class Nonces {
  readonly #nonce = new Uint8Array(NONCE_SIZE);
  readonly #view = new DataView(this.#nonce.buffer);
  #count = 0n;

  next(): Bytes {
    this.#view.setBigUint64(NONCE_SIZE - 8, this.#count);
    this.#count += 1n;
    return this.#nonce;
  }
}

export class RecordSealer {
  readonly #key: Bytes;
  readonly #nonces = new Nonces();

  constructor(key: Bytes) {
    this.#key = key;
  }

  /** One record in its parts, its length before it. */
  seal(plaintext: readonly Bytes[]): readonly Bytes[] {
    const length = plaintext.reduce((sum, part) => sum + part.length, TAG_SIZE);
    const sealed = primitives.aesGcm.sealParts(this.#key, this.#nonces.next(), EMPTY, plaintext);
    return [new Writer(LENGTH_SIZE).u32(length).finish(), ...sealed];
  }
}

export class RecordOpener {
  readonly #key: Bytes;
  readonly #nonces = new Nonces();

  constructor(key: Bytes) {
    this.#key = key;
  }

  /**
   * @param sealed a record without its length; the records in their order.
   * @throws SottoError `decrypt_failed`: then the stream is at its end.
   */
  open(sealed: Bytes): Bytes {
    const plaintext = primitives.aesGcm.open(this.#key, this.#nonces.next(), EMPTY, sealed);
    if (plaintext) return plaintext;
    throw new SottoError('decrypt_failed', 'A record of the stream was altered on its way.');
  }
}
