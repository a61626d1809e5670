/** One packet a connection each way: whatever is sent back ends the connection; no bytes at all are a refusal. */

import type { Bytes } from '../bytes/bytes.ts';
import { messageOf } from '../errors.ts';
import type { Pipe, PipeEvents } from '../platform/types.ts';
import { type PacketPipe, PacketPipeOver } from './framed.ts';

/** Finds the one packet in what a connection brings. */
export interface PacketReader {
  /** The packet once it is whole, null before. @throws for bytes that end the connection. */
  push(chunk: Bytes): Bytes | null;
  /** The other end has finished: what there is as a packet, null where that is none. */
  end(): Bytes | null;
}

export function onePacketPipe(pipe: Pipe, reader: PacketReader): PacketPipe {
  return new OnePacketPipe(pipe, reader);
}

class OnePacketPipe extends PacketPipeOver {
  readonly #reader: PacketReader;
  #hasBegun = false;
  #isWhole = false;
  #broken: string | null = null;

  constructor(pipe: Pipe, reader: PacketReader) {
    super(pipe);
    this.#reader = reader;
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

  send(packets: readonly Bytes[]): void {
    this.pipe.send(packets.filter((packet) => packet.length > 0));
    this.pipe.end();
  }

  #take(chunk: Bytes, events: PipeEvents): void {
    if (this.#isWhole || this.#broken !== null) return;
    this.#hasBegun = true;
    try {
      const packet = this.#reader.push(chunk);
      if (packet) this.#complete(packet, events);
    } catch (error) {
      this.#broken = messageOf(error);
      this.pipe.destroy();
    }
  }

  #finish(events: PipeEvents): void {
    if (this.#isWhole) return;
    const packet = this.#reader.end();
    if (packet) this.#complete(packet, events);
    else this.pipe.end();
  }

  #complete(packet: Bytes, events: PipeEvents): void {
    this.#isWhole = true;
    events.onData(packet);
  }
}
