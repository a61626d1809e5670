/** A key out of a passphrase, by scrypt, with what a file has to say of it. */

import { primitives } from '#crypto';
import type { Bytes } from '../bytes/bytes.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../bytes/text.ts';
import type { SottoError } from '../errors.ts';
import type { ScryptCost } from '../platform/types.ts';
import { KEY_SIZE } from './key-like.ts';

const SALT_SIZE = 16;
const FIELDS = ['name', 'N', 'r', 'p', 'salt'];

/** Chosen: about a third of a second and 128 MiB for each guess. */
const SCRYPT_COST: ScryptCost = { N: 2 ** 17, r: 8, p: 1 };
/** What a file may ask of us. */
const MAX_COST: ScryptCost = { N: 2 ** 20, r: 32, p: 16 };
/** And all of it together: scrypt takes 128 N r bytes. */
const MAX_MEMORY = 2 ** 30;

export interface PassphraseKdf extends ScryptCost {
  readonly name: 'scrypt';
  /** Hex. */
  readonly salt: string;
}

/** The error for a file, and why it cannot be used: `its …`. */
type Invalid = (why: string, cause?: unknown) => SottoError;

/** With a salt of its own, so that no two keys are the same. */
export function newPassphraseKdf(cost: ScryptCost = SCRYPT_COST): PassphraseKdf {
  return { name: 'scrypt', ...cost, salt: encodeHex(primitives.randomBytes(SALT_SIZE)) };
}

/** What a file says of it, once it is known to be what we may take on. @throws what `invalid` makes. */
export function readPassphraseKdf(value: unknown, invalid: Invalid): PassphraseKdf {
  const fields = Object(value) as Record<string, unknown>;
  if (fields.name !== 'scrypt') throw invalid('its kdf is not scrypt');
  const missing = FIELDS.find((name) => !Object.hasOwn(fields, name));
  if (missing !== undefined) throw invalid(`its kdf has no ${missing}`);
  if (Object.keys(fields).length > FIELDS.length) throw invalid('its kdf has fields that are not known');
  const { N, r, p, salt } = fields;
  if (
    !isCost(N, MAX_COST.N) ||
    (N & (N - 1)) !== 0 ||
    N < 2 ||
    !isCost(r, MAX_COST.r) ||
    !isCost(p, MAX_COST.p) ||
    128 * N * r > MAX_MEMORY ||
    Math.log2(N) >= 16 * r // RFC 7914, section 2: checked here, for OpenSSL's refusal would spoil its next call
  ) {
    throw invalid('its scrypt parameters are out of range');
  }
  if (typeof salt !== 'string' || !/^(?:[0-9a-f]{2})+$/.test(salt)) throw invalid('its kdf.salt is not hex');
  return { name: 'scrypt', N, r, p, salt };
}

/** 32 bytes. @throws what `invalid` makes. */
export async function passphraseKey(
  passphrase: string,
  kdf: PassphraseKdf,
  invalid: Invalid,
): Promise<Bytes> {
  // The same passphrase typed on another system may be composed differently (RFC 8265).
  const secret = encodeUtf8(passphrase.normalize('NFKC'));
  try {
    return await primitives.scrypt(secret, decodeHex(kdf.salt), kdf, KEY_SIZE);
  } catch (cause) {
    // Each is in its range, and yet not all go together (RFC 7914, section 2), or there is not the memory.
    throw invalid('scrypt does not run with its parameters', cause);
  }
}

function isCost(value: unknown, max: number): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= max;
}
