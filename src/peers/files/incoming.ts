/** One file that comes from one peer: pieces in any order within a window, written in theirs. */

import { primitives } from '#crypto';
import { encodeHex } from '../../bytes/text.ts';
import type { StatusError } from '../../errors.ts';
import type { PartialFile } from '../../platform/types.ts';
import type { PeerId } from '../peer.ts';
import { numberedName } from './names.ts';
import type { DoneBody, Go, PieceBody } from './offers.ts';
import { damaged, outOfRange, outOfStep, unstorable } from './refusals.ts';

/** What a peer offers. */
export interface FileOffer {
  /** The same when the same file is offered again; of this peer alone. */
  readonly id: string;
  readonly from: PeerId;
  /** Cleaned: fit for any folder. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

export interface ReceivingLimits {
  /** Of a piece, bytes. */
  readonly piece: number;
  /** Pieces held in memory for one file. */
  readonly window: number;
}

interface Waiting {
  readonly piece: PieceBody;
  resolve(answer: { have: number }): void;
  reject(error: unknown): void;
}

/** So many of one name are enough. */
const MAX_NUMBER = 10_000;

export class IncomingFile {
  readonly offer: FileOffer;
  /** Where the owner wants it. */
  readonly folder: string;
  readonly #name: string;
  readonly #file: PartialFile;
  readonly #limits: ReceivingLimits;
  readonly #waiting = new Map<number, Waiting>();
  /** Where the piece starts that is due. */
  #next: number;
  #queue: Promise<unknown> = Promise.resolve();
  #ended: StatusError | null = null;
  #kept: string | null = null;
  /** The last that was agreed on; nothing of an earlier one is taken any more. */
  transfer = '';

  constructor(
    offer: FileOffer,
    where: { readonly folder: string; readonly name: string },
    file: PartialFile,
    limits: ReceivingLimits,
  ) {
    this.offer = offer;
    this.folder = where.folder;
    this.#name = where.name;
    this.#file = file;
    this.#limits = limits;
    this.#next = file.length;
  }

  /** Bytes that are yet to come. */
  get missing(): number {
    return Math.max(0, this.offer.size - this.#file.length);
  }

  /** A transfer of its own, from what is there, or from the start. @throws SottoError `file_unwritable`. */
  agree(anew: boolean): Promise<Go> {
    this.#dropWaiting(outOfStep('Another transfer of this file has begun.'));
    return this.#inTurn(async () => {
      if (anew || this.#file.length > this.offer.size) await this.#file.clear();
      this.#next = this.#file.length;
      this.transfer = encodeHex(primitives.randomBytes(16));
      const sha256 = encodeHex(this.#file.digest());
      return { state: 'go', transfer: this.transfer, have: this.#next, sha256, ...this.#limits };
    });
  }

  /**
   * Resolves when it and all before it are written.
   *
   * @throws StatusError 412, 416; SottoError `file_unwritable`.
   */
  take(piece: PieceBody): Promise<{ have: number }> {
    this.#requirePlace(piece);
    return new Promise((resolve, reject) => {
      this.#waiting.set(piece.at, { piece, resolve, reject });
      void this.#inTurn(() => this.#writeDue());
    });
  }

  /**
   * Compares the whole, and gives it its name.
   *
   * @returns its name now.
   * @throws StatusError 412 before all is there, 422 where it is not what was sent; SottoError `file_unwritable`.
   */
  finish({ sha256 }: DoneBody): Promise<string> {
    return this.#inTurn(async () => {
      if (this.#kept !== null) return this.#kept; // a second copy of the same request
      if (this.#file.length !== this.offer.size) {
        throw outOfStep(`${this.#file.length} bytes of ${this.offer.size} are there.`);
      }
      if (encodeHex(this.#file.digest()) !== sha256) {
        await this.#file.remove();
        throw damaged();
      }
      this.#kept = await this.#keep();
      return this.#kept;
    });
  }

  /** Takes nothing more. What was written stays for a later offer, or goes. Never rejects. */
  async end(why: StatusError, isKept: boolean): Promise<void> {
    this.#ended ??= why;
    this.#dropWaiting(why);
    await this.#queue;
    await (isKept ? this.#file.close() : this.#file.remove()).catch(() => {});
  }

  #requirePlace({ at, data }: PieceBody): void {
    const { piece, window } = this.#limits;
    if (this.#ended) throw this.#ended;
    if (data.length === 0 || data.length > piece || at + data.length > this.offer.size) {
      throw outOfRange(`${data.length} bytes at ${at} are no piece of this file.`);
    }
    if (at < this.#next || this.#waiting.has(at)) throw outOfStep(`The piece at ${at} is there already.`);
    if (at - this.#next >= window * piece || this.#waiting.size >= window) {
      throw outOfStep(`The piece at ${at} is too far ahead of the one at ${this.#next}.`);
    }
  }

  async #writeDue(): Promise<void> {
    for (;;) {
      const due = this.#waiting.get(this.#next);
      if (due === undefined) return;
      this.#waiting.delete(this.#next);
      this.#next += due.piece.data.length;
      try {
        await this.#file.append(due.piece.data);
        due.resolve({ have: this.#file.length });
      } catch (error) {
        this.#ended ??= unstorable();
        due.reject(error);
        this.#dropWaiting(this.#ended);
      }
      this.#dropOverlapping();
    }
  }

  /** They will never be due. */
  #dropOverlapping(): void {
    for (const [at, { reject }] of this.#waiting) {
      if (at >= this.#next) continue;
      this.#waiting.delete(at);
      reject(outOfStep(`The piece at ${at} is there already.`));
    }
  }

  #dropWaiting(why: StatusError): void {
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
  }

  /** What stands there already stays. */
  async #keep(): Promise<string> {
    for (let number = 1; number <= MAX_NUMBER; number++) {
      const name = numberedName(this.#name, number);
      if (await this.#file.keepAs(name)) return name;
    }
    throw unstorable();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(() => {
      if (this.#ended) throw this.#ended;
      return work();
    });
    this.#queue = done.catch(() => {});
    return done;
  }
}
