/**
 * The server side of pipes (TCP, WebSocket): many packets in flight on each, answers of one turn in one write, and no
 * connection that costs more than it may.
 */

import { sockets } from '#sockets';
import type { Bytes } from '../bytes/bytes.ts';
import type { PacketPipe } from './packet-pipe.ts';
import { Tally } from './tally.ts';
import type { Arrival, ListenOptions, Transport } from './transport.ts';
import { formatAddress, limitedHost } from './url.ts';

/** Above this a connection is not read until its answers have left, bytes. */
const MAX_BUFFERED = 1024 * 1024;

/** The connections of one listener, and their limits. */
export class PipeConnections {
  readonly #transport: Transport;
  readonly #options: ListenOptions;
  readonly #open = new Set<Connection>();
  readonly #perHost: Tally;
  readonly #sweeper: ReturnType<typeof setInterval>;
  #taking = true;

  constructor(transport: Transport, options: ListenOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#perHost = new Tally(options.limits.maxConnectionsPerHost);
    const { packetTimeout, idleTimeout } = options.limits;
    const period = Math.max(10, Math.min(1000, packetTimeout / 4, idleTimeout / 4));
    this.#sweeper = setInterval(() => this.#sweep(), period);
    this.#sweeper.unref?.();
  }

  /** A new connection: served, or closed at once where there are too many. */
  add(pipe: PacketPipe): void {
    const host = limitedHost(pipe.remote.host);
    const isFull = !this.#taking || this.#open.size >= this.#options.limits.maxConnections;
    if (isFull || !this.#perHost.take(host)) {
      this.#options.onDrop('connection_limit', host);
      return pipe.destroy();
    }
    const connection = new Connection(pipe, host, this.#transport, this.#options, () => {
      this.#open.delete(connection);
      this.#perHost.giveBack(host);
    });
    this.#open.add(connection);
    connection.start();
  }

  stop(): void {
    this.#taking = false;
    for (const connection of this.#open) connection.stop();
  }

  close(): void {
    this.stop();
    clearInterval(this.#sweeper);
    for (const connection of this.#open) connection.end();
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#open) connection.sweep(now);
  }
}

class Connection {
  readonly remote: string;
  readonly host: string;
  readonly transport: Transport;
  readonly maxReply: number;
  readonly #pipe: PacketPipe;
  readonly #options: ListenOptions;
  readonly #onEnd: () => void;
  readonly #gone = new AbortController();
  #waiting: Bytes[] = [];
  #answers: Bytes[] = [];
  #inFlight = 0;
  #paused = false;
  #stopped = false;
  #activeAt = performance.now();
  /** Since when a packet has been arriving, or answers have not been taken. */
  #stuckSince: number | null = null;

  constructor(
    pipe: PacketPipe,
    host: string,
    transport: Transport,
    options: ListenOptions,
    onEnd: () => void,
  ) {
    this.#pipe = pipe;
    this.#options = options;
    this.#onEnd = onEnd;
    this.host = host;
    this.remote = formatAddress(pipe.remote);
    this.transport = transport;
    this.maxReply = options.limits.maxPacket;
  }

  /** Aborted when the connection is lost; one for all its packets. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  start(): void {
    this.#pipe.start({
      onData: (packet) => {
        this.#activeAt = performance.now();
        this.#waiting.push(packet);
        this.#pump();
      },
      onDrain: () => {
        this.#stuckSince = null;
        this.#pump();
      },
      onClose: (why) => {
        if (why) this.#options.onDrop('connection_failed', this.remote);
        this.#waiting = [];
        this.#gone.abort();
        this.#onEnd();
      },
    });
  }

  /** Answers what is in flight and takes nothing new. */
  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
    this.#pipe.pause();
  }

  end(): void {
    this.#flush();
    this.#pipe.end();
  }

  answer(packet: Bytes): void {
    this.#answers.push(packet);
    if (this.#answers.length === 1) sockets.soon(() => this.#flush());
  }

  /** Cuts the connection if it holds its place without using it. */
  sweep(now: number): void {
    if (this.#pipe.isTaken) return;
    const { packetTimeout, idleTimeout, slowest = Number.POSITIVE_INFINITY } = this.#options.limits;
    const { midPacket, arrived = 0, buffered } = this.#pipe;
    const stuck = midPacket || buffered > MAX_BUFFERED;
    if (!stuck) this.#stuckSince = null;
    else this.#stuckSince ??= now;
    if (this.#stuckSince !== null && now - this.#stuckSince > packetTimeout + arrived / slowest)
      return this.#cut('packet_timeout');
    const isMoving = midPacket && slowest !== Number.POSITIVE_INFINITY;
    const idleSince = this.#activeAt + buffered / slowest;
    if (this.#inFlight === 0 && !isMoving && now - idleSince > idleTimeout) this.#cut('idle_timeout');
  }

  #cut(reason: string): void {
    this.#options.onDrop(reason, this.remote);
    this.#pipe.destroy();
  }

  /** Takes as many packets as may be in flight; reads on only when none is left over. */
  #pump(): void {
    const { maxInFlightPerConnection } = this.#options.limits;
    while (!this.#stopped && this.#waiting.length > 0 && this.#inFlight < maxInFlightPerConnection) {
      const packet = this.#waiting.shift();
      if (packet) this.#take(packet);
    }
    if (this.#stopped) return;
    const full = this.#waiting.length > 0 || this.#pipe.buffered > MAX_BUFFERED;
    if (full && !this.#paused) this.#pipe.pause();
    if (!full && this.#paused) this.#pipe.resume();
    this.#paused = full;
  }

  #take(packet: Bytes): void {
    this.#inFlight += 1;
    const done = (): void => {
      this.#inFlight -= 1;
      this.#activeAt = performance.now();
      if (this.#paused) this.#pump();
    };
    this.#options.onArrival(new PipeArrival(packet, this)).then(done, done);
  }

  #flush(): void {
    if (this.#answers.length === 0) return;
    this.#pipe.send(this.#answers);
    this.#answers = [];
    this.#pump();
  }
}

class PipeArrival implements Arrival {
  readonly packet: Bytes;
  readonly addressProven = true;
  readonly #connection: Connection;

  constructor(packet: Bytes, connection: Connection) {
    this.packet = packet;
    this.#connection = connection;
  }

  get transport(): Transport {
    return this.#connection.transport;
  }
  get remote(): string {
    return this.#connection.remote;
  }
  get host(): string {
    return this.#connection.host;
  }
  get maxReply(): number {
    return this.#connection.maxReply;
  }
  get signal(): AbortSignal {
    return this.#connection.signal;
  }
  reply(packet: Bytes): void {
    this.#connection.answer(packet);
  }
  done(): void {}
  refuse(): void {}
}
