/**
 * Messages in both directions by HTTP: each POST brings some, and its answer takes some back.
 *
 * ```text
 * POST <path>           opens; the body is a batch; the answer is 16 bytes of id, then a batch
 * POST <path>/<id>      goes on; the id as 32 hex digits; body and answer are batches. Without a body it is held until there
 *                       is something to answer, or for 20 s
 * Content-Type          application/vnd.sotto.messages; answers: 200, 404 for an id that is none (any more), 503
 *
 * A batch is any number of
 * offset   size  field
 * 0        4     length of what follows, big-endian
 * 4        8     number of the message in its direction, from 0, big-endian
 * 12       n     message
 * ```
 *
 * What overtakes is held until what was before it has come. Source: specs/native.md, section 4; the batches are an addition.
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
