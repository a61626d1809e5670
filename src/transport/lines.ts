/** One line asks, and what comes before the connection ends is the answer: packets on a byte stream, one a connection. */

import { sockets } from '#sockets';
import { type Bytes, concatAll, EMPTY } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import type { Pipe } from '../platform/types.ts';
import { onePacketPipe, type PacketReader } from './one-packet-pipe.ts';
import type { PacketPipe } from './packet-pipe.ts';
import type { ConnectOptions, Link, LinkEvents } from './transport.ts';
import { formatUrl, type RoadUrl } from './url.ts';

const LINE_END = 0x0a;

/**
 * The serving side: the first line, or all there is where the other end has finished, is the packet.
 *
 * @param maxLine bytes; a longer one ends the connection.
 */
export function linePipe(pipe: Pipe, maxLine: number): PacketPipe {
  return onePacketPipe(pipe, new LineReader(maxLine));
}

class LineReader implements PacketReader {
  readonly #maxLine: number;
  #chunks: Bytes[] = [];
  #length = 0;

  constructor(maxLine: number) {
    this.#maxLine = maxLine;
  }

  push(chunk: Bytes): Bytes | null {
    const end = chunk.indexOf(LINE_END);
    const part = end === -1 ? chunk : chunk.subarray(0, end);
    this.#length += part.length;
    if (this.#length > this.#maxLine) {
      this.#chunks = [];
      throw new SottoError('frame_too_large', `a line of more than ${this.#maxLine} bytes`);
    }
    this.#chunks.push(part);
    return end === -1 ? null : this.#take();
  }

  end(): Bytes | null {
    return this.#length > 0 ? this.#take() : null;
  }

  #take(): Bytes {
    const line = concatAll(this.#chunks);
    this.#chunks = [];
    return line;
  }
}

/** The asking side: each send is one connection and ends with its answer. */
export class LineLink implements Link {
  readonly transport = 'tcp' as const;
  readonly lossy = false;
  readonly url: string;
  readonly maxPacket: number;
  lastError: string | null = null;
  readonly #to: RoadUrl;
  readonly #timeout: number;
  readonly #events: LinkEvents;
  readonly #closing = new AbortController();

  constructor(url: RoadUrl, events: LinkEvents, options: ConnectOptions) {
    this.url = formatUrl(url);
    this.maxPacket = options.maxPacket;
    this.#to = url;
    this.#timeout = options.timeout;
    this.#events = events;
  }

  /** @param line a packet that ends with a line end. */
  async send(line: Bytes, signal: AbortSignal): Promise<void> {
    const gone = AbortSignal.any([signal, this.#closing.signal]);
    if (gone.aborted) return;
    const pipe = await sockets.connectStream(this.#to, this.#timeout);
    const answer = await this.#answerOf(pipe, line, gone);
    if (gone.aborted) return;
    if (answer.length > 0) return this.#events.onPacket(answer);
    const text =
      `${this.url} closed the connection without an answer: it does not take such queries, ` +
      'or the keys do not belong together.';
    throw new SottoError('refused', text);
  }

  reset(): void {}

  async close(): Promise<void> {
    this.#closing.abort();
  }

  #answerOf(pipe: Pipe, line: Bytes, gone: AbortSignal): Promise<Bytes> {
    const { promise, resolve, reject } = Promise.withResolvers<Bytes>();
    const chunks: Bytes[] = [];
    let length = 0;
    const onAbort = (): void => {
      pipe.destroy();
      resolve(EMPTY);
    };
    pipe.start({
      onData: (chunk) => {
        length += chunk.length;
        if (length <= this.maxPacket) return void chunks.push(chunk);
        pipe.destroy();
        reject(new SottoError('reply_too_large', `${this.url} sends more than ${this.maxPacket} bytes.`));
      },
      onDrain() {},
      onClose: (why) => {
        gone.removeEventListener('abort', onAbort);
        if (why === null || length > 0) return resolve(concatAll(chunks));
        this.lastError = why;
        reject(new SottoError('unreachable', `${this.url} cut the connection: ${why}`));
      },
    });
    pipe.send([line]);
    if (gone.aborted) {
      pipe.end(); // after the line: there are programs that a connection without a byte ends
      resolve(EMPTY);
    } else gone.addEventListener('abort', onAbort, { once: true });
    return promise;
  }
}
