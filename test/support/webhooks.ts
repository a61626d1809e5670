/** Many webhooks behind one port, each of which a test can take down or hold up. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { concat, EMPTY } from '../../src/bytes/bytes.ts';
import { StreamReader } from '../../src/bytes/stream-reader.ts';
import { decodeUtf8, encodeHex } from '../../src/bytes/text.ts';
import { encodeAnswer, readMissed, readReceiveHead } from '../../src/wire/lonelyps-stateless.ts';

export type WebhookEvent =
  | { readonly type: 'received'; readonly topic: string; readonly text: string; readonly identifier: string }
  | { readonly type: 'missed'; readonly topic: string };

export class Webhooks implements AsyncDisposable {
  /** What each was told, in its order. */
  readonly events: Map<string, WebhookEvent[]> = new Map();
  readonly #server: Server = createServer((request, response) => this.#take(request, response));
  readonly #down = new Set<string>();
  readonly #held = new Map<string, (() => void)[]>();
  /** Called with everything, as it comes. */
  onEvent: (name: string, event: WebhookEvent) => void = () => {};
  #address = '';

  static async start(): Promise<Webhooks> {
    const webhooks = new Webhooks();
    await once(webhooks.#server.listen(0, '127.0.0.1'), 'listening');
    webhooks.#server.keepAliveTimeout = 60_000; // longer than whoever posts keeps a connection
    webhooks.#address = `http://127.0.0.1:${(webhooks.#server.address() as { port: number }).port}`;
    return webhooks;
  }

  urlOf(name: string): string {
    return `${this.#address}/${name}/receive`;
  }

  recoveryOf(name: string): string {
    return `${this.#address}/${name}/recover`;
  }

  textsOf(name: string): string[] {
    return this.#of(name).flatMap((event) => (event.type === 'received' ? [event.text] : []));
  }

  missedBy(name: string): string[] {
    return this.#of(name).flatMap((event) => (event.type === 'missed' ? [event.topic] : []));
  }

  /** From now on whoever connects is cut off, or is not any more. */
  setDown(name: string, isDown: boolean): void {
    if (isDown) this.#down.add(name);
    else this.#down.delete(name);
  }

  /** From now on what it is told is taken but not answered. */
  hold(name: string): void {
    this.#held.set(name, []);
  }

  /** How many of its answers wait. */
  heldOf(name: string): number {
    return this.#held.get(name)?.length ?? 0;
  }

  release(name: string): void {
    const waiting = this.#held.get(name) ?? [];
    this.#held.delete(name);
    for (const answer of waiting) answer();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #of(name: string): WebhookEvent[] {
    const known = this.events.get(name) ?? [];
    this.events.set(name, known);
    return known;
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const [, name = '', verb] = (request.url ?? '').split('/');
    if (this.#down.has(name)) return void request.socket.destroy();
    const answer = verb === 'recover' ? this.#recover(name, request) : this.#receive(name, request);
    answer.then(
      (body) => response.end(body),
      () => response.destroy(),
    );
  }

  async #receive(name: string, request: IncomingMessage): Promise<Uint8Array> {
    const reader = new StreamReader(request);
    const { topic, identifier } = await readReceiveHead(reader);
    const parts: Uint8Array[] = [];
    for await (const part of reader.rest()) parts.push(part);
    const text = Buffer.from(concat(...parts)).toString();
    this.#tell(name, { type: 'received', topic: decodeUtf8(topic), text, identifier: encodeHex(identifier) });
    await this.#released(name);
    const confirmed = { authorization: null, tracing: EMPTY, identifier, subscribers: 1 };
    return encodeAnswer({ type: 'confirm-receive', ...confirmed });
  }

  async #recover(name: string, request: IncomingMessage): Promise<Uint8Array> {
    const { topic } = await readMissed(new StreamReader(request));
    this.#tell(name, { type: 'missed', topic: decodeUtf8(topic) });
    await this.#released(name);
    return encodeAnswer({ type: 'confirm-missed', authorization: null, tracing: EMPTY });
  }

  async #released(name: string): Promise<void> {
    const held = this.#held.get(name);
    if (held) await new Promise<void>((resolve) => held.push(resolve));
  }

  #tell(name: string, event: WebhookEvent): void {
    this.#of(name).push(event);
    this.onEvent(name, event);
  }
}
