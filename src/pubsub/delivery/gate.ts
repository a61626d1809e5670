/** So many at one time for each url and in all; who waits is let in by turns, and too many are not let wait. */

interface Queue {
  running: number;
  readonly waiting: (() => void)[];
}

export interface GateLimits {
  /** At one time, in all. */
  readonly inAll: number;
  /** At one time, for one url. */
  readonly perUrl: number;
  /** Waiting for one url; above it the answer is no. */
  readonly waitingPerUrl: number;
}

export class Gate {
  readonly #limits: GateLimits;
  readonly #queues = new Map<string, Queue>();
  readonly #waitingInAll: (() => void)[] = [];
  #running = 0;

  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  /** How many run now. */
  get running(): number {
    return this.#running;
  }

  /** Runs `work` when its turn comes; null where too many wait for that url already. */
  async pass<T>(url: string, work: () => Promise<T>): Promise<T | null> {
    const queue = this.#queues.get(url) ?? { running: 0, waiting: [] };
    this.#queues.set(url, queue);
    if (queue.running >= this.#limits.perUrl) {
      if (queue.waiting.length >= this.#limits.waitingPerUrl) return null;
      await new Promise<void>((resolve) => queue.waiting.push(resolve));
    } else queue.running += 1;
    if (this.#running >= this.#limits.inAll) {
      await new Promise<void>((resolve) => this.#waitingInAll.push(resolve));
    } else this.#running += 1;
    try {
      return await work();
    } finally {
      this.#leave(url, queue);
    }
  }

  /** A place is handed on to who waits for it, or given back. */
  #leave(url: string, queue: Queue): void {
    const nextInAll = this.#waitingInAll.shift();
    if (nextInAll) nextInAll();
    else this.#running -= 1;
    const next = queue.waiting.shift();
    if (next) return next();
    queue.running -= 1;
    if (queue.running === 0) this.#queues.delete(url);
  }
}
