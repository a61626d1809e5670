/** What carries packets one after the other, however it keeps them apart. */

import type { Pipe } from '../platform/types.ts';

/** A pipe of whole packets that may be in the middle of one. */
export interface PacketPipe extends Pipe {
  /** Whether a packet has begun to arrive and has not ended. */
  readonly midPacket: boolean;
  /** Bytes that have come of it, where that is known. */
  readonly arrived?: number;
  /** Whether it is no pipe of packets any more: somebody else reads it, and sees to its time. */
  readonly isTaken?: boolean;
}

/** A pipe whose messages are packets already. */
export function messagePipe(pipe: Pipe): PacketPipe {
  return Object.defineProperty(pipe, 'midPacket', { value: false }) as PacketPipe;
}
