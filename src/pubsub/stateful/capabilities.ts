/** How ours know each other: by the tracing of CONFIGURE and CONFIRM_CONFIGURE, which is signed, and empty in the original. */

import { type Bytes, sameBytes } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';

export const OURS: Bytes = encodeUtf8('sotto/1');

export function isOurs(tracing: Bytes): boolean {
  return sameBytes(tracing, OURS);
}
