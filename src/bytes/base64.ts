/** Base64, strictly: what is not valid is refused, never repaired. */

import { base64 } from '@scure/base';
import { SottoError } from '../errors.ts';
import type { Bytes } from './bytes.ts';

/** Standard alphabet, padded (RFC 4648, section 4). */
export function encodeBase64(bytes: Bytes): string {
  return base64.encode(bytes);
}

/** @throws SottoError `invalid_text` for anything but standard, padded base64 without line ends. */
export function decodeBase64(text: string): Bytes {
  try {
    return base64.decode(text);
  } catch (cause) {
    throw new SottoError('invalid_text', 'This is not base64 text.', { cause });
  }
}
