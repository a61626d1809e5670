/**
 * What our tracing fields hold, where they hold anything: a W3C trace context, as text.
 *
 * ```text
 * offset   size  field
 * 0        12    "traceparent="
 * 12       55    "00-", trace id (32 hex digits), "-", span id (16), "-", flags (2)
 * 67       12    ";tracestate=", where there is one
 * 79       n     tracestate: printable ASCII, 1 to 512 characters; all that is left, since it may itself hold ";"
 * ```
 *
 * It begins with 0x74. The one other form that there is, the original's "simple" tracing, begins with 0 or 1. As W3C has
 * it: digits are lower case, neither id is all zeros, and a later version (any but "ff") is read as far as it is known,
 * up to the end or another "-". Anything else is no context, and no error: the field is opaque to the protocol.
 *
 * Source: https://www.w3.org/TR/trace-context/, sections 3.2 and 3.3.
 */

import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/text.ts';

export interface TraceContext {
  /** 32 hex digits in lower case, not all of them 0. */
  readonly traceId: string;
  /** 16 hex digits in lower case, not all of them 0. */
  readonly spanId: string;
  /** 0 to 255; 1 says that it is recorded. */
  readonly flags: number;
  /** W3C tracestate, `name=value,…`; empty for none. */
  readonly state: string;
}

// Specified.
const PARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/s;
const STATE = /^[\x20-\x7e]+$/;
/** Characters that everybody should hand on; and of a longer member, which is the first to be left out. */
const MOST_STATE = 512;
const LONG_MEMBER = 128;
// Chosen: what is longer is not ours, bytes.
const MOST_BYTES = 4096;
const [PARENT_NAME, STATE_NAME] = ['traceparent=', ';tracestate='] as const;

/** The field's content; nothing for ids that are none. A tracestate that is too long is shortened as W3C says. */
export function encodeTraceContext({ traceId, spanId, flags, state }: TraceContext): Bytes {
  const parent = `00-${traceId}-${spanId}-${(flags & 0xff).toString(16).padStart(2, '0')}`;
  if (!isParent(PARENT.exec(parent))) return EMPTY;
  const kept = STATE.test(state) ? shortened(state) : '';
  return encodeUtf8(`${PARENT_NAME}${parent}${kept === '' ? '' : `${STATE_NAME}${kept}`}`);
}

/** Null for anything that is no context. Never throws. */
export function decodeTraceContext(tracing: Bytes): TraceContext | null {
  // The first byte tells nearly everything else apart, at no cost.
  if (tracing[0] !== PARENT_NAME.charCodeAt(0) || tracing.length > MOST_BYTES) return null;
  const text = textOf(tracing);
  if (!text.startsWith(PARENT_NAME)) return null;
  const end = text.indexOf(STATE_NAME);
  const parent = PARENT.exec(text.slice(PARENT_NAME.length, end < 0 ? undefined : end));
  if (!isParent(parent)) return null;
  const [, , traceId = '', spanId = '', flags = ''] = parent;
  const state = end < 0 ? '' : text.slice(end + STATE_NAME.length);
  return {
    traceId,
    spanId,
    flags: Number.parseInt(flags, 16),
    state: STATE.test(state) ? shortened(state) : '',
  };
}

function isParent(match: RegExpExecArray | null): match is RegExpExecArray {
  const [, version, traceId = '', spanId = '', , more] = match ?? [];
  if (version === undefined || version === 'ff') return false;
  if (version === '00' && more !== undefined) return false;
  return !/^0+$/.test(traceId) && !/^0+$/.test(spanId);
}

/** Long members go first, then those at the end, which are the oldest. */
function shortened(state: string): string {
  if (state.length <= MOST_STATE) return state;
  const members = state.split(',').filter((member) => member.length <= LONG_MEMBER);
  while (members.join(',').length > MOST_STATE) members.pop();
  return members.join(',');
}

function textOf(bytes: Bytes): string {
  try {
    return decodeUtf8(bytes);
  } catch {
    return '';
  }
}
