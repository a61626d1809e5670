/**
 * So many deliveries at one time for each url, for each host and in all; who waits is let in by turns, and too many are
 * not let wait.
 *
 * Only who may run at once takes a place: one that waits for its url or its host keeps nobody else out. Free places go
 * round the hosts, and within a host round its urls; deliveries to one url begin in the order in which they came.
 */

import { SottoError } from '../../errors.ts';
import { type Link, LinkedList } from './linked-list.ts';

export interface GateLimits {
  /** At one time, in all; at least 1. */
  readonly inAll: number;
  /** At one time, for one url; at least 1, and 1 keeps them in order. */
  readonly perUrl: number;
  /** At one time, for one host, whatever the port; at least 1. Default: as many as there may be. */
  readonly perHost?: number;
  /** Waiting for one url beyond those that may run; above it the answer is no. */
  readonly waitingPerUrl: number;
}

/** The deliveries to one url. */
interface UrlLine {
  readonly url: string;
  readonly host: HostLine;
  running: number;
  readonly waiting: LinkedList<() => void>;
  /** Where it stands among those of its host that could start another; null where it could not. */
  turn: Link<UrlLine> | null;
}

/** The urls of one host. */
interface HostLine {
  readonly name: string;
  running: number;
  urls: number;
  /** Those that could start another. */
  readonly ready: LinkedList<UrlLine>;
  turn: Link<HostLine> | null;
}

export class Gate {
  readonly #limits: Required<GateLimits>;
  readonly #urls = new Map<string, UrlLine>();
  readonly #hosts = new Map<string, HostLine>();
  /** Hosts with a url that could start another, and room for it. */
  readonly #ready = new LinkedList<HostLine>();
  #running = 0;
  #waiting = 0;

  constructor(limits: GateLimits) {
    this.#limits = { perHost: Number.POSITIVE_INFINITY, ...limits };
  }

  /** How many run now. */
  get running(): number {
    return this.#running;
  }

  /** How many wait now. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Runs `work` when its turn comes; null where too many wait for that url already.
   *
   * @param giveUp gives the waiting up, and is made only where there is any; what runs is not stopped by it.
   * @throws SottoError `aborted` before its turn came; what `work` throws.
   */
  pass<T>(
    url: string,
    work: () => Promise<T>,
    giveUp?: AbortSignal | (() => AbortSignal),
  ): Promise<T | null> {
    if (typeof giveUp === 'object' && giveUp.aborted) return Promise.reject(aborted(giveUp));
    const { perUrl, waitingPerUrl } = this.#limits;
    const known = this.#urls.get(url);
    if (known && known.running + known.waiting.size >= perUrl + waitingPerUrl) return Promise.resolve(null);
    const line = known ?? this.#open(url);
    return new Promise((resolve, reject) => {
      let signal: AbortSignal | undefined;
      let hasBegun = false;
      const start = (): void => {
        hasBegun = true;
        signal?.removeEventListener('abort', onAbort);
        resolve(this.#run(line, work));
      };
      const link = line.waiting.push(start);
      const onAbort = (): void => {
        this.#giveUp(line, link);
        if (signal) reject(aborted(signal));
      };
      this.#waiting += 1;
      this.#update(line);
      this.#letIn();
      if (hasBegun) return;
      signal = typeof giveUp === 'function' ? giveUp() : giveUp;
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  async #run<T>(line: UrlLine, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.#running -= 1;
      line.running -= 1;
      line.host.running -= 1;
      this.#update(line);
      this.#letIn();
    }
  }

  /** Fills every free place. */
  #letIn(): void {
    while (this.#running < this.#limits.inAll) {
      const host = this.#ready.shift();
      if (!host) return;
      host.turn = null;
      const line = host.ready.shift();
      if (!line) continue;
      line.turn = null;
      const start = line.waiting.shift();
      this.#running += 1;
      this.#waiting -= 1;
      line.running += 1;
      host.running += 1;
      this.#update(line); // at the end again, for its next turn
      start?.();
    }
  }

  #giveUp(line: UrlLine, link: Link<() => void>): void {
    line.waiting.remove(link);
    this.#waiting -= 1;
    this.#update(line);
  }

  /** Puts a url and its host where they belong after a change. */
  #update(line: UrlLine): void {
    const { host } = line;
    const { perUrl, perHost } = this.#limits;
    line.turn = placed(host.ready, line, line.turn, line.waiting.size > 0 && line.running < perUrl);
    host.turn = placed(this.#ready, host, host.turn, host.ready.size > 0 && host.running < perHost);
    if (line.running > 0 || line.waiting.size > 0) return;
    this.#urls.delete(line.url);
    host.urls -= 1;
    if (host.urls === 0) this.#hosts.delete(host.name);
  }

  #open(url: string): UrlLine {
    // Without a limit for hosts each url takes its own turns.
    const name = this.#limits.perHost === Number.POSITIVE_INFINITY ? url : hostOf(url);
    const host = this.#hosts.get(name) ?? {
      name,
      running: 0,
      urls: 0,
      ready: new LinkedList<UrlLine>(),
      turn: null,
    };
    this.#hosts.set(name, host);
    host.urls += 1;
    const line: UrlLine = { url, host, running: 0, waiting: new LinkedList(), turn: null };
    this.#urls.set(url, line);
    return line;
  }
}

/** In the list where it should be, out of it where not; who is in it already keeps its place. */
function placed<T>(list: LinkedList<T>, value: T, link: Link<T> | null, belongs: boolean): Link<T> | null {
  if (belongs) return link ?? list.push(value);
  if (link) list.remove(link);
  return null;
}

/** Host and port; of what is no URL, all of it. */
function hostOf(url: string): string {
  return URL.parse(url)?.hostname ?? url;
}

function aborted(signal: AbortSignal): SottoError {
  return new SottoError('aborted', 'It was given up before its turn came.', { cause: signal.reason });
}
