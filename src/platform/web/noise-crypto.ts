/** Cryptography for Noise, by noble: all of it, as `page-noise-crypto.ts` has not. */

import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import type { NoisePrimitives } from '../types.ts';
import { aead, primitives } from './crypto.ts';

export const noisePrimitives: NoisePrimitives = { ...primitives, chaCha20Poly1305: aead(chacha20poly1305) };
