/** A delivery log in an SQLite file of its own. */

import { type Logger, SILENT } from '../../app/message.ts';
import { assertNumber } from '../../bytes/assert.ts';
import { SottoError } from '../../errors.ts';
import type {
  Delivery,
  DeliveryLog,
  DeliveryLogCounts,
  DeliveryPage,
  DeliveryQuery,
} from './delivery-log.ts';
import { DeliveryLogWorker } from './delivery-log-worker.ts';
import { checkQuery, type DeliveryRow, REMOVED_AT_ONCE, rowOf } from './delivery-table.ts';

/** How much a delivery log keeps. */
export interface SqliteDeliveryLogOptions {
  /** Deliveries kept; the oldest go first. 1 to 10 million. Default 100 000. */
  readonly maxRows?: number;
  /** How long they are kept, ms. Default 7 days. */
  readonly maxAge?: number;
  /** Deliveries that may wait in memory to be written; more are lost, and counted. Default 10 000. */
  readonly maxWaiting?: number;
  /** How long one waits at most while there are few, ms. Default 250. */
  readonly flushInterval?: number;
  /** Default silent. */
  readonly log?: Logger;
  /** A clock in ms since 1970, for tests. Default `Date.now`. */
  readonly now?: () => number;
}

const DAY = 24 * 60 * 60 * 1000;
const DEFAULTS = {
  maxRows: 100_000,
  maxAge: 7 * DAY,
  maxWaiting: 10_000,
  flushInterval: 250,
  log: SILENT,
  now: (): number => Date.now(),
};
const LONGEST_TIMER = 2 ** 31 - 1;
/** Written at once: more is not cheaper, and what is handed to the thread takes a fifth of a millisecond. */
const BATCH = 256;
/** Between two looks for what is too old, ms. */
const TIDY_INTERVAL = 60_000;

/**
 * Keeps the ends of deliveries in an SQLite file, by a thread of its own.
 *
 * @example
 * ```ts
 * import { SqliteDeliveryLog } from 'sotto/pubsub';
 * await using log = await SqliteDeliveryLog.open('deliveries.db');
 * const { deliveries } = await log.query({ status: 'failed', since: Date.now() - 3_600_000 });
 * for (const { url, why } of deliveries) console.log(url, why);
 * ```
 */
export class SqliteDeliveryLog implements DeliveryLog, AsyncDisposable {
  readonly #options: Required<SqliteDeliveryLogOptions>;
  readonly #worker: DeliveryLogWorker;
  readonly #tidyTimer: ReturnType<typeof setInterval>;
  #waiting: DeliveryRow[] = [];
  #taken = 0;
  #written = 0;
  #failed = 0;
  #refused = 0;
  #flushTimer: ReturnType<typeof setTimeout> | null = null;
  #writing: Promise<void> | null = null;
  #tidying = false;
  #isAway = false;
  #closed: Promise<void> | null = null;

  /**
   * @param path a file, made where it is missing, or `:memory:`.
   * @throws SottoError `invalid_option` for a file that is no database, or an option out of range.
   */
  static async open(path: string, options: SqliteDeliveryLogOptions = {}): Promise<SqliteDeliveryLog> {
    const resolved = resolve(options);
    const { maxRows, maxAge } = resolved;
    const worker = new DeliveryLogWorker({ path, bounds: { maxRows, maxAge } });
    try {
      await awake(worker.open());
    } catch (error) {
      await worker.stop();
      throw error;
    }
    return new SqliteDeliveryLog(worker, resolved);
  }

  private constructor(worker: DeliveryLogWorker, options: Required<SqliteDeliveryLogOptions>) {
    this.#worker = worker;
    this.#options = options;
    this.#tidyTimer = setInterval(() => void this.removeOld(), TIDY_INTERVAL);
    this.#tidyTimer.unref?.();
    void this.removeOld();
  }

  get counts(): DeliveryLogCounts {
    const dropped = this.#refused + this.#failed;
    return { written: this.#written, dropped, waiting: this.#taken - this.#written - this.#failed };
  }

  record(delivery: Delivery): void {
    if (this.#closed || this.#waiting.length >= this.#options.maxWaiting) {
      this.#refused += 1;
      return;
    }
    this.#taken += 1;
    const length = this.#waiting.push(rowOf(delivery));
    if (length === 1 || length === BATCH) this.#schedule();
  }

  async query(query: DeliveryQuery = {}): Promise<DeliveryPage> {
    checkQuery(query);
    if (this.#closed) throw new SottoError('unavailable', 'The delivery log is closed.');
    await this.flush();
    return awake(this.#worker.ask({ type: 'query', query }));
  }

  async flush(): Promise<void> {
    await awake(this.#writeAll());
  }

  /** Removes what is too old; it does so by itself now and then. Never rejects. */
  async removeOld(): Promise<void> {
    if (this.#tidying) return;
    this.#tidying = true;
    try {
      for (let removed = REMOVED_AT_ONCE; removed === REMOVED_AT_ONCE && !this.#closed; ) {
        removed = await this.#worker.ask({ type: 'remove-old', now: this.#options.now() });
      }
    } catch (error) {
      if (!this.#closed) this.#away(error);
    } finally {
      this.#tidying = false;
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#tidyTimer);
    await this.flush();
    await awake(this.#worker.ask({ type: 'close' })).catch((error: unknown) => this.#away(error));
    await this.#worker.stop();
  }

  /** Sees to it that what waits is written: soon where it is much. */
  #schedule(): void {
    const { length } = this.#waiting;
    if (this.#writing || length === 0 || (this.#flushTimer && length < BATCH)) return;
    if (this.#flushTimer) clearTimeout(this.#flushTimer);
    const write = (): void => void this.#write();
    this.#flushTimer = setTimeout(write, length < BATCH ? this.#options.flushInterval : 0);
    this.#flushTimer.unref?.();
  }

  /** What is recorded meanwhile is not waited for. */
  async #writeAll(): Promise<void> {
    const all = this.#taken;
    while (this.#written + this.#failed < all) await (this.#writing ?? this.#write());
  }

  /** One batch at a time: while the thread is busy what comes waits here, where it is counted. Never rejects. */
  #write(): Promise<void> {
    if (this.#flushTimer) clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
    const rows = this.#waiting.splice(0, BATCH);
    this.#writing = this.#worker
      .ask({ type: 'write', rows })
      .then(
        () => {
          this.#written += rows.length;
          this.#isAway = false;
        },
        (error: unknown) => {
          this.#failed += rows.length;
          this.#away(error);
        },
      )
      .finally(() => {
        this.#writing = null;
        this.#schedule();
      });
    return this.#writing;
  }

  /** Said once, until it is there again. */
  #away(error: unknown): void {
    if (!this.#isAway) this.#options.log.warn({ error }, 'the delivery log is away; its entries are lost');
    this.#isAway = true;
  }
}

function resolve(options: SqliteDeliveryLogOptions): Required<SqliteDeliveryLogOptions> {
  const resolved = { ...DEFAULTS, ...options };
  assertNumber(resolved.maxRows, 'maxRows', 1, 10_000_000);
  assertNumber(resolved.maxAge, 'maxAge', 1);
  assertNumber(resolved.maxWaiting, 'maxWaiting', 1);
  assertNumber(resolved.flushInterval, 'flushInterval', 0, LONGEST_TIMER);
  return resolved;
}

/** The thread alone does not keep a process running; who waits for it does. */
async function awake<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, LONGEST_TIMER);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
