/** URLs of roads: `udp://`, `tcp://`, `http://`, `https://`, `ws://`, `wss://`, `memory://`. */

import { SottoError } from '../errors.ts';

const SCHEMES = ['udp', 'tcp', 'http', 'https', 'ws', 'wss', 'memory'] as const;
type Scheme = (typeof SCHEMES)[number];

/** Where packets go over HTTP and WebSocket (specs/native.md, section 1). */
export const DEFAULT_PATH = '/pssst';
export const PACKET_CONTENT_TYPE = 'application/vnd.sotto.pssst';

const DEFAULT_PORTS: Readonly<Record<Scheme, number>> = {
  udp: 7878,
  tcp: 7878,
  http: 80,
  https: 443,
  ws: 80,
  wss: 443,
  memory: 0,
};

export interface RoadUrl {
  readonly scheme: Scheme;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** Of HTTP and WebSocket. */
  readonly path: string;
}

/** @throws SottoError `invalid_url` saying what is wrong with which URL. */
export function parseUrl(text: string): RoadUrl {
  const url = URL.parse(text);
  if (!url) throw invalid(text, 'it is not a URL; write something like udp://host:7878');
  const scheme = SCHEMES.find((each) => url.protocol === `${each}:`);
  if (!scheme)
    throw invalid(text, `it must begin with one of ${SCHEMES.map((each) => `${each}://`).join(', ')}`);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '') throw invalid(text, 'it names no host');
  if (url.username !== '' || url.search !== '' || url.hash !== '') {
    throw invalid(text, 'it may have a host, a port and a path, and nothing else');
  }
  const hasPath = url.pathname !== '' && url.pathname !== '/';
  if (hasPath && (scheme === 'udp' || scheme === 'tcp'))
    throw invalid(text, `a ${scheme}:// URL has no path`);
  const port = url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port);
  return { scheme, host, port, path: hasPath ? url.pathname : DEFAULT_PATH };
}

/** The URL as people write it: the port always, the path only where it is not the usual one. */
export function formatUrl({ scheme, host, port, path }: RoadUrl): string {
  if (scheme === 'memory') return `memory://${host}`;
  const authority = host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${authority}:${port}${path === DEFAULT_PATH ? '' : path}`;
}

/** `host:port`, for people. */
export function formatAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The host of what {@link formatAddress} has made; empty for anything else. */
export function hostIn(address: string): string {
  const [, ipv6, other = ''] = /^(?:\[(.+)\]|([^:]+)):\d+$/.exec(address) ?? [];
  return ipv6 ?? other;
}

/**
 * What limits by address count as one host: an IPv4 address, or the first 64 bits of an IPv6 address, which is the
 * least that one subscriber is given.
 */
export function limitedHost(address: string): string {
  if (!address.includes(':')) return address;
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice('::ffff:'.length);
  const [head = '', tail] = address.split('::', 2);
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array<string>(missing).fill('0'), ...back];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

function invalid(text: string, why: string): SottoError {
  return new SottoError('invalid_url', `"${text}" cannot be used: ${why}.`);
}
