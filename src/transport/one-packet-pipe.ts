/**
 * One packet a connection each way: whatever is sent back ends the connection; no bytes at all are a refusal. Or the packet
 * opens something that goes on: then the connection is somebody else's.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { messageOf } from '../errors.ts';
import type { Pipe, PipeEvents } from '../platform/types.ts';
import { PacketPipeOver } from './framed.ts';
import type { PacketPipe } from './packet-pipe.ts';

/** Finds the one packet in what a connection brings. */
export interface PacketReader {
  /** The packet once it is whole, null before. @throws for bytes that end the connection. */
  push(chunk: Bytes): Bytes | null;
  /** The other end has finished: what there is as a packet, null where that is none. */
  end(): Bytes | null;
}

/** Takes a connection over whose packet opens something that goes on; null for any other. */
export type TakeOver = (packet: Bytes, pipe: Pipe) => PipeEvents | null;

/** @param takeOver default: none goes on. */
export function onePacketPipe(pipe: Pipe, reader: PacketReader, takeOver: TakeOver = () => null): PacketPipe {
  return new OnePacketPipe(pipe, reader, takeOver);
}

class OnePacketPipe extends PacketPipeOver {
  readonly #reader: PacketReader;
  readonly #takeOver: TakeOver;
  #arrived = 0;
  #isWhole = false;
  #broken: string | null = null;
  /** Who has taken the connection over. */
  #taker: PipeEvents | null = null;

  constructor(pipe: Pipe, reader: PacketReader, takeOver: TakeOver) {
    super(pipe);
    this.#reader = reader;
    this.#takeOver = takeOver;
  }

  get midPacket(): boolean {
    return this.#arrived > 0 && !this.#isWhole;
  }

  override get arrived(): number {
    return this.#arrived;
  }

  override get isTaken(): boolean {
    return this.#taker !== null;
  }

  start(events: PipeEvents): void {
    this.pipe.start({
      onData: (chunk) => (this.#taker ? this.#taker.onData(chunk) : this.#take(chunk, events)),
      onFinish: () => this.#finish(events),
      onDrain: () => (this.#taker ?? events).onDrain(),
      onClose: (why) => {
        this.#taker?.onClose(why);
        events.onClose(this.#broken ?? why);
      },
    });
  }

  send(packets: readonly Bytes[]): void {
    this.pipe.send(packets.filter((packet) => packet.length > 0));
    this.pipe.end();
  }

  #take(chunk: Bytes, events: PipeEvents): void {
    if (this.#isWhole || this.#broken !== null) return;
    this.#arrived += chunk.length;
    try {
      const packet = this.#reader.push(chunk);
      if (packet) this.#complete(packet, events);
    } catch (error) {
      this.#broken = messageOf(error);
      this.pipe.destroy();
    }
  }

  #finish(events: PipeEvents): void {
    if (this.#taker) return this.pipe.end();
    if (this.#isWhole) return;
    const packet = this.#reader.end();
    if (packet) this.#complete(packet, events);
    else this.pipe.end();
  }

  #complete(packet: Bytes, events: PipeEvents): void {
    this.#isWhole = true;
    this.#taker = this.#takeOver(packet, this.pipe);
    if (!this.#taker) events.onData(packet);
  }
}
