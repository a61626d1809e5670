/** Only the oldest programs of sickserv need it, and they are no browsers. */

import { SottoError } from '../../errors.ts';
import type { Lz4 } from '../types.ts';

export const lz4: Lz4 = { compress: unsupported, decompress: unsupported };

function unsupported(): never {
  throw new SottoError('unsupported_platform', 'A browser has no LZ4; use the plain dialect.');
}
