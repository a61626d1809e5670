/**
 * The urls that stand for the two ends of a WebSocket in what is signed: a new one for each message, so that none is good
 * twice.
 *
 * Source: specs/lonelyps.md, section 6.
 */

import { primitives } from '#crypto';
import { encodeBase64 } from '../../bytes/base64.ts';
import { type Bytes, concat } from '../../bytes/bytes.ts';

export class ConnectionUrls {
  readonly #prefix: string;
  #subscriber = -1;
  #broadcaster = 1;

  /** @param subscriberNonce of CONFIGURE; the other is of CONFIRM_CONFIGURE. 32 bytes each. */
  constructor(subscriberNonce: Bytes, broadcasterNonce: Bytes) {
    const nonce = primitives.sha256(concat(subscriberNonce, broadcasterNonce));
    this.#prefix = `websocket:${encodeBase64(nonce)}:`;
  }

  /** Of the subscriber's next message that has one. */
  nextSubscriber(): string {
    return this.#prefix + (this.#subscriber--).toString(16);
  }

  /** Of the broadcaster's next message that has one. */
  nextBroadcaster(): string {
    return this.#prefix + (this.#broadcaster++).toString(16);
  }
}
