/**
 * When the dictionaries of one connection are trained: early from a little, again from much, then now and then.
 *
 * Source: specs/lonelyps.md, section 8, as it was designed. The original's own broadcaster counts nothing and never
 * trains; its subscriber takes what this makes.
 */

import type { Bytes } from '../../bytes/bytes.ts';
import type { MessageBody } from '../delivery/poster.ts';
import { asOnePart } from '../stateful/parts.ts';
import { type Compressor, FIRST_TRAINED } from './compressors.ts';
import { Reservoir } from './reservoir.ts';

/** One training: when it is due, and what it may give. */
interface TrainingStage {
  /** Bytes of messages that must have gone by. */
  readonly watermark: number;
  /** Of the dictionary, bytes at the most. */
  readonly size: number;
  /** What is compressed with it. */
  readonly level: number;
}

interface TrainingLimits {
  /** Messages of this length and more are learnt from, and compressed by what was learnt, bytes. Default 32. */
  readonly minSize: number;
  /** And shorter than this. Default 16384. */
  readonly maxSize: number;
  /** The first. Default 16384 bytes at level 3, after 102 400. */
  readonly low: TrainingStage;
  /** The second, which goes on with what the first has seen, and all others. Default 65536 at level 10, after 10 MiB. */
  readonly high: TrainingStage;
  /** After such a one nothing is collected for so long, ms. Default 60 hours. */
  readonly retrainInterval: number;
  /** Of the samples that are kept in memory, bytes. Default 1 MiB. */
  readonly maxSamples: number;
}

export interface TrainingOptions {
  /** A clock, ms. */
  readonly now: () => number;
  /** Gives a dictionary of at most `size` bytes, or null for none. A rejection is the same as null. */
  readonly train: (samples: readonly Bytes[], size: number) => Promise<Bytes | null>;
  /** A new one may be used. Called after `onDisable`; neither may throw. */
  readonly onDictionary: (compressor: Compressor & { readonly dictionary: Bytes }) => void;
  /** An old one will not be used any more. */
  readonly onDisable: (id: bigint) => void;
  readonly limits?: Partial<TrainingLimits>;
  /** 0 to 1, for tests. Default `Math.random`. */
  readonly random?: () => number;
}

const MEBIBYTE = 1024 * 1024;

const LIMITS: TrainingLimits = {
  minSize: 32,
  maxSize: 16384,
  low: { watermark: 102_400, size: 16384, level: 3 },
  high: { watermark: 10 * MEBIBYTE, size: 65536, level: 10 },
  retrainInterval: 60 * 60 * 60 * 1000,
  maxSamples: MEBIBYTE,
};

const MOST_LIVE = 2;

export class Training {
  readonly #options: TrainingOptions;
  readonly #limits: TrainingLimits;
  readonly #samples: Reservoir;
  #stage: 'low' | 'high' = 'low';
  #collected = 0;
  #isTraining = false;
  #restsUntil = Number.NEGATIVE_INFINITY;
  #live: readonly bigint[] = [];
  #nextId = FIRST_TRAINED;
  #closed = false;

  constructor(options: TrainingOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#samples = new Reservoir(this.#limits.maxSamples, options.random ?? Math.random);
  }

  /** A message was sent or received; uncompressed, and still to be read. */
  add(message: MessageBody): void {
    const { length } = message;
    const { minSize, maxSize } = this.#limits;
    if (length < minSize || length >= maxSize) return;
    if (this.#closed || this.#options.now() < this.#restsUntil) return;
    this.#collected += length;
    this.#samples.offer(() => asOnePart(message));
    if (this.#isTraining || this.#collected < this.#limits[this.#stage].watermark) return;
    const stage = this.#limits[this.#stage];
    const samples = this.#samples.all();
    this.#goOn();
    void this.#train(stage, samples);
  }

  /** What is being trained is not used any more. */
  close(): void {
    this.#closed = true;
    this.#samples.clear();
  }

  #goOn(): void {
    if (this.#stage === 'high') {
      this.#samples.clear();
      this.#collected = 0;
      this.#restsUntil = this.#options.now() + this.#limits.retrainInterval;
    }
    this.#stage = 'high';
  }

  async #train({ size, level }: TrainingStage, samples: readonly Bytes[]): Promise<void> {
    this.#isTraining = true;
    const dictionary = await this.#options.train(samples, size).catch(() => null);
    this.#isTraining = false;
    if (dictionary && !this.#closed) this.#use(dictionary, level);
  }

  #use(dictionary: Bytes, level: number): void {
    const [oldest] = this.#live;
    if (oldest !== undefined && this.#live.length >= MOST_LIVE) {
      this.#live = this.#live.slice(1);
      this.#options.onDisable(oldest);
    }
    const id = this.#nextId++;
    this.#live = [...this.#live, id];
    const { minSize, maxSize } = this.#limits;
    this.#options.onDictionary({ id, level, minSize, maxSize: BigInt(maxSize), dictionary });
  }
}
