/** Sealed packets to one server and back: which link, which reply belongs to which request. No routes here. */

import { type Bytes, mapKey } from '../bytes/bytes.ts';
import { type PackedRequest, PssstClient } from '../envelope/pssst.ts';
import { codeOf, SottoError } from '../errors.ts';
import { looksHybrid } from '../keys/hybrid-key.ts';
import type { ConnectOptions, Link, LinkEvents } from '../transport/transport.ts';
import { CipherSuite, exchangeOf, requestOverhead } from '../wire/pssst.ts';
import { Counters } from './counters.ts';
import { Exchange } from './exchange.ts';
import { LIMITS, type ResolvedAsking } from './options.ts';

/** What one request needs of the way. */
export interface AskOptions {
  /** ms. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** Resolves as soon as one link has taken the packet. */
  readonly oneWay?: boolean;
  /** Whether this reply is only a word that the real one needs a wider road. */
  readonly isTooLarge?: (reply: Bytes) => boolean;
}

/** How a job reaches its servers. */
export interface Roads {
  connect(url: string, events: LinkEvents, options: ConnectOptions): Link;
  /** The stream beside a road of datagrams, for what does not fit one; null where there is none. */
  streamTwin(url: string): string | null;
}

interface Pending {
  readonly packed: PackedRequest;
  readonly exchange: Exchange<Bytes>;
  readonly isTooLarge: (reply: Bytes) => boolean;
}

export class PacketClient {
  readonly counters: Counters = new Counters();
  /** Bytes that sealing adds to a message. */
  readonly overhead: number;
  readonly #options: ResolvedAsking;
  readonly #pssst: PssstClient;
  readonly #roads: Roads;
  readonly #links: readonly Link[];
  /** TCP beside each UDP link, made when a packet or a reply does not fit a datagram. */
  readonly #twins = new Map<string, Link>();
  readonly #pending = new Map<string, Pending>();
  #closed = false;

  constructor(urls: readonly string[], options: ResolvedAsking, roads: Roads) {
    const { serverKey, identity } = options;
    const cipherSuite = suiteFor(options);
    this.#options = options;
    this.#roads = roads;
    this.#pssst = new PssstClient(serverKey, {
      cipherSuite,
      ...(identity === undefined ? {} : { clientPrivateKey: identity.privateKey }),
    });
    this.overhead = requestOverhead(cipherSuite, identity !== undefined);
    this.#links = urls.map((url) => this.#connect(url));
  }

  /** Whether the first road is one of datagrams. */
  get usesDatagrams(): boolean {
    return this.#links[0]?.transport === 'udp';
  }

  /** Seals `message`, sends it until it is answered, and opens the reply. */
  async ask(message: Bytes, options: AskOptions): Promise<Bytes> {
    if (this.#closed) throw closed();
    const packed = this.#pssst.packRequest(message);
    const name = mapKey(packed.exchange);
    const exchange = new Exchange<Bytes>({
      packet: packed.packet,
      links: this.#linksFor(packed.packet),
      backoff: { first: this.#options.retryAfter, tries: this.#options.retries + 1 },
      raceAfter: this.#options.raceAfter,
      timeout: options.timeout,
      signal: options.signal,
      oneWay: options.oneWay ?? false,
    });
    this.#pending.set(name, { packed, exchange, isTooLarge: options.isTooLarge ?? (() => false) });
    this.counters.add('sent');
    try {
      exchange.start();
      return await exchange.answer;
    } finally {
      this.#pending.delete(name);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { exchange } of this.#pending.values()) exchange.fail(closed());
    const links = [...this.#links, ...this.#twins.values()];
    await Promise.all(links.map((link) => link.close()));
  }

  #connect(url: string): Link {
    const { timeout, maxDatagram } = this.#options;
    const events = {
      onPacket: (packet: Bytes) => this.#receive(packet, link),
      onCut: () => {
        for (const { exchange } of this.#pending.values()) exchange.cut(link);
      },
    };
    const link = this.#roads.connect(url, events, { timeout, maxDatagram, maxPacket: LIMITS.maxPacket });
    return link;
  }

  /** A packet is a reply only if it opens as one: whatever else comes is counted and dropped. */
  #receive(packet: Bytes, link: Link): void {
    const exchange = exchangeOf(packet);
    const pending = exchange && this.#pending.get(mapKey(exchange));
    if (!pending) return this.counters.add('unexpected');
    let reply: Bytes;
    try {
      reply = pending.packed.openReply(packet);
    } catch (error) {
      return this.counters.add(codeOf(error));
    }
    if (link.lossy && pending.isTooLarge(reply)) return this.#widen(pending);
    this.counters.add('answered');
    pending.exchange.settle(reply);
  }

  /** The same packet by streams: the server has kept the reply for it. */
  #widen({ exchange }: Pending): void {
    this.counters.add('widened');
    const text =
      'The reply is longer than a datagram to this address may be, and the server cannot be reached by TCP';
    exchange.leaveLossy(new SottoError('reply_too_large', text));
    for (const link of this.#streams()) exchange.join(link);
  }

  #linksFor(packet: Bytes): readonly Link[] {
    const fitting = this.#links.filter((link) => packet.length <= link.maxPacket);
    if (fitting.length > 0) return fitting;
    const streams = this.#streams().filter((link) => packet.length <= link.maxPacket);
    if (streams.length > 0) return streams;
    const longest = Math.max(...this.#links.map((link) => link.maxPacket), LIMITS.maxPacket);
    const text = `The sealed request has ${packet.length} bytes; the longest road takes ${longest}.`;
    throw new SottoError('request_too_large', text);
  }

  /** Every road without a datagram's bound: those given, else TCP beside the datagrams. */
  #streams(): readonly Link[] {
    const given = this.#links.filter((link) => !link.lossy);
    return given.length > 0 ? given : this.#links.flatMap((link) => this.#twinOf(link));
  }

  #twinOf(link: Link): Link[] {
    const url = this.#roads.streamTwin(link.url);
    if (url === null) return [];
    const twin = this.#twins.get(url) ?? this.#connect(url);
    this.#twins.set(url, twin);
    return [twin];
  }
}

/** The suite asked for, or that of the server's key. */
export function suiteFor({ serverKey, cipherSuite }: ResolvedAsking): CipherSuite {
  if (cipherSuite !== undefined) return cipherSuite;
  return looksHybrid(serverKey) ? CipherSuite.MLKEM768X25519_AESGCM256 : CipherSuite.X25519_AESGCM256;
}

function closed(): SottoError {
  return new SottoError('closed', 'This client is closed.');
}
