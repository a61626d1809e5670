/** A message as it comes: its length and its hash checked, in memory while it is small, else on disk. */

import { primitives } from '#crypto';
import { openSpool } from '#files';
import { type Bytes, sameBytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { Spool } from '../../platform/types.ts';
import type { MessageBody } from './poster.ts';

export interface ExpectedMessage {
  readonly length: number;
  readonly sha512: Bytes;
}

/** To be removed once everybody has it. */
export interface CollectedMessage extends MessageBody {
  remove(): Promise<void>;
}

/**
 * Takes a whole message, and nothing after it.
 *
 * @param inMemory longer ones go to disk, bytes.
 * @throws SottoError `invalid_message` for another length or another hash, `file_unwritable`.
 */
export async function collectMessage(
  chunks: AsyncIterable<Bytes>,
  { length, sha512 }: ExpectedMessage,
  inMemory: number,
): Promise<CollectedMessage> {
  const hash = primitives.startSha512();
  const message =
    length <= inMemory ? new MemoryMessage(length) : new SpooledMessage(length, await openSpool());
  try {
    let come = 0;
    for await (const chunk of chunks) {
      come += chunk.length;
      if (come > length) throw invalid('it is longer than it says');
      hash.update(chunk);
      await message.write(chunk);
    }
    if (come < length) throw invalid('it is shorter than it says');
    if (!sameBytes(hash.digest(), sha512)) throw invalid('its hash is another');
    return message;
  } catch (error) {
    await message.remove();
    throw error;
  }
}

class MemoryMessage implements CollectedMessage {
  readonly length: number;
  #chunks: Bytes[] = [];

  constructor(length: number) {
    this.length = length;
  }

  async write(chunk: Bytes): Promise<void> {
    this.#chunks.push(chunk);
  }

  chunks(): Iterable<Bytes> {
    return this.#chunks;
  }

  async remove(): Promise<void> {
    this.#chunks = [];
  }
}

class SpooledMessage implements CollectedMessage {
  readonly length: number;
  readonly #spool: Spool;

  constructor(length: number, spool: Spool) {
    this.length = length;
    this.#spool = spool;
  }

  write(chunk: Bytes): Promise<void> {
    return this.#spool.write(chunk);
  }

  chunks(): AsyncIterable<Bytes> {
    return this.#spool.chunks();
  }

  remove(): Promise<void> {
    return this.#spool.remove();
  }
}

function invalid(why: string): SottoError {
  return new SottoError('invalid_message', `The message is not what was announced: ${why}.`);
}
