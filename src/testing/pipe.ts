/** Both ends of a connection as pipes: of bytes (TCP), or of whole messages (WebSocket). */

import { type Bytes, concatAll } from '../bytes/bytes.ts';
import type { Pipe, PipeEvents, SocketAddress } from '../platform/types.ts';
import type { Connection, Side } from './connection.ts';
import type { Program } from './program.ts';

type PipeKind = 'stream' | 'messages';

/** What the other end has not read yet, bytes: above it `send` only keeps. */
const WINDOW = 64 * 1024;
/** Told to the sender once as much has been read, so that small messages cost no answer. */
const TOLD_AFTER = WINDOW / 4;
/** As ws has it: how long the other end has to say goodbye, ms. */
const GOODBYE = 1000;
/** How often what is sent at once comes in pieces. */
const SPLIT = 0.25;

/** What comes over a pipe; `end` after all data, `lost` where the other end is gone at once. */
type Piece = Bytes | 'end' | 'lost';

export interface PipeParts {
  readonly kind: PipeKind;
  readonly program: Program;
  readonly remote: SocketAddress;
  /** Of one message, bytes. */
  readonly maxMessage: number;
  readonly onClosed?: () => void;
}

/** One end. Its connection comes when it stands. */
export class SimulatedPipe implements Pipe {
  readonly remote: SocketAddress;
  readonly #parts: PipeParts;
  #line: { readonly connection: Connection; readonly side: Side; readonly peer: SimulatedPipe } | null = null;
  #events: PipeEvents | null = null;
  #arrived: Piece[] = [];
  #waiting: Piece[] = [];
  #waitingBytes = 0;
  /** Sent, and not yet read there. */
  #unread = 0;
  /** Read here, and not yet told. */
  #untold = 0;
  #isPaused = false;
  #isEnding = false;
  #isReading = false;
  #closed: { readonly why: string | null } | null = null;

  constructor(parts: PipeParts) {
    this.remote = parts.remote;
    this.#parts = parts;
  }

  /** The two ends of one connection. */
  static join(connection: Connection, pipes: readonly [SimulatedPipe, SimulatedPipe]): void {
    pipes[0].#line = { connection, side: 0, peer: pipes[1] };
    pipes[1].#line = { connection, side: 1, peer: pipes[0] };
  }

  get buffered(): number {
    return this.#waitingBytes;
  }

  start(events: PipeEvents): void {
    this.#events = events;
    if (this.#closed) return events.onClose(this.#closed.why);
    this.#parts.program.later(0, () => this.#read());
  }

  send(data: readonly Bytes[]): void {
    if (this.#closed || this.#isEnding) return;
    for (const piece of this.#pieces(data)) {
      this.#waiting.push(piece);
      this.#waitingBytes += piece.length;
    }
    this.#flush();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#parts.program.later(0, () => this.#read());
  }

  end(): void {
    if (this.#closed || this.#isEnding) return;
    this.#isEnding = true;
    this.#waiting.push('end');
    this.#flush();
  }

  destroy(): void {
    if (this.#closed) return;
    this.#transmit(['lost']);
    this.#close(null);
  }

  /** The connection is lost. */
  broken(why: string): void {
    this.#close(why);
  }

  /** As they arrive: of a stream, wherever the network cuts it. */
  #pieces(data: readonly Bytes[]): Bytes[] {
    if (this.#parts.kind === 'messages') return data.map((message) => message.slice());
    const whole = concatAll(data);
    const { random } = this.#parts.program;
    if (whole.length < 2 || !random.chance(SPLIT)) return whole.length > 0 ? [whole] : [];
    const at = 1 + random.below(whole.length - 1);
    return [whole.slice(0, at), whole.slice(at)];
  }

  #flush(): void {
    const batch: Piece[] = [];
    while (this.#waiting.length > 0 && this.#unread < WINDOW) {
      const piece = this.#waiting.shift() ?? 'end';
      batch.push(piece);
      if (typeof piece === 'string') continue;
      this.#unread += piece.length;
      this.#waitingBytes -= piece.length;
    }
    if (batch.length === 0) return;
    this.#transmit(batch);
    if (!batch.includes('end')) return;
    // What is left of a TCP connection is the system's business; a WebSocket waits for the other end's goodbye.
    const patience = this.#parts.kind === 'stream' ? 0 : GOODBYE;
    this.#parts.program.later(patience, () => this.#close(null));
  }

  #transmit(pieces: readonly Piece[]): void {
    const line = this.#line;
    if (!line) return;
    const isSplit = this.#parts.kind === 'stream' && pieces.length > 1;
    const parcels = isSplit ? pieces.map((piece) => [piece]) : [pieces];
    for (const parcel of parcels) line.connection.send(line.side, () => line.peer.#receive(parcel));
  }

  #receive(pieces: readonly Piece[]): void {
    if (this.#closed) return;
    this.#arrived.push(...pieces);
    this.#read();
  }

  #read(): void {
    if (!this.#events || this.#isReading) return;
    this.#isReading = true;
    while (this.#arrived.length > 0 && !this.#isPaused && !this.#closed) {
      const piece = this.#arrived.shift();
      if (piece === 'lost') this.#close(null);
      else if (piece === 'end') this.#finish(this.#events);
      else if (piece) this.#take(piece, this.#events);
    }
    this.#isReading = false;
  }

  #take(data: Bytes, events: PipeEvents): void {
    if (this.#parts.kind === 'messages' && data.length > this.#parts.maxMessage) {
      this.#transmit(['lost']);
      return this.#close('Max payload size exceeded');
    }
    this.#untold += data.length;
    if (this.#untold >= TOLD_AFTER) this.#tellRead();
    events.onData(data);
  }

  #tellRead(): void {
    const [line, count] = [this.#line, this.#untold];
    this.#untold = 0;
    line?.connection.send(line.side, () => line.peer.#makeRoom(count));
  }

  #makeRoom(count: number): void {
    this.#unread -= count;
    if (this.#closed || this.#waiting.length === 0) return;
    this.#flush();
    if (this.#waitingBytes === 0) this.#events?.onDrain();
  }

  /** The other end has said that it is done. */
  #finish(events: PipeEvents): void {
    if (this.#parts.kind === 'stream' && events.onFinish) return events.onFinish();
    if (this.#parts.kind === 'stream') return this.end();
    if (!this.#isEnding) this.#transmit(['end']);
    this.#close(null);
  }

  #close(why: string | null): void {
    if (this.#closed) return;
    this.#closed = { why };
    this.#waiting = [];
    this.#arrived = [];
    this.#waitingBytes = 0;
    const line = this.#line;
    this.#parts.onClosed?.();
    // As a system does: after what happens now. What was sent still leaves.
    this.#parts.program.later(0, () => {
      line?.connection.close(line.side);
      this.#events?.onClose(why);
    });
  }
}
