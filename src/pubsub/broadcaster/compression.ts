/**
 * How one connection's messages are compressed: what its subscriber allows of what the broadcaster has, and dictionaries
 * trained on what goes by.
 *
 * Source: specs/lonelyps.md, section 8.
 */

import { sha512Of } from '#sha512';
import { EMPTY } from '../../bytes/bytes.ts';
import { SottoError } from '../../errors.ts';
import type { SignedOperation } from '../../wire/lonelyps-authorization.ts';
import type { ToSubscriber } from '../../wire/lonelyps-stateful.ts';
import { type Compressor, Compressors, PLAIN } from '../compression/compressors.ts';
import { unpackMessage } from '../compression/messages.ts';
import type { DictionaryTrainer } from '../compression/trainer.ts';
import { Training } from '../compression/training.ts';
import type { CollectedMessage, HashedMessage } from '../delivery/message.ts';
import type { MessageBody } from '../delivery/poster.ts';

/** A dictionary that both ends were given beforehand. */
export interface PresetDictionary {
  /** 2 to 65535. */
  readonly id: number;
  readonly dictionary: Uint8Array;
  /** 1 to 22. Default 3. */
  readonly level?: number;
  /** Shorter messages are not compressed with it, bytes. Default 32. */
  readonly minSize?: number;
}

/** What a broadcaster offers to subscribers that ask for compression. */
export interface CompressionOptions {
  /** Whether dictionaries are trained on the traffic of a connection whose subscriber wants it. Default true. */
  readonly training?: boolean;
  /** Dictionaries that subscribers may ask for by their number. Default none. */
  readonly presets?: readonly PresetDictionary[];
}

/** What CONFIGURE asks for. */
interface Wanted {
  readonly enableZstd: boolean;
  readonly enableTraining: boolean;
  readonly initialDictionary: number;
}

/** A message that changes how the connection compresses; it holds for what is sent after it. */
export interface CompressionChange {
  readonly operation: (url: string) => SignedOperation;
  readonly message: (authorization: string | null) => ToSubscriber;
  readonly onSent: () => void;
}

/** What is around a connection's compression. */
interface Surroundings {
  readonly onChange: (change: CompressionChange) => void;
  readonly now: () => number;
  readonly trainer: DictionaryTrainer | null;
}

/** Of what comes uncompressed without a dictionary, bytes: below it costs more than it saves. */
const PLAIN_MIN_SIZE = 16384;
const PLAIN_LEVEL = 3;
const PRESET_MIN_SIZE = 32;
const NO_MAXIMUM = 2n ** 64n - 1n;

export class SessionCompression {
  readonly #compressors = new Compressors('newest');
  readonly #training: Training | null;

  /**
   * @param trainer of all connections, so that however many want a dictionary there is one thread; null trains none.
   * @param onChange called for each change, in the order in which they are to be sent.
   * @throws SottoError `invalid_message` for a dictionary that the broadcaster does not have.
   */
  constructor(
    { training = true, presets = [] }: CompressionOptions,
    { enableZstd, enableTraining, initialDictionary }: Wanted,
    { onChange, now, trainer }: Surroundings,
  ) {
    const isTrained = enableZstd && enableTraining && training && trainer !== null;
    this.#training = isTrained
      ? new Training({
          now,
          train: (samples, size) => trainer.train(samples, size),
          onDictionary: (compressor) => onChange(this.#custom(compressor)),
          onDisable: (id) => onChange(this.#disabling(id)),
        })
      : null;
    if (!enableZstd) return;
    const plain = {
      id: PLAIN,
      level: PLAIN_LEVEL,
      minSize: PLAIN_MIN_SIZE,
      maxSize: NO_MAXIMUM,
      dictionary: null,
    };
    onChange(this.#preset(plain));
    if (initialDictionary > Number(PLAIN)) onChange(this.#preset(presetOf(presets, initialDictionary)));
  }

  /** What a message is sent with, which also learns from it; null for nothing. */
  chooseFor(body: MessageBody): Compressor | null {
    this.#training?.add(body);
    return this.#compressors.choose(body.length);
  }

  /** The message as it was, and learns from it. @throws SottoError `invalid_message`, `file_unwritable`. */
  async unpack(
    body: CollectedMessage,
    packed: { readonly compressor: bigint; readonly decompressedLength: bigint },
    inMemory: number,
  ): Promise<HashedMessage> {
    return unpackMessage(body, packed, this.#compressors, inMemory);
  }

  /** Learns from a message that came. */
  learn(body: MessageBody): void {
    this.#training?.add(body);
  }

  close(): void {
    this.#training?.close();
  }

  #preset(compressor: Compressor): CompressionChange {
    const range = rangeOf(compressor);
    return {
      operation: (url) => ({ kind: 'enable-zstd-preset', url, ...range }),
      message: (authorization) => ({ type: 'enable-zstd-preset', ...range, authorization, tracing: EMPTY }),
      onSent: () => this.#compressors.enable(compressor),
    };
  }

  #custom(compressor: Compressor & { readonly dictionary: Uint8Array }): CompressionChange {
    const range = rangeOf(compressor);
    const body = compressor.dictionary;
    const sha512 = sha512Of(body);
    return {
      operation: (url) => ({ kind: 'enable-zstd-custom', url, ...range, sha512 }),
      message: (authorization) => ({
        type: 'enable-zstd-custom',
        ...range,
        sha512,
        body,
        authorization,
        tracing: EMPTY,
      }),
      onSent: () => this.#compressors.enable(compressor),
    };
  }

  #disabling(id: bigint): CompressionChange {
    return {
      operation: (url) => ({ kind: 'disable-zstd-custom', compressor: id, url }),
      message: (authorization) => ({
        type: 'disable-zstd-custom',
        compressor: id,
        authorization,
        tracing: EMPTY,
      }),
      onSent: () => this.#compressors.disable(id),
    };
  }
}

function rangeOf({ id, level, minSize, maxSize }: Compressor): {
  readonly compressor: bigint;
  readonly level: number;
  readonly minSize: number;
  readonly maxSize: bigint;
} {
  return { compressor: id, level, minSize, maxSize };
}

function presetOf(presets: readonly PresetDictionary[], id: number): Compressor {
  const preset = presets.find((each) => each.id === id);
  if (!preset) throw new SottoError('invalid_message', `There is no preset dictionary ${id}.`);
  const { level = PLAIN_LEVEL, minSize = PRESET_MIN_SIZE, dictionary } = preset;
  return { id: BigInt(id), level, minSize, maxSize: NO_MAXIMUM, dictionary };
}
