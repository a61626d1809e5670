/** The network interfaces of this machine, as multicast needs them: one address of a family each. */

import { BlockList, isIPv6 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import type { InterfaceAddress } from '../types.ts';

export type Family = 'IPv4' | 'IPv6';

export interface LocalInterface extends InterfaceAddress {
  /** How a system call names it: its address (IPv4), or the unspecified address with a zone (IPv6). */
  readonly reference: string;
}

/**
 * What is up and has an address of that family; nothing where the system does not tell. Loopback without a link-local
 * address is left out: Linux has no route there for IPv6 groups.
 *
 * @param chosen names or addresses of either family; null for all.
 */
export function localInterfaces(family: Family, chosen: readonly string[] | null): LocalInterface[] {
  return [...readInterfaces()].flatMap(([name, infos]) => {
    if (chosen && !chosen.includes(name) && !infos.some((info) => isNamed(info, name, chosen))) return [];
    const own = infos.filter((info) => info.family === family);
    const best = family === 'IPv6' ? own.find(isLinkLocal) : own.find((info) => isNamed(info, name, chosen));
    const info = best ?? own.find(({ internal }) => family === 'IPv4' || !internal);
    return info ? [localInterface(name, info)] : [];
  });
}

/** Tells by an address which interface its owner is reached by. */
export class Neighbourhood {
  readonly #family: 'ipv4' | 'ipv6';
  readonly #networks: readonly { readonly name: string; readonly network: BlockList }[];
  readonly #zones = new Map<string, string>();

  constructor(family: Family) {
    this.#family = family === 'IPv4' ? 'ipv4' : 'ipv6';
    this.#networks = [...readInterfaces()].map(([name, infos]) => {
      const own = infos.filter((info) => info.family === family);
      this.#zones.set(name, name);
      for (const { scopeid } of own) if (scopeid) this.#zones.set(String(scopeid), name);
      return { name, network: networkOf(own) };
    });
  }

  /** Null where none has such a network, or several have. */
  interfaceOf(address: string): string | null {
    const [host = '', zone] = address.split('%');
    if (zone !== undefined) return this.#zones.get(zone) ?? null;
    const [first, second] = this.#networks.filter(({ network }) => network.check(host, this.#family));
    return first && !second ? first.name : null;
  }
}

/** Linux tells the labels of further addresses as if they were interfaces, `eth0:1`; they are put together. */
function readInterfaces(): Map<string, NetworkInterfaceInfo[]> {
  const found = new Map<string, NetworkInterfaceInfo[]>();
  for (const [label, infos = []] of Object.entries(askSystem())) {
    const name = process.platform === 'linux' ? label.replace(/:.*/, '') : label;
    found.set(name, [...(found.get(name) ?? []), ...infos]);
  }
  return found;
}

function askSystem(): NodeJS.Dict<NetworkInterfaceInfo[]> {
  try {
    return networkInterfaces();
  } catch {
    return {}; // forbidden, as on Android
  }
}

/** A link-local address is on every interface, so its network tells nothing; its zone does. */
function networkOf(infos: readonly NetworkInterfaceInfo[]): BlockList {
  const network = new BlockList();
  for (const info of infos) {
    const prefix = Number(info.cidr?.split('/')[1] ?? Number.NaN);
    if (isLinkLocal(info) || Number.isNaN(prefix)) continue;
    network.addSubnet(info.address, prefix, info.family === 'IPv4' ? 'ipv4' : 'ipv6');
  }
  return network;
}

function isNamed({ address }: NetworkInterfaceInfo, name: string, chosen: readonly string[] | null): boolean {
  return chosen?.some((choice) => choice === address || choice === `${address}%${name}`) ?? false;
}

function isLinkLocal({ address }: NetworkInterfaceInfo): boolean {
  return isIPv6(address) && /^fe[89ab]/i.test(address);
}

function localInterface(name: string, info: NetworkInterfaceInfo): LocalInterface {
  if (info.family === 'IPv4') return { name, address: info.address, reference: info.address };
  const zone = process.platform === 'win32' ? String(info.scopeid) : name;
  const address = isLinkLocal(info) ? `${info.address}%${zone}` : info.address;
  return { name, address, reference: `::%${zone}` };
}
