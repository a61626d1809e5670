/** What opens a stream: a question or a push, and how it is to be handled. */

import type { Bytes } from '../bytes/bytes.ts';
import { decodeRoutedRequest, type RoutedRequest } from '../wire/routed.ts';
import { type KeptKind, ONCE_ID_SIZE } from '../wire/session.ts';

export interface Opening {
  readonly request: RoutedRequest;
  /** Of what is to be handled once; else null. */
  readonly id: Bytes | null;
  /** The body is the items that follow. */
  readonly isStreaming: boolean;
}

/** Null for what opens none. @throws SottoError `invalid_message`. */
export function openingFrom(kind: KeptKind, content: Bytes): Opening | null {
  if (kind !== 'data' && kind !== 'open' && kind !== 'once') return null;
  const id = kind === 'once' ? content.subarray(0, ONCE_ID_SIZE) : null;
  return { request: decodeRoutedRequest(questionIn(kind, content)), id, isStreaming: kind === 'open' };
}

/** Whether there is no answer to it. @throws SottoError `invalid_message`. */
export function isOneWay(kind: KeptKind, beginning: Bytes): boolean {
  return decodeRoutedRequest(questionIn(kind, beginning)).oneWay;
}

function questionIn(kind: KeptKind, content: Bytes): Bytes {
  return kind === 'once' ? content.subarray(ONCE_ID_SIZE) : content;
}
