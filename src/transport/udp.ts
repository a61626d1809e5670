/** Packets as datagrams: one packet each, and nothing longer than `maxDatagram`. */

import { sockets } from '#sockets';
import type { Bytes } from '../bytes/bytes.ts';
import { messageOf, SottoError } from '../errors.ts';
import type { ConnectedDatagrams, DatagramSocket, SocketAddress } from '../platform/types.ts';
import type { Arrival, ConnectOptions, Link, LinkEvents, Listener, ListenOptions } from './transport.ts';
import { formatAddress, formatUrl, limitedHost, type RoadUrl } from './url.ts';

export async function listenUdp(url: RoadUrl, options: ListenOptions): Promise<Listener> {
  const { maxDatagram } = options.limits;
  const closed = new AbortController(); // all that a server can know of a datagram's sender is its own end
  let taking = true;
  const socket = await sockets.bindDatagrams({
    host: url.host,
    port: url.port,
    reusePort: options.reusePort,
    onDatagram(datagram, from) {
      if (!taking) return;
      if (datagram.length > maxDatagram) return options.onDrop('datagram_too_large', from.host);
      void options.onArrival(new Datagram(datagram, from, socket, maxDatagram, closed.signal));
    },
  });
  return {
    address: formatUrl({ ...url, port: socket.port }),
    async stop() {
      taking = false;
    },
    close() {
      closed.abort();
      return socket.close();
    },
  };
}

class Datagram implements Arrival {
  readonly packet: Bytes;
  readonly transport = 'udp' as const;
  readonly addressProven = false;
  readonly maxReply: number;
  readonly signal: AbortSignal;
  readonly #from: SocketAddress;
  readonly #socket: DatagramSocket;

  constructor(
    packet: Bytes,
    from: SocketAddress,
    socket: DatagramSocket,
    maxReply: number,
    signal: AbortSignal,
  ) {
    this.packet = packet;
    this.signal = signal;
    this.maxReply = maxReply;
    this.#from = from;
    this.#socket = socket;
  }

  get remote(): string {
    return formatAddress(this.#from);
  }
  get host(): string {
    return limitedHost(this.#from.host);
  }
  reply(packet: Bytes): void {
    this.#socket.send(packet, this.#from);
  }
  done(): void {}
  refuse(): void {}
}

/** A client's socket, connected so that only the server's datagrams are heard; made anew after an error. */
export class UdpLink implements Link {
  readonly transport = 'udp' as const;
  readonly lossy = true;
  readonly url: string;
  readonly maxPacket: number;
  lastError: string | null = null;
  readonly #to: SocketAddress;
  readonly #events: LinkEvents;
  #socket: Promise<ConnectedDatagrams> | null = null;
  #closed = false;

  constructor(url: RoadUrl, events: LinkEvents, options: ConnectOptions) {
    this.url = formatUrl(url);
    this.maxPacket = options.maxDatagram;
    this.#to = url;
    this.#events = events;
  }

  async send(packet: Bytes): Promise<void> {
    if (this.#closed) throw new SottoError('closed', 'This client is closed.');
    this.#socket ??= this.#open();
    try {
      (await this.#socket).send(packet);
    } catch (cause) {
      this.reset();
      this.lastError = messageOf(cause);
      if (cause instanceof SottoError) throw cause;
      throw new SottoError('unreachable', `${this.url} cannot be reached: ${this.lastError}`, { cause });
    }
  }

  reset(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.then((open) => open.close()).catch(() => {});
  }

  async close(): Promise<void> {
    this.#closed = true;
    const socket = await this.#socket?.catch(() => null);
    await socket?.close();
  }

  #open(): Promise<ConnectedDatagrams> {
    return sockets.connectDatagrams(this.#to, {
      onDatagram: (datagram) => {
        this.lastError = null;
        this.#events.onPacket(datagram);
      },
      // "Connection refused" is a hint and no proof: anybody can send it. The client goes on trying.
      onError: (why) => {
        this.lastError = why.includes('ECONNREFUSED') ? 'connection refused' : why;
      },
    });
  }
}
