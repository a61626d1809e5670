/** Many small writes as one transaction: what comes within a turn shares the price of being on disk. */

import type { DatabaseSync } from 'node:sqlite';

interface Write {
  run(): void;
  settle(): void;
  fail(error: unknown): void;
}

export class GroupCommit {
  readonly #database: DatabaseSync;
  #waiting: Write[] = [];

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Resolves with what `work` gives once it is on disk; rejects with what it throws, and then it changed nothing. */
  write<T>(work: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let value: T;
    const run = (): void => {
      value = work();
    };
    this.#waiting.push({ run, settle: () => resolve(value), fail: reject });
    if (this.#waiting.length === 1) setImmediate(() => this.flush());
    return promise;
  }

  /** Writes what is waiting, at once. Nothing is told before it is committed. */
  flush(): void {
    const writes = this.#waiting;
    this.#waiting = [];
    if (writes.length === 0) return;
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const done = writes.filter((write) => this.#runAlone(write));
      this.#database.exec('COMMIT');
      for (const write of done) write.settle();
    } catch (error) {
      for (const write of writes) write.fail(error);
      this.#rollBack();
    }
  }

  /** Where the database is closed, or broken, there is nothing to take back. */
  #rollBack(): void {
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    } catch {
      // whoever waited has been told why
    }
  }

  /** Whether it ran; one that throws takes none of the others with it. */
  #runAlone(write: Write): boolean {
    this.#database.exec('SAVEPOINT alone');
    try {
      write.run();
      this.#database.exec('RELEASE alone');
      return true;
    } catch (error) {
      this.#database.exec('ROLLBACK TO alone; RELEASE alone');
      write.fail(error);
      return false;
    }
  }
}
