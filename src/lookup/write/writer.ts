/**
 * Writing rows back into one file: one change after the other, each on disk in a journal before the file is replaced
 * whole. Other programs edit the same file, so every change is made to what is on disk at that moment, and refused where
 * somebody else has changed the same row.
 */

import { primitives } from '#crypto';
import { dataFiles } from '#files';
import type { Logger } from '../../app/message.ts';
import { validated } from '../../app/schema.ts';
import { encodeHex } from '../../bytes/text.ts';
import { StatusError } from '../../errors.ts';
import { isPacked } from '../live/image-loader.ts';
import { isSame, type LiveFile } from '../live/live-file.ts';
import { ByteTable } from '../table/byte-table.ts';
import { tagOf } from '../watches.ts';
import { badUpdate, type Edited, type RowUpdate, requireUpdate } from './change.ts';
import { editCsv } from './csv-edit.ts';
import { Journal, type JournalEntry } from './journal.ts';
import { editJson, editJsonLines } from './json-edit.ts';

// Chosen.
/** Changes of one file that wait for each other; more are turned away. */
const MOST_WAITING = 100;
/** Times that a change is made anew because the file was saved meanwhile. */
const TRIES = 5;
/** Changes remembered, to notice when a later save undoes them. */
const MOST_REMEMBERED = 1000;

/** One change that somebody asks for. */
export interface UpdateRequest {
  readonly key: string;
  readonly update: RowUpdate;
  /** The row as whoever asks has seen it; the change is refused where it is another by now. */
  readonly tag?: string | undefined;
  /** Who asks; null for the program itself. */
  readonly by: string | null;
}

interface WriterOptions {
  readonly maxSize: number;
  readonly log: Logger;
  readonly onEvent: (event: string) => void;
}

export class Writer {
  readonly #file: LiveFile;
  readonly #options: WriterOptions;
  readonly #journal: Journal;
  /** What was written, by key: until somebody else writes that row. */
  readonly #written = new Map<string, JournalEntry>();
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @throws StatusError 400 for a file that cannot be written back. */
  constructor(file: LiveFile, options: WriterOptions) {
    requireWritable(file);
    this.#file = file;
    this.#options = options;
    this.#journal = new Journal(file.path, options.log);
  }

  /** Finishes what an earlier process had begun; what cannot be finished is kept as a conflict. */
  async recover(): Promise<void> {
    for (const entry of await this.#journal.unfinished()) await this.#recoverOne(entry);
    await this.#journal.forget();
    await dataFiles.removeLeftovers(this.#file.path);
  }

  /**
   * Changes one row.
   *
   * @returns the row as it is now; null where it is gone.
   * @throws StatusError 400 for an update that the file cannot hold, 412 `conflict` where somebody else has changed the
   * row or has the file open, 503 where the file cannot be written now; SottoError `file_unwritable`.
   */
  async update(request: UpdateRequest): Promise<unknown> {
    if (this.#waiting >= MOST_WAITING) throw unavailable('Too many changes of this file are waiting');
    this.#waiting += 1;
    const work = this.#last.then(() => this.#update(request));
    this.#last = work.catch(() => {});
    try {
      return await work;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** After each reading of the file: tells where a save from elsewhere has undone a change of ours. */
  noticeLosses(): void {
    for (const [key, entry] of this.#written) {
      const now = tagOf(this.#row(key));
      if (now === tagOf(entry.after)) continue;
      this.#written.delete(key);
      if (now === tagOf(entry.before)) void this.#noticeLoss(entry);
    }
  }

  /** Resolves when every change that was asked for is made. */
  async idle(): Promise<void> {
    await this.#last;
  }

  async #update(request: UpdateRequest): Promise<unknown> {
    const update = requireUpdate(request.update);
    const seen = request.tag ?? tagOf(this.#row(request.key));
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      await this.#requireNobodyEditing(request);
      // What is served may be a moment old: the change is made to what the file has now.
      await this.#file.reload();
      const { state, problem } = this.#file.status;
      if (state !== 'current') throw unavailable(problem ?? 'It is being changed by another program');
      const before = this.#row(request.key);
      if (tagOf(before) !== seen) {
        throw await this.#conflict(
          request,
          'The row has been changed meanwhile, by another program or person',
        );
      }
      if (before === null && update === null) throw badUpdate(`No row has the key "${request.key}".`);
      const edited = await this.#edited(request.key, update);
      const entry: JournalEntry = {
        id: encodeHex(primitives.randomBytes(8)),
        at: new Date().toISOString(),
        by: request.by,
        key: request.key,
        update,
        before,
        after: edited.row,
      };
      if (await this.#write(entry, edited)) return edited.row;
    }
    throw await this.#conflict(request, 'The file is being saved again and again by another program');
  }

  async #edited(key: string, update: RowUpdate): Promise<Edited> {
    const edited = await this.#edit(key, update);
    const { plan } = this.#file;
    if (plan.kind === 'custom' || plan.schema === null || edited.row === null) return edited;
    await validated(plan.schema, edited.row);
    return edited;
  }

  async #edit(key: string, update: RowUpdate): Promise<Edited> {
    const { image, table, plan, path } = this.#file;
    if (image && table instanceof ByteTable) {
      const edit = image.description.kind === 'csv' ? editCsv : editJsonLines;
      return edit(image, table.rowNumbers(key), key, update);
    }
    const bytes = await dataFiles.read(path, this.#options.maxSize);
    return editJson(bytes, plan.kind === 'document' ? (plan.keys[0] ?? null) : null, key, update);
  }

  /** False where the file was saved by another program while the change was made. */
  async #write(entry: JournalEntry, { bytes }: Edited): Promise<boolean> {
    const { path } = this.#file;
    await this.#journal.begin(entry);
    const unchanged = (): boolean => isSame(dataFiles.stamp(path), this.#file.stamp);
    const isReplaced = await dataFiles.replace(path, bytes, unchanged);
    if (isReplaced) {
      this.#remember(entry);
      this.#options.onEvent('row_written');
      await this.#file.reload();
    }
    await this.#journal.done(entry);
    return isReplaced;
  }

  async #recoverOne(entry: JournalEntry): Promise<void> {
    const now = tagOf(this.#row(entry.key));
    const { log, onEvent } = this.#options;
    if (now === tagOf(entry.before) && now !== tagOf(entry.after)) {
      await this.update({ key: entry.key, update: entry.update, by: entry.by }).catch((error: unknown) =>
        log.error(
          { file: this.#file.path, key: entry.key, error },
          'a change that was begun cannot be finished',
        ),
      );
      onEvent('row_recovered');
    } else if (now !== tagOf(entry.after)) {
      await this.#keep(
        entry,
        entry.after,
        'The program was stopped while it wrote, and the row was changed since',
      );
    }
    await this.#journal.done(entry);
  }

  #remember(entry: JournalEntry): void {
    this.#written.delete(entry.key);
    this.#written.set(entry.key, entry);
    if (this.#written.size <= MOST_REMEMBERED) return;
    const [oldest] = this.#written.keys();
    if (oldest !== undefined) this.#written.delete(oldest);
  }

  async #noticeLoss(entry: JournalEntry): Promise<void> {
    const why = 'A program that had the file open has saved over this change';
    const { log, onEvent } = this.#options;
    onEvent('row_overwritten');
    await this.#keep(entry, entry.after, why).catch((error: unknown) =>
      log.error({ file: this.#file.path, error }, 'a conflict cannot be kept'),
    );
    log.warn(
      { file: this.#file.path, key: entry.key },
      `${why}; both versions are in ${this.#file.path}.conflicts`,
    );
  }

  async #conflict(request: UpdateRequest, why: string): Promise<StatusError> {
    this.#options.onEvent('row_conflict');
    await this.#keep(request, request.update, why);
    const name = dataFiles.nameOf(this.#file.path);
    return new StatusError(412, `${why}. Nothing was written; both versions are in ${name}.conflicts.`, {
      code: 'conflict',
    });
  }

  #keep(by: Pick<UpdateRequest, 'key' | 'by'>, ours: unknown, why: string): Promise<void> {
    return this.#journal.keep({ by: by.by, key: by.key, ours, theirs: this.#row(by.key), why });
  }

  /** An office program that has the file open would save over whatever is written now. */
  async #requireNobodyEditing(request: UpdateRequest): Promise<void> {
    const { path } = this.#file;
    const name = dataFiles.nameOf(path);
    for (const lock of [`.~lock.${name}#`, `~$${name}`]) {
      if (dataFiles.stamp(dataFiles.join(dataFiles.folderOf(path), lock)) === null) continue;
      throw await this.#conflict(request, `${name} is open in a spreadsheet (if it is not, remove ${lock})`);
    }
  }

  /** Null where there is none. */
  #row(key: string): unknown {
    return this.#file.table?.get(key) ?? null;
  }
}

/** @throws StatusError 400. */
function requireWritable({ path, plan, table }: LiveFile): void {
  const name = dataFiles.nameOf(path);
  const refuse = (why: string): StatusError =>
    new StatusError(400, `${name} cannot be written back: ${why}.`, { code: 'bad_request' });
  if (isPacked(path)) throw refuse('it is packed');
  if (plan.kind === 'custom') throw refuse('it is read by a function');
  if (plan.row !== null) throw refuse('its rows are made by a function');
  if (table === null) throw refuse('it has no key to find rows by');
}

function unavailable(why: string): StatusError {
  return new StatusError(503, `${why}; ask again later.`, { code: 'unavailable' });
}
