/** UDP on the simulated network: late, lost, twice or in another order, as the ways have it. */

import type { Bytes } from '../bytes/bytes.ts';
import type { ConnectedDatagrams, DatagramSocket, SocketAddress, Sockets } from '../platform/types.ts';
import { type DatagramDoor, type Machine, systemError } from './machine.ts';
import type { Network } from './network.ts';

type Arrive = (datagram: Bytes) => void;

/** Carries one datagram to a machine, or does not. */
export function carry(
  network: Network,
  [from, to]: readonly [Machine, Machine],
  datagram: Bytes,
  arrive: Arrive,
): void {
  const { loss, duplication } = network.conditions(from, to);
  if (network.random.chance(loss))
    return network.note(from.name, `loses ${datagram.length} bytes to ${to.name}`);
  const copies = network.random.chance(duplication) ? 2 : 1;
  for (let copy = 0; copy < copies; copy++) {
    const bytes = datagram.slice();
    network.travel(network.delay(from, to), () => {
      if (to.isUp && network.isOpen(from, to)) arrive(bytes);
      else network.note(to.name, `is not reached by ${bytes.length} bytes of ${from.name}`);
    });
  }
}

export interface OpenDoor {
  readonly port: number;
  send(datagram: Bytes, to: SocketAddress): void;
  close(): void;
}

/** A port of UDP. @throws Error with the system's code. */
export function openDatagrams(
  network: Network,
  machine: Machine,
  options: Pick<DatagramDoor, 'host' | 'port' | 'isShared' | 'onDatagram' | 'onRefused'>,
): OpenDoor {
  machine.requireOwn(options.host);
  const door: DatagramDoor = { ...options, program: machine.program, port: machine.portFor(options.port) };
  machine.datagrams.open(door);
  let isOpen = true;
  return {
    port: door.port,
    send(datagram, to) {
      if (isOpen && door.program.isAlive) send(network, machine, door, datagram, to);
    },
    close() {
      isOpen = false;
      machine.datagrams.close(door);
    },
  };
}

function send(
  network: Network,
  from: Machine,
  door: DatagramDoor,
  datagram: Bytes,
  { host, port }: SocketAddress,
): void {
  const to = network.find(host, from);
  if (!to) return;
  const sender = { host: from.addressTo(host), port: door.port };
  carry(network, [from, to], datagram, (bytes) => {
    const hearing = to.datagrams.at(port, host, door.port);
    network.note(to.name, `hears ${bytes.length} bytes at ${port} of ${sender.host}:${sender.port}`);
    if (hearing) return hearing.program.tell(() => hearing.onDatagram(bytes, sender));
    const { onRefused } = door;
    if (!onRefused || !network.isOpen(to, from)) return;
    network.travel(network.delay(to, from), () => door.program.tell(onRefused));
  });
}

export function datagramSockets(
  network: Network,
  machine: Machine,
): Pick<Sockets, 'bindDatagrams' | 'connectDatagrams'> {
  return {
    async bindDatagrams({ host, port, reusePort, onDatagram }) {
      const bound = { host, port, isShared: reusePort, onDatagram, onRefused: null };
      const door = openDatagrams(network, machine, bound);
      return { port: door.port, send: door.send, close: async () => door.close() } satisfies DatagramSocket;
    },

    async connectDatagrams(to, { onDatagram, onError }) {
      const peer = network.find(to.host, machine);
      if (!peer && !/^[\d.]+$/.test(to.host))
        throw systemError('ENOTFOUND', `getaddrinfo ENOTFOUND ${to.host}`);
      const door = openDatagrams(network, machine, {
        host: '0.0.0.0',
        port: 0,
        isShared: false,
        onDatagram(datagram, from) {
          if (from.port === to.port && network.find(from.host, machine) === peer) onDatagram(datagram);
        },
        onRefused: () => onError('recv ECONNREFUSED'),
      });
      return {
        send: (datagram) => door.send(datagram, to),
        close: async () => door.close(),
      } satisfies ConnectedDatagrams;
    },
  };
}
