/** Messages, compressed for a connection and back: at once while they are short, else piece by piece. */

import { zstd } from '#zstd';
import { type CollectedMessage, collectAny, type HashedMessage, hashedMessage } from '../delivery/message.ts';
import type { MessageBody } from '../delivery/poster.ts';
import { asOnePart } from '../stateful/parts.ts';
import type { Compressor, Compressors } from './compressors.ts';

/** Done at once up to this, bytes: half a millisecond of work at level 10, where a stream costs as much to set up. */
const AT_ONCE = 64 * 1024;
/** At levels above this, which take ten times as long and more. */
const QUICK_LEVEL = 12;
const AT_ONCE_SLOWLY = 8 * 1024;

/**
 * The message as it is transferred, to be removed once it has been. The one given stays as it is.
 *
 * @param inMemory longer ones go to disk, compressed bytes.
 * @returns it at once for a short message in memory.
 * @throws SottoError `file_unwritable`, `file_unreadable`.
 */
export function compressMessage(
  message: MessageBody,
  compressor: Compressor,
  inMemory: number,
): HashedMessage | Promise<HashedMessage> {
  const limit = compressor.level > QUICK_LEVEL ? AT_ONCE_SLOWLY : AT_ONCE;
  const short = message.length <= limit ? asOnePart(message) : null;
  if (short) return hashedMessage(zstd.compress(short, compressor));
  return collectAny(zstd.compressStream(message.chunks(), compressor, message.length), inMemory);
}

/**
 * The message as it was; the compressed one is removed, whatever comes.
 *
 * @param length what it must be decompressed, bytes: not more than the caller takes.
 * @param inMemory longer ones go to disk, bytes.
 * @throws SottoError `invalid_message` for anything but one frame of that length made with that dictionary,
 * `file_unwritable`, `file_unreadable`.
 */
export async function decompressMessage(
  message: CollectedMessage,
  { dictionary }: Compressor,
  length: number,
  inMemory: number,
): Promise<HashedMessage> {
  try {
    const short = Math.max(message.length, length) <= AT_ONCE ? asOnePart(message) : null;
    if (short) return hashedMessage(zstd.decompress(short, { dictionary, length }));
    return await collectAny(zstd.decompressStream(message.chunks(), { dictionary, length }), inMemory);
  } finally {
    await message.remove();
  }
}

/** What a message says of how it was compressed. */
interface Packed {
  readonly compressor: bigint;
  /** Bytes. */
  readonly decompressedLength: bigint;
}

/** As {@link decompressMessage}, by the compressor that the message names: one that is not known is `invalid_message` too. */
export async function unpackMessage(
  message: CollectedMessage,
  { compressor, decompressedLength }: Packed,
  compressors: Compressors,
  inMemory: number,
): Promise<HashedMessage> {
  const known = await knownOrRemoved(message, () => compressors.get(compressor));
  return decompressMessage(message, known, Number(decompressedLength), inMemory);
}

async function knownOrRemoved(message: CollectedMessage, find: () => Compressor): Promise<Compressor> {
  try {
    return find();
  } catch (error) {
    await message.remove();
    throw error;
  }
}
