/**
 * Multicast groups by node:dgram. What holds on Linux, and why this is as it is (tried on 6.18, Node 26):
 *
 * - Every socket on the group's port hears each multicast, be it shared by SO_REUSEADDR or SO_REUSEPORT. Unicast goes to
 *   one of them: to the last that was bound, or with SO_REUSEPORT to one picked by the sender's address and port. So
 *   unicast has a port of its own, which nobody shares.
 * - A socket bound to the unspecified address hears every group on that port that any socket of the machine has joined,
 *   by any interface (IP_MULTICAST_ALL; Node cannot turn it off, nor tell the interface or the group of a datagram). So
 *   one socket hears for all groups: two would both hear both. And other interfaces are told by the sender's address.
 * - A socket can join 20 times by IPv4 (net.ipv4.igmp_max_memberships), then gets ENOBUFS.
 * - An interface that is replaced by one of the same name and address takes its memberships along: joining once more
 *   succeeds, where it otherwise says EADDRINUSE. Sockets that send by the old one say ENODEV from then on.
 * - An unknown zone counts as none: leaving an IPv6 group on an interface that is gone leaves it on another one.
 */

import type { Socket } from 'node:dgram';
import type { Bytes } from '../../bytes/bytes.ts';
import type {
  InterfaceAddress,
  MulticastOptions,
  MulticastSocket,
  SocketAddress,
  Sockets,
} from '../types.ts';
import { type Family, type LocalInterface, localInterfaces, Neighbourhood } from './interfaces.ts';
import { familyOf, requireFamily, requireTtl } from './multicast-options.ts';
import { attempt, openSocket, sendBy, sendTold, told } from './multicast-sockets.ts';

/** The longest payload of UDP over IPv4, bytes. */
const MAX_DATAGRAM = 65_507;
const REFRESH_EVERY = 5000;

export const bindMulticast: Sockets['bindMulticast'] = async (options) => {
  const groups = typeof options.group === 'string' ? [options.group] : options.group;
  const family = requireFamily(groups);
  requireTtl(options.ttl);
  const receiver = await told(options.port, openSocket(family, { port: options.port, shared: true }));
  try {
    const unicastPort = options.unicastPort ?? 0;
    const unicast = await told(unicastPort, openSocket(family, { port: unicastPort, shared: false }));
    const socket = new Multicast(receiver, unicast, { ...options, groups, family });
    await socket.start();
    return socket;
  } catch (error) {
    receiver.close();
    throw error;
  }
};

interface Settings extends MulticastOptions {
  readonly groups: readonly string[];
  readonly family: Family;
}

/** An interface in use, and the socket that sends by it. */
interface Station {
  readonly where: LocalInterface;
  readonly socket: Socket;
}

class Multicast implements MulticastSocket {
  readonly port: number;
  readonly unicastPort: number;
  readonly #receiver: Socket;
  readonly #unicast: Socket;
  readonly #settings: Settings;
  readonly #stations = new Map<string, Station>();
  #neighbourhood: Neighbourhood;
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> = Promise.resolve();
  #isOpen = true;
  #closed: Promise<void> | null = null;

  constructor(receiver: Socket, unicast: Socket, settings: Settings) {
    this.port = receiver.address().port;
    this.unicastPort = unicast.address().port;
    this.#receiver = receiver;
    this.#unicast = unicast;
    this.#settings = settings;
    this.#neighbourhood = new Neighbourhood(settings.family);
  }

  async start(): Promise<void> {
    await this.#follow();
    setImmediate(() => this.#tell());
    for (const socket of [this.#receiver, this.#unicast]) this.#hear(socket, null);
    this.#timer = setInterval(
      () => void this.refresh(),
      this.#settings.refreshEvery ?? REFRESH_EVERY,
    ).unref();
  }

  send(datagram: Bytes): void {
    if (datagram.length > this.#maxDatagram) return;
    for (const { socket } of this.#stations.values()) {
      for (const group of this.#settings.groups) attempt(() => socket.send(datagram, this.port, group));
    }
  }

  sendTold(datagram: Bytes): ReturnType<MulticastSocket['sendTold']> {
    const { groups } = this.#settings;
    const sent = [...this.#stations.values()].map(async ({ where: { name, address }, socket }) => {
      const said = await Promise.all(groups.map((to) => sendTold(socket, datagram, { port: this.port, to })));
      return { name, address, error: said.find((code) => code !== null) ?? null };
    });
    return Promise.all(sent);
  }

  sendTo(datagram: Bytes, { host, port }: SocketAddress): void {
    if (!this.#isOpen || datagram.length > this.#maxDatagram || familyOf(host) !== this.#settings.family)
      return;
    attempt(() => this.#unicast.send(datagram, port, host));
  }

  refresh(): Promise<void> {
    this.#refreshing = this.#refreshing.then(async () => {
      if (await this.#follow()) setImmediate(() => this.#tell());
    });
    return this.#refreshing;
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    this.#isOpen = false;
    clearInterval(this.#timer);
    const sockets = [
      this.#receiver,
      this.#unicast,
      ...[...this.#stations.values()].map(({ socket }) => socket),
    ];
    this.#stations.clear();
    await Promise.all(sockets.map((socket) => new Promise<void>((done) => socket.close(() => done()))));
    await this.#refreshing;
  }

  get #maxDatagram(): number {
    return this.#settings.maxDatagram ?? MAX_DATAGRAM;
  }

  /**
   * Leaves what is gone, then enters what is new: an address that moved would else be left where it now is.
   *
   * @returns whether anything is different now.
   */
  async #follow(): Promise<boolean> {
    const { family, interfaces } = this.#settings;
    if (!this.#isOpen) return false;
    this.#neighbourhood = new Neighbourhood(family);
    const wanted = localInterfaces(family, interfaces ?? null);
    const gone = [...this.#stations.values()].filter(
      ({ where }) => !wanted.some((now) => isSame(now, where)),
    );
    for (const station of gone) this.#leave(station);
    let isChanged = gone.length > 0;
    for (const where of wanted) {
      const station = this.#stations.get(where.name);
      if (station && !this.#join(station).includes(null)) continue; // it is the same one as before
      if (station) this.#leave(station);
      isChanged = (await this.#enter(where)) || isChanged || station !== undefined;
    }
    return isChanged;
  }

  async #enter(where: LocalInterface): Promise<boolean> {
    const { family, groups, ttl } = this.#settings;
    // A new address of IPv6 cannot be bound to until the system has made sure that it is the only one.
    const host = family === 'IPv4' ? where.address : '::';
    const socket = await openSocket(family, { port: 0, host, shared: false }).catch(() => null);
    if (!socket) return false;
    // An earlier membership may have lost its effect, as it does by an MTU below 1280, and stand in the way.
    for (const group of groups) attempt(() => this.#receiver.dropMembership(group, where.reference));
    const station = { where, socket };
    const isReady = this.#isOpen && attempt(() => sendBy(where, socket, ttl ?? 1)) === null;
    if (!isReady || !this.#join(station).every((said) => said === null || said === 'EADDRINUSE')) {
      socket.close();
      return false;
    }
    this.#hear(socket, family === 'IPv4' ? where.name : null);
    this.#stations.set(where.name, station);
    return true;
  }

  #leave({ where, socket }: Station): void {
    this.#stations.delete(where.name);
    socket.close();
    if (this.#settings.family === 'IPv6') return; // see above: it would be another's group
    for (const group of this.#settings.groups) {
      attempt(() => this.#receiver.dropMembership(group, where.reference));
    }
  }

  /** What the system says for each group; null where it was not joined before. */
  #join({ where, socket }: Station): (string | null)[] {
    return this.#settings.groups.map((group) => {
      const said = attempt(() => this.#receiver.addMembership(group, where.reference));
      // The interface's own socket has room left, and by IP_MULTICAST_ALL the receiver then hears as well.
      return said === 'ENOBUFS' ? attempt(() => socket.addMembership(group, where.reference)) : said;
    });
  }

  #hear(socket: Socket, name: string | null): void {
    const { onDatagram, interfaces } = this.#settings;
    socket.on('message', (datagram, { address, port }) => {
      if (!this.#isOpen || datagram.length > this.#maxDatagram) return;
      const interfaceName = name ?? this.#neighbourhood.interfaceOf(address);
      if (interfaces && interfaceName !== null && !this.#stations.has(interfaceName)) return;
      onDatagram(datagram, { host: address, port, interfaceName });
    });
  }

  #tell(): void {
    if (!this.#isOpen) return;
    const current = [...this.#stations.values()].map(({ where: { name, address } }) => ({ name, address }));
    this.#settings.onInterfaces(current satisfies InterfaceAddress[]);
  }
}

function isSame(left: LocalInterface, right: LocalInterface): boolean {
  return left.name === right.name && left.address === right.address;
}
