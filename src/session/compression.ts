/** Contents made shorter by zstd where their sender asked for it, and made whole again. */

import { zstd } from '#zstd';
import type { Bytes } from '../bytes/bytes.ts';
import type { Zstd } from '../platform/types.ts';
import { decodeCompressed, encodeCompressed } from '../wire/session.ts';

/** What is shorter gains too little, bytes. */
const LEAST = 256;
const OPTIONS = { level: 3, dictionary: null } as const;

/** Whether this end can read what is compressed: told to the other one in the handshake. */
export const READS_COMPRESSED: boolean = zstd.available;

/** Null where it would not be shorter, is short already, or cannot be done here. */
export function compressed(content: Bytes, codec: Zstd = zstd): Bytes | null {
  if (!codec.available || content.length < LEAST) return null;
  const shorter = encodeCompressed(content.length, codec.compress(content, OPTIONS));
  return shorter.length < content.length ? shorter : null;
}

/**
 * Takes no more memory than the content announces, nor than `most`.
 *
 * @returns null where it announces more than `most` bytes.
 * @throws SottoError `invalid_message` where it is not just as long as announced, `out_of_bounds`, `unsupported_platform`.
 */
export function decompressed(content: Bytes, most: number, codec: Zstd = zstd): Bytes | null {
  const { length, frame } = decodeCompressed(content);
  return length > most ? null : codec.decompress(frame, { length, dictionary: null });
}
