/** Links by URL. */

import { connectRaw } from '#raw-roads';
import { sockets } from '#sockets';
import { SottoError } from '../errors.ts';
import { HttpLink } from './http.ts';
import { messagePipe, type PacketPipe } from './packet-pipe.ts';
import { PipeLink } from './pipe-link.ts';
import type { ConnectOptions, Link, LinkEvents } from './transport.ts';
import { DEFAULT_PATH, formatUrl, parseUrl, type RoadUrl } from './url.ts';

/**
 * A link to the server at `text`; it connects when first used.
 *
 * @throws SottoError `invalid_url`.
 */
export function connect(text: string, events: LinkEvents, options: ConnectOptions): Link {
  const url = parseUrl(text);
  switch (url.scheme) {
    case 'udp':
    case 'tcp':
      return connectRaw(url, events, options);
    case 'ws':
    case 'wss':
      return new PipeLink('ws', url, () => openWebSocket(url, options), events, options);
    case 'http':
    case 'https':
      return new HttpLink(url, events, options);
    case 'memory':
      if (!options.hub) throw new SottoError('invalid_option', `${text} needs the option hub.`);
      return options.hub.connect(url, events);
  }
}

/** The stream beside a datagram URL: TCP at the same host and port, by convention. */
export function streamTwin(text: string): string | null {
  const url = parseUrl(text);
  return url.scheme === 'udp' ? formatUrl({ ...url, scheme: 'tcp' }) : null;
}

async function openWebSocket(url: RoadUrl, { timeout, maxPacket }: ConnectOptions): Promise<PacketPipe> {
  const target = formatUrl(url) + (url.path === DEFAULT_PATH ? DEFAULT_PATH : '');
  return messagePipe(await sockets.connectChannel(target, { maxMessage: maxPacket, timeout }));
}
