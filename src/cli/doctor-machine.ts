/** What the system tells of this machine: interfaces, firewall, who has a port, and the way to a host. */

import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { BlockList, isIPv6 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import { portHolders } from '../node/doctor/port-holders.ts';
import type {
  FirewallChain,
  FirewallTool,
  MachineFacts,
  MachineInterface,
  PathFacts,
} from '../peers/doctor/observations.ts';

const run = promisify(execFile);
/** Where Debian keeps `ip` and `nft`, which the PATH of users may lack. */
const PATHS = '/usr/sbin:/sbin';
const TOOL_TIMEOUT = 3000;
const ETHERNET = 'ether';
/** Ethernet by its frames alone, or the inside of this machine. */
const NO_LAN: readonly unknown[] = ['bridge', 'dummy', 'ifb', 'tun', 'wireguard'];

/** @param host an address; null for none. */
export async function readMachine(host: string | null, udpPort: number): Promise<MachineFacts> {
  const chains = await readChains();
  const [interfaces, udpHolders, path] = await Promise.all([
    readInterfaces(),
    portHolders('udp', udpPort),
    host === null ? null : readPath(host),
  ]);
  return { interfaces, firewall: await firewallOf(chains), chains: chains ?? [], udpHolders, path };
}

async function readInterfaces(): Promise<MachineInterface[]> {
  const told = await jsonOf('ip', ['-j', '-details', 'address']);
  return Array.isArray(told) ? told.map(toldInterface) : systemInterfaces();
}

function toldInterface(told: unknown): MachineInterface {
  const { ifname, flags, link_type, addr_info, linkinfo } = told as Record<string, unknown>;
  const has = (flag: string): boolean => Array.isArray(flags) && flags.includes(flag);
  const addresses = Array.isArray(addr_info) ? addr_info : [];
  const kind = (linkinfo as { info_kind?: unknown } | undefined)?.info_kind;
  // A bridge may well be the LAN, where something is joined to it.
  const hasPeers = kind === 'bridge' && has('LOWER_UP');
  return {
    name: String(ifname),
    isUp: has('UP'),
    isLoopback: has('LOOPBACK'),
    hasMulticast: has('MULTICAST'),
    hasCarrier: has('UP') ? !has('NO-CARRIER') : null,
    isLan: link_type === ETHERNET && (hasPeers || !NO_LAN.includes(kind)),
    addresses: addresses.map(({ local }: { local?: unknown }) => String(local)),
  };
}

/** Only those that are up and have an address. */
function systemInterfaces(): MachineInterface[] {
  return Object.entries(networkInterfaces()).map(([name, infos = []]) => ({
    name,
    isUp: true,
    isLoopback: infos.every(({ internal }) => internal),
    hasMulticast: null,
    hasCarrier: null,
    isLan: true,
    addresses: infos.map(({ address }) => address),
  }));
}

/** As the system would send: rules of policy, as VPNs make them, count too. */
async function readPath(host: string): Promise<PathFacts> {
  const source = await sourceTo(host);
  const all = Object.entries(networkInterfaces()).map(([name, infos = []]) => ({ name, infos }));
  const by = all.find(({ infos }) => infos.some(({ address }) => address === source))?.name ?? null;
  const onLink = all.filter(({ infos }) => infos.some((info) => holds(info, host))).map(({ name }) => name);
  const isSelf = all.some(({ infos }) => infos.some(({ address }) => address === host));
  const near = by !== null && onLink.includes(by) ? by : (onLink[0] ?? null);
  const zone = host.split('%')[1];
  return { isSelf, by, onLink: zone ?? near, neighbour: await neighbourState(host) };
}

/** Connecting a datagram socket sends nothing. */
function sourceTo(host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const end = (address: string | null): void => {
      socket.close();
      resolve(address);
    };
    socket.once('error', () => end(null));
    socket.connect(9, host, (error?: Error) => end(error ? null : socket.address().address));
  });
}

function holds({ cidr, address, family, internal }: NetworkInterfaceInfo, host: string): boolean {
  if (cidr === null || internal || isIPv6(host) !== (family === 'IPv6')) return false;
  const type = family === 'IPv6' ? 'ipv6' : 'ipv4';
  const network = new BlockList();
  network.addSubnet(address, Number(cidr.split('/')[1]), type);
  return network.check(host, type);
}

/** By the table of neighbours that the system keeps; of IPv4 alone. */
async function neighbourState(host: string): Promise<PathFacts['neighbour']> {
  const table = await readFile('/proc/net/arp', 'utf8').catch(() => '');
  const row = table.split('\n').find((line) => line.startsWith(`${host} `));
  if (row === undefined) return 'unknown';
  const [, , flags = '0x0'] = row.split(/\s+/);
  return Number(flags) === 0 ? 'absent' : 'there';
}

/** Null where it cannot be read, which only root may. */
async function readChains(): Promise<FirewallChain[] | null> {
  const told = await jsonOf('nft', ['-j', 'list', 'chains']);
  const list = (told as { nftables?: unknown } | null)?.nftables;
  if (!Array.isArray(list)) return null;
  return list.flatMap(({ chain }: { chain?: Record<string, unknown> }) => {
    const hook = chain?.type === 'filter' ? chain.hook : undefined;
    if (!chain || (hook !== 'input' && hook !== 'output')) return [];
    return [{ family: String(chain.family), table: String(chain.table), name: String(chain.name), hook }];
  });
}

async function firewallOf(chains: readonly FirewallChain[] | null): Promise<FirewallTool | null> {
  if (process.platform === 'win32') return 'windows';
  if (process.platform === 'darwin') return 'macos';
  const ufw = await readFile('/etc/ufw/ufw.conf', 'utf8').catch(() => '');
  if (/^ENABLED=yes/im.test(ufw)) return 'ufw';
  if (existsSync('/run/firewalld')) return 'firewalld';
  if (chains !== null && chains.length > 0) return 'nft';
  const hasTool = (name: string): boolean => existsSync(`/usr/sbin/${name}`) || existsSync(`/sbin/${name}`);
  if (chains === null && hasTool('nft')) return 'nft';
  return hasTool('iptables') ? 'iptables' : null;
}

/** What a tool prints as JSON; null where it is missing, or refuses. */
async function jsonOf(tool: string, args: readonly string[]): Promise<unknown> {
  const env = { ...process.env, PATH: `${process.env.PATH}:${PATHS}` };
  try {
    return JSON.parse((await run(tool, args, { env, timeout: TOOL_TIMEOUT })).stdout);
  } catch {
    return null;
  }
}
