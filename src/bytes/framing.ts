/**
 * Frames on a byte stream: 4 bytes of length (big-endian), then that many bytes.
 *
 * Nothing is allocated on the word of a length field: a frame is put together only from bytes that arrived.
 */

import { SottoError } from '../errors.ts';
import { type Bytes, EMPTY } from './bytes.ts';

const LENGTH_SIZE = 4;

/** One array with every packet in its frame, ready for one write. */
export function encodeFrames(packets: readonly Bytes[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const packet of packets) size += LENGTH_SIZE + packet.length;
  const frames = new Uint8Array(size);
  const view = new DataView(frames.buffer);
  let offset = 0;
  for (const packet of packets) {
    view.setUint32(offset, packet.length);
    frames.set(packet, offset + LENGTH_SIZE);
    offset += LENGTH_SIZE + packet.length;
  }
  return frames;
}

/** Takes a stream apart into frames, whatever pieces it comes in. */
export class FrameDecoder {
  readonly #maxFrame: number;
  #buffer: Uint8Array<ArrayBufferLike> = EMPTY;
  #length = 0;
  #wanted = LENGTH_SIZE;

  /** @param maxFrame the longest frame taken, in bytes. */
  constructor(maxFrame: number) {
    this.#maxFrame = maxFrame;
  }

  /** Whether a frame has begun and not ended: the moment a slow sender is timed from. */
  get midFrame(): boolean {
    return this.#length > 0;
  }

  /**
   * The frames that are whole once `chunk` has arrived, as views of it where they lie in one piece.
   *
   * @throws SottoError `frame_too_large` for a length above the limit; the stream cannot be read on.
   */
  push(chunk: Bytes): Bytes[] {
    if (this.#length === 0) return this.#split(chunk);
    this.#append(chunk);
    if (this.#length < this.#wanted) return [];
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = EMPTY; // the frames handed out are views of it
    this.#length = 0;
    return this.#split(bytes);
  }

  #split(bytes: Bytes): Bytes[] {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const frames: Bytes[] = [];
    let offset = 0;
    this.#wanted = LENGTH_SIZE;
    while (bytes.length - offset >= LENGTH_SIZE) {
      const length = view.getUint32(offset);
      if (length > this.#maxFrame) throw tooLarge(length, this.#maxFrame);
      this.#wanted = LENGTH_SIZE + length;
      if (bytes.length - offset < this.#wanted) break;
      frames.push(bytes.subarray(offset + LENGTH_SIZE, offset + this.#wanted));
      offset += this.#wanted;
      this.#wanted = LENGTH_SIZE;
    }
    if (offset < bytes.length) this.#append(bytes.subarray(offset));
    return frames;
  }

  /** Copies, so that a frame sent byte by byte pins no more memory than it has bytes; doubling keeps it linear. */
  #append(bytes: Bytes): void {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }
}

/**
 * As {@link FrameDecoder}, for large frames that are done with as soon as they are seen: all are put together in one
 * buffer, which is there from the start.
 */
export class FrameReader {
  readonly #maxFrame: number;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #length = 0;

  /** @param maxFrame the longest frame taken, in bytes. */
  constructor(maxFrame: number) {
    this.#maxFrame = maxFrame;
    this.#buffer = new Uint8Array(LENGTH_SIZE + maxFrame);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /**
   * @param take gets each frame that is whole once `chunk` has arrived; it is overwritten when that returns.
   * @throws SottoError `frame_too_large` for a length above the limit, and what `take` throws; the stream cannot be read
   * on.
   */
  push(chunk: Bytes, take: (frame: Bytes) => void): void {
    for (let offset = 0; offset < chunk.length; ) {
      const missing = this.#wanted() - this.#length;
      const part = chunk.subarray(offset, offset + missing);
      this.#buffer.set(part, this.#length);
      this.#length += part.length;
      offset += part.length;
      const whole = this.#wanted();
      if (this.#length < LENGTH_SIZE || this.#length < whole) continue;
      this.#length = 0;
      take(this.#buffer.subarray(LENGTH_SIZE, whole));
    }
  }

  /** Length and frame, or the length alone before it is known. */
  #wanted(): number {
    if (this.#length < LENGTH_SIZE) return LENGTH_SIZE;
    const length = this.#view.getUint32(0);
    if (length > this.#maxFrame) throw tooLarge(length, this.#maxFrame);
    return LENGTH_SIZE + length;
  }
}

function tooLarge(length: number, limit: number): SottoError {
  return new SottoError(
    'frame_too_large',
    `A frame of ${length} bytes was announced; ${limit} is the limit.`,
  );
}
