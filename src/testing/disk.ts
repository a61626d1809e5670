/** A machine's disk, in memory: it outlives the programs that run on the machine. */

import type { DatabaseSync } from 'node:sqlite';
import type { Bytes } from '../bytes/bytes.ts';
import type { FileStamp } from '../platform/types.ts';

export interface StoredContent {
  readonly content: Bytes;
  readonly stamp: FileStamp;
}

type Watcher = (name: string) => void;

export class Disk {
  readonly #files = new Map<string, StoredContent>();
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #databases = new Map<string, DatabaseSync>();
  /** Those without a file. */
  readonly #inMemory: DatabaseSync[] = [];
  readonly #now: () => number;
  #inodes = 0;

  /** @param now ms since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  get(path: string): StoredContent | null {
    return this.#files.get(normalized(path)) ?? null;
  }

  /** Writes into the file, or makes it. */
  write(path: string, content: Bytes): void {
    const file = normalized(path);
    const identity = this.#files.get(file)?.stamp.identity ?? this.#newIdentity();
    this.#put(file, content, identity);
  }

  /** Puts a new file in the place of the old one, as a rename does. */
  replace(path: string, content: Bytes): void {
    this.#put(normalized(path), content, this.#newIdentity());
  }

  remove(path: string): boolean {
    const file = normalized(path);
    const isThere = this.#files.delete(file);
    if (isThere) this.#tell(file);
    return isThere;
  }

  /** Tells the name of what changes in a folder. @returns what ends it. */
  watch(folder: string, onChange: Watcher): () => void {
    const key = normalized(folder);
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers.add(onChange));
    return () => watchers.delete(onChange);
  }

  /** `:memory:` is a new one each time. */
  database(path: string): DatabaseSync {
    const known = this.#databases.get(normalized(path));
    if (known) return known;
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
    const database = new DatabaseSync(':memory:');
    if (path === ':memory:') this.#inMemory.push(database);
    else this.#databases.set(normalized(path), database);
    return database;
  }

  close(): void {
    for (const database of [...this.#databases.values(), ...this.#inMemory]) database.close();
    this.#databases.clear();
    this.#inMemory.length = 0;
  }

  #put(file: string, content: Bytes, identity: string): void {
    const now = this.#now();
    const stamp = { size: content.length, modifiedAt: now, changedAt: now, identity };
    this.#files.set(file, { content: content.slice(), stamp });
    this.#tell(file);
  }

  #tell(file: string): void {
    const at = file.lastIndexOf('/');
    for (const watcher of [...(this.#watchers.get(file.slice(0, Math.max(1, at))) ?? [])]) {
      watcher(file.slice(at + 1));
    }
  }

  #newIdentity(): string {
    this.#inodes += 1;
    return `0:${this.#inodes}`;
  }
}

/** Absolute, as seen from the root, which every simulated program runs in. */
export function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
