import { sockets } from '#sockets';
import type { Logger } from '../../app/message.ts';
import type { Bytes } from '../../bytes/bytes.ts';
import { codeOf, SottoError } from '../../errors.ts';
import type { BoundSocket, HttpExchange, Pipe } from '../../platform/types.ts';
import { Counters } from '../../sealed/counters.ts';
import { told } from '../../transport/listen.ts';
import { DEFAULT_PATH, formatAddress } from '../../transport/url.ts';
import { maxSickservWire, REKEY } from '../../wire/sickserv.ts';
import { Conversation } from './conversation.ts';
import { Endpoints, type Place } from './endpoints.ts';
import type { Sendable, SickservContext, SickservHandler } from './handler.ts';
import { type ResolvedServerOptions, resolveServerOptions, type SickservServerOptions } from './options.ts';
import { PayloadFormat } from './payload.ts';
import { type Opened, SealedMessages } from './sealed-messages.ts';
import { warnOfSickserv } from './warning.ts';

const OK = 200;
const NOT_FOUND = 404;
const FAILED = 500;
const UNAVAILABLE = 503;
const CONTENT_TYPE = 'text/plain; charset=utf-8';

/** The part of a context that differs from road to road. */
type Road = Pick<SickservContext, 'transport' | 'remote' | 'signal' | 'push'>;

/**
 * Answers sickserv's programs over HTTP and WebSocket at one port. Nothing on this wire is safe: see docs/sickserv.md.
 *
 * @example
 * ```ts
 * import { SickservServer } from 'sotto/session/sickserv';
 * const server = new SickservServer({ initKey: 'yellow-submarine', dialect: 'plain', port: 0, legacy: true });
 * server.on('test', (payload, { sysid }) => ({ 'Look Mom': `No Hands, ${sysid}! ${Object.keys(payload)}` }));
 * await server.start();
 * console.log(server.url);
 * await server.close();
 * ```
 */
export class SickservServer implements AsyncDisposable {
  readonly #options: ResolvedServerOptions;
  readonly #maxMessage: number;
  readonly #messages: SealedMessages;
  readonly #endpoints = new Endpoints();
  readonly #counters = new Counters();
  readonly #log: Logger;
  #inFlight = 0;
  #socket: BoundSocket | null = null;
  #starting: Promise<this> | null = null;

  /** Listens only once it is started. @throws SottoError `invalid_option`, `invalid_key`. */
  constructor(options: SickservServerOptions) {
    const format = new PayloadFormat(options);
    this.#options = resolveServerOptions(options);
    this.#log = this.#options.log;
    this.#maxMessage = maxSickservWire(format.maxPayload);
    const { initKey, limits } = this.#options;
    this.#messages = new SealedMessages(format, { initKey, ...limits });
    warnOfSickserv(options);
  }

  /**
   * Sets who answers at `/endpoint/{sysid}`, over HTTP and WebSocket alike. What the handler throws is told to nobody:
   * HTTP answers 500, a WebSocket is closed.
   *
   * @throws SottoError `invalid_argument` for an empty name, one that is taken, and `rekey`, which changes keys.
   */
  on(endpoint: string, handler: SickservHandler): this {
    this.#endpoints.add(endpoint, handler);
    return this;
  }

  /** @throws SottoError `address_in_use`, `listen_failed`. */
  start(): Promise<this> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** The port it really got; 0 before it listens. */
  get port(): number {
    return this.#socket?.port ?? 0;
  }

  /** Where it listens, for clients. */
  get url(): string {
    return `http://${formatAddress({ host: this.#options.host, port: this.port })}`;
  }

  /** How often each thing happened: `received`, `answered`, `pushed`, `rekeyed`, and every reason for a failure. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  /**
   * Sends a payload to all WebSockets that a sysid has to an endpoint.
   *
   * @returns to how many.
   * @throws SottoError `invalid_argument`, `invalid_body`.
   */
  push(endpoint: string, sysid: string, payload: Sendable): number {
    const conversations = [...this.#endpoints.conversationsOf({ endpoint, sysid })];
    return this.#push(conversations, sysid, payload);
  }

  /** Ends every connection, and gives the port back. */
  async close(): Promise<void> {
    await this.#starting?.catch(() => {});
    for (const conversation of this.#endpoints.conversations()) conversation.end();
    await this.#socket?.close();
    this.#socket = null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(): Promise<this> {
    const { host, port, limits, acceptsOrigin } = this.#options;
    const listening = sockets.listenHttp({
      ...{ host, port, reusePort: false, messages: 'text', acceptsOrigin },
      limits: { ...limits, maxBody: this.#maxMessage },
      accepts: (path) => this.#endpoints.find(path) !== null,
      onPost: (exchange) => void this.#answerHttp(exchange),
      channelHandler: (path) => {
        const place = this.#endpoints.find(path);
        return place && ((pipe) => this.#converse(pipe, place));
      },
      onDrop: (reason, remote) => this.#drop(reason, remote),
    });
    this.#socket = await told({ scheme: 'http', host, port, path: DEFAULT_PATH }, listening);
    return this;
  }

  async #answerHttp(exchange: HttpExchange): Promise<void> {
    const place = this.#endpoints.find(exchange.path);
    if (!place) return exchange.answer(NOT_FOUND);
    const remote = formatAddress(exchange.remote);
    if (this.#inFlight >= this.#options.limits.maxInFlight) {
      this.#drop('too_many_in_flight', remote);
      return exchange.answer(UNAVAILABLE);
    }
    const push = (payload: Sendable): boolean => this.push(place.endpoint, place.sysid, payload) > 0;
    const road: Road = { transport: 'http', remote, signal: exchange.closed, push };
    this.#inFlight += 1;
    try {
      const answer = await this.#answer(exchange.body, place, road, {});
      exchange.answer(OK, answer ?? undefined, CONTENT_TYPE);
    } catch {
      exchange.answer(FAILED);
    } finally {
      this.#inFlight -= 1;
    }
  }

  #converse(pipe: Pipe, place: Place): void {
    const remote = formatAddress(pipe.remote);
    const conversation: Conversation = new Conversation(pipe, this.#options.limits.maxUnread, {
      onMessage: async (message) => {
        const answer = await this.#answer(message, place, road, undefined);
        if (answer) conversation.send(answer);
      },
      onEnd: () => this.#endpoints.leave(place, conversation),
    });
    const push = (payload: Sendable): boolean => this.#push([conversation], place.sysid, payload) > 0;
    const road: Road = { transport: 'ws', remote, signal: conversation.signal, push };
    this.#endpoints.enter(place, conversation);
    conversation.start();
  }

  /**
   * The answer to one message, sealed; null for none. What goes wrong is counted and logged, and rejects.
   *
   * @param nothing sent where the handler answers undefined.
   */
  async #answer(
    message: Bytes,
    place: Place,
    road: Road,
    nothing: Sendable | undefined,
  ): Promise<Bytes | null> {
    this.#counters.add('received');
    try {
      const opened = this.#messages.open(message, place.sysid);
      const answer =
        place.endpoint === REKEY
          ? this.#rekey(opened, place)
          : await this.#handle(opened, place, road, nothing);
      if (answer) this.#counters.add('answered');
      return answer;
    } catch (error) {
      this.#drop(codeOf(error), road.remote);
      throw error;
    }
  }

  async #handle(
    opened: Opened,
    place: Place,
    road: Road,
    nothing: Sendable | undefined,
  ): Promise<Bytes | null> {
    try {
      const handler = this.#endpoints.handlerOf(place);
      const answer = (await handler?.(opened.payload, { ...place, ...road })) ?? nothing;
      return answer === undefined ? null : this.#messages.answer(answer, opened);
    } catch (cause) {
      this.#log.error({ error: cause, endpoint: place.endpoint }, 'a handler failed');
      throw new SottoError('handler_failed', `The handler of "${place.endpoint}" failed.`, { cause });
    }
  }

  #rekey(opened: Opened, { sysid }: Place): Bytes {
    const answer = this.#messages.rekey(opened, sysid);
    this.#counters.add('rekeyed');
    return this.#messages.answer(answer, opened);
  }

  #push(conversations: readonly Conversation[], sysid: string, payload: Sendable): number {
    const message = this.#messages.message(payload, sysid);
    const taken = conversations.filter((conversation) => conversation.send(message)).length;
    for (let each = 0; each < taken; each++) this.#counters.add('pushed');
    return taken;
  }

  #drop(reason: string, remote: string): void {
    this.#counters.add(reason);
    this.#log.debug({ reason, remote }, 'dropped');
  }
}
