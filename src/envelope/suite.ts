/** What the cipher suites have in common, so that `pssst.ts` tells the story of a packet once. */

import type { Bytes } from '../bytes/bytes.ts';
import type { RequestPacket } from '../wire/pssst.ts';

/** The keys of one exchange. A null nonce means that each reply draws its own and carries it. */
export interface ExchangeKeys {
  readonly requestKey: Bytes;
  readonly requestNonce: Bytes;
  readonly replyKey: Bytes;
  readonly replyNonce: Bytes | null;
}

/** What a client puts into a fresh request. */
interface Exchange {
  readonly exchangeParameter: Bytes;
  readonly keys: ExchangeKeys;
  /** The client's proof, the front of the plaintext; empty for an anonymous client. */
  readonly proof: readonly Bytes[];
}

/** A suite in the hands of a client of one server. */
export interface ClientSuite {
  /** A fresh exchange whose request has this header. */
  begin(header: Bytes): Exchange;
}

/** A suite in the hands of a server. */
export interface ServerSuite {
  /** @throws SottoError `low_order_point`. */
  accept(request: RequestPacket): ExchangeKeys;
  /**
   * The public key of the client that `proof` proves.
   *
   * @throws SottoError `client_auth_failed`, `low_order_point`.
   */
  verifyProof(request: RequestPacket, proof: Bytes): Bytes;
}

export const KEY_SIZE = 32;
export const NONCE_SIZE = 12;
