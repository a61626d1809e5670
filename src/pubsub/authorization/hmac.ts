/** Every message signed under a shared secret: proven without TLS, in its time, and once. */

import { primitives } from '#crypto';
import { hmacSha512 } from '#sha512';
import { decodeBase64, encodeBase64 } from '../../bytes/base64.ts';
import type { Bytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import {
  decodeHmacHeader,
  encodeHmacHeader,
  type HmacHeader,
  type SignedOperation,
  signedBytes,
} from '../../wire/lonelyps-authorization.ts';
import type { Authorized, Authorizer, Grant, Verdict } from './authorization.ts';
import { isConnectionUrl } from './connection-url.ts';
import { judged, PermissionCheck, type Permissions } from './permissions.ts';
import type { ReplayStore } from './replay-store.ts';

// Specified, s and bytes.
const LIFETIME = 120;
const REMEMBERED = 180;
const SECRET_SIZE = 64;
const NONCE_SIZE = 4;

/** One key that may sign, and what for. */
export interface HmacKey extends Permissions {
  /** 64 bytes in base64url, with padding or without. */
  readonly secret: string;
}

export interface HmacOptions {
  readonly replays: ReplayStore;
  /** A clock in ms since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

export class HmacAuthorizer implements Authorizer {
  readonly #keys: readonly { readonly secret: Bytes; readonly check: PermissionCheck }[];
  readonly #replays: ReplayStore;
  readonly #now: () => number;

  /**
   * @param keys those that are believed, so that a secret can be changed without a pause; the first is used to sign.
   * @throws SottoError `invalid_key`, `invalid_option`.
   */
  constructor(keys: readonly HmacKey[], { replays, now = Date.now }: HmacOptions) {
    if (keys.length === 0) throw new SottoError('invalid_option', 'HMAC needs a secret.');
    this.#keys = keys.map((key) => ({ secret: decodeSecret(key.secret), check: new PermissionCheck(key) }));
    this.#replays = replays;
    this.#now = now;
  }

  /** @throws SottoError `out_of_bounds` for what the protocol cannot sign. */
  authorize(authorized: Authorized): string {
    const timestamp = Math.floor(this.#now() / 1000);
    const nonce = toBase64Url(primitives.randomBytes(NONCE_SIZE));
    const [key] = this.#keys;
    const code = codeOf(authorized, { timestamp, nonce }, key?.secret ?? new Uint8Array(0));
    return encodeHmacHeader({ timestamp, nonce, code });
  }

  async verify(header: string | null, authorized: Authorized): Promise<Verdict | Grant> {
    if (header === null) return 'unauthorized';
    const parsed = decodeHmacHeader(header);
    const now = this.#now() / 1000;
    if (parsed === null || Math.abs(now - parsed.timestamp) > LIFETIME) return 'forbidden';
    const judgement = judged(this.#checksOf(parsed, authorized), authorized.operation);
    if (judgement === 'forbidden') return judgement;
    if (isGoodOnce(authorized.operation)) return judgement;
    const memory = await this.#remember(parsed.code, Math.floor(now));
    if (memory === 'full') return 'unavailable';
    return memory === 'new' ? judgement : 'forbidden';
  }

  /** Of the keys that the code was made with. */
  #checksOf(header: HmacHeader, authorized: Authorized): readonly PermissionCheck[] {
    try {
      return this.#keys
        .filter(({ secret }) => primitives.equalSecrets(codeOf(authorized, header, secret), header.code))
        .map(({ check }) => check);
    } catch {
      return []; // what cannot be signed has not been
    }
  }

  async #remember(code: Bytes, now: number): Promise<'new' | 'seen' | 'full'> {
    try {
      return await this.#replays.remember(code, now, now + REMEMBERED);
    } catch {
      return 'full'; // a store that is away remembers nothing
    }
  }
}

function codeOf(
  { operation, tracing }: Authorized,
  { timestamp, nonce }: Pick<HmacHeader, 'timestamp' | 'nonce'>,
  secret: Bytes,
): Bytes {
  return hmacSha512(secret, signedBytes(operation, { timestamp, nonce, tracing }));
}

/** What names the url of one message is good once anyway: nobody expects that url a second time. */
function isGoodOnce(operation: SignedOperation): boolean {
  if ('connection' in operation) return isConnectionUrl(operation.connection);
  if (operation.kind === 'missed') return isConnectionUrl(operation.recovery);
  return 'url' in operation && isConnectionUrl(operation.url);
}

/** @throws SottoError `invalid_key`. */
function decodeSecret(text: string): Bytes {
  try {
    const secret = base64UrlBytes(text);
    if (secret.length === SECRET_SIZE) return secret;
  } catch {
    // said below, without the secret
  }
  throw new SottoError('invalid_key', 'An HMAC secret is 64 bytes in base64url: 86 characters.');
}

function base64UrlBytes(text: string): Bytes {
  const plain = text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  return decodeBase64(plain.padEnd(Math.ceil(plain.length / 4) * 4, '='));
}

/** 64 fresh random bytes as the secrets files keep them. */
export function newSecret(): string {
  return toBase64Url(primitives.randomBytes(SECRET_SIZE));
}

function toBase64Url(bytes: Bytes): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
