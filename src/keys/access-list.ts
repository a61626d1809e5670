/** Who may do something: a list of public keys. */

import type { KeyLike } from './key-like.ts';
import { PublicKey } from './public-key.ts';

/**
 * Whether a sender, as proven, is on the list; an anonymous one never is.
 *
 * @throws SottoError `invalid_key` for a key on the list that is none.
 */
export function accessList(
  keys: readonly KeyLike[],
): (sender: { readonly fingerprint: string } | null) => boolean {
  const allowed = new Set(keys.map((key) => PublicKey.from(key).fingerprint));
  return (sender) => sender !== null && allowed.has(sender.fingerprint);
}
