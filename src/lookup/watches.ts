/** Watching rows: who waits for which key, told when a file's change has changed it. */

import { primitives } from '#crypto';
import { encodeBase64 } from '../bytes/base64.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { StatusError } from '../errors.ts';
import { findRow } from './built-in-query.ts';
import type { LiveData } from './live/live-data.ts';

/** A row as it is now. */
export interface WatchedRow {
  readonly key: string;
  /** Null where no file has the key. */
  readonly row: unknown;
  /** Stands for what the row says: another row, another tag. */
  readonly tag: string;
}

/** How to watch a row. */
export interface WatchOptions {
  /** A file's base name. Default: the first that has the key. */
  readonly file?: string;
  /** The tag of what is known already. Default: what is there now comes first. */
  readonly since?: string;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/** How many strangers may wait at one time. */
export interface WatchLimits {
  readonly most: number;
  readonly mostOfHost: number;
}

/** Bytes of SHA-256 in a tag. */
const TAG_SIZE = 12;

interface Waiter {
  readonly key: string;
  readonly file: string | undefined;
  readonly since: string;
  /** Who waits, by its address; null for the program itself, which nothing bounds. */
  readonly host: string | null;
  readonly tell: (row: WatchedRow) => void;
}

export class Watches {
  readonly #live: LiveData;
  readonly #limits: WatchLimits;
  readonly #waiters = new Set<Waiter>();
  readonly #stop: () => void;
  #closed = false;

  constructor(live: LiveData, limits: WatchLimits) {
    this.#live = live;
    this.#limits = limits;
    this.#stop = live.onSwap((name) => this.#look(name));
  }

  get size(): number {
    return this.#waiters.size;
  }

  now(key: string, file?: string): WatchedRow {
    const row = findRow(key, this.#live.tables, file) ?? null;
    return { key, row, tag: tagOf(row) };
  }

  /**
   * The row once it is not what `since` stands for; as it is after `wait` ms, or when `signal` aborts.
   *
   * @param host of a stranger who waits; null for the program itself.
   * @throws StatusError 503 where too many are waiting.
   */
  async next(
    key: string,
    { file, since, signal }: WatchOptions,
    wait: number,
    host: string | null = null,
  ): Promise<WatchedRow> {
    const now = this.now(key, file);
    if (since === undefined || now.tag !== since || signal?.aborted || this.#closed) return now;
    if (host !== null) this.#requireRoom(host);
    return this.#wait({ key, file, since, host }, signal, wait);
  }

  /** Each state of the row; of several within a moment the last. Ends when `signal` aborts. */
  async *stream(key: string, options: WatchOptions = {}): AsyncGenerator<WatchedRow, void, void> {
    let { since } = options;
    while (!options.signal?.aborted && !this.#closed) {
      const row = await this.next(key, withSince(options, since), FOR_EVER);
      if (row.tag === since) continue;
      since = row.tag;
      yield row;
    }
  }

  close(): void {
    this.#closed = true;
    this.#stop();
    for (const waiter of this.#waiters) waiter.tell(this.now(waiter.key, waiter.file));
  }

  #requireRoom(host: string): void {
    const strangers = [...this.#waiters].filter((waiter) => waiter.host !== null);
    const ofHost = strangers.filter((waiter) => waiter.host === host);
    if (strangers.length < this.#limits.most && ofHost.length < this.#limits.mostOfHost) return;
    throw new StatusError(503, 'Too many rows are being watched; ask later.', { code: 'unavailable' });
  }

  #wait(place: Omit<Waiter, 'tell'>, signal: AbortSignal | undefined, wait: number): Promise<WatchedRow> {
    const { promise, resolve } = Promise.withResolvers<WatchedRow>();
    const onEnd = (): void => waiter.tell(this.now(place.key, place.file));
    const timer = wait === FOR_EVER ? null : setTimeout(onEnd, wait);
    const waiter: Waiter = {
      ...place,
      tell: (row) => {
        if (timer) clearTimeout(timer);
        signal?.removeEventListener('abort', onEnd);
        this.#waiters.delete(waiter);
        resolve(row);
      },
    };
    signal?.addEventListener('abort', onEnd, { once: true });
    this.#waiters.add(waiter);
    return promise;
  }

  #look(name: string): void {
    for (const waiter of this.#waiters) {
      const { key, file, since } = waiter;
      if (file !== undefined && file !== name) continue;
      const now = this.now(key, file);
      if (now.tag !== since) waiter.tell(now);
    }
  }
}

const FOR_EVER = Number.POSITIVE_INFINITY;

function withSince(options: WatchOptions, since: string | undefined): WatchOptions {
  return since === undefined ? options : { ...options, since };
}

/** Rows that say the same have the same tag, today and after a restart. */
export function tagOf(row: unknown): string {
  const digest = primitives.sha256(encodeUtf8(textFor(row)));
  return encodeBase64(digest.subarray(0, TAG_SIZE));
}

function textFor(row: unknown): string {
  try {
    return JSON.stringify(row, (_name, value) => (typeof value === 'bigint' ? `${value}n` : value)) ?? '';
  } catch {
    return ''; // a row of a function's own making that contains itself: its changes cannot be told
  }
}
