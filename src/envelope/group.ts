/**
 * What all who know a group's secret can read, and nobody else: broadcasts, and announcements that strangers cannot track.
 *
 * ```text
 * offset   size  field
 * 0        12    nonce
 * 12       n     AES-256-GCM of the plaintext, tag included
 *
 * key = HKDF-SHA-256(secret, no salt, "sotto/peers/group" and the group's address and port as text)
 * ```
 *
 * Members are not told from each other: whoever knows the secret can pretend to be any of them.
 * Source: specs/native.md, section 5.
 */

import { primitives } from '#crypto';
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';

const LABEL = 'sotto/peers/group';
const KEY_SIZE = 32;
const NONCE_SIZE = 12;
const TAG_SIZE = 16;
/** A text, so that people can agree on it; at least as long as to withstand guessing. */
const LEAST_SECRET = 16;

/** Bytes that sealing adds. */
const OVERHEAD = NONCE_SIZE + TAG_SIZE;

export class GroupSeal {
  readonly #key: Bytes;

  /** @throws SottoError `invalid_option` for a secret that is too short. */
  constructor(secret: string, { group, port }: { readonly group: string; readonly port: number }) {
    const bytes = encodeUtf8(secret);
    if (bytes.length < LEAST_SECRET) {
      throw new SottoError(
        'invalid_option',
        `groupSecret has ${bytes.length} bytes; ${LEAST_SECRET} are the least.`,
      );
    }
    this.#key = primitives.hkdfSha256(bytes, EMPTY, encodeUtf8(`${LABEL} ${group} ${port}`), KEY_SIZE);
  }

  seal(plaintext: Bytes): Bytes {
    const nonce = primitives.randomBytes(NONCE_SIZE);
    const sealed = new Uint8Array(plaintext.length + OVERHEAD);
    sealed.set(nonce);
    primitives.aesGcm.seal(this.#key, nonce, EMPTY, [plaintext], sealed, NONCE_SIZE);
    return sealed;
  }

  /** Null for what nobody of the group has sealed. */
  open(sealed: Bytes): Bytes | null {
    if (sealed.length < OVERHEAD) return null;
    const [nonce, ciphertext] = [sealed.subarray(0, NONCE_SIZE), sealed.subarray(NONCE_SIZE)];
    return primitives.aesGcm.open(this.#key, nonce, EMPTY, ciphertext);
  }
}
