/** What may be asked of a multicast socket. */

import { isIP } from 'node:net';
import { SottoError } from '../../errors.ts';
import type { Family } from './interfaces.ts';

const MAX_TTL = 255;

/** Of an address as text; null for what is none. */
export function familyOf(address: string): Family | null {
  const version = isIP(address);
  if (version === 0) return null;
  return version === 4 ? 'IPv4' : 'IPv6';
}

/** @throws SottoError `invalid_option` for what is no group, and for none or both families. */
export function requireFamily(groups: readonly string[]): Family {
  const [family, ...others] = new Set(groups.map(familyOfGroup));
  if (family && others.length === 0) return family;
  throw new SottoError(
    'invalid_option',
    'Multicast needs at least one group, and all of IPv4 or all of IPv6.',
  );
}

function familyOfGroup(group: string): Family {
  const family = familyOf(group);
  const isGroup = family === 'IPv4' ? /^(22[4-9]|23\d)\./.test(group) : /^ff[^%]+$/i.test(group);
  if (family && isGroup) return family;
  const text = `${group} is no multicast group: one of 224.0.0.0 to 239.255.255.255, or of ff00::/8 without a zone.`;
  throw new SottoError('invalid_option', text);
}

/** @throws SottoError `invalid_option`. */
export function requireTtl(ttl = 1): void {
  if (Number.isInteger(ttl) && ttl >= 1 && ttl <= MAX_TTL) return;
  throw new SottoError(
    'invalid_option',
    `A TTL of ${ttl} cannot be: take a whole number from 1 to ${MAX_TTL}.`,
  );
}
