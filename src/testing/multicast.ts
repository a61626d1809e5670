/** Multicast groups of a simulated LAN, by IPv4 and one interface a machine. */

import type { Bytes } from '../bytes/bytes.ts';
import type { MulticastSocket, Sockets } from '../platform/types.ts';
import { carry, openDatagrams } from './datagrams.ts';
import type { Machine, Member } from './machine.ts';
import type { Network } from './network.ts';

const INTERFACE = 'eth0';
/** The longest payload of UDP over IPv4, bytes. */
const MAX_DATAGRAM = 65_507;

export function multicastSockets(network: Network, machine: Machine): Pick<Sockets, 'bindMulticast'> {
  return {
    async bindMulticast({
      group,
      port,
      unicastPort = 0,
      interfaces,
      maxDatagram = MAX_DATAGRAM,
      onDatagram,
      onInterfaces,
    }) {
      const { program } = machine;
      const groups = typeof group === 'string' ? [group] : group;
      const isIpv6 = groups.some((each) => each.includes(':'));
      // A machine has one interface, which has no IPv6: such a socket waits for one that never comes.
      const isIn =
        !isIpv6 && (interfaces?.some((each) => each === INTERFACE || each === machine.address) ?? true);
      const hear: Member['onDatagram'] = (datagram, from) => {
        if (datagram.length <= maxDatagram) onDatagram(datagram, { ...from, interfaceName: INTERFACE });
      };
      const host = isIpv6 ? '::1' : '0.0.0.0';
      const unicast = openDatagrams(network, machine, {
        host,
        port: unicastPort,
        isShared: false,
        onDatagram: hear,
        onRefused: null,
      });
      const station = openDatagrams(network, machine, {
        host,
        port: 0,
        isShared: false,
        onDatagram: hear,
        onRefused: null,
      });
      const member: Member = { program, groups, port: machine.portFor(port), onDatagram: hear };
      const current = isIn ? [{ name: INTERFACE, address: machine.address }] : [];
      if (isIn) machine.members.add(member);
      let isOpen = true;
      program.later(0, () => {
        if (isOpen) onInterfaces(current);
      });
      const send = (datagram: Bytes): void => {
        if (!isOpen || !isIn || !program.isAlive || datagram.length > maxDatagram) return;
        for (const to of groups)
          shout(network, machine, { group: to, port: member.port, from: station.port }, datagram);
      };
      return {
        port: member.port,
        unicastPort: unicast.port,
        send,
        async sendTold(datagram) {
          send(datagram);
          return current.map((each) => ({ ...each, error: null }));
        },
        sendTo(datagram, to) {
          if (isOpen && isIn && datagram.length <= maxDatagram) unicast.send(datagram, to);
        },
        refresh: async () => {},
        async close() {
          isOpen = false;
          machine.members.delete(member);
          unicast.close();
          station.close();
        },
      } satisfies MulticastSocket;
    },
  };
}

/** To every member of the group on the LAN, the sender's own machine among them. */
function shout(
  network: Network,
  machine: Machine,
  { group, port, from }: { readonly group: string; readonly port: number; readonly from: number },
  datagram: Bytes,
): void {
  const sender = { host: machine.address, port: from };
  for (const to of network.machines) {
    if (to.lan !== machine.lan) continue;
    carry(network, [machine, to], datagram, (bytes) => {
      for (const member of [...to.members]) {
        if (member.port !== port || !member.groups.includes(group)) continue;
        network.note(to.name, `hears ${bytes.length} bytes in ${group} of ${machine.name}`);
        member.program.tell(() => member.onDatagram(bytes.slice(), sender));
      }
    });
  }
}
