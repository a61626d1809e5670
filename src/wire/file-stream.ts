/**
 * A file on its way between two peers, on a TCP connection of its own, once they have agreed about it by sealed messages.
 *
 * ```text
 * The connection opens with one STP frame { namespace "/sotto/files/stream", user "-", encrypted true }, whose body is
 * 0        16    stream id
 *
 * Records follow, in both directions:
 * offset   size  field
 * 0        4     length of what follows, 17 to 262 161, big-endian
 * 4        n     sealed plaintext, tag included
 *
 * Plaintext:
 * 0        1     kind
 * 1        n-1   content
 *
 * kind          content                                                  sent by
 * 0 data        1 to 262 144 bytes of the file, in their order           who sends the file
 * 1 written     8 bytes: so many bytes of the file are stored            who receives it: first of all, then as it goes
 * 2 failed      2 bytes of status, then why, UTF-8                       who receives it, last of all
 * ```
 *
 * Who sends waits for the first `written`, which proves the other end, before any data.
 * Source: specs/native.md, section 5. The seal is in src/envelope/file-stream.ts.
 */

import { type Bytes, concat } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { cutUtf8, encodeUtf8 } from '../bytes/text.ts';
import { Writer } from '../bytes/writer.ts';
import { SottoError } from '../errors.ts';
import { decodeStpFrame, encodeStpFrame } from './stp.ts';

// Specified.
const STREAM_NAMESPACE = '/sotto/files/stream';
const NOBODY = '-';
export const STREAM_ID_SIZE = 16;
/** Of one record, bytes. */
export const MAX_STREAM_DATA: number = 256 * 1024;
const KIND = { data: 0, written: 1, failed: 2 } as const;
const KIND_SIZE = 1;
const COUNT_SIZE = 8;
const STATUS_SIZE = 2;

// Chosen.
/** A frame that opens a stream is no longer, bytes: others need not be looked at. */
const MAX_OPENING = 256;
const MAX_TEXT = 1024;

export type FileStreamMessage =
  | { readonly type: 'data'; readonly data: Bytes }
  /** Bytes that are stored. */
  | { readonly type: 'written'; readonly have: number }
  | { readonly type: 'failed'; readonly status: number; readonly text: string };

/** The frame that a stream begins with. */
export function encodeStreamOpening(id: Bytes): Bytes {
  return encodeStpFrame({ header: { namespace: STREAM_NAMESPACE, user: NOBODY, encrypted: true }, body: id });
}

/** The id of the stream that a frame opens; null for any other frame. */
export function decodeStreamOpening(packet: Bytes): Bytes | null {
  if (packet.length > MAX_OPENING) return null;
  try {
    const { header, body } = decodeStpFrame(packet);
    return header.namespace === STREAM_NAMESPACE && body.length === STREAM_ID_SIZE ? body : null;
  } catch {
    return null;
  }
}

/** A plaintext in its parts, so that the data need not be copied. */
export function encodeFileStreamMessage(message: FileStreamMessage): readonly Bytes[] {
  const kind = Uint8Array.of(KIND[message.type]);
  if (message.type === 'data') return [kind, message.data];
  if (message.type === 'written') return [kind, new Writer(COUNT_SIZE).u64(message.have).finish()];
  const text = cutUtf8(encodeUtf8(message.text), MAX_TEXT);
  return [kind, concat(new Writer(STATUS_SIZE).u16(message.status).finish(), text)];
}

/** @throws SottoError `invalid_message`, `out_of_bounds`, `invalid_text`. */
export function decodeFileStreamMessage(plaintext: Bytes): FileStreamMessage {
  const reader = new Reader(plaintext);
  const kind = reader.u8();
  if (kind === KIND.data && reader.remaining > 0) return { type: 'data', data: reader.rest() };
  if (kind === KIND.written && reader.remaining === COUNT_SIZE)
    return { type: 'written', have: reader.u64() };
  if (kind === KIND.failed && plaintext.length >= KIND_SIZE + STATUS_SIZE) {
    return { type: 'failed', status: reader.u16(), text: reader.text(reader.remaining) };
  }
  throw new SottoError('invalid_message', `A record of kind ${kind} cannot be so long, or is none.`);
}
