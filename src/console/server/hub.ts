/** Everything that happens in the node, on its way to the pages that look on. */

import type { Traffic } from '../../node/traffic.ts';
import type { ChatLine, Topic, TopicMessage, TrafficRecord } from '../contract.ts';
import { PageStream } from './page-stream.ts';

const TICK = 200;
const TICKS_A_LOOK = 5;
export const MOST_PAGES = 16;

interface HubOptions {
  readonly traffic: Traffic;
  /** What has changed since it was last asked: for what tells nobody by itself. */
  readonly look: () => readonly Topic[];
}

/** Costs nothing while nobody looks on. */
export class Hub {
  readonly #options: HubOptions;
  readonly #pages = new Set<PageStream>();
  #timer: ReturnType<typeof setInterval> | null = null;
  #endTraffic: () => void = () => {};
  #ticks = 0;
  #second = 0;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** A body of server-sent events; null where too many pages look on. */
  open(): ReadableStream<Uint8Array> | null {
    if (this.#pages.size >= MOST_PAGES) return null;
    const page = new PageStream(() => this.#gone(page));
    if (this.#pages.size === 0) this.#begin();
    this.#pages.add(page);
    return page.body;
  }

  changed(...topics: readonly Topic[]): void {
    for (const page of this.#pages) for (const topic of topics) page.changed(topic);
  }

  chat(line: ChatLine): void {
    for (const page of this.#pages) page.chat(line);
  }

  topic(message: TopicMessage): void {
    for (const page of this.#pages) page.topic(message);
  }

  /** Ends every stream: their pages may no longer look on, or the console closes. */
  close(): void {
    for (const page of [...this.#pages]) page.end();
  }

  #begin(): void {
    const { traffic, look } = this.#options;
    look(); // from here on
    this.#second = traffic.lastSecond().at;
    this.#endTraffic = traffic.onRecord((record) => this.#traffic(record));
    this.#timer = setInterval(() => this.#tick(), TICK);
    this.#timer.unref();
  }

  #gone(page: PageStream): void {
    this.#pages.delete(page);
    if (this.#pages.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#endTraffic();
  }

  #traffic(record: TrafficRecord): void {
    for (const page of this.#pages) page.traffic(record);
  }

  #tick(): void {
    this.#ticks += 1;
    const second = this.#options.traffic.lastSecond();
    if (second.at !== this.#second) {
      this.#second = second.at;
      for (const page of this.#pages) page.second(second);
    }
    if (this.#ticks % TICKS_A_LOOK === 0) this.changed(...this.#options.look());
    for (const page of [...this.#pages]) page.flush();
  }
}
