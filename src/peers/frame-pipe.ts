/**
 * STP over TCP: one frame a connection each way. What is sent back ends the connection, and that end alone is what an
 * original takes for its receipt.
 *
 * Source: specs/stp.md, section 5.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { messageOf } from '../errors.ts';
import type { Pipe, PipeEvents } from '../platform/types.ts';
import { type PacketPipe, PacketPipeOver } from '../transport/framed.ts';
import { StpFrameReader } from '../wire/stp.ts';

/** @param maxFrame bytes; a longer one ends the connection. */
export function framePipe(pipe: Pipe, maxFrame: number): PacketPipe {
  return new FramePipe(pipe, maxFrame);
}

class FramePipe extends PacketPipeOver {
  readonly #reader: StpFrameReader;
  #hasBegun = false;
  #isWhole = false;
  #broken: string | null = null;

  constructor(pipe: Pipe, maxFrame: number) {
    super(pipe);
    this.#reader = new StpFrameReader(maxFrame);
  }

  get midPacket(): boolean {
    return this.#hasBegun && !this.#isWhole;
  }

  start(events: PipeEvents): void {
    this.pipe.start({
      onData: (chunk) => this.#take(chunk, events),
      onFinish: () => this.#finish(events),
      onDrain: () => events.onDrain(),
      onClose: (why) => events.onClose(this.#broken ?? why),
    });
  }

  send(frames: readonly Bytes[]): void {
    this.pipe.send(frames.filter((frame) => frame.length > 0));
    this.pipe.end();
  }

  #take(chunk: Bytes, events: PipeEvents): void {
    if (this.#isWhole || this.#broken !== null) return;
    this.#hasBegun = true;
    try {
      const frame = this.#reader.push(chunk);
      if (frame) this.#complete(frame, events);
    } catch (error) {
      this.#broken = messageOf(error);
      this.pipe.destroy();
    }
  }

  /** What there is of a frame is all of it to an original, and so to us. */
  #finish(events: PipeEvents): void {
    if (this.#isWhole) return;
    const frame = this.#reader.end();
    if (frame) this.#complete(frame, events);
    else this.pipe.end();
  }

  #complete(frame: Bytes, events: PipeEvents): void {
    this.#isWhole = true;
    events.onData(frame);
  }
}
