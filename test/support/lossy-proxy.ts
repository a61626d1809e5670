/** A UDP proxy that loses, doubles, delays and damages datagrams by a seeded choice, in both directions. */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

export interface Faults {
  /** From 0 to 1 each. */
  readonly loss?: number;
  readonly duplication?: number;
  readonly corruption?: number;
  /** Datagrams may be held back up to this long, ms, and so overtake each other. */
  readonly delay?: number;
}

export class LossyProxy implements AsyncDisposable {
  readonly port: number;
  #targets: readonly number[];
  readonly #faults: Faults;
  readonly #front: Socket;
  readonly #backs = new Map<string, Socket>();
  readonly #random: () => number;
  #closed = false;

  static async start(targets: readonly number[], faults: Faults, seed: number): Promise<LossyProxy> {
    const front = createSocket('udp4');
    front.bind(0, '127.0.0.1');
    await once(front, 'listening');
    return new LossyProxy(front, targets, faults, seed);
  }

  private constructor(front: Socket, targets: readonly number[], faults: Faults, seed: number) {
    this.port = front.address().port;
    this.#targets = targets;
    this.#front = front;
    this.#faults = faults;
    this.#random = mulberry32(seed);
    front.on('message', (datagram, from) => {
      this.#impair(datagram, (copy) => this.#back(from.port).send(copy, this.#pickTarget(), '127.0.0.1'));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const socket of [this.#front, ...this.#backs.values()]) {
      socket.close();
      await once(socket, 'close');
    }
    this.#backs.clear();
  }

  /** One socket for each client port, so that replies find their way back. */
  #back(clientPort: number): Socket {
    const known = this.#backs.get(String(clientPort));
    if (known) return known;
    const socket = createSocket('udp4');
    socket.on('message', (datagram) => {
      this.#impair(datagram, (copy) => this.#front.send(copy, clientPort, '127.0.0.1'));
    });
    socket.on('error', () => {});
    this.#backs.set(String(clientPort), socket);
    return socket;
  }

  /** Any of the pool: copies of one request may meet different servers. */
  #pickTarget(): number {
    return this.#targets[Math.floor(this.#random() * this.#targets.length)] ?? 0;
  }

  #impair(datagram: Buffer, deliver: (copy: Buffer) => void): void {
    const { loss = 0, duplication = 0, corruption = 0, delay = 0 } = this.#faults;
    const copies = this.#random() < duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random() < loss) continue;
      const carried = this.#random() < corruption ? this.#damage(datagram) : datagram;
      setTimeout(() => this.#closed || deliver(carried), this.#random() * delay);
    }
  }

  #damage(datagram: Buffer): Buffer {
    const damaged = Buffer.from(datagram);
    const at = Math.floor(this.#random() * damaged.length);
    damaged[at] = (damaged[at] ?? 0) ^ (1 + Math.floor(this.#random() * 255));
    return damaged;
  }
}

/** A small seeded generator, so that a failing run can be run again. */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
