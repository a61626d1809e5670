/** Receives files of peers into a folder, where its owner wants them. */

import { primitives } from '#crypto';
import { dataFiles, downloads } from '#files';
import type { Bytes } from '../../bytes/bytes.ts';
import { encodeHex, encodeUtf8 } from '../../bytes/text.ts';
import type { FileStreamKeys } from '../../envelope/file-stream.ts';
import { StatusError } from '../../errors.ts';
import type { Downloads, Pipe, PipeEvents } from '../../platform/types.ts';
import type { PeerId } from '../peer.ts';
import { type FileOffer, IncomingFile } from './incoming.ts';
import { IncomingStream } from './incoming-stream.ts';
import { cleanFileName } from './names.ts';
import { FILE_ROUTES, type OfferBody, readCancel, readDone, readOffer, writeOfferAnswer } from './offers.ts';
import {
  type Decision,
  type FileReceiverOptions,
  type ResolvedReceiving,
  resolveReceiving,
} from './receiver-options.ts';
import {
  endedByPeer,
  idled,
  noSpace,
  outOfStep,
  refused,
  unavailable,
  unknownTransfer,
  unstorable,
} from './refusals.ts';

export type { FileOffer } from './incoming.ts';
export type { Decision, FileReceiverOptions, ReceivedFile } from './receiver-options.ts';

/** @throws StatusError with what the peer is to be told. */
export type FileHandler = (body: unknown, from: PeerId) => Promise<unknown>;

/** An offer, from the first word of it to the end of the file. */
interface Entry {
  readonly offer: FileOffer;
  readonly withdrawn: AbortController;
  ready: Promise<IncomingFile>;
  incoming: IncomingFile | null;
  isAccepted: boolean;
  timer: ReturnType<typeof setTimeout> | null;
}

interface Told {
  readonly from: PeerId;
  /** An error, or the answer. */
  readonly outcome: StatusError | { readonly size: number };
}

const WEEK = 7 * 24 * 3600 * 1000;
const HOUR = 3600 * 1000;
const PART = /^\.sotto-[0-9a-f]{40}\.part$/;
/** Transfers that have ended and may be asked about again, because the answer was lost. */
const MAX_TOLD = 256;

export class FileReceiver implements AsyncDisposable {
  /** By route; to be mounted where the sender is proven. */
  readonly handlers: ReadonlyMap<string, FileHandler> = new Map<string, FileHandler>([
    [FILE_ROUTES.offer, (body, from) => this.#offer(body, from)],
    [FILE_ROUTES.done, (body, from) => this.#done(body, from)],
    [FILE_ROUTES.cancel, (body, from) => this.#cancelled(body, from)],
  ]);
  readonly #options: ResolvedReceiving;
  readonly #storage: Downloads;
  readonly #entries = new Map<string, Entry>();
  /** Files that are being closed or removed, by entry: until then the same must not be opened again. */
  readonly #ending = new Map<string, Promise<void>>();
  readonly #told = new Map<string, Told>();
  /** When old beginnings were last looked for, by folder. */
  readonly #swept = new Map<string, number>();
  #isClosed = false;

  /** @throws SottoError `invalid_option`. */
  constructor(options: FileReceiverOptions) {
    this.#options = resolveReceiving(options);
    this.#storage = options.storage ?? downloads;
  }

  /** What is offered or on its way. */
  get current(): readonly FileOffer[] {
    return [...this.#entries.values()].map(({ offer }) => offer);
  }

  /**
   * A connection that brings a file.
   *
   * @param id of the stream, as its first frame names it.
   * @returns what takes the rest of the connection; null where no such stream is awaited.
   */
  takeStream(id: Bytes, pipe: Pipe): PipeEvents | null {
    for (const entry of this.#entries.values()) {
      const keys = entry.incoming?.awaited(id);
      if (entry.incoming && keys) return this.#attach(entry, entry.incoming, keys, pipe);
    }
    return null;
  }

  /** Ends a transfer, of which nothing stays. Nothing happens where there is none. */
  async cancel({ from, id }: Pick<FileOffer, 'from' | 'id'>): Promise<void> {
    const entry = this.#entries.get(keyOf(from, id));
    if (entry) await this.#end(entry, refused('The file is not wanted any more.'), false);
  }

  /** Ends all; what has come stays to be gone on with. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const why = unavailable('No files are taken any more.');
    await Promise.all([...this.#entries.values()].map((entry) => this.#end(entry, why, true)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #offer(body: unknown, from: PeerId): Promise<object> {
    const said = readOffer(body);
    const entry = this.#entries.get(keyOf(from, said.id)) ?? this.#admit(said, from);
    if (entry.offer.size !== said.size) throw outOfStep('That file had another size.');
    this.#touch(entry);
    const incoming = await within(this.#options.hold, entry.ready);
    if (incoming === null) return writeOfferAnswer({ state: 'waiting' });
    return writeOfferAnswer(await this.#guarded(entry, () => incoming.agree(said)));
  }

  #admit({ id, name, size }: OfferBody, from: PeerId): Entry {
    const { maxTransfers, maxPerPeer, maxSize } = this.#options;
    if (this.#isClosed) throw unavailable('No files are taken any more.');
    if (size > maxSize) throw refused(`Files of at most ${maxSize} bytes are taken.`);
    const theirs = this.current.filter((offer) => offer.from === from).length;
    if (this.#entries.size >= maxTransfers || theirs >= maxPerPeer) {
      throw unavailable('Too many files are on their way already.');
    }
    const offer = { id, from, name: cleanFileName(name), size };
    const entry: Entry = {
      ...{ offer, withdrawn: new AbortController(), incoming: null, isAccepted: false, timer: null },
      ready: new Promise(() => {}),
    };
    this.#entries.set(keyOf(from, id), entry);
    entry.ready = this.#prepare(entry);
    entry.ready.catch(() => {}); // each offer hears it, if there still is one
    return entry;
  }

  async #prepare(entry: Entry): Promise<IncomingFile> {
    try {
      const decision = await this.#decide(entry);
      if (decision === false) throw refused('The file is not wanted.');
      entry.isAccepted = true;
      const path = typeof decision === 'object' ? decision.path : entry.offer.name;
      const incoming = await this.#open(entry, this.#storage.resolve(this.#options.folder, path));
      await this.#requireSpace(incoming);
      return incoming;
    } catch (error) {
      const told = this.#statusOf(error);
      await this.#end(entry, told, true);
      throw told;
    }
  }

  async #decide({ offer, withdrawn: { signal } }: Entry): Promise<Decision> {
    const decision = (await this.#options.onOffer?.(offer, signal)) ?? false;
    if (signal.aborted) throw signal.reason;
    return decision;
  }

  async #open(entry: Entry, path: string): Promise<IncomingFile> {
    const { offer, withdrawn } = entry;
    const where = { folder: dataFiles.folderOf(path), name: dataFiles.nameOf(path) };
    await this.#sweep(where.folder);
    await this.#ending.get(keyOf(offer.from, offer.id));
    const file = await this.#storage.openPartial(where.folder, partName(offer));
    const incoming = new IncomingFile(offer, where, file);
    entry.incoming = incoming;
    if (!withdrawn.signal.aborted) return incoming;
    await this.#release(entry, withdrawn.signal.reason, true);
    throw withdrawn.signal.reason;
  }

  async #requireSpace(incoming: IncomingFile): Promise<void> {
    const free = await this.#storage.freeSpace(incoming.folder);
    let promised = 0;
    for (const entry of this.#entries.values()) promised += entry.incoming?.missing ?? 0;
    if (free !== null && free < promised) throw noSpace();
  }

  #attach(entry: Entry, incoming: IncomingFile, keys: FileStreamKeys, pipe: Pipe): PipeEvents {
    const { transfer, have } = incoming;
    const stream = new IncomingStream(pipe, {
      ...{ keys, have },
      store: (data) => this.#guarded(entry, () => incoming.store(transfer, data)),
      onProgress: (stored) => {
        this.#touch(entry);
        this.#tell(() => this.#options.onProgress?.(entry.offer, stored));
      },
      onDrop: (reason) => this.#tell(() => this.#options.onDrop?.(reason)),
    });
    incoming.attach(stream);
    this.#touch(entry);
    return stream;
  }

  async #done(body: unknown, from: PeerId): Promise<unknown> {
    const end = readDone(body);
    const told = this.#told.get(end.transfer);
    if (told?.from === from && !(told.outcome instanceof StatusError)) return told.outcome;
    const { entry, incoming } = this.#find(end.transfer, from);
    const name = await this.#guarded(entry, () => incoming.finish(end));
    const path = dataFiles.join(incoming.folder, name);
    const outcome = { size: entry.offer.size };
    if (this.#forget(entry, outcome)) this.#tell(() => this.#options.onReceived?.({ ...entry.offer, path }));
    return outcome;
  }

  async #cancelled(body: unknown, from: PeerId): Promise<unknown> {
    const entry = this.#entries.get(keyOf(from, readCancel(body).id));
    if (!entry) throw unknownTransfer();
    await this.#end(entry, endedByPeer(), false);
    return {};
  }

  /** Of this peer, so that nobody can touch, or find out about, what is another's. */
  #find(transfer: string, from: PeerId): { entry: Entry; incoming: IncomingFile } {
    for (const entry of this.#entries.values()) {
      const { incoming } = entry;
      if (incoming?.transfer === transfer && entry.offer.from === from) return { entry, incoming };
    }
    const told = this.#told.get(transfer);
    if (told?.from === from && told.outcome instanceof StatusError) throw told.outcome;
    throw unknownTransfer();
  }

  /** A peer that is merely out of step may go on; everything else ends the transfer. */
  async #guarded<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const told = this.#statusOf(error);
      if (told.status !== 412 && told.status !== 416) await this.#end(entry, told, told.status !== 422);
      throw told;
    }
  }

  async #end(entry: Entry, why: StatusError, isKept: boolean): Promise<void> {
    if (!this.#forget(entry, why)) return;
    entry.withdrawn.abort(why);
    await this.#release(entry, why, isKept);
    if (entry.isAccepted) this.#tell(() => this.#options.onFailed?.(entry.offer, why));
  }

  async #release({ offer, incoming }: Entry, why: StatusError, isKept: boolean): Promise<void> {
    if (!incoming) return;
    const key = keyOf(offer.from, offer.id);
    const ending = incoming.end(why, isKept);
    this.#ending.set(key, ending);
    await ending;
    if (this.#ending.get(key) === ending) this.#ending.delete(key);
  }

  /** Whether it was there. */
  #forget(entry: Entry, outcome: Told['outcome']): boolean {
    const { from, id } = entry.offer;
    if (this.#entries.get(keyOf(from, id)) !== entry) return false;
    this.#entries.delete(keyOf(from, id));
    if (entry.timer) clearTimeout(entry.timer);
    if (entry.incoming?.transfer) this.#told.set(entry.incoming.transfer, { from, outcome });
    for (const oldest of this.#told.keys()) {
      if (this.#told.size <= MAX_TOLD) break;
      this.#told.delete(oldest);
    }
    return true;
  }

  #touch(entry: Entry): void {
    if (entry.timer) clearTimeout(entry.timer);
    entry.timer = setTimeout(() => void this.#end(entry, idled(), true), this.#options.idle);
    entry.timer.unref?.();
  }

  async #sweep(folder: string): Promise<void> {
    const now = Date.now();
    if (now - (this.#swept.get(folder) ?? 0) < HOUR) return;
    this.#swept.set(folder, now);
    await this.#storage.removeOld(folder, PART, now - WEEK);
  }

  /** Nothing of our paths is for peers. */
  #statusOf(error: unknown): StatusError {
    if (error instanceof StatusError) return error;
    if (this.#storage.isFull(error)) return noSpace(error);
    return unstorable(error);
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch {
      // the file is as it is, whatever becomes of the news
    }
  }
}

/** Null where it takes longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
    timer.unref?.();
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function keyOf(from: PeerId, id: string): string {
  return `${from}|${id}`;
}

/** The same for the same file of the same peer, and nobody else's. */
function partName({ from, id }: FileOffer): string {
  return `.sotto-${encodeHex(primitives.sha256(encodeUtf8(keyOf(from, id)))).slice(0, 40)}.part`;
}
