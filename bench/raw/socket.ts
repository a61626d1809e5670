/**
 * Publishers and subscribers of several protocols that do the least they can, each by the same means, so that reading costs
 * the same for every server: a walk over the frames of each chunk, and one write for what must be said.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export const TOPIC = 'bench/topic';
/** Of a message, bytes. */
export const SIZE = 128;
/** The most that are published at once. */
export const MOST = 256;

export interface RawRoad {
  /** Calls back with how many messages have come. */
  subscribe(onMessages: (count: number) => void): Promise<void>;
  /** What it gives publishes so many in one write. */
  publisher(): Promise<(count: number) => void>;
}

/** How long the frame is that begins there; 0 where that cannot be told yet. */
export type LengthOf = (bytes: Buffer, at: number) => number;

interface Walk {
  onFrame(bytes: Buffer, at: number): void;
  /** After the last whole frame of a chunk. */
  onChunk(): void;
}

export function walk(socket: Socket, lengthOf: LengthOf, { onFrame, onChunk }: Walk): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (let length = lengthOf(bytes, 0); length > 0 && at + length <= bytes.length; ) {
      onFrame(bytes, at);
      at += length;
      length = lengthOf(bytes, at);
    }
    rest = bytes.subarray(at);
    onChunk();
  });
}

/** Counts the frames that are messages. */
export function count(
  socket: Socket,
  lengthOf: LengthOf,
  options: { isMessage(bytes: Buffer, at: number): boolean; onMessages(count: number): void },
): void {
  let come = 0;
  walk(socket, lengthOf, {
    onFrame(bytes, at) {
      if (options.isMessage(bytes, at)) come += 1;
    },
    onChunk() {
      options.onMessages(come);
      come = 0;
    },
  });
}

export async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.on('close', () => {
    throw new Error('The server has hung up.');
  });
  return socket;
}

/** Publishes copies of one packet. */
export function copies(socket: Socket, packet: Buffer): (count: number) => void {
  const ready = repeated(packet);
  return (count) => void socket.write(ready.subarray(0, count * packet.length));
}

export function repeated(packet: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: MOST }, () => packet));
}
