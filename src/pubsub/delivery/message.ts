/** A message as it comes: its length and its hash checked, in memory while it is small, else on disk. */

import { openSpool } from '#files';
import { sha512Of, startSha512 } from '#sha512';
import { type Bytes, sameBytes } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { RunningHash, Spool } from '../../platform/types.ts';
import { Blocks } from './blocks.ts';
import type { MessageBody } from './poster.ts';

export interface ExpectedMessage {
  readonly length: number;
  readonly sha512: Bytes;
}

/** To be removed once everybody has it. */
export interface CollectedMessage extends MessageBody {
  remove(): Promise<void>;
}

/** A message of which nothing was known before. */
export interface HashedMessage {
  readonly body: CollectedMessage;
  /** Of that body. */
  readonly sha512: Bytes;
}

/**
 * Takes a whole message, and nothing after it.
 *
 * @param inMemory longer ones go to disk, bytes.
 * @throws SottoError `invalid_message` for another length or another hash, `file_unwritable`.
 */
export async function collectMessage(
  chunks: AsyncIterable<Bytes>,
  expected: ExpectedMessage,
  inMemory: number,
): Promise<CollectedMessage> {
  const collector = await MessageCollector.open(expected, inMemory);
  try {
    for await (const chunk of chunks) await collector.add(chunk);
    return collector.finish();
  } catch (error) {
    await collector.abandon();
    throw error;
  }
}

/**
 * Takes whatever comes, of a length that nobody knows before. Its chunks are copied: who gives them may use them again.
 *
 * @param inMemory once it is longer it goes to disk, bytes.
 * @throws SottoError `file_unwritable`, and whatever the chunks throw.
 */
export async function collectAny(
  chunks: AsyncIterable<Bytes> | Iterable<Bytes>,
  inMemory: number,
): Promise<HashedMessage> {
  const hash = startSha512();
  const blocks = new Blocks();
  let length = 0;
  let spool: Spool | null = null;
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      length += chunk.length;
      blocks.add(chunk);
      if (length <= inMemory) continue;
      spool ??= await openSpool();
      for (const block of blocks.takeFull()) await spool.write(block);
    }
    if (spool) for (const block of blocks.takeAll()) await spool.write(block);
  } catch (error) {
    await spool?.remove();
    throw error;
  }
  const body = spool ? new SpooledMessage(length, spool) : new MemoryMessage(length, blocks.takeAll());
  return { body, sha512: hash.digest() };
}

/** A message that comes piece by piece. */
export class MessageCollector {
  readonly #expected: ExpectedMessage;
  /** What is short is copied together: its pieces may be many, and views of far more. */
  readonly #blocks = new Blocks();
  /** Where what is long goes; null for what is short. */
  readonly #spool: Spool | null;
  readonly #hash: RunningHash = startSha512();
  #come = 0;

  /** @throws SottoError `file_unwritable`. */
  static async open(expected: ExpectedMessage, inMemory: number): Promise<MessageCollector> {
    return new MessageCollector(expected, expected.length <= inMemory ? null : await openSpool());
  }

  private constructor(expected: ExpectedMessage, spool: Spool | null) {
    this.#expected = expected;
    this.#spool = spool;
  }

  /** Whether all of it has come. */
  get isWhole(): boolean {
    return this.#come === this.#expected.length;
  }

  /** @throws SottoError `invalid_message` for more than was announced, `file_unwritable`. */
  async add(chunk: Bytes): Promise<void> {
    this.#come += chunk.length;
    if (this.#come > this.#expected.length) throw invalid('it is longer than it says');
    this.#hash.update(chunk);
    if (this.#spool) await this.#spool.write(chunk);
    else this.#blocks.add(chunk);
  }

  /** @throws SottoError `invalid_message` for less than was announced, or another hash. */
  finish(): CollectedMessage {
    if (!this.isWhole) throw invalid('it is shorter than it says');
    if (!sameBytes(this.#hash.digest(), this.#expected.sha512)) throw invalid('its hash is another');
    const { length } = this.#expected;
    return this.#spool
      ? new SpooledMessage(length, this.#spool)
      : new MemoryMessage(length, this.#blocks.takeAll());
  }

  /** Gives up what has come. */
  async abandon(): Promise<void> {
    await this.#spool?.remove();
  }
}

/** A message that came in one piece: checked at once. @throws SottoError `invalid_message`. */
export function wholeMessage(bytes: Bytes, { length, sha512 }: ExpectedMessage): CollectedMessage {
  if (bytes.length !== length) throw invalid('its length is another');
  if (!sameBytes(sha512Of(bytes), sha512)) throw invalid('its hash is another');
  return new MemoryMessage(length, [bytes]);
}

export function messageInMemory(bytes: Bytes): CollectedMessage {
  return new MemoryMessage(bytes.length, [bytes]);
}

/** A message that is in memory already. */
export function hashedMessage(bytes: Bytes): HashedMessage {
  return { body: messageInMemory(bytes), sha512: sha512Of(bytes) };
}

class MemoryMessage implements CollectedMessage {
  readonly length: number;
  #chunks: Bytes[];

  constructor(length: number, chunks: Bytes[]) {
    this.length = length;
    this.#chunks = chunks;
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
