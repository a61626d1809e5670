/** The post-quantum public key of an identity: what `serverKey` of a client must be to use suite 0x5301. */

import { primitives } from '#crypto';
import type { Bytes } from '../bytes/bytes.ts';
import type { Identity } from '../keys/identity.ts';
import { hybridKeyFromSeed } from './kem.ts';

/** 1216 bytes. */
export function hybridPublicKeyOf(identity: Identity): Bytes {
  return hybridKeyFromSeed(primitives, identity.hybridSeed).publicKey;
}
