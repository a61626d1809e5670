/** Questions with a deadline. */

import { SottoError } from '../errors.ts';
import type { Conversation } from './conversation.ts';
import type { OnceStamp, SendOptions } from './requester.ts';

/** Of one question with many answers. */
export interface StreamOptions extends SendOptions {
  /** Ends it on both sides. */
  readonly signal?: AbortSignal;
}

/** Of one question. */
export interface AskOptions extends StreamOptions {
  /** Until the answer must be there, ms. */
  readonly timeout?: number;
}

export type Ask = (
  route: string,
  body?: unknown,
  options?: AskOptions & { readonly once?: OnceStamp },
) => Promise<unknown>;

/** @param usual ms. */
export function asking(conversation: Conversation, usual: number): Ask {
  return async (route, body, options = {}) => {
    const { timeout = usual, signal, ...rest } = options;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeout);
    const either = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
    try {
      return await conversation.request(route, body, { ...rest, signal: either });
    } catch (error) {
      if (!late.signal.aborted || signal?.aborted) throw error;
      throw new SottoError('timeout', `${route} was not answered within ${timeout} ms.`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
}
