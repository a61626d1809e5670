/** How a subscriber is spoken to: what is posted to it, and what its answer means. */

import type { Bytes } from '../../bytes/bytes.ts';
import { messageOf, SottoError } from '../../errors.ts';
import type { Notification } from './fan-out.ts';
import type { Answer, Post } from './poster.ts';

/** A POST that is ready but for its time. */
export type Prepared = Omit<Post, 'signal'>;

/** What a subscriber should be told that it has missed. */
export interface MissedNotice {
  /** Of the subscription. */
  readonly url: string;
  /** Where it is told. */
  readonly recovery: string;
  readonly topic: Bytes;
}

/** Why a delivery failed, as far as whoever might try again should know. */
export type Fault =
  /** No answer: refused, reset, timed out, no such host. */
  | { readonly kind: 'network' }
  /** An answer by status alone. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter: string | null }
  /** It was not sent, or its answer was one of the protocol's: another try would end as this one did. */
  | { readonly kind: 'final' };

/** What became of a delivery. */
export type Outcome =
  | { readonly state: 'received'; readonly subscribers: number }
  /** Of what the message was for; where the url is gone, of everything. */
  | { readonly state: 'unsubscribed'; readonly isGone?: boolean }
  | { readonly state: 'failed'; readonly why: string; readonly fault?: Fault };

export interface DeliveryFormat {
  /**
   * Each try is prepared anew: signatures have a time, and may be used once.
   *
   * @throws SottoError `body_too_large` for a message that the format cannot carry; what signing throws.
   */
  prepare(url: string, notification: Notification): Promise<Prepared>;
  /** Never rejects for what came from outside. */
  judge(url: string, answer: Answer): Promise<Outcome>;
  /** @throws what signing throws. */
  prepareMissed(notice: MissedNotice): Promise<Prepared>;
  /** Anything but `failed` is the end of it. */
  judgeMissed(notice: MissedNotice, answer: Answer): Promise<Outcome>;
}

export function failed(why: string, fault: Fault = { kind: 'final' }): Outcome {
  return { state: 'failed', why, fault };
}

/** The outcome of an answer that says nothing but its status. */
export function failedByStatus(why: string, { status, retryAfter = null }: Answer): Outcome {
  return failed(why, { kind: 'status', status, retryAfter });
}

/** The outcome where preparing or posting threw. */
export function failedBy(error: unknown): Outcome {
  // What has a cause of our own was not let out, or not let in, by ourselves.
  const isNetwork =
    error instanceof SottoError && error.code === 'unreachable' && !(error.cause instanceof SottoError);
  return failed(messageOf(error), { kind: isNetwork ? 'network' : 'final' });
}
