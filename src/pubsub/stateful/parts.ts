/** A message cut into the parts that a WebSocket carries. */

import { type Bytes, concat, concatAll, EMPTY } from '../../bytes/bytes.ts';
import type { MessageBody } from '../delivery/poster.ts';

/** Bytes of a part, where the number of parts allows it: what is held in memory for each connection. */
const USUAL_PART = 256 * 1024;
/** The original's WebSockets take 4 MiB at the most, headers and all. */
const LONGEST_PART = 4 * 1024 * 1024 - 256 * 1024;
/** The original signs the number of a part in one byte. */
const MOST_PARTS = 255;

/** How long the parts of a message of that length are, bytes. */
export function partSize(length: number): number {
  return Math.min(Math.max(USUAL_PART, Math.ceil(length / MOST_PARTS)), LONGEST_PART);
}

/** The body where it is in memory and short enough for one part; null else. */
export function asOnePart(body: MessageBody): Bytes | null {
  if (body.length > USUAL_PART) return null;
  const chunks = body.chunks();
  if (!Array.isArray(chunks)) return null;
  return chunks.length === 1 ? (chunks[0] as Bytes) : concatAll(chunks as Bytes[]);
}

/** Parts of just that size, and a shorter last one; a message without a byte has one part. */
export async function* partsOf(body: MessageBody, size: number): AsyncGenerator<Bytes, void, void> {
  if (body.length === 0) yield EMPTY;
  let waiting: Bytes[] = [];
  let come = 0;
  for await (let chunk of body.chunks()) {
    while (come + chunk.length >= size) {
      const end = size - come;
      yield concat(...waiting, chunk.subarray(0, end));
      chunk = chunk.subarray(end);
      waiting = [];
      come = 0;
    }
    if (chunk.length > 0) waiting.push(chunk);
    come += chunk.length;
  }
  if (come > 0) yield concatAll(waiting);
}
