/** What goes through a node, for whoever looks on: each message once, whatever road it took, and how many there were. */

import type { Dispatcher } from '../app/app.ts';
import { type InboundMessage, OK, type Proof, type Protocol, type Reply } from '../app/message.ts';
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { cutText } from '../bytes/text.ts';
import { SHOWN, shownValue } from './shown-value.ts';

/** One message that was handled. Bodies are shown, not kept whole: see {@link SHOWN}. */
export interface TrafficRecord {
  /** Later ones have higher numbers. */
  readonly id: number;
  /** When it came, ms since 1970. */
  readonly at: number;
  readonly job: Protocol;
  /** `udp`, `tcp`, `http`, `ws`, `memory` … */
  readonly transport: string;
  readonly route: string;
  /** Nobody between the two ends could read it. */
  readonly isSealed: boolean;
  readonly proof: Proof;
  /** Who it was proven to be; null for nobody. */
  readonly sender: { readonly key: string; readonly fingerprint: string } | null;
  readonly remote: string | null;
  /** 0 for an answer, else an HTTP status number. */
  readonly status: number;
  /** How long the handler took, ms. */
  readonly duration: number;
  /** Of the body that came, bytes. */
  readonly bytes: number;
  /** The beginning of what came, and of what was answered, as text. */
  readonly request: string;
  readonly reply: string;
}

/** Messages of one job in one second. */
export interface TrafficSample {
  readonly handled: number;
  /** Answered with a status. */
  readonly failed: number;
  /** Body bytes that came. */
  readonly bytes: number;
  /** The slowest handler, ms. */
  readonly slowest: number;
}

/** One second: `at` is its beginning, ms since 1970; jobs that had none are left out. */
export interface TrafficSecond {
  readonly at: number;
  readonly jobs: Readonly<Partial<Record<Protocol, TrafficSample>>>;
}

/** Full records kept; of one second at most {@link MOST_PER_SECOND} are made, so that a flood costs only its counting. */
const KEPT = 1000;
const MOST_PER_SECOND = 200;
const SECONDS_KEPT = 900;

interface OpenSecond {
  readonly at: number;
  readonly jobs: Partial<Record<Protocol, Mutable<TrafficSample>>>;
  records: number;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** What has gone through lately, bounded; see {@link TrafficRecord}. */
export class Traffic {
  readonly #records: TrafficRecord[] = [];
  readonly #seconds: OpenSecond[] = [];
  readonly #listeners = new Set<(record: TrafficRecord) => void>();
  readonly #now: () => number;
  #count = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** An app that answers as `app` does, while everything is noted. */
  watch(app: Dispatcher): Dispatcher {
    return {
      isOnce: (route) => app.isOnce(route),
      dispatch: async (message) => {
        const begun = performance.now();
        const reply = await app.dispatch(message);
        this.note(message, reply, performance.now() - begun);
        return reply;
      },
    };
  }

  /** @param duration ms. */
  note(message: InboundMessage, reply: Reply, duration: number): void {
    const { protocol = 'local', bytes } = message;
    const second = this.#second();
    second.jobs[protocol] ??= { handled: 0, failed: 0, bytes: 0, slowest: 0 };
    const sample = second.jobs[protocol];
    sample.handled += 1;
    sample.bytes += bytes?.length ?? 0;
    if (reply.status !== OK) sample.failed += 1;
    if (duration > sample.slowest) sample.slowest = duration;
    this.#count += 1;
    if (second.records >= MOST_PER_SECOND) return;
    second.records += 1;
    this.#keep(recordOf(message, reply, { id: this.#count, at: this.#now() - duration, duration }));
  }

  /** The newest first, below the number `before`. */
  recent(page: { readonly before?: number; readonly limit?: number } = {}): readonly TrafficRecord[] {
    const { before = Number.POSITIVE_INFINITY, limit = 100 } = page;
    const older = this.#records.findLastIndex(({ id }) => id < before);
    return this.#records.slice(Math.max(0, older + 1 - limit), older + 1).reverse();
  }

  /** The last 15 minutes, the oldest first, without the second that is not over; seconds without a message are left out. */
  seconds(): readonly TrafficSecond[] {
    const now = this.#secondNow();
    return this.#seconds.filter(({ at }) => at < now && at >= now - SECONDS_KEPT * 1000).map(closed);
  }

  /** The second before this one, for whoever draws as time goes. */
  lastSecond(): TrafficSecond {
    const at = this.#secondNow() - 1000;
    return closed(this.#seconds.findLast((second) => second.at === at) ?? { at, jobs: {}, records: 0 });
  }

  /** Told of every record as it is made; must not throw. @returns what ends it. */
  onRecord(listener: (record: TrafficRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #keep(record: TrafficRecord): void {
    this.#records.push(record);
    if (this.#records.length >= 2 * KEPT) this.#records.splice(0, KEPT);
    for (const listener of this.#listeners) listener(record);
  }

  #secondNow(): number {
    return Math.floor(this.#now() / 1000) * 1000;
  }

  #second(): OpenSecond {
    const at = this.#secondNow();
    const last = this.#seconds.at(-1);
    if (last && last.at >= at) return last; // a clock that was set back does not part what is one stretch
    const second = { at, jobs: {}, records: 0 };
    this.#seconds.push(second);
    if (this.#seconds.length >= 2 * SECONDS_KEPT) this.#seconds.splice(0, SECONDS_KEPT);
    return second;
  }
}

function closed({ at, jobs }: OpenSecond): TrafficSecond {
  return { at, jobs: structuredClone(jobs) };
}

function recordOf(
  message: InboundMessage,
  reply: Reply,
  facts: Pick<TrafficRecord, 'id' | 'at' | 'duration'>,
): TrafficRecord {
  const { sender = null, bytes } = message;
  return {
    ...facts,
    job: message.protocol ?? 'local',
    transport: message.transport ?? 'memory',
    route: cutText(message.route, SHOWN),
    isSealed: message.isSealed ?? false,
    proof: message.proof ?? 'none',
    sender: sender && { key: sender.toString(), fingerprint: sender.fingerprint },
    remote: message.remote ?? null,
    status: reply.status,
    bytes: bytes?.length ?? 0,
    request: shownBody(message),
    reply: shownValue(reply.value),
  };
}

/** Text and JSON as they came; what only a decoder can read, decoded. */
function shownBody(message: InboundMessage): string {
  const { bytes = EMPTY, representation = 'b' } = message;
  if (representation === 't' || representation === 'j') return lenient(bytes.subarray(0, SHOWN));
  if (representation === 'b') return shownValue(bytes);
  try {
    return shownValue(message.body);
  } catch {
    return shownValue(bytes);
  }
}

/** A cut may go through a letter. */
function lenient(bytes: Bytes): string {
  return new TextDecoder().decode(bytes);
}
