/**
 * Messages in both directions by HTTP: each POST brings some, and its answer takes some back.
 *
 * ```text
 * POST <path>           opens; the answer is 16 bytes of id, then a batch
 * POST <path>/<id>      goes on; the id as 32 hex digits; the answer is a batch. One that brings nothing is held until there is
 *                       something to answer, or for 20 s
 * Content-Type          application/vnd.sotto.messages; answers: 200, 404 for an id that is none (any more), 503
 *
 * body     size  field
 * 0        8     how many messages have come, all before it among them; those are not answered again
 * 8        n     batch
 *
 * A batch is any number of
 * 0        4     length of what follows
 * 4        8     number of the message in its direction, from 0
 * 12       n     message
 * ```
 *
 * Numbers are big-endian. What overtakes is held until what was before it has come. Answers may be lost where a browser repeats
 * a POST by itself: what has not come when the next that brings nothing says so is answered again.
 * Source: specs/native.md, section 4; the batches are an addition.
 */

import { type Bytes, concat } from '../bytes/bytes.ts';
import { encodeFrames, FrameDecoder } from '../bytes/framing.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { SottoError } from '../errors.ts';

export const BATCH_CONTENT_TYPE = 'application/vnd.sotto.messages';
export const BATCH_ID_SIZE = 16;
const NUMBER_SIZE = 8;
/** What a message costs besides itself, bytes. */
export const BATCH_OVERHEAD: number = 4 + NUMBER_SIZE;

/** What a POST brings. */
export interface BatchRequest {
  readonly received: number;
  readonly messages: readonly NumberedMessage[];
}

export interface NumberedMessage {
  readonly number: number;
  readonly message: Bytes;
}

export function encodeBatch(messages: readonly NumberedMessage[]): Bytes {
  return encodeFrames(
    messages.map(({ number, message }) => concat(new Writer(NUMBER_SIZE).u64(number).finish(), message)),
  );
}

/** @throws SottoError `invalid_message`, `frame_too_large`, `out_of_bounds`. */
export function decodeBatch(bytes: Bytes, maxMessage: number): readonly NumberedMessage[] {
  const decoder = new FrameDecoder(NUMBER_SIZE + maxMessage);
  const frames = decoder.push(bytes);
  if (decoder.midFrame) throw new SottoError('invalid_message', 'A batch of messages is cut off.');
  return frames.map((frame) => {
    const reader = new Reader(frame);
    return { number: reader.u64(), message: reader.rest() };
  });
}

/** @param batch as {@link encodeBatch} makes it. */
export function encodeBatchRequest(received: number, batch: Bytes): Bytes {
  return concat(new Writer(NUMBER_SIZE).u64(received).finish(), batch);
}

/** @throws SottoError `invalid_message`, `frame_too_large`, `out_of_bounds`. */
export function decodeBatchRequest(bytes: Bytes, maxMessage: number): BatchRequest {
  const reader = new Reader(bytes);
  return { received: reader.u64(), messages: decodeBatch(reader.rest(), maxMessage) };
}
