/** What comes in by TCP: sealed packets for the node's own app, and, where originals are served, their plain messages. */

import type { Dispatcher } from '../app/app.ts';
import type { Logger } from '../app/message.ts';
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { codeOf, SottoError } from '../errors.ts';
import type { Identity } from '../keys/identity.ts';
import type { PublicKey } from '../keys/public-key.ts';
import type { Pipe, PipeEvents } from '../platform/types.ts';
import type { Counters } from '../sealed/counters.ts';
import { LIMITS, resolveAnswering, type SealedLimits } from '../sealed/options.ts';
import { SealedServer } from '../sealed/sealed-server.ts';
import { Admission } from '../transport/admission.ts';
import { listenTcp } from '../transport/listen.ts';
import { onePacketPipe } from '../transport/one-packet-pipe.ts';
import type { Arrival, Listener } from '../transport/transport.ts';
import { parseUrl } from '../transport/url.ts';
import { decodeStreamOpening } from '../wire/file-stream.ts';
import { CipherSuite } from '../wire/pssst.ts';
import { decodeStpFrame, type StpFrame, StpFrameReader } from '../wire/stp.ts';
import { HEADER_ROOM, type OwnHeader, SEALED_NAMESPACE, SealedArrival } from './sealed-roads.ts';

export interface DoorOptions {
  /** Answers what is sealed. */
  readonly app: Dispatcher;
  readonly identity: Identity;
  readonly header: OwnHeader;
  readonly allow: (key: PublicKey | null) => boolean;
  /** A frame that is not sealed; resolves once it has been dealt with, when what is to go back ends its connection. */
  readonly onPlain: (frame: StpFrame, arrival: Arrival) => Promise<Bytes>;
  /** Takes over a connection that brings a file; null where none of that id is awaited. */
  readonly onStream: (id: Bytes, pipe: Pipe) => PipeEvents | null;
  readonly counters: Counters;
  readonly log: Logger;
}

/** As the original waits, ms; what is long may take longer, by this rate, bytes/ms. */
const FRAME_TIMEOUT = 5000;
const SLOWEST = 8;
const DOOR_LIMITS: SealedLimits = {
  ...LIMITS,
  maxPacket: LIMITS.maxPacket + HEADER_ROOM,
  maxInFlightPerConnection: 1,
  packetTimeout: FRAME_TIMEOUT,
  idleTimeout: FRAME_TIMEOUT,
  slowest: SLOWEST,
};
const CLOSE_TIMEOUT = 5000;

export class Door {
  readonly #options: DoorOptions;
  readonly #sealed: SealedServer;
  readonly #admission: Admission;
  #listener: Listener | null = null;

  constructor(options: DoorOptions) {
    const { app, identity, allow, counters, log } = options;
    this.#options = options;
    const suites = [CipherSuite.X25519_AESGCM256];
    const answering = resolveAnswering({ identity, allow, log, suites, limits: DOOR_LIMITS }, 'peers');
    this.#sealed = new SealedServer(app, answering, counters);
    this.#admission = new Admission(DOOR_LIMITS, {
      onDrop: (arrival, reason) => this.#drop(arrival, reason),
      onFailure: (arrival, error) => {
        log.error({ error }, 'a frame could not be answered');
        this.#drop(arrival, 'failed');
      },
    });
  }

  /**
   * @returns the port it really got: any other where `port` is taken.
   * @throws SottoError `listen_failed`.
   */
  async listen(port: number): Promise<number> {
    try {
      return await this.#listenAt(port);
    } catch (error) {
      if (codeOf(error) !== 'address_in_use') throw error;
      return this.#listenAt(0); // another node of this host has it
    }
  }

  async close(): Promise<void> {
    await this.#listener?.stop();
    await this.#admission.drained(CLOSE_TIMEOUT);
    await this.#sealed.close();
    await this.#listener?.close();
  }

  async #listenAt(port: number): Promise<number> {
    const url = { scheme: 'tcp', host: '::', port, path: '' } as const;
    this.#listener = await listenTcp(
      url,
      {
        limits: DOOR_LIMITS,
        reusePort: false,
        onArrival: (arrival) => this.#admission.admit(arrival, () => this.#answer(arrival)),
        onDrop: (reason) => this.#options.counters.add(reason),
      },
      // What is sent back ends the connection, and that end alone is what an original takes for its receipt.
      (pipe) =>
        onePacketPipe(pipe, new StpFrameReader(DOOR_LIMITS.maxPacket), (packet) =>
          this.#takeStream(packet, pipe),
        ),
    );
    return parseUrl(this.#listener.address).port;
  }

  #takeStream(packet: Bytes, pipe: Pipe): PipeEvents | null {
    const id = decodeStreamOpening(packet);
    return id && this.#options.onStream(id, pipe);
  }

  async #answer(arrival: Arrival): Promise<void> {
    let frame: StpFrame;
    try {
      frame = decodeStpFrame(arrival.packet);
    } catch (error) {
      return this.#drop(arrival, error instanceof SottoError ? error.code : 'failed');
    }
    if (decodeStreamOpening(arrival.packet)) return this.#drop(arrival, 'stream_unknown');
    if (frame.header.namespace === SEALED_NAMESPACE) {
      return this.#sealed.answer(new SealedArrival(arrival, frame.body, this.#options.header));
    }
    arrival.reply(await this.#options.onPlain(frame, arrival)); // the end of the connection is the receipt
  }

  #drop(arrival: Arrival, reason: string): void {
    this.#options.counters.add(reason);
    this.#options.log.debug({ reason, remote: arrival.remote }, 'dropped');
    arrival.reply(EMPTY);
  }
}
