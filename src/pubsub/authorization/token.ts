/** The same token for every message of a direction: what a proxy or an office network needs, over TLS. */

import { primitives } from '#crypto';
import { encodeUtf8 } from '../../bytes/text.ts';
import { SottoError } from '../../errors.ts';
import { decodeBearer, encodeBearer } from '../../wire/lonelyps-authorization.ts';
import type { Authorized, Authorizer, Grant, Verdict } from './authorization.ts';
import { judged, PermissionCheck, type Permissions } from './permissions.ts';

/** One token that is taken, and what for. */
export interface TokenKey extends Permissions {
  readonly token: string;
}

export class TokenAuthorizer implements Authorizer {
  readonly #header: string;
  readonly #keys: readonly { readonly digest: Uint8Array; readonly check: PermissionCheck }[];

  /**
   * @param keys those that are believed; the first is the one that is sent.
   * @throws SottoError `invalid_option` for no token, or one that no header can hold.
   */
  constructor(keys: readonly TokenKey[]) {
    const [first] = keys;
    const wrong = keys.some(({ token }) => !/^[\x21-\x7e][\x20-\x7e]*$/.test(token));
    if (!first || wrong)
      throw new SottoError('invalid_option', 'A token is one printable ASCII text or more.');
    this.#header = encodeBearer(first.token);
    this.#keys = keys.map((key) => ({ digest: digestOf(key.token), check: new PermissionCheck(key) }));
  }

  authorize(): string {
    return this.#header;
  }

  verify(header: string | null, { operation }: Authorized): Verdict | Grant {
    if (header === null) return 'unauthorized';
    const token = decodeBearer(header);
    if (token === null) return 'forbidden';
    const digest = digestOf(token);
    // Every key is looked at, so that the time tells nothing.
    const found = this.#keys.filter((key) => primitives.equalSecrets(key.digest, digest));
    return judged(
      found.map(({ check }) => check),
      operation,
    );
  }
}

/** Of one length, whatever the tokens': comparing those tells nothing of theirs. */
function digestOf(token: string): Uint8Array {
  return primitives.sha256(encodeUtf8(token));
}
