/**
 * The one form of tracing that the Python broadcaster sends, in its answers to NOTIFY; its client cannot do without it.
 *
 * ```text
 * offset   size  field
 * 0        1     truncated: 0 or 1
 * 1        2     number of traces: one at least
 *                for each: length(2), name; length(2), extra as JSON text; time, seconds since 1970 as a float64
 *          8     when the request had come, ns since 1970
 *          8     when the answer was sent, ns since 1970
 * ```
 *
 * Source: specs/lonelyps.md, section 17.
 */

import { type Bytes, concat } from '../bytes/bytes.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { Writer } from '../bytes/writer.ts';

export interface SimpleTracing {
  readonly truncated: boolean;
  readonly traces: readonly {
    readonly name: string;
    /** JSON text. */
    readonly extra: string;
    /** Seconds since 1970. */
    readonly at: number;
  }[];
  /** ns since 1970. */
  readonly receivedAt: bigint;
  /** ns since 1970. */
  readonly sentAt: bigint;
}

export function encodeSimpleTracing({ truncated, traces, receivedAt, sentAt }: SimpleTracing): Bytes {
  return concat(
    new Writer(3).u8(Number(truncated)).u16(traces.length).finish(),
    ...traces.flatMap(({ name, extra, at }) => [str(name), str(extra), float64(at)]),
    uint64(receivedAt),
    uint64(sentAt),
  );
}

function str(text: string): Bytes {
  const bytes = encodeUtf8(text);
  return concat(new Writer(2).u16(bytes.length).finish(), bytes);
}

function float64(value: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

function uint64(value: bigint): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}
