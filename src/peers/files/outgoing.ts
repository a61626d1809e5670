/** One file on its way to one peer: offered, sent in pieces, and taken up again where a cut has left it. */

import type { Bytes } from '../../bytes/bytes.ts';
import { encodeHex } from '../../bytes/text.ts';
import { messageOf, SottoError, StatusError } from '../../errors.ts';
import type { SourceFile } from '../../platform/types.ts';
import { backoffDelay } from '../../transport/backoff.ts';
import type { PeerId } from '../peer.ts';
import { FILE_ROUTES, type Go, readOfferAnswer } from './offers.ts';

/** Asks a peer, sealed, and proves who asks. */
export type AskPeer = (
  peer: PeerId,
  route: string,
  body: Bytes | object,
  options?: { readonly signal?: AbortSignal; readonly timeout?: number },
) => Promise<unknown>;

export interface SendingLimits {
  /** Bytes. */
  readonly piece: number;
  /** Pieces on their way at a time. */
  readonly window: number;
  /** For one answer, ms. */
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

export class OutgoingFile {
  readonly #ask: AskPeer;
  readonly #limits: SendingLimits;
  readonly #what: Outgoing;
  /** The furthest that was ever written over there. */
  #best = 0;
  #failures = 0;
  /** All pieces of this transfer are there; only the end was not heard. */
  #complete: string | null = null;
  #begun = false;
  #agreed = false;
  /** Bytes of all pieces that were sent, those sent again too. */
  bytesSent = 0;

  constructor(ask: AskPeer, limits: SendingLimits, what: Outgoing) {
    this.#ask = ask;
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
    const go = await this.#agree();
    this.#agreed = true;
    this.#advance(go.have);
    await this.#sendPieces(go);
    if (!(await file.hasChanged())) return go.transfer;
    throw new SottoError('file_invalid', `${file.name} has changed while it was sent.`);
  }

  /** From where to go on: where the beginning over there is not ours, from the start. */
  async #agree(): Promise<Go> {
    const { file } = this.#what;
    const go = await this.#offer(false);
    if (go.have === 0) return go;
    if (go.have <= file.size && encodeHex(await file.digest(go.have)) === go.sha256) return go;
    const anew = await this.#offer(true);
    this.#best = 0;
    if (anew.have === 0) return anew;
    throw new SottoError('invalid_message', 'The other side does not start anew.');
  }

  async #offer(anew: boolean): Promise<Go> {
    const { id, name, file } = this.#what;
    const body = { id, name, size: file.size, ...(anew && { anew }) };
    const deadline = performance.now() + this.#limits.patience;
    this.#begun = true;
    for (;;) {
      const answer = readOfferAnswer(await this.#call(FILE_ROUTES.offer, body));
      if (answer.state === 'go') return answer;
      if (performance.now() < deadline) continue;
      await this.#cancel();
      throw new StatusError(408, 'Nobody over there has decided about the file.');
    }
  }

  /** Several at a time, read in order; the first failure ends them all. */
  async #sendPieces(go: Go): Promise<void> {
    const { size } = this.#what.file;
    const window = Math.min(this.#limits.window, go.window);
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#what.signal, stop.signal]);
    const onTheWay = new Set<Promise<void>>();
    try {
      for (let at = go.have; at < size; ) {
        const data = await this.#what.file.read(at, Math.min(this.#limits.piece, go.piece, size - at));
        const sending = this.#sendPiece(go.transfer, at, data, signal)
          .catch((error: unknown) => stop.abort(error)) // the first reason stays
          .finally(() => onTheWay.delete(sending));
        onTheWay.add(sending);
        at += data.length;
        if (onTheWay.size >= window) await Promise.race(onTheWay);
        signal.throwIfAborted();
      }
    } catch (error) {
      stop.abort(error);
    }
    await Promise.all(onTheWay);
    signal.throwIfAborted();
  }

  async #sendPiece(transfer: string, at: number, data: Bytes, signal: AbortSignal): Promise<void> {
    this.bytesSent += data.length;
    await this.#call(FILE_ROUTES.piece, { transfer, at, data }, signal);
    this.#advance(at + data.length);
  }

  #call(route: string, body: object, signal: AbortSignal = this.#what.signal): Promise<unknown> {
    return this.#ask(this.#what.peer, route, body, { signal, timeout: this.#limits.timeout });
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
    await this.#ask(peer, FILE_ROUTES.cancel, { id }, { timeout: FAREWELL }).catch(() => {});
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
