/** A sealed packet that came inside another protocol's message: the way back is that message's. */

import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import type { Arrival, LinkEvents, Transport } from '../transport/transport.ts';

/** What all of them have in common; each says how a packet is put around on its way back. */
export abstract class ArrivalWithin implements Arrival {
  readonly packet: Bytes;
  readonly maxReply: number;
  protected readonly arrival: Arrival;

  constructor(arrival: Arrival, packet: Bytes, maxReply: number) {
    this.arrival = arrival;
    this.packet = packet;
    this.maxReply = maxReply;
  }

  abstract reply(packet: Bytes): void;
  abstract done(): void;

  get transport(): Transport {
    return this.arrival.transport;
  }
  get remote(): string {
    return this.arrival.remote;
  }
  get host(): string {
    return this.arrival.host;
  }
  get addressProven(): boolean {
    return this.arrival.addressProven;
  }
  get signal(): AbortSignal {
    return this.arrival.signal;
  }

  refuse(): void {
    this.done();
  }
}

/**
 * For the asking side: the packets within what comes.
 *
 * @param packetIn may throw where there is none: nothing, which no packet is, is counted as any other noise.
 */
export function openingEvents(events: LinkEvents, packetIn: (message: Bytes) => Bytes): LinkEvents {
  return {
    onPacket: (message) => events.onPacket(packetOrNothing(message, packetIn)),
    onCut: () => events.onCut(),
  };
}

function packetOrNothing(message: Bytes, packetIn: (message: Bytes) => Bytes): Bytes {
  try {
    return packetIn(message);
  } catch {
    return EMPTY;
  }
}
