/** All files of a lookup, by base name: watched, and looked at before answers. */

import { dataFiles } from '#files';
import type { Logger } from '../../app/message.ts';
import { SottoError } from '../../errors.ts';
import type { Table } from '../table/table.ts';
import { type FileStatus, LiveFile } from './live-file.ts';
import { type FileDescription, type FileDescriptions, planOf } from './readers.ts';
import { TableWork } from './table-work.ts';

// Chosen, ms.
/** Watching can fail without a sign (network folders, too many watches): every file is looked at this often. */
const LOOK_EVERY = 1000;
/** Before an answer the files are looked at, unless they were so lately: a thousand looks a second cost little. */
const LOOKED_LATELY = 1;
/** The longest that an answer waits for a small file that is being read again. */
const PATIENCE = 25;

export interface LiveDataOptions {
  readonly files: FileDescriptions;
  /** Bytes of one file. */
  readonly maxSize: number;
  readonly log: Logger;
  readonly onEvent: (event: string) => void;
  /** Reading large files: which, and how far. */
  readonly onProgress?: (path: string, done: number, total: number) => void;
}

export class LiveData {
  readonly #options: LiveDataOptions;
  readonly #work = new TableWork();
  readonly #files = new Map<string, LiveFile>();
  /** Descriptions whose path is a pattern. */
  readonly #patterns: (readonly [string, FileDescription])[] = [];
  readonly #watched = new Map<string, { close(): void } | null>();
  readonly #listeners = new Set<(name: string) => void>();
  #current: Readonly<Record<string, unknown>> = {};
  #tables: ReadonlyMap<string, Table<unknown>> = new Map();
  #timer: ReturnType<typeof setInterval> | null = null;
  #lookedAt = 0;
  #lookingForFiles = false;

  /**
   * Reads every file once.
   *
   * @throws SottoError `invalid_option`, and for the first file that cannot be read `file_unreadable`, `file_invalid`,
   * `file_too_large`.
   */
  static async open(options: LiveDataOptions): Promise<LiveData> {
    const live = new LiveData(options);
    try {
      for (const [path, description] of Object.entries(options.files)) await live.#add(path, description);
    } catch (error) {
      await live.close();
      throw error;
    }
    live.#timer = setInterval(() => live.#lookAtAll(), LOOK_EVERY);
    live.#timer.unref?.();
    return live;
  }

  private constructor(options: LiveDataOptions) {
    this.#options = options;
  }

  /** The data of every file at this moment, by base name; never changes, but gives way to another. */
  get current(): Readonly<Record<string, unknown>> {
    return this.#current;
  }

  /** Those of them that are tables, in the order of their descriptions; never changes either. */
  get tables(): ReadonlyMap<string, Table<unknown>> {
    return this.#tables;
  }

  get status(): readonly FileStatus[] {
    return [...this.#files.values()].map((file) => file.status);
  }

  /** The files in the order of their descriptions. */
  get files(): ReadonlyMap<string, LiveFile> {
    return this.#files;
  }

  /** Looks for changes; a promise where a small file is being read again and is worth waiting for. */
  freshen(): Promise<void> | null {
    const now = performance.now();
    if (now - this.#lookedAt >= LOOKED_LATELY) {
      this.#lookedAt = now;
      for (const file of this.#files.values()) file.check();
    }
    let reloads: Promise<void>[] | null = null;
    for (const { quickReload } of this.#files.values()) {
      if (quickReload) reloads = [...(reloads ?? []), quickReload];
    }
    return reloads && atMost(Promise.all(reloads), PATIENCE);
  }

  /** Calls back with the base name of each file whose data has changed, until the function it returns is called. */
  onSwap(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    for (const watcher of this.#watched.values()) watcher?.close();
    this.#watched.clear();
    for (const file of this.#files.values()) file.close();
    await this.#work.close();
  }

  async #add(path: string, description: FileDescription): Promise<void> {
    if (!/[*?[{]/.test(path)) return this.#addFile(path, description);
    planOf(path, description);
    this.#patterns.push([path, description]);
    this.#watch(folderOfPattern(path));
    const found = dataFiles.glob(path);
    if (found.length === 0) this.#options.log.warn({ pattern: path }, 'no file fits this pattern yet');
    for (const file of found) await this.#addFile(file, description);
  }

  async #addFile(path: string, description: FileDescription): Promise<void> {
    const name = dataFiles.nameOf(path);
    const other = this.#files.get(name);
    if (other) {
      const text = `files: ${other.path} and ${path} have the same base name, which is what data goes by; rename one.`;
      throw new SottoError('invalid_option', text);
    }
    const { maxSize, log, onEvent, onProgress } = this.#options;
    const file = new LiveFile({
      path,
      plan: planOf(path, description),
      maxSize,
      work: this.#work,
      log,
      onEvent,
      onSwap: () => this.#swapped(name, file),
      onProgress: onProgress && ((done, total) => onProgress(path, done, total)),
    });
    await file.load();
    this.#files.set(name, file);
    this.#show(name, file);
    this.#watch(dataFiles.folderOf(path));
  }

  #swapped(name: string, file: LiveFile): void {
    this.#show(name, file);
    this.#tell(name);
  }

  #show(name: string, { data, table }: LiveFile): void {
    this.#current = { ...this.#current, [name]: data };
    const tables = new Map(this.#tables);
    if (table) tables.set(name, table);
    else tables.delete(name);
    this.#tables = tables;
  }

  #tell(name: string): void {
    for (const listener of this.#listeners) listener(name);
  }

  #watch(folder: string): void {
    if (this.#watched.get(folder)) return;
    this.#watched.set(
      folder,
      dataFiles.watchFolder(folder, (name) => this.#changed(folder, name)),
    );
  }

  #changed(folder: string, name: string | null): void {
    for (const file of this.#files.values()) {
      const isIt = name === null || dataFiles.nameOf(file.path) === name;
      // A link elsewhere may be what changed: a look costs little.
      if (isIt || dataFiles.folderOf(file.path) === folder) file.check();
    }
    if (this.#patterns.length > 0) void this.#lookForFiles();
  }

  #lookAtAll(): void {
    for (const file of this.#files.values()) file.check();
    for (const [folder, watcher] of this.#watched) if (!watcher) this.#watch(folder);
    if (this.#patterns.length > 0) void this.#lookForFiles();
  }

  /** New files that fit a pattern are read; those that stay away are forgotten. */
  async #lookForFiles(): Promise<void> {
    if (this.#lookingForFiles) return;
    this.#lookingForFiles = true;
    try {
      for (const [pattern, description] of this.#patterns) await this.#lookFor(pattern, description);
    } catch (error) {
      this.#options.log.debug({ error }, 'a folder cannot be looked through now');
    } finally {
      this.#lookingForFiles = false;
    }
  }

  async #lookFor(pattern: string, description: FileDescription): Promise<void> {
    const found = new Set(dataFiles.glob(pattern));
    const known = new Set([...this.#files.values()].map(({ path }) => path));
    for (const path of found) {
      if (!known.has(path)) await this.#tryToAdd(path, description);
    }
    for (const [name, file] of this.#files) {
      const isOfPattern = !(file.path in this.#options.files);
      if (isOfPattern && file.status.state === 'missing') this.#forget(name, file);
    }
  }

  async #tryToAdd(path: string, description: FileDescription): Promise<void> {
    try {
      await this.#addFile(path, description);
      this.#options.onEvent('file_found');
    } catch (error) {
      // It may not be whole yet; the next look tries again.
      this.#options.log.debug({ file: path, error }, 'a new file cannot be read yet');
    }
  }

  #forget(name: string, file: LiveFile): void {
    file.close();
    this.#files.delete(name);
    const { [name]: _gone, ...rest } = this.#current;
    this.#current = rest;
    this.#tables = new Map([...this.#tables].filter(([each]) => each !== name));
    this.#options.onEvent('file_forgotten');
    this.#tell(name);
  }
}

/** The folder in front of the first part that is a pattern. */
function folderOfPattern(pattern: string): string {
  const parts = pattern.split('/');
  const first = parts.findIndex((part) => /[*?[{]/.test(part));
  return parts.slice(0, first).join('/') || (pattern.startsWith('/') ? '/' : '.');
}

/** Resolves with `work`, or after `ms`. */
function atMost(work: Promise<unknown>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    work.then(done, done);
  });
}
