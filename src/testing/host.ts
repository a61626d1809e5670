/** A simulated machine as scenarios see it. */

import type { Bytes } from '../bytes/bytes.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/text.ts';
import { SottoError } from '../errors.ts';
import type { Connection } from './connection.ts';
import type { Disk } from './disk.ts';
import type { Machine } from './machine.ts';
import type { Network } from './network.ts';

export interface HostOptions {
  /** IPv4. Default `10.0.0.1` for the first host, and so on. */
  readonly address?: string;
  /** Multicast reaches the hosts of the same LAN. Default `lan`. */
  readonly lan?: string;
  /** What its clock shows beyond the simulation's, ms. Default 0. */
  readonly skew?: number;
}

/** Files of a simulated machine, in memory; they outlive its programs. */
export interface HostFiles {
  /** Writes the file in place, as an editor or a program does. Folders need not be made. */
  write(path: string, content: string | Bytes): void;
  /** Puts a new file in the place of the old one, at once, as a rename does. */
  replace(path: string, content: string | Bytes): void;
  /** Null where there is none. */
  read(path: string): Bytes | null;
  /** Null where there is none. @throws SottoError `invalid_text`. */
  readText(path: string): string | null;
  /** Whether it was there. */
  remove(path: string): boolean;
}

/**
 * A machine in a simulation: what runs on it, its files and its clock. Made by {@link World.host}.
 *
 * @example
 * ```ts
 * import { createApp, Identity } from 'sotto';
 * import { RequestClient, RequestServer } from 'sotto/request';
 * import { simulate } from 'sotto/testing';
 * await simulate({}, async (world) => {
 *   const [home, phone] = [world.host('home'), world.host('phone')];
 *   const app = createApp().on('/hello', () => 'good evening');
 *   const identity = home.run(() => Identity.generate());
 *   await home.start(() => RequestServer.start(app, { identity, listen: 'udp://0.0.0.0:7878' }));
 *   const client = await phone.start(() =>
 *     RequestClient.connect('udp://home:7878', { serverKey: identity.publicKey }),
 *   );
 *   console.log(await client.request('/hello'));
 * });
 * ```
 */
export class Host {
  readonly files: HostFiles;
  readonly #machine: Machine;
  readonly #network: Network;

  /** @internal */
  constructor(machine: Machine, network: Network) {
    this.#machine = machine;
    this.#network = network;
    this.files = filesOn(machine.disk);
  }

  get name(): string {
    return this.#machine.name;
  }

  get address(): string {
    return this.#machine.address;
  }

  /** What its clock shows beyond the simulation's, ms; a program notices when it is set, as by NTP. */
  get skew(): number {
    return this.#machine.skew;
  }
  set skew(ms: number) {
    this.#machine.skew = ms;
    this.#network.note(this.name, `has its clock set ${ms} ms ahead`);
  }

  /** Whether a program can run on it now. */
  get isRunning(): boolean {
    return this.#machine.program.isAlive;
  }

  /**
   * Runs a part of the host's program: its sockets, files, clock and randomness are the host's, and all that follows is.
   * What a scenario calls outside of it is on no host.
   *
   * @throws SottoError `aborted` where the host stops before it is done, `closed` where it is stopped already.
   */
  run<T>(work: () => T): T;
  run<T>(work: () => Promise<T>): Promise<T> {
    const { program } = this.#machine;
    if (!program.isAlive) {
      throw new SottoError('closed', `The host ${this.name} is stopped; restart() starts it.`);
    }
    const result = program.run(work);
    return result instanceof Promise ? program.untilEnd(result) : result;
  }

  /**
   * As `run`, for an object: its methods run on the host too, wherever they are called, until the host stops. The thing
   * itself, where one is needed, is what `run` gives.
   */
  async start<T extends object>(work: () => T | Promise<T>): Promise<T> {
    const target = await this.run(work);
    const { program } = this.#machine;
    const hosted: T = new Proxy(target, {
      get: (_target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...values: unknown[]): unknown => {
          if (program !== this.#machine.program) {
            throw new SottoError(
              'closed',
              `The host ${this.name} has been restarted since this was started.`,
            );
          }
          const result = this.run((): unknown => Reflect.apply(value, target, values));
          return result === target ? hosted : result;
        };
      },
    });
    return hosted;
  }

  /** The power fails: nothing on it goes on, nobody is told. Files stay as they are. */
  crash(): void {
    this.#stop('loses power', false);
  }

  /** Its program is killed (`kill -9`): the system closes its connections, and others hear so. Files stay. */
  kill(): void {
    this.#stop('has its program killed', true);
  }

  /** A new program can run on it; whatever ran before must be started again. */
  restart(): void {
    this.#network.note(this.name, 'starts again');
    this.#machine.start();
  }

  /** Connections with another host break at both ends, as a router does that forgets them. */
  cut(other: Host): void {
    this.#network.note(this.name, `loses its connections with ${other.name}`);
    for (const connection of this.#connectionsWith(other)) connection.cut();
  }

  #connectionsWith(other: Host): Connection[] {
    return this.#network.connectionsOf(this.#machine).filter((each) => each.isOf(other.#machine));
  }

  #stop(how: string, isUp: boolean): void {
    this.#network.note(this.name, how);
    this.#machine.stop({ isUp });
  }
}

function filesOn(disk: Disk): HostFiles {
  const bytesOf = (content: string | Bytes): Bytes =>
    typeof content === 'string' ? encodeUtf8(content) : content;
  const read = (path: string): Bytes | null => disk.get(path)?.content.slice() ?? null;
  return {
    write: (path, content) => disk.write(path, bytesOf(content)),
    replace: (path, content) => disk.replace(path, bytesOf(content)),
    read,
    readText(path) {
      const content = read(path);
      return content && decodeUtf8(content);
    },
    remove: (path) => disk.remove(path),
  };
}
