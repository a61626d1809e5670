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
import { Reader } from '../bytes/reader.ts';
import { encodeUtf8 } from '../bytes/text.ts';
import { Writer } from '../bytes/writer.ts';
import { messageOf, SottoError } from '../errors.ts';

interface Trace {
  readonly name: string;
  /** JSON text. */
  readonly extra: string;
  /** Seconds since 1970. */
  readonly at: number;
}

export interface SimpleTracing {
  readonly truncated: boolean;
  readonly traces: readonly Trace[];
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

/**
 * Reads also what has no traces at all, with which the Python client fails.
 *
 * @throws SottoError `invalid_message` for anything that is not tracing of this form.
 */
export function decodeSimpleTracing(bytes: Bytes): SimpleTracing {
  try {
    const reader = new Reader(bytes);
    const truncated = reader.u8();
    if (truncated > 1) throw invalid(`its first byte is ${truncated}`);
    const traces: Trace[] = [];
    for (let left = reader.u16(); left > 0; left--) traces.push(readTrace(reader));
    const [receivedAt, sentAt] = [readUint64(reader), readUint64(reader)];
    if (reader.remaining > 0) throw invalid(`${reader.remaining} bytes follow it`);
    return { truncated: truncated === 1, traces, receivedAt, sentAt };
  } catch (cause) {
    if (cause instanceof SottoError && cause.code === 'invalid_message') throw cause;
    throw invalid(messageOf(cause), cause);
  }
}

function readTrace(reader: Reader): Trace {
  const name = reader.text(reader.u16());
  const extra = reader.text(reader.u16());
  return { name, extra, at: viewOf(reader.bytes(8)).getFloat64(0) };
}

function readUint64(reader: Reader): bigint {
  return viewOf(reader.bytes(8)).getBigUint64(0);
}

function viewOf({ buffer, byteOffset, byteLength }: Bytes): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function invalid(why: string, cause?: unknown): SottoError {
  return new SottoError('invalid_message', `This is no simple tracing: ${why}.`, { cause });
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
