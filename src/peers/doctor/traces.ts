/** Traces that came, for whoever sent them to ask after: a bounded memory, of which each host has a share of its own. */

import { limitedHost } from '../../transport/url.ts';
import { type HeardTrace, MOST_HEARD } from '../../wire/peers-doctor.ts';

/** A trace, with what its receiver knows of it. */
export interface NotedTrace extends HeardTrace {
  readonly nonce: string;
  /** This program has sent it itself. */
  readonly isOwn: boolean;
}

const MOST_HOSTS = 64;
const MOST_OF_HOST = MOST_HEARD;

export class Traces {
  /** By host, then by what tells traces apart. */
  readonly #byHost = new Map<string, Map<string, NotedTrace>>();

  get size(): number {
    return [...this.#byHost.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** @returns whether it is the first of its nonce from that host. */
  note(trace: NotedTrace): boolean {
    const host = limitedHost(trace.host);
    const ofHost = this.#byHost.get(host) ?? new Map<string, NotedTrace>();
    const isNew = ![...ofHost.values()].some(({ nonce }) => nonce === trace.nonce);
    const { nonce, host: exact, by, way, isOwn } = trace;
    put(ofHost, JSON.stringify([nonce, exact, by, way, isOwn]), trace, MOST_OF_HOST);
    put(this.#byHost, host, ofHost, MOST_HOSTS);
    return isNew;
  }

  of(nonce: string): readonly NotedTrace[] {
    return [...this.#byHost.values()].flatMap((ofHost) =>
      [...ofHost.values()].filter((trace) => trace.nonce === nonce),
    );
  }
}

/** To the end of the order; the oldest makes room. */
function put<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
