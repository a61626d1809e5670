/**
 * What one page is told as it happens: a body of server-sent events. A page that reads slowly is told less, and how much
 * was left out; what waits for it is bounded.
 */

import { encodeUtf8 } from '../../bytes/text.ts';
import type {
  ChatLine,
  ConsoleEvent,
  Topic,
  TopicMessage,
  TrafficRecord,
  TrafficSecond,
} from '../contract.ts';

/** Waiting for one page. */
const MOST_RECORDS = 100;
const MOST_MESSAGES = 100;
const MOST_LINES = 100;
const MOST_SECONDS = 60;
/** A line that says nothing, so that both ends see whether the other is there, ms. */
const HEARTBEAT = 15_000;
/** Who has read nothing for so long is not there, ms. */
const STALE = 120_000;

/** What happens while a page does not read. */
interface Waiting {
  records: TrafficRecord[];
  recordsSkipped: number;
  messages: TopicMessage[];
  messagesSkipped: number;
  lines: ChatLine[];
  seconds: TrafficSecond[];
  readonly changed: Set<Topic>;
}

export class PageStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #onEnd: () => void;
  readonly #now: () => number;
  #waiting: Waiting = nothing();
  #isEmpty = true;
  /** Ends the waiting of a page that has read everything. */
  #reading: (() => void) | null = null;
  #readAt: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  /** @param onEnd the page is gone, or was given up. */
  constructor(onEnd: () => void, now: () => number = Date.now) {
    this.#onEnd = onEnd;
    this.#now = now;
    this.#readAt = now();
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
          controller.enqueue(encodeUtf8('retry: 2000\n\n'));
        },
        pull: (controller) => this.#pull(controller),
        cancel: () => this.#onEnd(),
      },
      { highWaterMark: 0 },
    );
  }

  traffic(record: TrafficRecord): void {
    const { records } = this.#filling();
    records.push(record);
    if (records.length <= MOST_RECORDS) return;
    records.shift();
    this.#waiting.recordsSkipped += 1;
  }

  topic(message: TopicMessage): void {
    const { messages } = this.#filling();
    messages.push(message);
    if (messages.length <= MOST_MESSAGES) return;
    messages.shift();
    this.#waiting.messagesSkipped += 1;
  }

  second(second: TrafficSecond): void {
    const { seconds } = this.#filling();
    seconds.push(second);
    if (seconds.length > MOST_SECONDS) seconds.shift();
  }

  /** Too many of them, and the page reads the chat anew. */
  chat(line: ChatLine): void {
    const { lines, changed } = this.#filling();
    if (lines.length < MOST_LINES) lines.push(line);
    else changed.add('chat');
  }

  changed(what: Topic): void {
    this.#filling().changed.add(what);
  }

  /** Sends what has gathered, where the page reads; gives it up where it has not for long. */
  flush(): void {
    const quiet = this.#now() - this.#readAt;
    if (this.#reading && (!this.#isEmpty || quiet >= HEARTBEAT)) {
      this.#reading();
      this.#reading = null;
    } else if (!this.#reading && quiet >= STALE) this.end();
  }

  end(): void {
    try {
      this.#controller?.close();
    } catch {
      // The page has gone by itself.
    }
    this.#reading?.();
    this.#onEnd();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#readAt = this.#now();
    await new Promise<void>((resolve) => {
      this.#reading = resolve;
    });
    this.#readAt = this.#now();
    const text = this.#isEmpty ? ': still here\n\n' : eventsOf(this.#waiting).map(frameOf).join('');
    this.#waiting = nothing();
    this.#isEmpty = true;
    try {
      controller.enqueue(encodeUtf8(text));
    } catch {
      // It was ended while it waited.
    }
  }

  #filling(): Waiting {
    this.#isEmpty = false;
    return this.#waiting;
  }
}

function nothing(): Waiting {
  return {
    ...{ records: [], recordsSkipped: 0, messages: [], messagesSkipped: 0 },
    ...{ lines: [], seconds: [], changed: new Set() },
  };
}

function eventsOf(waiting: Waiting): readonly ConsoleEvent[] {
  const { records, recordsSkipped, messages, messagesSkipped, lines, seconds, changed } = waiting;
  return [
    ...(records.length === 0 ? [] : [{ type: 'traffic' as const, records, skipped: recordsSkipped }]),
    ...seconds.map((second) => ({ type: 'second' as const, second })),
    ...lines.map((line) => ({ type: 'chat' as const, line })),
    ...messages.map((message, index) => ({
      ...{ type: 'topic' as const, message },
      skipped: index === 0 ? messagesSkipped : 0,
    })),
    ...(changed.size === 0 ? [] : [{ type: 'changed' as const, what: [...changed] }]),
  ];
}

function frameOf({ type, ...rest }: ConsoleEvent): string {
  return `event: ${type}\ndata: ${JSON.stringify(rest)}\n\n`;
}
