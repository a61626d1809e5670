/** A byte stream as a pipe of packets: each in a frame of 4 bytes of length and the packet. */

import type { Bytes } from '../bytes/bytes.ts';
import { encodeFrames, FrameDecoder } from '../bytes/framing.ts';
import { messageOf } from '../errors.ts';
import type { Pipe, PipeEvents, SocketAddress } from '../platform/types.ts';
import type { PacketPipe } from './packet-pipe.ts';

/** @param maxPacket bytes; a longer one ends the connection. */
export function framedPipe(pipe: Pipe, maxPacket: number): PacketPipe {
  return new FramedPipe(pipe, maxPacket);
}

/** What all pipes of packets over another pipe have in common. */
export abstract class PacketPipeOver implements PacketPipe {
  readonly remote: SocketAddress;
  protected readonly pipe: Pipe;
  abstract readonly midPacket: boolean;

  constructor(pipe: Pipe) {
    this.remote = pipe.remote;
    this.pipe = pipe;
  }

  abstract start(events: PipeEvents): void;
  abstract send(packets: readonly Bytes[]): void;

  get arrived(): number {
    return 0;
  }
  get isTaken(): boolean {
    return false;
  }
  get buffered(): number {
    return this.pipe.buffered;
  }
  pause(): void {
    this.pipe.pause();
  }
  resume(): void {
    this.pipe.resume();
  }
  end(): void {
    this.pipe.end();
  }
  destroy(): void {
    this.pipe.destroy();
  }
}

class FramedPipe extends PacketPipeOver {
  readonly #decoder: FrameDecoder;
  #broken: string | null = null;

  constructor(pipe: Pipe, maxPacket: number) {
    super(pipe);
    this.#decoder = new FrameDecoder(maxPacket);
  }

  get midPacket(): boolean {
    return this.#decoder.midFrame;
  }

  start(events: PipeEvents): void {
    this.pipe.start({
      onData: (chunk) => {
        for (const packet of this.#packetsOf(chunk)) events.onData(packet);
      },
      onDrain: () => events.onDrain(),
      onClose: (why) => events.onClose(this.#broken ?? why),
    });
  }

  send(packets: readonly Bytes[]): void {
    this.pipe.send([encodeFrames(packets)]);
  }

  #packetsOf(chunk: Bytes): readonly Bytes[] {
    if (this.#broken) return [];
    try {
      return this.#decoder.push(chunk);
    } catch (error) {
      this.#broken = messageOf(error);
      this.pipe.destroy();
      return [];
    }
  }
}
