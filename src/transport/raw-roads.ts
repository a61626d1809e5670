/** Links by UDP and TCP, which pages have not (`no-raw-roads.ts`). */

import { sockets } from '#sockets';
import { framedPipe } from './framed.ts';
import type { PacketPipe } from './packet-pipe.ts';
import { PipeLink } from './pipe-link.ts';
import type { ConnectOptions, Link, LinkEvents } from './transport.ts';
import { UdpLink } from './udp.ts';
import type { RoadUrl } from './url.ts';

export function connectRaw(url: RoadUrl, events: LinkEvents, options: ConnectOptions): Link {
  if (url.scheme === 'udp') return new UdpLink(url, events, options);
  return new PipeLink('tcp', url, () => openTcp(url, options), events, options);
}

async function openTcp(url: RoadUrl, { timeout, maxPacket }: ConnectOptions): Promise<PacketPipe> {
  return framedPipe(await sockets.connectStream(url, timeout), maxPacket);
}
