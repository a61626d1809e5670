/** Sends files to peers. */

import { downloads } from '#files';
import { assertNumber } from '../../bytes/assert.ts';
import { SottoError } from '../../errors.ts';
import { MAX_STREAM_DATA } from '../../wire/file-stream.ts';
import type { PeerId } from '../peer.ts';
import { fileId } from './offers.ts';
import { OutgoingFile, type Roads, type SendingLimits } from './outgoing.ts';

export type { AskPeer, ConnectPeer } from './outgoing.ts';

export interface FileSenderOptions {
  /** Read, sealed and sent at once, bytes, up to 262 144, which is the default. */
  readonly record?: number;
  /** For each answer, and for the next word of what is stored, ms. Default 30 000. */
  readonly timeout?: number;
  /** How long the other side may take to decide, ms. Default 300 000. */
  readonly patience?: number;
  /** Tries in a row that get no further before it is given up. Default 6. */
  readonly tries?: number;
  /** Before the second of them, ms; doubled before each one after, up to a second. Default 250. */
  readonly pause?: number;
}

/** Of one file to one peer. */
export interface SendFileOptions {
  /** Default: the file's own. The other side takes its last part, cleaned. */
  readonly name?: string;
  /** Told how many bytes of how many are written over there. May go back after a cut. */
  readonly onProgress?: (sent: number, total: number) => void;
  /** Ends it on both sides; nothing is left of it over there. */
  readonly signal?: AbortSignal;
}

/** What became of a file, once the other side has it. */
export interface SentFile {
  readonly id: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Bytes that were sent for it: less than `size` where some were there, more where some were sent twice. */
  readonly bytesSent: number;
}

const DEFAULTS: SendingLimits = {
  record: MAX_STREAM_DATA,
  timeout: 30_000,
  patience: 300_000,
  tries: 6,
  pause: 250,
};

export class FileSender {
  readonly #roads: Roads;
  readonly #limits: SendingLimits;
  readonly #active = new Set<string>();

  /** @throws SottoError `invalid_option`. */
  constructor(roads: Roads, options: FileSenderOptions = {}) {
    this.#roads = roads;
    this.#limits = resolveOptions(options);
  }

  /**
   * Sends a file of any size, never holding more of it than what is on its way, and resolves when the other side has
   * found it whole. Called again after a failure, it goes on where the other side has stopped writing.
   *
   * @throws SottoError `file_unreadable`, `file_invalid` where it has changed meanwhile, `unreachable` or `timeout` after
   * several cuts, `aborted`, `conflict` while the same is being sent already; StatusError where the other side refuses:
   * 403 refused, 404 it takes no files, 408 nobody decided, 422 it did not arrive whole, 503 too many, 507 no space.
   */
  async sendFile(peer: PeerId, path: string, options: SendFileOptions = {}): Promise<SentFile> {
    const file = await downloads.openSource(path);
    try {
      const name = options.name ?? file.name;
      const id = await fileId(peer, name, file);
      this.#begin(id, name);
      const outgoing = new OutgoingFile(this.#roads, this.#limits, {
        ...{ peer, id, name, file },
        signal: options.signal ?? new AbortController().signal,
        onProgress: (sent) => options.onProgress?.(sent, file.size),
      });
      await outgoing.run().finally(() => this.#active.delete(id));
      return { id, size: file.size, bytesSent: outgoing.bytesSent };
    } finally {
      await file.close();
    }
  }

  #begin(id: string, name: string): void {
    if (this.#active.has(id)) throw new SottoError('conflict', `${name} is being sent to that peer already.`);
    this.#active.add(id);
  }
}

function resolveOptions(options: FileSenderOptions): SendingLimits {
  const limits = { ...DEFAULTS, ...options };
  assertNumber(limits.record, 'record', 1, MAX_STREAM_DATA);
  assertNumber(limits.timeout, 'timeout', 1);
  assertNumber(limits.patience, 'patience', 0);
  assertNumber(limits.tries, 'tries', 1);
  assertNumber(limits.pause, 'pause', 0);
  return limits;
}
