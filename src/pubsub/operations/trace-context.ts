/** What a broadcaster hands on of a notification's tracing, so that a trace goes on through it. */

import { type Bytes, EMPTY } from '../../bytes/bytes.ts';
import { decodeTraceContext, encodeTraceContext } from '../../wire/trace-context.ts';

/**
 * The trace context in a tracing field, for the next field; nothing where there is none. It is made anew: what a notifier
 * may write there besides reaches no subscriber.
 */
export function handedOn(tracing: Bytes): Bytes {
  if (tracing.length === 0) return EMPTY;
  const context = decodeTraceContext(tracing);
  return context ? encodeTraceContext(context) : EMPTY;
}
