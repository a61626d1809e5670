/** Browsers have no zstd that takes a dictionary. */

import { SottoError } from '../../errors.ts';
import type { Zstd } from '../types.ts';

export const zstd: Zstd = {
  available: false,
  compress: unsupported,
  decompress: unsupported,
  compressStream: unsupported,
  decompressStream: unsupported,
};

function unsupported(): never {
  throw new SottoError('unsupported_platform', 'A browser cannot compress or decompress zstd.');
}
