/** What a man in the middle makes of frames. */

import { encodeHex } from '../../src/bytes/text.ts';
import type { PublicKey } from '../../src/index.ts';
import type { StpFrame } from '../../src/wire/stp.ts';

/** As an original would have sent it: without all that Sotto adds to a header, which by TCP has no session either. */
export function stripped({ header, body }: StpFrame, road: 'udp' | 'tcp' = 'udp'): StpFrame {
  const { v: _v, id: _id, x25519: _key, seq: _seq, bye: _bye, session, ...original } = header;
  return { header: { ...original, ...(road === 'udp' && session ? { session } : {}) }, body };
}

/** As if another key were the sender's. */
export function swapped({ header, body }: StpFrame, { fingerprint, bytes }: PublicKey): StpFrame {
  if (header.x25519 === undefined) return { header, body };
  return { header: { ...header, id: fingerprint, x25519: encodeHex(bytes) }, body };
}
