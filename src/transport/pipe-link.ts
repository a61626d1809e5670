/** The client side of pipes (TCP, WebSocket): one connection, made when needed, and again after a cut. */

import type { Bytes } from '../bytes/bytes.ts';
import { messageOf, SottoError } from '../errors.ts';
import type { PacketPipe } from './packet-pipe.ts';
import type { ConnectOptions, Link, LinkEvents, Transport } from './transport.ts';
import { formatUrl, type RoadUrl } from './url.ts';

/** Above this `send` waits until the server reads, bytes. */
const MAX_BUFFERED = 1024 * 1024;

export class PipeLink implements Link {
  readonly transport: Transport;
  readonly lossy = false;
  readonly url: string;
  readonly maxPacket: number;
  lastError: string | null = null;
  readonly #open: () => Promise<PacketPipe>;
  readonly #events: LinkEvents;
  #pipe: Promise<PacketPipe> | null = null;
  #queue: Bytes[] = [];
  #drained: (() => void)[] = [];
  #closed = false;

  /** @param open connects; rejects with a sentence. */
  constructor(
    transport: Transport,
    url: RoadUrl,
    open: () => Promise<PacketPipe>,
    events: LinkEvents,
    options: ConnectOptions,
  ) {
    this.transport = transport;
    this.url = formatUrl(url);
    this.maxPacket = options.maxPacket;
    this.#open = open;
    this.#events = events;
  }

  async send(packet: Bytes, signal: AbortSignal): Promise<void> {
    if (this.#closed) throw new SottoError('closed', 'This client is closed.');
    this.#pipe ??= this.#connect();
    const pipe = await this.#pipe;
    while (pipe.buffered > MAX_BUFFERED && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#drained.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    if (signal.aborted) return;
    this.#queue.push(packet);
    // All that is asked in one turn leaves in one write.
    if (this.#queue.length === 1) queueMicrotask(() => this.#flush(pipe));
  }

  reset(): void {
    this.#pipe?.then((pipe) => pipe.destroy()).catch(() => {});
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pipe = await this.#pipe?.catch(() => null);
    pipe?.end();
  }

  async #connect(): Promise<PacketPipe> {
    try {
      const pipe = await this.#open();
      if (this.#closed) pipe.destroy();
      pipe.start({
        onData: (packet) => {
          this.lastError = null;
          this.#events.onPacket(packet);
        },
        onDrain: () => this.#release(),
        onClose: (why) => this.#lost(why),
      });
      return pipe;
    } catch (error) {
      this.#pipe = null;
      this.lastError = messageOf(error);
      throw error;
    }
  }

  #flush(pipe: PacketPipe): void {
    const packets = this.#queue;
    this.#queue = [];
    pipe.send(packets);
  }

  #lost(why: string | null): void {
    this.#pipe = null;
    this.lastError = why;
    this.#release();
    if (!this.#closed) this.#events.onCut();
  }

  #release(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}
