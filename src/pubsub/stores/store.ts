/** Where a broadcaster keeps what must survive it: subscriptions, what was missed, and what was under way. */

import { type Bytes, mapKey } from '../../bytes/bytes.ts';

/** What a subscription is for. */
export type Pattern =
  | { readonly kind: 'exact'; readonly topic: Bytes }
  | { readonly kind: 'glob'; readonly glob: string };

export interface Subscription {
  /** Of this store, for this kind of pattern; another may have it once this is gone. */
  readonly id: number;
  /** Where messages are posted. */
  readonly url: string;
  readonly pattern: Pattern;
  /** Where it is told of missed messages; null for nowhere. */
  readonly recovery: string | null;
}

/** What a subscription should be; of one that is there already the recovery stays what it was. */
export type Wanted = Pick<Subscription, 'pattern' | 'recovery'>;

/** Messages on one topic that one subscription has not got, and has not been told of yet. */
export interface Missed {
  readonly id: number;
  readonly subscription: Subscription;
  readonly topic: Bytes;
  /** How often it was missed since it was last told. */
  readonly times: number;
  /** Announcements that failed so far. */
  readonly attempts: number;
}

/** What is not to be announced now. */
export interface UnderAnnouncement {
  /** Of what was missed. */
  readonly ids: readonly number[];
  readonly recoveries: readonly string[];
}

/** Topics that one subscription has missed, remembered: who is told of so many will look at everything anyway. */
export const MOST_MISSED = 1000;

/** A notification under way. */
export interface UnderWay {
  readonly id: number;
  readonly topic: Bytes;
}

/**
 * What is resolved is on disk, where the store has one. Any call may reject where the store is away; nothing of that call
 * has happened then, or it is found again at the next start. Times are ms since 1970.
 */
export interface SubscriptionStore {
  /** @returns null where that url has that pattern already. */
  subscribe(url: string, wanted: Wanted): Promise<Subscription | null>;
  /** @returns what was removed; null where there was nothing. */
  unsubscribe(url: string, pattern: Pattern): Promise<Subscription | null>;
  /**
   * Makes a url's subscriptions just these; what is there before and after is never away in between.
   *
   * @param mayRemove asked, at the moment of the change, of each that would be removed. Default: each may be.
   * @returns null where one may not; nothing has changed then.
   */
  set(
    url: string,
    wanted: readonly Wanted[],
    mayRemove?: (pattern: Pattern) => boolean,
  ): Promise<{ added: Subscription[]; removed: Subscription[] } | null>;
  /** A url's subscriptions: topics ascending by bytes, then globs ascending by their UTF-8. */
  list(url: string): Promise<readonly Subscription[]>;
  /** Every subscription, in no order. */
  all(): AsyncIterable<Subscription>;

  /**
   * Remembers that a subscription missed a topic; once, however often it is missed before it is told. Its announcements
   * are tried from their beginning again. Of one subscription {@link MOST_MISSED} topics are remembered; what it misses
   * beyond them is counted with the newest of those, and its topic is not told.
   */
  recordMissed(
    missed: readonly { subscription: Subscription; topic: Bytes }[],
    nextAt: number,
  ): Promise<void>;
  /**
   * What should be announced by now, the longest overdue first; nothing of subscriptions that are gone.
   *
   * @param except what is being announced, and recovery urls at which enough is. Default nothing.
   */
  dueMissed(now: number, limit: number, except?: UnderAnnouncement): Promise<readonly Missed[]>;
  /** An announcement failed: when the next one is due. */
  retryMissed(missed: Missed, nextAt: number): Promise<void>;
  /** It was announced, or given up. What was missed again meanwhile stays. */
  forgetMissed(missed: Missed): Promise<void>;

  /** How many are to be announced. */
  countMissed(): Promise<number>;

  /** A notification begins: whoever it does not reach before the process ends has missed it. */
  begin(topic: Bytes): Promise<UnderWay>;
  end(underWay: UnderWay): Promise<void>;
  /** What an earlier process had begun and not ended. */
  unfinished(): Promise<readonly UnderWay[]>;

  close(): Promise<void>;
}

/** A name for a pattern, that no other pattern has. */
export function nameOfPattern(pattern: Pattern): string {
  return pattern.kind === 'exact' ? `exact ${mapKey(pattern.topic)}` : `glob ${pattern.glob}`;
}
