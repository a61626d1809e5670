/** Cryptography for Noise, by node:crypto. */

import type { NoisePrimitives } from '../types.ts';
import { chaCha20Poly1305, primitives } from './crypto.ts';

export const noisePrimitives: NoisePrimitives = { ...primitives, chaCha20Poly1305 };
