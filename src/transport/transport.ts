/**
 * What carries packets: a listener hands arrivals to a server, a link takes a client's packets to one server.
 *
 * A packet is opaque bytes here; what is inside is the envelope's business.
 */

import type { Bytes } from '../bytes/bytes.ts';
import type { MemoryHub } from './memory.ts';

export type Transport = 'udp' | 'tcp' | 'http' | 'ws' | 'memory';

/** One packet that came in, and the way back to whoever sent it. */
export interface Arrival {
  readonly packet: Bytes;
  readonly transport: Transport;
  /** The other end as `address:port`, for people. */
  readonly remote: string;
  /** The other end's host, for limits by address; IPv6 addresses are cut to their /64. */
  readonly host: string;
  /** Whether the other end has shown that it receives at its address; false for a bare datagram. */
  readonly addressProven: boolean;
  /** The longest packet that the way back takes, in bytes. */
  readonly maxReply: number;
  /** Aborted when the other end is known to be gone; made when first asked for. */
  readonly signal: AbortSignal;
  /** Sends one packet back. Does not throw: an end that is gone is nobody's error. */
  reply(packet: Bytes): void;
  /** Nothing will be sent back, and nothing was wrong (a one-way message). */
  done(): void;
  /** The packet was no good: silence where the wire allows it, else its emptiest refusal. */
  refuse(): void;
}

/**
 * Takes each arrival. The return value is backpressure: while the promise is pending the arrival counts as in
 * flight, and a listener on a stream stops reading once too many are.
 */
type OnArrival = (arrival: Arrival) => Promise<void>;

/** What a listener needs to hold strangers off; bytes, counts and ms. */
export interface ListenLimits {
  /** Longest packet taken on streams. Default 1 MiB + 2 KiB. */
  readonly maxPacket: number;
  /** Longest datagram sent, and taken. Default 1232. */
  readonly maxDatagram: number;
  /** Open connections in all, per listener. Default 1024. */
  readonly maxConnections: number;
  /** Open connections from one host, per listener. Default 64. */
  readonly maxConnectionsPerHost: number;
  /** Arrivals of one connection not yet answered; above it the connection is not read. Default 64. */
  readonly maxInFlightPerConnection: number;
  /** A connection with no traffic is closed after this. Default 60 000. */
  readonly idleTimeout: number;
  /** A packet that has begun must have ended after this. Default 10 000. */
  readonly packetTimeout: number;
  /** Packets and answers over slow lines have longer than that: by their length at this rate, bytes/ms. Default: not so. */
  readonly slowest?: number;
}

/** An open door of a server. */
export interface Listener {
  /** Where it listens, with the port it really got: `udp://127.0.0.1:7878`. */
  readonly address: string;
  /** Takes no more arrivals; the way back stays open for those in flight. */
  stop(): Promise<void>;
  /** Closes everything, at once. */
  close(): Promise<void>;
}

/** A client's way to one server. It connects when first used, and again after a cut. */
export interface Link {
  readonly transport: Transport;
  /** The URL it was made from. */
  readonly url: string;
  /** True where a packet can get lost or come twice without a sign: the client must send again by itself. */
  readonly lossy: boolean;
  /** The longest packet it takes, in bytes. */
  readonly maxPacket: number;
  /** What the network last said against it, such as "connection refused"; null once something came back. */
  readonly lastError: string | null;
  /** Connects where needed, then sends. Rejects with `unreachable` or `refused`; `signal` gives up waiting. */
  send(packet: Bytes, signal: AbortSignal): Promise<void>;
  /** Drops the connection as dead (the next send makes a new one); does nothing where there is none. */
  reset(): void;
  close(): Promise<void>;
}

/** What a link tells its client. */
export interface LinkEvents {
  onPacket(packet: Bytes): void;
  /** The connection was lost: whatever was sent on it may need sending again. */
  onCut(): void;
}

/** What a platform can listen on. Fails with a sentence where it cannot. */
export interface ListenOptions {
  readonly limits: ListenLimits;
  /** Several processes share the port (Linux, BSD). Default false. */
  readonly reusePort: boolean;
  readonly onArrival: OnArrival;
  /** Told what a listener dropped by itself: `connection_limit`, `packet_timeout`, `frame_too_large` … */
  readonly onDrop: (reason: string, remote: string) => void;
  /** Where `memory://` URLs lead. */
  readonly hub?: MemoryHub;
}

export interface ConnectOptions {
  /** Until a connection must stand, ms. Default 5000. */
  readonly timeout: number;
  readonly maxDatagram: number;
  readonly maxPacket: number;
  /** Where `memory://` URLs lead. */
  readonly hub?: MemoryHub;
}
