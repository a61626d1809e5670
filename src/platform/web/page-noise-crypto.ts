/** Cryptography for Noise in pages, whose sessions speak AES-GCM alone: ChaCha20-Poly1305 is as long as AES-GCM again. */

import { SottoError } from '../../errors.ts';
import type { NoisePrimitives } from '../types.ts';
import { primitives } from './crypto.ts';

export const noisePrimitives: NoisePrimitives = {
  ...primitives,
  get chaCha20Poly1305(): never {
    throw new SottoError(
      'unsupported_platform',
      'Pages have no ChaCha20-Poly1305; use a protocol with AESGCM.',
    );
  },
};
