/**
 * One file as it is now: read again when it changes, beside the answers, and swapped in one assignment. What is broken,
 * half-written or gone leaves the old data in place and is told.
 */

import { dataFiles } from '#files';
import type { Logger } from '../../app/message.ts';
import { decodeUtf8 } from '../../bytes/text.ts';
import { messageOf, SottoError } from '../../errors.ts';
import type { FileStamp } from '../../platform/types.ts';
import { delay } from '../../transport/backoff.ts';
import { ByteTable } from '../table/byte-table.ts';
import type { ImageDescription, OnProgress, TableImage } from '../table/image.ts';
import { MapTable, othersTurn } from '../table/map-table.ts';
import { formatOf } from '../table/row-format.ts';
import { asDictionary, type Table } from '../table/table.ts';
import { contentOf, isPacked, type LoadedImage, loadImage } from './image-loader.ts';
import type { ReadingPlan, RowFunction } from './readers.ts';
import { SMALL_FILE, type TableWork } from './table-work.ts';

// Chosen, ms: how long a file that looks unfinished must stay as it is before it is believed.
/** It ends in the middle of a row where it did not before, cannot be read, or is gone. */
const BROKEN_HOLD = 2000;
/** It is shorter than before, in the same inode: perhaps a program is still writing. */
const SHORTER_HOLD = 300;
/** A change within the grain of the file system's clock leaves no trace in the stamp: such a file is read twice. */
const CLOCK_GRAIN = 50;
/** Between two looks at a file that changes while it is read, and at one that is waited for. */
const RESTLESS_PAUSE = 10;
const LOOK_AGAIN = 50;
/** Rows turned into values before others get a turn. */
const ROWS_A_TURN = 2048;

const LF = 0x0a;

/** How a file is, for `/status`. */
export interface FileStatus {
  readonly path: string;
  readonly state: 'current' | 'changing' | 'broken' | 'missing';
  /** Why it is not current, for people; null where it is. */
  readonly problem: string | null;
  /** Null where it is not a file of rows. */
  readonly rows: number | null;
  readonly bytes: number;
  /** When what is served was read, ISO 8601. */
  readonly readAt: string;
  /** What reading it took, ms. */
  readonly took: number;
  /** Goes up with each change that was served. */
  readonly version: number;
}

export interface LiveFileOptions {
  readonly path: string;
  readonly plan: ReadingPlan;
  /** Bytes, unpacked. */
  readonly maxSize: number;
  readonly work: TableWork;
  readonly log: Logger;
  /** What happened, for counters: `file_swapped`, `file_unchanged`, `file_broken`, `file_missing`. */
  readonly onEvent: (event: string) => void;
  readonly onSwap: (file: LiveFile) => void;
  readonly onProgress: OnProgress | undefined;
}

/** What was read, not yet served. */
interface Reading {
  readonly data: unknown;
  readonly table: Table<unknown> | null;
  readonly image: TableImage | null;
  readonly rows: number | null;
}

export class LiveFile {
  readonly path: string;
  readonly plan: ReadingPlan;
  /** What query functions see. */
  data: unknown;
  /** The same as a table, where it is one. */
  table: Table<unknown> | null = null;
  /** The bytes of the rows, where they are kept. */
  image: TableImage | null = null;
  readonly #options: LiveFileOptions;
  /** What `data` was read from. */
  #served: FileStamp | null = null;
  /** What was last looked at. */
  #seen: FileStamp | null = null;
  #state: FileStatus['state'] = 'current';
  #problem: string | null = null;
  #rows: number | null = null;
  #readAt = 0;
  #took = 0;
  #version = 0;
  #reloading: Promise<void> | null = null;
  #isQuick = false;
  #closed = false;

  constructor(options: LiveFileOptions) {
    this.#options = options;
    this.path = options.path;
    this.plan = options.plan;
  }

  get status(): FileStatus {
    return {
      path: this.path,
      state: this.#state,
      problem: this.#problem,
      rows: this.#rows,
      bytes: this.#served?.size ?? 0,
      readAt: new Date(this.#readAt).toISOString(),
      took: Math.round(this.#took),
      version: this.#version,
    };
  }

  get stamp(): FileStamp | null {
    return this.#served;
  }

  /** A reload that will be over in a moment; null where there is none, or where it takes longer. */
  get quickReload(): Promise<void> | null {
    return this.#isQuick ? this.#reloading : null;
  }

  /** The first reading. @throws SottoError `file_unreadable`, `file_invalid`, `file_too_large`. */
  async load(): Promise<void> {
    const stamp = dataFiles.stamp(this.path);
    this.#seen = stamp;
    const started = performance.now();
    const reading = await this.#readAs(stamp?.size ?? 0);
    this.#serve(reading ?? EMPTY_READING, stamp, performance.now() - started);
  }

  /** Looks whether the file has changed; cheap. */
  check(): void {
    if (this.#closed || this.#reloading) return;
    const stamp = dataFiles.stamp(this.path);
    if (isSame(stamp, this.#seen)) return;
    this.reload();
  }

  /** Reads the file again whatever its stamp says. */
  reload(): Promise<void> {
    this.#isQuick = this.#took < 20 && (this.#served?.size ?? 0) <= SMALL_FILE;
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = null;
      this.check();
    });
    return this.#reloading;
  }

  close(): void {
    this.#closed = true;
  }

  /** Until the file stays as it is for a reading, and for as long as it takes to believe what was read. */
  async #reload(): Promise<void> {
    while (!this.#closed) {
      const stamp = dataFiles.stamp(this.path);
      this.#seen = stamp;
      const outcome = stamp === null ? missing(this.path) : await this.#attempt(stamp);
      if (this.#closed) return;
      if (await this.#staysSo(stamp, this.#holdFor(outcome, stamp))) return this.#conclude(outcome, stamp);
    }
  }

  async #attempt(stamp: FileStamp): Promise<Outcome> {
    const started = performance.now();
    try {
      const reading = await this.#readAs(stamp.size);
      return { reading, problem: null, state: 'current', took: performance.now() - started };
    } catch (error) {
      const problem = messageOf(error);
      return { reading: undefined, problem, state: 'broken', took: performance.now() - started };
    }
  }

  #holdFor({ reading, problem }: Outcome, stamp: FileStamp | null): number {
    if (problem !== null) return BROKEN_HOLD; // gone, too: renames and editors leave a moment without the file
    const { image } = this;
    if (!image || !reading?.image || !stamp) return 0;
    if (endsInLine(image) && !endsInLine(reading.image)) return BROKEN_HOLD;
    const isShorter = stamp.size < (this.#served?.size ?? 0) && stamp.identity === this.#served?.identity;
    return isShorter ? SHORTER_HOLD : 0;
  }

  /** Whether the file is as it was when it was read, until `hold` ms have passed since its last change. */
  async #staysSo(stamp: FileStamp | null, hold: number): Promise<boolean> {
    const now = Date.now();
    const until = Math.min(now, stamp?.changedAt ?? now) + hold;
    while (isSame(stamp, dataFiles.stamp(this.path))) {
      const left = until - Date.now();
      if (left <= 0) return true;
      this.#state = 'changing';
      await this.#pause(Math.min(left, LOOK_AGAIN));
    }
    await this.#pause(RESTLESS_PAUSE);
    return false;
  }

  #conclude(outcome: Outcome, stamp: FileStamp | null): void {
    if (outcome.reading === undefined) return this.#report(outcome);
    const wasBad = this.#problem !== null;
    if (outcome.reading === null) this.#confirm(stamp);
    else this.#swap(outcome.reading, stamp, outcome.took);
    if (wasBad) this.#options.log.info({ file: this.path }, 'a file is whole again');
  }

  /** The bytes are those that are served. */
  #confirm(stamp: FileStamp | null): void {
    this.#served = stamp;
    this.#state = 'current';
    this.#problem = null;
    this.#options.onEvent('file_unchanged');
  }

  #swap(reading: Reading, stamp: FileStamp | null, took: number): void {
    this.#serve(reading, stamp, took);
    this.#options.onEvent('file_swapped');
    this.#options.log.debug({ file: this.path, took: Math.round(took) }, 'a file was read again');
    this.#options.onSwap(this);
  }

  #serve(reading: Reading, stamp: FileStamp | null, took: number): void {
    const isFresh = Date.now() - (stamp?.modifiedAt ?? 0) < CLOCK_GRAIN;
    this.data = reading.data;
    this.table = reading.table;
    this.image = reading.image;
    this.#rows = reading.rows;
    this.#served = stamp;
    this.#state = 'current';
    this.#problem = null;
    this.#readAt = Date.now();
    this.#took = took;
    this.#version += 1;
    if (isFresh) void this.#readAgain();
  }

  async #readAgain(): Promise<void> {
    await delay(CLOCK_GRAIN);
    if (!this.#closed) await this.reload();
  }

  #report({ problem, state }: Outcome): void {
    this.#options.onEvent(`file_${state}`);
    if (this.#problem !== problem) {
      const text = `${this.path} cannot be used (${problem}); what was read before is still served`;
      this.#options.log.warn({ file: this.path, problem }, text);
    }
    this.#state = state;
    this.#problem = problem;
  }

  /** Queries wait for no reload that pauses. */
  async #pause(ms: number): Promise<void> {
    this.#isQuick = false;
    await delay(ms);
  }

  /** Null where the bytes are those that are served. */
  #readAs(size: number): Promise<Reading | null> {
    const { plan } = this;
    switch (plan.kind) {
      case 'custom':
        return this.#readCustom(plan);
      case 'document':
        return this.#readDocument(plan);
      case 'rows':
        return this.#readRows(plan, size);
    }
  }

  async #readCustom({ reader, key }: ReadingPlan & { kind: 'custom' }): Promise<Reading> {
    return { ...EMPTY_READING, data: await reader(this.path, key) };
  }

  async #readDocument({ keys, row }: ReadingPlan & { kind: 'document' }): Promise<Reading> {
    const text = decodeUtf8(await this.#content());
    const document = parsedJson(text);
    if (keys.length === 0) return { ...EMPTY_READING, data: document, table: await tableOf(document) };
    const rows = await modified(Object.values(Object(document)), row);
    return keyed(await MapTable.of(rows, keys, null));
  }

  async #content(): Promise<Uint8Array> {
    const { maxSize } = this.#options;
    return contentOf(this.path, await dataFiles.read(this.path, maxSize), maxSize);
  }

  async #readRows(
    { image: description, row }: ReadingPlan & { kind: 'rows' },
    size: number,
  ): Promise<Reading | null> {
    // Rows that become values at once need no index of their bytes.
    const asValues = row !== null || description.keys.length === 0;
    const loaded = await this.#loadImage(asValues ? { ...description, keys: [] } : description, size);
    if (loaded.state === 'unchanged') return null;
    const { image } = loaded;
    if (!asValues) return ofImage(image, this.#options.work);
    const rows = await modified(rowsOf(image), row);
    if (description.keys.length === 0) return { ...EMPTY_READING, data: rows, image, rows: rows.length };
    const { columns } = formatOf(image.description, image.bytes);
    return { ...keyed(await MapTable.of(rows, description.keys, columns)), image };
  }

  async #loadImage(description: ImageDescription, size: number): Promise<LoadedImage> {
    const { work, maxSize, onProgress } = this.#options;
    const previous = this.image;
    if (size <= SMALL_FILE && !isPacked(this.path)) {
      return loadImage(previous, await this.#content(), description);
    }
    const { loaded, order } = await work.run(
      {
        type: 'load',
        path: this.path,
        maxSize,
        description,
        previous,
        previousOrder: await work.knownOrder(previous),
      },
      onProgress,
    );
    if (order && loaded.state !== 'unchanged') work.setOrder(loaded.image, order);
    return loaded;
  }
}

interface Outcome {
  /** Undefined where reading failed; null where nothing has changed. */
  readonly reading: Reading | null | undefined;
  readonly problem: string | null;
  readonly state: FileStatus['state'];
  readonly took: number;
}

const EMPTY_READING: Reading = { data: undefined, table: null, image: null, rows: null };

function missing(path: string): Outcome {
  return { reading: undefined, problem: `${path} does not exist`, state: 'missing', took: 0 };
}

function ofImage(image: TableImage, work: TableWork): Reading {
  const table = new ByteTable<unknown>(image, work);
  return { data: asDictionary(table), table, image, rows: table.size };
}

function keyed(table: MapTable<unknown>): Reading {
  return { data: asDictionary(table), table, image: null, rows: table.size };
}

/** A JSON object or array, so that queries without code find things in it. */
async function tableOf(document: unknown): Promise<Table<unknown> | null> {
  if (typeof document !== 'object' || document === null) return null;
  return await MapTable.ofEntries(Object.entries(document));
}

function* rowsOf(image: TableImage): Iterable<unknown> {
  const format = formatOf(image.description, image.bytes);
  for (const start of image.starts) yield format.row(image.bytes, start);
}

/** Each row as the function makes it, with pauses in which others get their turn. */
async function modified(rows: Iterable<unknown>, row: RowFunction | null): Promise<unknown[]> {
  const made: unknown[] = [];
  for (const each of rows) {
    if (made.length % ROWS_A_TURN === ROWS_A_TURN - 1) await othersTurn();
    made.push(row === null ? each : row(each as never));
  }
  return made;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new SottoError('file_invalid', `It is not JSON: ${messageOf(cause)}`, { cause });
  }
}

function endsInLine({ bytes }: TableImage): boolean {
  return bytes.at(-1) === LF;
}

/** Whether a file is as it was. */
export function isSame(left: FileStamp | null, right: FileStamp | null): boolean {
  if (left === null || right === null) return left === right;
  return (
    left.size === right.size &&
    left.modifiedAt === right.modifiedAt &&
    left.changedAt === right.changedAt &&
    left.identity === right.identity
  );
}
