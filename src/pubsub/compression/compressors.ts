/**
 * How the messages of one connection may be compressed, as its broadcaster has enabled it.
 *
 * Source: specs/lonelyps.md, section 8.
 */

import { zstd } from '#zstd';
import { type Bytes, EMPTY } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';

/** zstd with what both ends know. */
export interface Compressor {
  /** 1 has no dictionary, 2 to 65535 have one agreed upon beforehand, others one of this connection alone. */
  readonly id: bigint;
  /** Up to 22. */
  readonly level: number;
  /** Messages of this length and more, uncompressed bytes. A hint: one that comes may be of any. */
  readonly minSize: number;
  /** And shorter than this. */
  readonly maxSize: bigint;
  readonly dictionary: Bytes | null;
}

/** Of zstd without a dictionary; 0 is that of messages that are not compressed. */
export const PLAIN = 1n;
/** The first whose dictionary is of one connection alone. */
export const FIRST_TRAINED: bigint = 65536n;

const MAX_LEVEL = 22;
/** What a broadcaster may make its subscriber keep; the protocol itself uses 4 at one time, of 64 KiB. */
const MOST_ENABLED = 16;
const MAX_DICTIONARY = 1024 * 1024;

/** Which of those that fit takes a message: by the original's broadcaster the last enabled, by its subscriber another. */
type CompressorChoice = 'newest' | 'smallest-minimum';

export class Compressors {
  readonly #choice: CompressorChoice;
  /** The one to be tried first comes first. */
  #enabled: Compressor[] = [];
  /** Disabled last: what is compressed with it may still be on its way. */
  #retired: Compressor | null = null;

  constructor(choice: CompressorChoice) {
    this.#choice = choice;
  }

  /** @throws SottoError `invalid_message` for an id that is enabled, or something that zstd cannot use. */
  enable(compressor: Compressor): void {
    const { id, level, minSize, dictionary } = compressor;
    if (id < PLAIN) throw invalid(`${id} is no compressor`);
    if (this.has(id)) throw invalid(`compressor ${id} is enabled already`);
    if (this.#enabled.length >= MOST_ENABLED) throw invalid('there are too many compressors');
    if (level > MAX_LEVEL) throw invalid(`compressor ${id} has level ${level}`);
    if ((dictionary?.length ?? 0) > MAX_DICTIONARY) throw invalid(`the dictionary of ${id} is too large`);
    requireUsable(compressor);
    if (this.#retired?.id === id) this.#retired = null;
    // Of several with the same minimum the newest comes first, which has learnt the most.
    const isBefore = (other: Compressor): boolean =>
      this.#choice === 'smallest-minimum' && other.minSize < minSize;
    const place = this.#enabled.findLastIndex(isBefore) + 1;
    this.#enabled = this.#enabled.toSpliced(place, 0, compressor);
  }

  /** @throws SottoError `invalid_message` for one that is not enabled. */
  disable(id: bigint): void {
    const compressor = this.#enabled.find((each) => each.id === id);
    if (!compressor) throw invalid(`compressor ${id} is not enabled`);
    this.#enabled = this.#enabled.filter((each) => each !== compressor);
    this.#retired = compressor;
  }

  has(id: bigint): boolean {
    return this.#enabled.some((each) => each.id === id);
  }

  /**
   * What a message that comes is to be decompressed with.
   *
   * @throws SottoError `invalid_message` for one that is not enabled, and was not the last to be disabled either.
   */
  get(id: bigint): Compressor {
    const compressor = this.#enabled.find((each) => each.id === id) ?? this.#retired;
    if (compressor?.id !== id) throw invalid(`compressor ${id} is not enabled`);
    return compressor;
  }

  /** What a message of that many bytes is to be compressed with; null leaves it as it is. */
  choose(length: number): Compressor | null {
    return this.#enabled.find(({ minSize, maxSize }) => minSize <= length && length < maxSize) ?? null;
  }
}

/** So that it fails here, and not with the first message. */
function requireUsable({ id, level, dictionary }: Compressor): void {
  try {
    zstd.compress(EMPTY, { level, dictionary });
  } catch (cause) {
    if (cause instanceof SottoError && cause.code === 'unsupported_platform') throw cause;
    throw invalid(`zstd cannot use compressor ${id}`, cause);
  }
}

function invalid(why: string, cause?: unknown): SottoError {
  return new SottoError('invalid_message', `Compression cannot go on: ${why}.`, { cause });
}
