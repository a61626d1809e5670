import type { StandardSchemaV1 } from '@standard-schema/spec';
import { createApp, type Dispatcher } from '../app/app.ts';
import { OK, SILENT } from '../app/message.ts';
import { assertNumber } from '../bytes/assert.ts';
import { EMPTY } from '../bytes/bytes.ts';
import { codeOf, SottoError } from '../errors.ts';
import type { RsaPublicKey } from '../platform/types.ts';
import {
  type ResolvedAnswering,
  resolveAnswering,
  resolveLimits,
  type SealedLimits,
} from '../sealed/options.ts';
import { SealedServer } from '../sealed/sealed-server.ts';
import { Admission } from '../transport/admission.ts';
import { linePipe } from '../transport/lines.ts';
import { listenDatagrams, listenTcp } from '../transport/listen.ts';
import { RateLimiter } from '../transport/rate-limiter.ts';
import type { Arrival, Listener, ListenOptions } from '../transport/transport.ts';
import { formatAddress, type RoadUrl } from '../transport/url.ts';
import { CipherSuite } from '../wire/pssst.ts';
import {
  decodeQuery,
  type LookupMessage,
  ORIGINAL_MAX_QUERY,
  type Scheme,
} from '../wire/simple-client-server.ts';
import { type LegacyKeyPair, serverKeyPair } from './legacy/keys.ts';
import type { FileDescriptions } from './live/readers.ts';
import { Lookup, type LookupStatus, replyKeyOf } from './lookup.ts';
import { assertPort, type DoorOptions, type LookupServerOptions, PLACE, resolveSchemes } from './options.ts';
import { SealedArrival } from './sealed-roads.ts';
import { closeReply, openPayload } from './unsealed.ts';

/** How long `close` waits for what is in flight, unless told otherwise, ms. */
const CLOSE_TIMEOUT = 5000;
/** Bytes a second to one host in unsealed UDP replies, and how many times that at once. */
const UNSEALED_REPLY_RATE = 256 * 1024;
const REPLY_BURST = 4;
/** Ports tried where one must be free for UDP and TCP alike. */
const PORT_TRIES = 20;
/** Suite 1 may not answer twice, which a reply that is cut short or repeated would be. */
const SUITES = [CipherSuite.X25519_AESGCM256, CipherSuite.MLKEM768X25519_AESGCM256];

/** Where a server listens; as text `127.0.0.1:9999`. */
export interface LookupAddress {
  readonly host: string;
  readonly port: number;
  toString(): string;
}

/**
 * Answers queries from files over UDP and TCP at one port: sealed, or as simple_client_server's own programs ask.
 *
 * @example
 * ```ts
 * import { Identity } from 'sotto';
 * import { lookup, LookupServer } from 'sotto/lookup';
 * const identity = Identity.generate();
 * const server = await LookupServer.start({ port: 0, identity, files: { 'stock.csv': 'name' } });
 * const { host, port } = server.address;
 * console.log(await lookup('drill', { host, port, serverKey: identity.publicKey }));
 * await server.close();
 * ```
 */
export class LookupServer implements AsyncDisposable {
  readonly address: LookupAddress;
  /** What it answers with; its routes can be mounted on other apps too. */
  readonly lookup: Lookup;
  readonly #door: Door;
  readonly #listeners: readonly Listener[];
  #closed: Promise<void> | null = null;

  /**
   * Reads the files, then listens.
   *
   * @throws SottoError `invalid_option`, `invalid_key`, `file_unreadable`, `file_invalid`, `file_too_large`,
   * `address_in_use`, `listen_failed`.
   */
  static async start<
    const Files extends FileDescriptions,
    Schema extends StandardSchemaV1 | undefined = undefined,
  >(options: LookupServerOptions<Files, Schema>): Promise<LookupServer> {
    const { host = PLACE.host, port = PLACE.port } = options;
    assertPort(port);
    const schemes = resolveSchemes(options);
    const lookup = await Lookup.open(options);
    try {
      const door = new Door(lookup, schemes, options);
      const listeners = await listenOnBoth(host, port, door.listenOptions);
      return new LookupServer(lookup, door, listeners, host);
    } catch (error) {
      await lookup.close();
      throw error;
    }
  }

  private constructor(lookup: Lookup, door: Door, listeners: readonly Listener[], host: string) {
    this.lookup = lookup;
    this.#door = door;
    this.#listeners = listeners;
    const port = portOf(listeners[0]);
    this.address = { host, port, toString: () => formatAddress({ host, port }) };
  }

  /** How the files are, and how often each thing happened: `received`, `answered`, and every reason for a drop. */
  get status(): LookupStatus {
    return this.lookup.status;
  }

  /** Takes no more queries, finishes those in flight and the changes being written, then closes everything. */
  close(options: { timeout?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(options.timeout ?? CLOSE_TIMEOUT);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeout: number): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
    await this.lookup.close(); // which also answers the watches that wait
    await this.#door.close(timeout);
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }
}

/** From arrivals to answers. */
class Door {
  readonly listenOptions: ListenOptions;
  readonly #app: Dispatcher;
  readonly #lookup: Lookup;
  readonly #schemes: ReadonlySet<Scheme>;
  readonly #limits: SealedLimits;
  readonly #maxDatagram: number;
  readonly #log: ResolvedAnswering['log'];
  readonly #sealed: SealedServer | null;
  readonly #legacyKeys: LegacyKeyPair<RsaPublicKey | null> | null;
  readonly #admission: Admission;
  readonly #replyBudget: RateLimiter;
  #hasWarnedOfCut = false;

  constructor(lookup: Lookup, schemes: ReadonlySet<Scheme>, options: DoorOptions) {
    const { unsealedReplyRate = UNSEALED_REPLY_RATE, identity, legacyKeys } = options;
    assertNumber(unsealedReplyRate, 'unsealedReplyRate', 1);
    this.#lookup = lookup;
    this.#schemes = schemes;
    const app = lookup.mount(createApp(options.log === undefined ? {} : { log: options.log }));
    this.#app = options.observe?.(app) ?? app;
    this.#limits = resolveLimits(options);
    this.#maxDatagram = this.#limits.maxDatagram;
    this.#log = options.log ?? SILENT;
    this.#sealed = schemes.has('sealed') && identity ? this.#sealedServer({ ...options, identity }) : null;
    this.#legacyKeys = schemes.has('legacy-rsa') && legacyKeys ? serverKeyPair(legacyKeys) : null;
    this.#replyBudget = new RateLimiter(unsealedReplyRate, REPLY_BURST * unsealedReplyRate);
    this.#admission = new Admission(this.#limits, {
      onDrop: (arrival, reason) => this.#drop(arrival, reason),
      onFailure: (arrival, error) => {
        this.#log.error({ error }, 'a query could not be answered');
        this.#drop(arrival, 'failed');
      },
    });
    const isSealedOnly = schemes.size === 1 && schemes.has('sealed');
    const longest = isSealedOnly ? this.#maxDatagram : Math.max(this.#maxDatagram, ORIGINAL_MAX_QUERY);
    this.listenOptions = {
      limits: { ...this.#limits, maxDatagram: longest },
      reusePort: false,
      onArrival: (arrival) => this.#take(arrival),
      onDrop: (reason, remote) => this.#note(reason, remote),
    };
    if (schemes.has('legacy-rsa')) this.#warnOfLegacy();
  }

  async close(timeout: number): Promise<void> {
    await this.#admission.drained(timeout);
    await this.#sealed?.close();
  }

  #take(arrival: Arrival): Promise<void> {
    this.#lookup.counters.add('received');
    return this.#admission.admit(arrival, () => this.#answer(arrival));
  }

  async #answer(arrival: Arrival): Promise<void> {
    try {
      const message = decodeQuery(arrival.packet);
      if (!this.#schemes.has(message.scheme)) return this.#drop(arrival, 'scheme_not_allowed');
      if (message.scheme !== 'sealed') return await this.#answerUnsealed(arrival, message);
      await this.#sealed?.answer(SealedArrival.of(arrival, message, this.#maxDatagram));
    } catch (error) {
      this.#drop(arrival, codeOf(error));
    }
  }

  /** Nobody has proven who asks, so there is the query and nothing else: no writing, no watching. */
  async #answerUnsealed(arrival: Arrival, message: LookupMessage): Promise<void> {
    const { representation, payload } = message;
    const isLegacy = message.scheme === 'legacy-rsa';
    const reply = await this.#app.dispatch({
      route: '/lookup',
      body: openPayload(message, this.#legacyKeys?.opens ?? null),
      bytes: payload,
      representation,
      protocol: 'lookup',
      transport: arrival.transport,
      remote: arrival.remote,
      signal: arrival.signal,
    });
    // The original has no word for an error: its clients take silence for one.
    if (reply.status !== OK) return this.#drop(arrival, `status_${reply.status}`);
    const key = isLegacy ? (replyKeyOf(reply) ?? this.#legacyKeys?.seals ?? null) : null;
    if (isLegacy && key === null) return this.#drop(arrival, 'no_reply_key');
    const { bytes, wasCut } = closeReply(reply.value, message, key, !arrival.addressProven);
    if (!arrival.addressProven && !this.#replyBudget.take(arrival.host, bytes.length)) {
      return this.#drop(arrival, 'reply_budget');
    }
    if (wasCut) this.#noteCut(arrival);
    this.#lookup.counters.add('answered');
    arrival.reply(bytes);
  }

  #noteCut(arrival: Arrival): void {
    this.#note('reply_cut', arrival.remote);
    if (this.#hasWarnedOfCut) return;
    this.#hasWarnedOfCut = true;
    const text =
      "a reply over UDP was cut to the 1024 bytes that simple_client_server's client reads; ask over TCP, or sealed";
    this.#log.warn({ remote: arrival.remote }, text);
  }

  /** Silence over UDP, an end without a byte over TCP. */
  #drop(arrival: Arrival, reason: string): void {
    this.#note(reason, arrival.remote);
    if (arrival.addressProven) arrival.reply(EMPTY);
  }

  #note(reason: string, remote: string): void {
    this.#lookup.counters.add(reason);
    this.#log.debug({ reason, remote }, 'dropped');
  }

  #sealedServer(options: DoorOptions & Required<Pick<DoorOptions, 'identity'>>): SealedServer {
    const resolved = resolveAnswering({ ...options, suites: SUITES }, 'lookup');
    return new SealedServer(this.#app, resolved, this.#lookup.counters);
  }

  #warnOfLegacy(): void {
    const text =
      'legacy-rsa is on: RSA of 1024 bits without padding, nothing authenticated, everything replayable; ' +
      'only for programs that know nothing better';
    this.#log.warn({}, text);
  }
}

/** UDP and TCP at one port; where any will do, at one that is free for both. */
async function listenOnBoth(
  host: string,
  port: number,
  options: ListenOptions,
): Promise<readonly Listener[]> {
  const place = (scheme: 'udp' | 'tcp', at: number): RoadUrl => ({ scheme, host, port: at, path: '' });
  for (let tries = 1; ; tries++) {
    const tcp = await listenTcp(place('tcp', port), options, (pipe) =>
      linePipe(pipe, options.limits.maxPacket),
    );
    try {
      return [tcp, await listenDatagrams(place('udp', portOf(tcp)), options)];
    } catch (error) {
      await tcp.close();
      if (port !== 0 || tries === PORT_TRIES || codeOf(error) !== 'address_in_use') throw error;
    }
  }
}

function portOf(listener: Listener | undefined): number {
  const port = Number(URL.parse(listener?.address ?? '')?.port);
  if (port > 0) return port;
  throw new SottoError('listen_failed', 'The system did not say at which port it listens.');
}
