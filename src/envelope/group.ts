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

/** Each costs a try at what does not open. */
const MAX_SECRETS = 4;

/** Bytes that sealing adds. */
const OVERHEAD = NONCE_SIZE + TAG_SIZE;

export class GroupSeal {
  /** The first seals, all of them open. */
  readonly #keys: readonly Bytes[];

  /**
   * @param secrets one, or several while one follows another: the first seals, all of them open.
   * @throws SottoError `invalid_option` for a secret that is too short, none, or more than 4.
   */
  constructor(
    secrets: string | readonly string[],
    { group, port }: { readonly group: string; readonly port: number },
  ) {
    const each = typeof secrets === 'string' ? [secrets] : secrets;
    if (each.length === 0 || each.length > MAX_SECRETS) {
      const text = `groupSecret takes 1 to ${MAX_SECRETS} secrets; these are ${each.length}.`;
      throw new SottoError('invalid_option', text);
    }
    const info = encodeUtf8(`${LABEL} ${group} ${port}`);
    this.#keys = each.map((secret) => primitives.hkdfSha256(secretBytes(secret), EMPTY, info, KEY_SIZE));
  }

  seal(plaintext: Bytes): Bytes {
    const nonce = primitives.randomBytes(NONCE_SIZE);
    const sealed = new Uint8Array(plaintext.length + OVERHEAD);
    sealed.set(nonce);
    const [key = EMPTY] = this.#keys;
    primitives.aesGcm.seal(key, nonce, EMPTY, [plaintext], sealed, NONCE_SIZE);
    return sealed;
  }

  /** Null for what nobody of the group has sealed. */
  open(sealed: Bytes): Bytes | null {
    if (sealed.length < OVERHEAD) return null;
    const [nonce, ciphertext] = [sealed.subarray(0, NONCE_SIZE), sealed.subarray(NONCE_SIZE)];
    for (const key of this.#keys) {
      const opened = primitives.aesGcm.open(key, nonce, EMPTY, ciphertext);
      if (opened) return opened;
    }
    return null;
  }
}

/** The secrets in a file, one a line. */
export function groupSecretsIn(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '');
}

function secretBytes(secret: string): Bytes {
  const bytes = encodeUtf8(secret);
  if (bytes.length >= LEAST_SECRET) return bytes;
  throw new SottoError(
    'invalid_option',
    `groupSecret has ${bytes.length} bytes; ${LEAST_SECRET} are the least.`,
  );
}
