/** How a subscriber and its broadcasters reach each other: by webhooks, by a WebSocket, or by both at once. */

import type { Bytes } from '../../bytes/bytes.ts';
import type { MessageBody } from '../delivery/poster.ts';
import type { Mailbox } from './mailbox.ts';

/** A notification to be sent, as often as it takes: under the same identifier, by which it is known again. */
export interface OutgoingMessage {
  readonly topic: Bytes;
  /** 1 to 64 bytes. */
  readonly identifier: Bytes;
  /** Of the body. */
  readonly sha512: Bytes;
  readonly body: MessageBody;
  /** A trace context. Default none. */
  readonly tracing?: Bytes;
}

export interface Road {
  /** @returns how many confirmed it. */
  notify(message: OutgoingMessage): Promise<number>;
  /** Resolves once messages come. */
  subscribe(mailbox: Mailbox): Promise<void>;
  /** Nothing comes any more; where it is kept, the broadcasters go on to note what is missed. */
  unsubscribe(mailbox: Mailbox, keep: boolean): Promise<void>;
  close(): Promise<void>;
}
