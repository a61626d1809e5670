/** What a program writes for an endpoint. */

import type { SickservPayload } from '../../wire/sickserv.ts';

/** What may be sent. A Map keeps its order whatever its names. */
export type Sendable = SickservPayload | ReadonlyMap<string | number, unknown>;

/** What a handler is told besides the payload. Nothing in it is proved. */
export interface SickservContext {
  /** Who says to have sent it; empty for programs of 0.0.1. */
  readonly sysid: string;
  readonly endpoint: string;
  readonly transport: 'http' | 'ws';
  /** `host:port`. */
  readonly remote: string;
  /** Aborted when the asker is gone. */
  readonly signal: AbortSignal;
  /**
   * Sends the asker one more payload, now or later: by this WebSocket; for a request over HTTP by all WebSockets that the
   * sysid has to this endpoint.
   *
   * @returns whether it was handed to a connection.
   * @throws SottoError `invalid_argument`, `invalid_body`.
   */
  push(payload: Sendable): boolean;
}

/** What it returns is the answer. Undefined is an empty payload over HTTP, and nothing over a WebSocket. */
export type SickservHandler = (
  payload: SickservPayload,
  context: SickservContext,
) => Sendable | undefined | Promise<Sendable | undefined>;
