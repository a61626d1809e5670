/** Packets as HTTP exchanges: `POST /pssst` with the packet, 200 with the reply (specs/native.md, section 1). */

import { sockets } from '#sockets';
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { messageOf, SottoError } from '../errors.ts';
import type { HttpExchange } from '../platform/types.ts';
import type { HttpMount } from './http-mount.ts';
import type { Arrival, ConnectOptions, Link, LinkEvents, Listener, ListenOptions } from './transport.ts';
import { formatAddress, formatUrl, limitedHost, PACKET_CONTENT_TYPE, type RoadUrl } from './url.ts';

const OK = 200;
const NO_CONTENT = 204;
const BAD_REQUEST = 400;
const UNSUPPORTED_MEDIA_TYPE = 415;
const UNAVAILABLE = 503;

/** Takes packets at the path of `url`; the mount is made to listen by whoever shares it out. */
export function mountHttp(url: RoadUrl, mount: HttpMount, options: ListenOptions): Listener {
  let taking = true;
  mount.onPost(url.path, (exchange) => {
    if (!taking) return exchange.answer(UNAVAILABLE);
    if (!exchange.contentType.startsWith(PACKET_CONTENT_TYPE)) return exchange.answer(UNSUPPORTED_MEDIA_TYPE);
    const arrival = new HttpArrival(exchange, options.limits.maxPacket);
    const finish = (): void => arrival.refuse(); // ignored where an answer was given
    options.onArrival(arrival).then(finish, finish);
  });
  return {
    get address() {
      return formatUrl({ ...url, port: mount.port });
    },
    async stop() {
      taking = false;
    },
    close: () => mount.leave(),
  };
}

class HttpArrival implements Arrival {
  readonly transport = 'http' as const;
  readonly addressProven = true;
  readonly maxReply: number;
  readonly #exchange: HttpExchange;
  #answered = false;

  constructor(exchange: HttpExchange, maxReply: number) {
    this.#exchange = exchange;
    this.maxReply = maxReply;
  }

  get packet(): Bytes {
    return this.#exchange.body;
  }
  get remote(): string {
    return formatAddress(this.#exchange.remote);
  }
  get host(): string {
    return limitedHost(this.#exchange.remote.host);
  }
  get signal(): AbortSignal {
    return this.#exchange.closed;
  }
  reply(packet: Bytes): void {
    this.#answer(OK, packet);
  }
  done(): void {
    this.#answer(NO_CONTENT);
  }
  refuse(): void {
    this.#answer(BAD_REQUEST);
  }

  #answer(status: number, packet?: Bytes): void {
    if (this.#answered) return;
    this.#answered = true;
    if (packet) this.#exchange.answer(status, packet, PACKET_CONTENT_TYPE);
    else this.#exchange.answer(status);
  }
}

/** Each send is one POST and ends with its answer. */
export class HttpLink implements Link {
  readonly transport = 'http' as const;
  readonly lossy = false;
  readonly url: string;
  readonly maxPacket: number;
  lastError: string | null = null;
  readonly #target: string;
  readonly #events: LinkEvents;
  readonly #closing = new AbortController();

  constructor(url: RoadUrl, events: LinkEvents, options: ConnectOptions) {
    this.url = formatUrl(url);
    this.#target = this.url.endsWith(url.path) ? this.url : this.url + url.path;
    this.maxPacket = options.maxPacket;
    this.#events = events;
  }

  async send(packet: Bytes, signal: AbortSignal): Promise<void> {
    const answer = await this.#post(packet, AbortSignal.any([signal, this.#closing.signal]));
    if (signal.aborted) return;
    if (answer.status === OK) return this.#events.onPacket(answer.body);
    if (answer.status === NO_CONTENT) return;
    if (answer.status === BAD_REQUEST) {
      const text = `${this.url} could not open the packet: is the server key that of this server?`;
      throw new SottoError('refused', text);
    }
    this.lastError = `it answered with HTTP status ${answer.status}`;
    throw new SottoError('unreachable', `${this.url} takes no packets: ${this.lastError}.`);
  }

  reset(): void {}

  async close(): Promise<void> {
    this.#closing.abort();
  }

  async #post(body: Bytes, signal: AbortSignal): Promise<{ status: number; body: Bytes }> {
    try {
      const request = { body, contentType: PACKET_CONTENT_TYPE, maxAnswer: this.maxPacket, signal };
      return await sockets.post(this.#target, request);
    } catch (error) {
      if (signal.aborted) return { status: NO_CONTENT, body: EMPTY };
      this.lastError = messageOf(error);
      throw error;
    }
  }
}
