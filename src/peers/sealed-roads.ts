/** Sealed packets as the bodies of STP frames: both ends see them as packets that came by themselves. */

import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { codeOf, SottoError } from '../errors.ts';
import { ArrivalWithin, openingEvents } from '../sealed/arrival-within.ts';
import type { Roads } from '../sealed/packet-client.ts';
import { LineLink } from '../transport/lines.ts';
import type { Arrival, ConnectOptions, Link, LinkEvents, Transport } from '../transport/transport.ts';
import { DEFAULT_PATH, type RoadUrl } from '../transport/url.ts';
import { decodeStpFrame, encodeStpFrame, type StpHeader } from '../wire/stp.ts';
import type { Place } from './peer.ts';

/** Where frames go whose bodies are packets. */
export const SEALED_NAMESPACE = '/sotto/sealed';
/** What a header takes at the most, bytes. */
export const HEADER_ROOM = 2048;

/** What the node's own frames say of it. */
export type OwnHeader = (namespace: string) => StpHeader;

/** The answering side. */
export class SealedArrival extends ArrivalWithin {
  readonly #header: OwnHeader;

  constructor(arrival: Arrival, packet: Bytes, header: OwnHeader) {
    super(arrival, packet, arrival.maxReply - HEADER_ROOM);
    this.#header = header;
  }

  reply(packet: Bytes): void {
    this.arrival.reply(encodeStpFrame({ header: this.#header(SEALED_NAMESPACE), body: packet }));
  }

  /** A connection is for one answer: without one it ends. */
  done(): void {
    this.arrival.reply(EMPTY);
  }
}

/** The asking side: a connection for each packet. */
export function sealedRoads(header: OwnHeader): Roads {
  return {
    connect: (url, events, options) => new SealedLink(url, events, options, header),
    streamTwin: () => null,
  };
}

class SealedLink implements Link {
  readonly transport: Transport = 'tcp';
  readonly lossy = false;
  readonly url: string;
  readonly maxPacket: number;
  readonly #link: LineLink;
  readonly #header: OwnHeader;

  constructor(url: string, events: LinkEvents, options: ConnectOptions, header: OwnHeader) {
    const opening = openingEvents(events, (frame) => decodeStpFrame(frame).body);
    const maxPacket = options.maxPacket + HEADER_ROOM;
    this.#link = new LineLink(roadOf(url), opening, { ...options, maxPacket });
    this.#header = header;
    this.url = this.#link.url;
    this.maxPacket = options.maxPacket;
  }

  get lastError(): string | null {
    return this.#link.lastError;
  }

  async send(packet: Bytes, signal: AbortSignal): Promise<void> {
    const frame = encodeStpFrame({ header: this.#header(SEALED_NAMESPACE), body: packet });
    try {
      await this.#link.send(frame, signal);
    } catch (error) {
      throw codeOf(error) === 'refused' ? unanswered(this.url, error) : error;
    }
  }

  reset(): void {
    this.#link.reset();
  }

  close(): Promise<void> {
    return this.#link.close();
  }
}

/** A peer that closes, or is busy, ends connections too: it may answer another time. */
function unanswered(url: string, cause: unknown): SottoError {
  const text = `${url} closed the connection without an answer: it is closing or busy, or wants to hear nothing of us.`;
  return new SottoError('unreachable', text, { cause });
}

/** A place as a road's name: an address may have a scope, for which URLs have no form. */
export function roadTo({ host, tcpPort }: Pick<Place, 'host' | 'tcpPort'>): string {
  return `${host}|${tcpPort}`;
}

function roadOf(name: string): RoadUrl {
  const at = name.lastIndexOf('|');
  return { scheme: 'tcp', host: name.slice(0, at), port: Number(name.slice(at + 1)), path: DEFAULT_PATH };
}
