/** What deliveries need of HTTP: one POST, and what came back. */

import type { Bytes } from '../../bytes/bytes.ts';

/** A message that can be read as often as there are subscribers. */
export interface MessageBody {
  /** Bytes. */
  readonly length: number;
  chunks(): Iterable<Bytes> | AsyncIterable<Bytes>;
}

export interface Post {
  readonly headers: Readonly<Record<string, string>>;
  readonly head: Bytes;
  /** What follows the head; null for nothing. */
  readonly body: MessageBody | null;
  /** Takes only the start of a long answer. Default: that is an error. */
  readonly cutAnswer?: boolean;
  /** Gives up when aborted. */
  readonly signal: AbortSignal;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly body: Bytes;
  /** The header `Retry-After`; null without one. */
  readonly retryAfter?: string | null;
}

export interface Poster {
  /** Follows no redirect. Rejects where no answer came, or one longer than any of the protocol's. */
  post(url: string, post: Post): Promise<Answer>;
}
