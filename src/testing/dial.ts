/** How a connection comes about: asked for until it is answered, taken or refused. */

import type { SocketAddress } from '../platform/types.ts';
import { Connection, type ConnectionEnd } from './connection.ts';
import { type Door, type Machine, systemError } from './machine.ts';
import type { Network } from './network.ts';
import type { SimulatedPipe } from './pipe.ts';
import type { WebConnection } from './web-server.ts';

/** Until a question that nobody answers is asked again, ms. */
const ASK_AGAIN = 1000;

/** The serving end of a new connection. */
interface Taken {
  readonly end: ConnectionEnd;
  /** What answers requests on it; null for one of bytes. */
  readonly web: WebConnection | null;
  /** It stands. @param asking the other end's pipe, where this is one of bytes. */
  serve(connection: Connection, asking: SimulatedPipe | null): void;
}

/** Something that takes connections at a port. */
export interface ListeningDoor extends Door {
  readonly kind: 'bytes' | 'web';
  /** Null where there are too many. */
  take(from: SocketAddress): Taken | null;
}

export interface Dialled {
  readonly connection: Connection;
  readonly web: WebConnection | null;
}

export interface DialOptions {
  readonly to: SocketAddress;
  /** ms. */
  readonly timeout: number;
  readonly mostSilent: number;
  /** The asking end of a connection of bytes; null for one of HTTP. */
  readonly pipe: SimulatedPipe | null;
  readonly onBroken: (why: string) => void;
}

/** Rejects with an error that has the system's text; `network`'s clock decides when. */
export function dial(network: Network, from: Machine, options: DialOptions): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    new Attempt(network, from, options, resolve, reject).ask();
  });
}

class Attempt {
  readonly #network: Network;
  readonly #from: Machine;
  readonly #end: ConnectionEnd;
  readonly #options: DialOptions;
  readonly #resolve: (dialled: Dialled) => void;
  readonly #reject: (error: Error) => void;
  readonly #port: number;
  #isOver = false;
  #hasFailed = false;

  constructor(
    network: Network,
    from: Machine,
    options: DialOptions,
    resolve: (dialled: Dialled) => void,
    reject: (error: Error) => void,
  ) {
    this.#network = network;
    this.#from = from;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#port = from.portFor(0);
    const onBroken = (why: string): void => {
      this.#fail('ECONNRESET', why); // where it breaks before the answer has come
      options.onBroken(why);
    };
    this.#end = { machine: from, program: from.program, onBroken };
    const { host, port } = options.to;
    this.#end.program.later(options.timeout, () =>
      this.#fail('ETIMEDOUT', `connect ETIMEDOUT ${host}:${port}`),
    );
  }

  ask(): void {
    if (this.#isOver) return;
    const { host, port } = this.#options.to;
    const to = this.#network.find(host, this.#from);
    if (!to && !isAddress(host)) return this.#fail('ENOTFOUND', `getaddrinfo ENOTFOUND ${host}`);
    this.#end.program.later(ASK_AGAIN, () => this.ask());
    if (!to || !this.#network.isOpen(this.#from, to) || this.#isLost(to)) return;
    this.#network.travel(this.#network.delay(this.#from, to), () => {
      if (!this.#isOver && to.isUp) this.#meet(to, port);
    });
  }

  #isLost(to: Machine): boolean {
    return this.#network.random.chance(this.#network.conditions(this.#from, to).loss);
  }

  #meet(to: Machine, port: number): void {
    const { host } = this.#options.to;
    const from = { host: this.#from.addressTo(host), port: this.#port };
    const door = to.streams.at(port, host, this.#port);
    const { pipe } = this.#options;
    const isFit = isListening(door) && door.kind === (pipe ? 'bytes' : 'web');
    const taken = isFit ? door.take(from) : null;
    const remote = { host: to.addressTo(host), port };
    if (!taken) {
      if (!this.#network.isOpen(to, this.#from)) return;
      return this.#end.program.later(this.#network.delay(to, this.#from), () =>
        this.#fail('ECONNREFUSED', `connect ECONNREFUSED ${remote.host}:${port}`),
      );
    }
    this.#isOver = true; // nobody else is asked; the answer may still be late
    const connection = new Connection(this.#network, [this.#end, taken.end], this.#options.mostSilent);
    this.#network.note(this.#from.name, `connects to ${remote.host}:${port}`);
    connection.send(1, () => {
      if (this.#hasFailed) connection.abort(0);
      else this.#resolve({ connection, web: taken.web });
    });
    taken.end.program.tell(() => taken.serve(connection, pipe));
  }

  #fail(code: string, text: string): void {
    this.#isOver = true;
    this.#hasFailed = true;
    this.#reject(systemError(code, text));
  }
}

function isListening(door: Door | null): door is ListeningDoor {
  return door !== null && 'take' in door;
}

function isAddress(host: string): boolean {
  return /^[\d.]+$|:/.test(host);
}
