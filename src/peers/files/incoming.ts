/** One file that comes from one peer: what has been stored of it, and the stream that brings the rest. */

import { primitives } from '#crypto';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeHex } from '../../bytes/text.ts';
import { FileStreamEnd, type FileStreamKeys } from '../../envelope/file-stream.ts';
import type { StatusError } from '../../errors.ts';
import type { PartialFile } from '../../platform/types.ts';
import type { PeerId } from '../peer.ts';
import type { IncomingStream } from './incoming-stream.ts';
import { numberedName } from './names.ts';
import type { DoneBody, Go, OfferBody } from './offers.ts';
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

/** What has been agreed on: nothing of an earlier one is taken any more. */
interface Transfer {
  /** 32 hex digits. */
  readonly id: string;
  readonly keys: FileStreamKeys;
  /** Null until the sender has connected; there is one connection for each. */
  stream: IncomingStream | null;
}

const TRANSFER_SIZE = 16;
/** So many of one name are enough. */
const MAX_NUMBER = 10_000;

export class IncomingFile {
  readonly offer: FileOffer;
  /** Where the owner wants it. */
  readonly folder: string;
  readonly #name: string;
  readonly #file: PartialFile;
  #queue: Promise<unknown> = Promise.resolve();
  #ended: StatusError | null = null;
  #kept: string | null = null;
  #transfer: Transfer | null = null;

  constructor(
    offer: FileOffer,
    where: { readonly folder: string; readonly name: string },
    file: PartialFile,
  ) {
    this.offer = offer;
    this.folder = where.folder;
    this.#name = where.name;
    this.#file = file;
  }

  /** Bytes that are stored. */
  get have(): number {
    return this.#file.length;
  }

  /** Bytes that are yet to come. */
  get missing(): number {
    return Math.max(0, this.offer.size - this.#file.length);
  }

  /** Of the last agreement; empty before the first. */
  get transfer(): string {
    return this.#transfer?.id ?? '';
  }

  /**
   * A transfer of its own, from what is there, or from the start.
   *
   * @throws SottoError `file_unwritable`, `low_order_point`.
   */
  async agree({ anew, key }: Pick<OfferBody, 'anew' | 'key'>): Promise<Go> {
    const before = this.#transfer?.stream;
    before?.end(outOfStep('Another transfer of this file has begun.'));
    await before?.settled; // what a cut has left is not sent again
    return this.#inTurn(async () => {
      this.#transfer?.stream?.end(outOfStep('Another transfer of this file has begun.')); // of an offer beside this one
      if (anew || this.#file.length > this.offer.size) await this.#file.clear();
      const id = primitives.randomBytes(TRANSFER_SIZE);
      const end = new FileStreamEnd();
      this.#transfer = { id: encodeHex(id), keys: end.agree('receiver', key, id), stream: null };
      const sha256 = encodeHex(this.#file.digest());
      return { state: 'go', transfer: this.transfer, have: this.have, sha256, key: end.publicKey };
    });
  }

  /** The keys of the stream of this id, where it is awaited. */
  awaited(id: Bytes): FileStreamKeys | null {
    const { keys, stream } = this.#transfer ?? {};
    return keys && !stream && primitives.equalSecrets(keys.id, id) ? keys : null;
  }

  /** Its sender has connected. */
  attach(stream: IncomingStream): void {
    if (this.#transfer) this.#transfer.stream = stream;
  }

  /**
   * Stores what comes next.
   *
   * @returns bytes that are stored now.
   * @throws StatusError 412 for what is of an earlier transfer, 416; SottoError `file_unwritable`.
   */
  store(transfer: string, data: Bytes): Promise<number> {
    return this.#inTurn(async () => {
      if (transfer !== this.transfer) throw outOfStep('Another transfer of this file has begun.');
      if (data.length > this.missing) throw outOfRange('That is more than the file has.');
      await this.#file.append(data);
      return this.have;
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
      if (this.missing > 0) throw outOfStep(`${this.have} bytes of ${this.offer.size} are there.`);
      if (encodeHex(this.#file.digest()) !== sha256) {
        await this.#file.remove();
        throw damaged();
      }
      this.#kept = await this.#keep();
      this.#transfer?.stream?.close();
      return this.#kept;
    });
  }

  /** Takes nothing more. What was written stays for a later offer, or goes. Never rejects. */
  async end(why: StatusError, isKept: boolean): Promise<void> {
    this.#ended ??= why;
    this.#transfer?.stream?.end(why);
    await this.#queue;
    await (isKept ? this.#file.close() : this.#file.remove()).catch(() => {});
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
