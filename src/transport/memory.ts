/** Packets within one process: for tests of whole programs without a network, with the network's faults on demand. */

import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import type { Arrival, Link, LinkEvents, Listener, ListenOptions } from './transport.ts';
import { formatUrl, type RoadUrl } from './url.ts';

const NEVER: AbortSignal = new AbortController().signal;

/** What becomes of a packet on its way: how many copies arrive. Default one. */
export type Impairment = (packet: Bytes, direction: 'request' | 'reply') => number;

/**
 * Where `memory://name` URLs meet.
 *
 * @example
 * ```ts
 * import { createApp, Identity } from 'sotto';
 * import { MemoryHub, RequestClient, RequestServer } from 'sotto/request';
 * const hub = new MemoryHub();
 * const app = createApp().on('/echo', (ctx) => ctx.body);
 * const server = await RequestServer.start(app, { identity: Identity.generate(), listen: 'memory://a', hub });
 * const client = await RequestClient.connect('memory://a', { serverKey: server.publicKey, hub });
 * console.log(await client.request('/echo', 'hello'));
 * ```
 */
export class MemoryHub {
  readonly #doors = new Map<string, Door>();
  readonly #impair: Impairment;

  /** @param impair loses (0) or doubles (2) packets. Default: none. */
  constructor(impair: Impairment = () => 1) {
    this.#impair = impair;
  }

  listen(url: RoadUrl, options: ListenOptions): Listener {
    const address = formatUrl(url);
    if (this.#doors.has(url.host)) {
      throw new SottoError('address_in_use', `${address} is taken by another server.`);
    }
    const door: Door = { options, taking: true };
    this.#doors.set(url.host, door);
    return {
      address,
      stop: async () => {
        door.taking = false;
      },
      close: async () => {
        if (this.#doors.get(url.host) === door) this.#doors.delete(url.host);
      },
    };
  }

  connect(url: RoadUrl, events: LinkEvents): Link {
    const name = 'memory';
    return {
      transport: 'memory',
      url: formatUrl(url),
      lossy: true,
      maxPacket: Number.MAX_SAFE_INTEGER,
      lastError: null,
      send: async (packet) => {
        const deliver = (reply: Bytes): void => this.#carry(reply, 'reply', (copy) => events.onPacket(copy));
        this.#carry(packet, 'request', (copy) => {
          const door = this.#doors.get(url.host);
          if (door?.taking) void door.options.onArrival(arrivalOf(copy, name, door.options, deliver));
        });
      },
      reset() {},
      close: async () => {},
    };
  }

  #carry(packet: Bytes, direction: 'request' | 'reply', deliver: (packet: Bytes) => void): void {
    for (let copies = this.#impair(packet, direction); copies > 0; copies--) {
      queueMicrotask(() => deliver(packet.slice()));
    }
  }
}

interface Door {
  readonly options: ListenOptions;
  taking: boolean;
}

function arrivalOf(
  packet: Bytes,
  name: string,
  options: ListenOptions,
  deliver: (reply: Bytes) => void,
): Arrival {
  return {
    packet,
    transport: 'memory',
    remote: name,
    host: name,
    addressProven: true,
    maxReply: options.limits.maxPacket,
    signal: NEVER,
    reply: deliver,
    done() {},
    refuse() {},
  };
}
