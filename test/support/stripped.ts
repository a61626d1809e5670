/** What a man in the middle makes of frames. */

import type { StpFrame } from '../../src/wire/stp.ts';

/** As an original would have sent it: without all that Sotto adds to a header. */
export function stripped({ header, body }: StpFrame): StpFrame {
  const { v: _v, id: _id, x25519: _key, seq: _seq, bye: _bye, ...original } = header;
  return { header: original, body };
}
