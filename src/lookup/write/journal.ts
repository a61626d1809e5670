/**
 * What was asked to be written into a file, on disk before the file is touched: one JSON object a line.
 *
 * ```text
 * .NAME.journal      { "id", "at", "by", "key", "update", "before", "after" } before, { "id", "done": true } after
 * NAME.conflicts     { "at", "by", "key", "ours", "theirs", "why" }: what could not be written, or was lost again
 * ```
 */

import { dataFiles } from '#files';
import type { Logger } from '../../app/message.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';
import type { RowUpdate } from './change.ts';

/** A change that was begun. */
export interface JournalEntry {
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  /** The key that asked for it; null for the program itself. */
  readonly by: string | null;
  readonly key: string;
  readonly update: RowUpdate;
  readonly before: unknown;
  readonly after: unknown;
}

export interface Conflict {
  readonly by: string | null;
  readonly key: string;
  /** What was asked for. */
  readonly ours: unknown;
  /** What the file has in its place. */
  readonly theirs: unknown;
  readonly why: string;
}

/** Bytes. What is longer than this has been read by nobody for long, and is begun anew, or no longer added to. */
const MAX_SIZE = 16 * 1024 * 1024;

export class Journal {
  readonly #path: string;
  readonly #conflicts: string;
  readonly #log: Logger;

  /** Whether there is one beside a data file. */
  static isBeside(file: string): boolean {
    return dataFiles.stamp(pathFor(file)) !== null;
  }

  /** @param file the data file that it is about. */
  constructor(file: string, log: Logger) {
    this.#path = pathFor(file);
    this.#conflicts = `${file}.conflicts`;
    this.#log = log;
  }

  /** Durable when it resolves. @throws SottoError `file_unwritable`. */
  begin(entry: JournalEntry): Promise<void> {
    return this.#append(this.#path, entry);
  }

  async done({ id }: Pick<JournalEntry, 'id'>): Promise<void> {
    await this.#append(this.#path, { id, done: true });
  }

  /** What was begun and perhaps not done, because the program was stopped. */
  async unfinished(): Promise<readonly JournalEntry[]> {
    if (dataFiles.stamp(this.#path) === null) return [];
    const text = decodeUtf8(await dataFiles.read(this.#path, 4 * MAX_SIZE));
    // The last line before a crash may be half a line, which must not spoil the next.
    if (text !== '' && !text.endsWith('\n')) await dataFiles.append(this.#path, encodeUtf8('\n'));
    const entries = new Map<string, JournalEntry>();
    for (const line of text.split('\n')) {
      const record = parsed(line);
      if (record === null) continue;
      if ('done' in record) entries.delete(record.id);
      else entries.set(record.id, record);
    }
    return [...entries.values()];
  }

  /** Keeps both versions beside the file. */
  async keep(conflict: Conflict): Promise<void> {
    const size = dataFiles.stamp(this.#conflicts)?.size ?? 0;
    if (size > MAX_SIZE) {
      return this.#log.error({ file: this.#conflicts, ...conflict }, 'a conflict is not kept: too many are');
    }
    await this.#append(this.#conflicts, { at: new Date().toISOString(), ...conflict });
  }

  /** Once nothing is unfinished, and it has grown long. */
  async forget(): Promise<void> {
    if ((dataFiles.stamp(this.#path)?.size ?? 0) < MAX_SIZE) return;
    await dataFiles.replace(this.#path, new Uint8Array(0), () => true);
  }

  #append(path: string, record: object): Promise<void> {
    return dataFiles.append(path, encodeUtf8(`${JSON.stringify(record)}\n`));
  }
}

function pathFor(file: string): string {
  return dataFiles.join(dataFiles.folderOf(file), `.${dataFiles.nameOf(file)}.journal`);
}

function parsed(line: string): JournalEntry | { readonly id: string; readonly done: true } | null {
  try {
    const record: unknown = JSON.parse(line);
    const isRecord = typeof record === 'object' && record !== null && 'id' in record;
    return isRecord ? (record as JournalEntry) : null;
  } catch {
    return null;
  }
}
