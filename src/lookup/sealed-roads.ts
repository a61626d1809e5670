/** Sealed packets inside queries and replies: both ends see them as packets that came by themselves. */

import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import { ArrivalWithin, openingEvents } from '../sealed/arrival-within.ts';
import type { Roads } from '../sealed/packet-client.ts';
import { streamTwin } from '../transport/connect.ts';
import { LineLink } from '../transport/lines.ts';
import type { Arrival, ConnectOptions, Link, LinkEvents, Transport } from '../transport/transport.ts';
import { UdpLink } from '../transport/udp.ts';
import { parseUrl } from '../transport/url.ts';
import {
  decodeReply,
  encodeQuery,
  encodeReply,
  fromBase64,
  HEADER_SIZE,
  type LookupMessage,
  queryHeader,
  toBase64,
} from '../wire/simple-client-server.ts';

const LINE_END_SIZE = 1;
/** The packet names its own representation inside: the one outside is not read. */
const HEADER = queryHeader('sealed', 'b');

/** The longest packet whose query or reply has at most `size` bytes, header, base64 and line end being around it. */
export function packetRoom(size: number): number {
  return Math.floor((size - HEADER_SIZE - LINE_END_SIZE) / 4) * 3;
}

/** What a packet of that size takes as a query. */
function querySize(packet: number): number {
  return HEADER_SIZE + 4 * Math.ceil(packet / 3) + LINE_END_SIZE;
}

/** The answering side. */
export class SealedArrival extends ArrivalWithin {
  readonly #header: Bytes;

  /**
   * @param maxDatagram bytes.
   * @throws SottoError `invalid_text`.
   */
  static of(arrival: Arrival, { header, payload }: LookupMessage, maxDatagram: number): SealedArrival {
    const limit = arrival.addressProven ? arrival.maxReply : Math.min(arrival.maxReply, maxDatagram);
    return new SealedArrival(arrival, header, fromBase64(payload), packetRoom(limit));
  }

  private constructor(arrival: Arrival, header: Bytes, packet: Bytes, maxReply: number) {
    super(arrival, packet, maxReply);
    this.#header = header;
  }

  reply(packet: Bytes): void {
    this.arrival.reply(encodeReply(this.#header, toBase64(packet)));
  }

  /** A connection is for one answer: without one it ends. */
  done(): void {
    if (this.addressProven) this.arrival.reply(EMPTY);
  }
}

/** The asking side: UDP datagrams, and lines over TCP. */
export const SEALED_ROADS: Roads = {
  connect: (url, events, options) => new SealedLink(url, events, options),
  streamTwin,
};

class SealedLink implements Link {
  readonly transport: Transport;
  readonly url: string;
  readonly lossy: boolean;
  readonly maxPacket: number;
  readonly #link: Link;

  constructor(text: string, events: LinkEvents, options: ConnectOptions) {
    this.#link = plainLink(text, openingEvents(events, packetIn), {
      ...options,
      maxDatagram: querySize(options.maxDatagram),
    });
    this.transport = this.#link.transport;
    this.url = this.#link.url;
    this.lossy = this.#link.lossy;
    this.maxPacket = packetRoom(this.#link.maxPacket);
  }

  get lastError(): string | null {
    return this.#link.lastError;
  }

  send(packet: Bytes, signal: AbortSignal): Promise<void> {
    return this.#link.send(encodeQuery(HEADER, toBase64(packet)), signal);
  }

  reset(): void {
    this.#link.reset();
  }

  close(): Promise<void> {
    return this.#link.close();
  }
}

/** A link for queries as they are. @throws SottoError `invalid_url`. */
export function plainLink(text: string, events: LinkEvents, options: ConnectOptions): Link {
  const url = parseUrl(text);
  if (url.scheme === 'udp') return new UdpLink(url, events, options);
  if (url.scheme === 'tcp') return new LineLink(url, events, options);
  throw new SottoError('invalid_url', `${text} is no road for lookups; udp:// and tcp:// are.`);
}

function packetIn(reply: Bytes): Bytes {
  return fromBase64(decodeReply(reply).payload);
}
