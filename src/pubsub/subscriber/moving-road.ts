/**
 * By webhooks, and by a WebSocket as long as one is open: then messages come that way, under the same identifiers, and what
 * was on its way when it ends comes by webhook.
 */

import type { Mailbox } from './mailbox.ts';
import type { OutgoingMessage, Road } from './road.ts';
import type { WebhookRoad } from './webhook-road.ts';
import type { WebSocketRoad } from './websocket-road.ts';

export class MovingRoad implements Road {
  readonly #webhooks: WebhookRoad;
  readonly #webSocket: WebSocketRoad;

  constructor(webhooks: WebhookRoad, webSocket: WebSocketRoad) {
    this.#webhooks = webhooks;
    this.#webSocket = webSocket;
  }

  notify(message: OutgoingMessage): Promise<number> {
    return this.#webSocket.isOpen ? this.#webSocket.notify(message) : this.#webhooks.notify(message);
  }

  async subscribe(mailbox: Mailbox): Promise<void> {
    await this.#webhooks.subscribe(mailbox);
    await this.#webSocket.subscribe(mailbox);
  }

  async unsubscribe(mailbox: Mailbox, keep: boolean): Promise<void> {
    await this.#webSocket.unsubscribe(mailbox);
    await this.#webhooks.unsubscribe(mailbox, keep);
  }

  async close(): Promise<void> {
    await this.#webSocket.close();
    await this.#webhooks.close();
  }
}
