/**
 * Which addresses are public: those that a stranger may make us send something to.
 *
 * Sources: IANA's registries of special-purpose addresses (RFC 6890, 8190); RFC 6052, 3056 and 4291 for IPv4 inside IPv6.
 */

import { BlockList, isIP } from 'node:net';
import { SottoError } from '../../errors.ts';

/** Networks of IPv4 that nobody on the internet is in. */
const SPECIAL_IPV4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // behind a provider's NAT
  '127.0.0.0/8', // this machine
  '168.63.129.16/32', // Azure's own services, for its machines alone
  '169.254.0.0/16', // link-local, and the metadata of clouds
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays, which are no more
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
] as const;

/** All that is given to anybody in IPv6; outside of it are loopback, link-local, fc00::/7, multicast and more. */
const UNICAST_IPV6 = '2000::/3';
const SPECIAL_IPV6 = [
  '2001::/23', // protocol assignments, Teredo among them
  '2001:db8::/32', // documentation
  '3fff::/20', // documentation
] as const;

/** Forms of IPv6 that hold an IPv4 address: they are what that is. */
const MAPPED = '::ffff:0:0/96';
const NAT64 = '64:ff9b::/96';
const SIX_TO_FOUR_BITS = 16;

const SPECIAL = blockListOf([
  ...SPECIAL_IPV4,
  ...SPECIAL_IPV6,
  ...SPECIAL_IPV4.flatMap((network) => [inNat64(network), inSixToFour(network)]),
]);
const REACHABLE_IPV6 = blockListOf([UNICAST_IPV6, NAT64, MAPPED]);

/** Whether an address, as text and without brackets, is a public unicast one; what is no address is not. */
export function isPublicAddress(address: string): boolean {
  const { host, family } = parsed(address);
  if (family === null || SPECIAL.check(host, family)) return false;
  return family === 'ipv4' || REACHABLE_IPV6.check(host, 'ipv6');
}

/** Public addresses, and the networks that are allowed besides. */
export class AddressGuard {
  readonly #allowed: BlockList;

  /** @throws SottoError `invalid_option` for what is no network. */
  constructor(allow: readonly string[]) {
    assertNetworks(allow);
    this.#allowed = blockListOf(allow);
  }

  permits(address: string): boolean {
    const { host, family } = parsed(address);
    return isPublicAddress(address) || (family !== null && this.#allowed.check(host, family));
  }

  /** What is said of an address that is not permitted. */
  refusal(address: string): SottoError {
    const text =
      `${address} is not a public address. The option "allow" can name its network, and "addresses" set to "any" ` +
      'lets every address through';
    return new SottoError('not_allowed', text);
  }
}

/** @throws SottoError `invalid_option` naming what is neither an address nor a network such as 10.1.0.0/16. */
export function assertNetworks(networks: readonly string[]): void {
  for (const network of networks) {
    const { host, family, prefix } = partsOf(network);
    if (family !== null && Number.isInteger(prefix) && prefix >= 0 && prefix <= longest(family)) {
      if (isIP(host) !== 0) continue;
    }
    throw new SottoError(
      'invalid_option',
      `allow: "${network}" is no network. Write it as 10.1.0.0/16 or fd12:3456::/32, or as a single address.`,
    );
  }
}

type Family = 'ipv4' | 'ipv6';

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const { host, family, prefix } = partsOf(network);
    if (family !== null) list.addSubnet(host, prefix, family);
  }
  return list;
}

function partsOf(network: string): { host: string; family: Family | null; prefix: number } {
  const slash = network.indexOf('/');
  const host = slash < 0 ? network : network.slice(0, slash);
  const { family } = parsed(host);
  const digits = slash < 0 ? String(longest(family)) : network.slice(slash + 1);
  return { host, family, prefix: /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN };
}

function longest(family: Family | null): number {
  return family === 'ipv4' ? 32 : 128;
}

/** Without the zone of a link, which BlockList does not understand. */
function parsed(address: string): { host: string; family: Family | null } {
  const version = isIP(address);
  const family = version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : null;
  return { host: family === 'ipv6' ? (address.split('%')[0] ?? address) : address, family };
}

function inNat64(network: string): string {
  const { host, prefix } = partsOf(network);
  return `64:ff9b::${host}/${96 + prefix}`;
}

function inSixToFour(network: string): string {
  const { host, prefix } = partsOf(network);
  const [a = 0, b = 0, c = 0, d = 0] = host.split('.').map(Number);
  const groups = [a * 256 + b, c * 256 + d].map((group) => group.toString(16));
  return `2002:${groups.join(':')}::/${SIX_TO_FOUR_BITS + prefix}`;
}
