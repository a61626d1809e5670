/** What became of each delivery, for whoever asks later: what a delivery log keeps, and how it is asked. */

import type { Bytes } from '../../bytes/bytes.ts';

/** How a delivery, or an announcement of what was missed, can end. */
export const DELIVERY_STATUSES = [
  'received',
  'failed',
  'unsubscribed',
  'missed-announced',
  'missed-unanswered',
  'missed-given-up',
] as const;

/**
 * `received`, `failed` and `unsubscribed` end a delivery. An announcement that a message was missed ends `missed-announced`
 * (it was confirmed), `missed-unanswered` (it is tried again), or `missed-given-up`.
 */
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** One delivery's end. */
export interface Delivery {
  /** When it ended, ms since 1970. */
  readonly at: number;
  readonly topic: Bytes;
  /** Where it went: the subscriber's url, its recovery url for an announcement, or its connection (`ws://HOST:PORT`). */
  readonly url: string;
  /** The message's; empty for an announcement, which may stand for several. */
  readonly identifier: Bytes;
  /** Attempts so far, with this one; 0 where it was not even tried. */
  readonly tries: number;
  readonly status: DeliveryStatus;
  /** Subscribers that confirmed it, as they count themselves. */
  readonly subscribers: number;
  /** Why it was not received, in a few words; empty otherwise. */
  readonly why: string;
  /** How long it took, ms. */
  readonly duration: number;
  /** Of the message; 0 for an announcement. */
  readonly bytes: number;
}

/** A delivery as the log has it: what is longer than {@link LOG_SIZES} has been cut. */
export interface LoggedDelivery extends Delivery {
  /** Its number in the log; later ones have higher numbers. */
  readonly id: number;
}

/** Which deliveries; all conditions that are given must fit. */
export interface DeliveryQuery {
  /** This topic, as a whole. */
  readonly topic?: Bytes;
  /** This url, as a whole. */
  readonly url?: string;
  readonly status?: DeliveryStatus;
  /** Not before this, ms since 1970. */
  readonly since?: number;
  /** Only what has a lower number: `next` of the page before. */
  readonly before?: number;
  /** 1 to 1000. Default 100. */
  readonly limit?: number;
}

/** One page of what a {@link DeliveryQuery} finds. */
export interface DeliveryPage {
  /** The newest first. */
  readonly deliveries: readonly LoggedDelivery[];
  /** `before` of the page after this one; null where there is none. */
  readonly next: number | null;
}

/** How a log has done since it was opened. */
export interface DeliveryLogCounts {
  readonly written: number;
  /** Lost: too many waited, or they could not be written. */
  readonly dropped: number;
  /** Waiting to be written. */
  readonly waiting: number;
}

/** Where deliveries are written down. */
export interface DeliveryLog {
  readonly counts: DeliveryLogCounts;
  /** Takes note of a delivery; at once, and without ever throwing: rather than keep anybody waiting it loses it. */
  record(delivery: Delivery): void;
  /**
   * Sees what was recorded before.
   *
   * @throws SottoError `invalid_option` for a limit out of range, `unavailable` where the log is away.
   */
  query(query?: DeliveryQuery): Promise<DeliveryPage>;
  /** Once everything recorded before has been written, or lost; never rejects. */
  flush(): Promise<void>;
  /** Writes what waits, then ends; what is recorded after that is lost. */
  close(): Promise<void>;
}

/** The most that is kept of a topic (bytes), a url and a reason (characters). */
export const LOG_SIZES = { topic: 1024, url: 2048, why: 300 } as const;
