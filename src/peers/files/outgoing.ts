/** One file on its way to one peer: offered, sent by a stream, and taken up again where a cut has left it. */

import type { Bytes } from '../../bytes/bytes.ts';
import { decodeHex, encodeHex } from '../../bytes/text.ts';
import { FileStreamEnd, type FileStreamKeys } from '../../envelope/file-stream.ts';
import { messageOf, SottoError, StatusError } from '../../errors.ts';
import type { Pipe, SourceFile } from '../../platform/types.ts';
import { backoffDelay } from '../../transport/backoff.ts';
import type { PeerId } from '../peer.ts';
import { FILE_ROUTES, type Go, readOfferAnswer, writeOffer } from './offers.ts';
import { OutgoingStream } from './outgoing-stream.ts';

/** Asks a peer, sealed, and proves who asks. */
export type AskPeer = (
  peer: PeerId,
  route: string,
  body: Bytes | object,
  options?: { readonly signal?: AbortSignal; readonly timeout?: number },
) => Promise<unknown>;

/** A connection to where a peer is. @throws SottoError `unreachable`. */
export type ConnectPeer = (peer: PeerId) => Promise<Pipe>;

export interface Roads {
  readonly ask: AskPeer;
  readonly connect: ConnectPeer;
}

export interface SendingLimits {
  /** Of one record, bytes. */
  readonly record: number;
  /** For one answer, and for the next word of what is stored, ms. */
  readonly timeout: number;
  /** For the other side to decide, ms. */
  readonly patience: number;
  /** Tries in a row that bring nothing further. */
  readonly tries: number;
  /** Before the second of them, ms; doubled before each one after, up to a second. */
  readonly pause: number;
}

export interface Outgoing {
  readonly peer: PeerId;
  readonly id: string;
  readonly name: string;
  readonly file: SourceFile;
  readonly signal: AbortSignal;
  onProgress(sent: number): void;
}

/** For a farewell that need not arrive, ms. */
const FAREWELL = 2000;
/** Of a link that may be there again soon; and what another offer sets right or waits for. */
const CUT: ReadonlySet<string> = new Set(['unreachable', 'timeout']);
const PASSING: ReadonlySet<number> = new Set([503, 504]);
const OUT_OF_STEP: ReadonlySet<number> = new Set([404, 412]);

interface Agreement {
  readonly go: Go;
  readonly keys: FileStreamKeys;
}

export class OutgoingFile {
  readonly #roads: Roads;
  readonly #limits: SendingLimits;
  readonly #what: Outgoing;
  /** The furthest that was ever written over there. */
  #best = 0;
  #failures = 0;
  /** All of this transfer is there; only the end was not heard. */
  #complete: string | null = null;
  #begun = false;
  #agreed = false;
  /** Bytes that were sent, those sent again too. */
  bytesSent = 0;

  constructor(roads: Roads, limits: SendingLimits, what: Outgoing) {
    this.#roads = roads;
    this.#limits = limits;
    this.#what = what;
  }

  /** Resolves when the other side has the whole file. */
  async run(): Promise<void> {
    for (;;) {
      try {
        return await this.#attempt();
      } catch (error) {
        if (!this.#isWorthAnother(error)) throw await this.#givenUp(error);
        await pause(backoffDelay({ first: this.#limits.pause, tries: 0 }, this.#failures), this.#what.signal);
        this.#failures += 1;
      }
    }
  }

  async #attempt(): Promise<void> {
    this.#what.signal.throwIfAborted();
    this.#complete ??= await this.#sendAll();
    try {
      const sha256 = encodeHex(await this.#what.file.digest(this.#what.file.size));
      await this.#call(FILE_ROUTES.done, { transfer: this.#complete, sha256 });
    } catch (error) {
      if (error instanceof StatusError) this.#complete = null;
      throw error;
    }
  }

  /** Which transfer has all of it. */
  async #sendAll(): Promise<string> {
    const { file } = this.#what;
    const { go, keys } = await this.#agree();
    this.#agreed = true;
    this.#advance(go.have);
    if (go.have < file.size) await this.#stream(go, keys);
    if (!(await file.hasChanged())) return go.transfer;
    throw new SottoError('file_invalid', `${file.name} has changed while it was sent.`);
  }

  /** From where to go on: where the beginning over there is not ours, from the start. */
  async #agree(): Promise<Agreement> {
    const { file } = this.#what;
    const agreement = await this.#offer(false);
    const { have, sha256 } = agreement.go;
    if (have === 0 || (have <= file.size && encodeHex(await file.digest(have)) === sha256)) return agreement;
    const anew = await this.#offer(true);
    this.#best = 0;
    if (anew.go.have === 0) return anew;
    throw new SottoError('invalid_message', 'The other side does not start anew.');
  }

  async #offer(anew: boolean): Promise<Agreement> {
    const { id, name, file } = this.#what;
    const end = new FileStreamEnd();
    const body = writeOffer({ id, name, size: file.size, key: end.publicKey, ...(anew && { anew }) });
    const deadline = performance.now() + this.#limits.patience;
    this.#begun = true;
    for (;;) {
      const go = readOfferAnswer(await this.#call(FILE_ROUTES.offer, body));
      if (go.state === 'go') return { go, keys: end.agree('sender', go.key, decodeHex(go.transfer)) };
      if (performance.now() < deadline) continue;
      await this.#cancel();
      throw new StatusError(408, 'Nobody over there has decided about the file.');
    }
  }

  /** Reads ahead by one record, so that disk and network work at the same time. */
  async #stream({ have }: Go, keys: FileStreamKeys): Promise<void> {
    const { peer, file, signal } = this.#what;
    const stream = await OutgoingStream.open(await this.#roads.connect(peer), {
      ...{ keys, signal, timeout: this.#limits.timeout },
      onWritten: (stored) => this.#advance(stored),
    });
    try {
      for await (const data of this.#recordsFrom(have)) {
        this.bytesSent += data.length;
        await stream.send(data);
      }
      await stream.stored(file.size);
    } finally {
      stream.close();
    }
  }

  /** Each is overwritten by the next but one. */
  async *#recordsFrom(start: number): AsyncGenerator<Bytes, void, void> {
    const { file } = this.#what;
    const { record } = this.#limits;
    const buffers = [new Uint8Array(record), new Uint8Array(record)] as const;
    const read = async (at: number, buffer: Bytes): Promise<Bytes> => {
      const data = buffer.subarray(0, file.size - at);
      await file.read(data, at);
      return data;
    };
    let next = read(start, buffers[0]);
    try {
      for (let at = start, turn = 1; at < file.size; turn = 1 - turn) {
        const data = await next;
        at += data.length;
        next = read(at, turn === 0 ? buffers[0] : buffers[1]);
        next.catch(() => {}); // it is told when it is waited for, if it still is
        yield data;
      }
    } finally {
      await next.catch(() => {}); // one call at a time
    }
  }

  #call(route: string, body: object): Promise<unknown> {
    const { peer, signal } = this.#what;
    return this.#roads.ask(peer, route, body, { signal, timeout: this.#limits.timeout });
  }

  #advance(have: number): void {
    if (have > this.#best) this.#failures = 0;
    this.#best = Math.max(this.#best, have);
    this.#what.onProgress(have);
  }

  #isWorthAnother(error: unknown): boolean {
    if (this.#what.signal.aborted || this.#failures + 1 >= this.#limits.tries) return false;
    if (!(error instanceof StatusError)) return error instanceof SottoError && CUT.has(error.code);
    return PASSING.has(error.status) || (this.#agreed && OUT_OF_STEP.has(error.status));
  }

  /** Tells the other side where it is we who will not go on; what a cut has left may be taken up later. */
  async #givenUp(error: unknown): Promise<unknown> {
    const isAborted = this.#what.signal.aborted;
    const isTheirs = error instanceof StatusError || (error instanceof SottoError && CUT.has(error.code));
    if (this.#begun && (isAborted || !isTheirs)) await this.#cancel();
    return isAborted ? abortedBy(this.#what.signal) : error;
  }

  async #cancel(): Promise<void> {
    const { peer, id } = this.#what;
    await this.#roads.ask(peer, FILE_ROUTES.cancel, { id }, { timeout: FAREWELL }).catch(() => {});
  }
}

function abortedBy({ reason }: AbortSignal): SottoError {
  return new SottoError('aborted', `The file was not sent: ${messageOf(reason)}`, { cause: reason });
}

/** Ends early, and without an error, when aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
