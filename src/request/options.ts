/** Options of both ends of the request job. */

import { SottoError } from '../errors.ts';
import {
  type AnsweringOptions,
  type AskingOptions,
  type ResolvedAnswering,
  resolveAnswering,
} from '../sealed/options.ts';
import type { MemoryHub } from '../transport/memory.ts';

/** Only `identity` and `listen` have no default. */
export interface RequestServerOptions extends AnsweringOptions {
  /** Where to listen: `udp://`, `tcp://`, `http://`, `ws://`; port 0 takes a free one. */
  readonly listen: string | readonly string[];
  /** Where `memory://` URLs lead, in tests. */
  readonly hub?: MemoryHub;
}

/** Only `serverKey` has no default. */
export interface RequestClientOptions extends AskingOptions {
  /** Where `memory://` URLs lead, in tests. */
  readonly hub?: MemoryHub;
}

/** The options of a server with every default filled in. */
export interface ResolvedServerOptions extends ResolvedAnswering {
  readonly listen: readonly string[];
  readonly hub: MemoryHub | undefined;
}

/** @throws SottoError `invalid_option` naming what is out of range or missing. */
export function resolveServerOptions(options: RequestServerOptions): ResolvedServerOptions {
  const answering = resolveAnswering(options, 'request');
  const listen = typeof options.listen === 'string' ? [options.listen] : options.listen;
  if (!Array.isArray(listen) || listen.length === 0) {
    throw new SottoError('invalid_option', 'listen needs one URL or more, such as "udp://0.0.0.0:7878".');
  }
  return { ...answering, listen, hub: options.hub };
}
