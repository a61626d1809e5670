import { primitives } from '#crypto';
import { sockets } from '#sockets';
import { type App, createApp, type Handler, type RouteOptions } from '../app/app.ts';
import { type InboundMessage, OK, type Reply } from '../app/message.ts';
import type { RekeyingTransport } from '../envelope/rekey.ts';
import { codeOf, messageOf, SottoError, StatusError } from '../errors.ts';
import type { Pipe } from '../platform/types.ts';
import { Events } from '../sealed/events.ts';
import { KEY_ROUTE, type NewerKey, newerKeyIn } from '../sealed/newer-key.ts';
import { ServerClock } from '../sealed/server-clock.ts';
import { STATUS } from '../sealed/status.ts';
import { backoffDelay } from '../transport/backoff.ts';
import { formatUrl, type RoadUrl } from '../transport/url.ts';
import { ONCE_ID_SIZE, SESSION_ID_SIZE, type ServerHello } from '../wire/session.ts';
import { type AskOptions, asking, type StreamOptions } from './asking.ts';
import { Channel } from './channel.ts';
import { READS_COMPRESSED } from './compression.ts';
import { Conversation, type SendOptions } from './conversation.ts';
import { ClientHandshake, sessionIdOf } from './handshake.ts';
import { type ResolvedClient, resolveClient, type SessionClientOptions } from './options.ts';
import { MAX_SESSION_PACKET, sessionUrl } from './url.ts';

/** Of one question of a client. */
export interface RequestOptions extends AskOptions {
  /** Handled once, however often it has to be sent; so it is sent again where a session was lost. Default false. */
  readonly once?: boolean;
}

/** What happens to a client's session. */
export type ClientEvent =
  /** There is a connection; `resumed` where the session goes on, with all that was missed. */
  | { readonly type: 'connected'; readonly resumed: boolean }
  | { readonly type: 'disconnected'; readonly why: string }
  /** Messages were lost: so many pushes; null where the session was lost, and nobody knows. */
  | { readonly type: 'gap'; readonly missed: number | null }
  /** The server has a newer key than the one given as `serverKey`, and takes this one until then. Told after `connected`, and when the server gets one meanwhile. */
  | ({ readonly type: 'newer-key' } & NewerKey)
  /** The server is there and refuses this client, so many times in a row: more than once, the keys do not belong together. */
  | { readonly type: 'refused'; readonly times: number; readonly why: string }
  /** It is over, and this client of no more use. */
  | { readonly type: 'closed'; readonly why: string };

/** A `once` request is not sent again after so long, ms: the server may have forgotten it by then. */
const ONCE_WITHIN = 100_000;
/** A server's clock is learnt from a refusal; one that is never content is not asked for ever. */
const MAX_STAMPS = 3;
const NO_SESSION = new Uint8Array(SESSION_ID_SIZE);

/**
 * Stays with one server: asks it, hears from it, and comes back by itself after a cut, missing nothing.
 *
 * @example
 * ```ts
 * import { SessionClient } from 'sotto/session';
 * const serverKey = process.argv[2] ?? '';
 * await using client = await SessionClient.connect('ws://127.0.0.1:7880', { serverKey });
 * client.on('/said', (ctx) => console.log(ctx.body));
 * console.log(await client.request('/echo', { hello: 'world' }));
 * ```
 */
export class SessionClient implements AsyncDisposable {
  readonly #url: RoadUrl;
  readonly #options: ResolvedClient;
  readonly #app: App;
  readonly #clock = new ServerClock(Date.now);
  readonly #events: Events<ClientEvent>;
  #conversation: Conversation;
  #session: Uint8Array = NO_SESSION;
  #id = '';
  #channel: Channel | null = null;
  #closing: SottoError | null = null;
  #failures = 0;
  #refusals = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /**
   * Connects; the handshake proves the server, and this client if it has an identity.
   *
   * @param url such as `ws://host:7880`, `wss://host/session` or, where WebSockets do not get through, `http://host`; the path is `/session` where none is given.
   * @throws SottoError `invalid_option`, `invalid_url`, `invalid_key`, `unreachable`, `timeout`, `refused` where the
   * server does not know this client, or is another one; StatusError 503 where it has too many sessions.
   */
  static async connect(url: string, options: SessionClientOptions): Promise<SessionClient> {
    const client = new SessionClient(
      sessionUrl(url, ['ws', 'wss', 'http', 'https']),
      await resolveClient(options),
    );
    try {
      await client.#connect();
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  private constructor(url: RoadUrl, options: ResolvedClient) {
    this.#url = url;
    this.#options = options;
    this.#events = new Events(options.log);
    this.#app = createApp({ log: options.log });
    this.#conversation = this.#newConversation();
  }

  /** Whether there is a connection now; without one, what is sent waits for the next. */
  get isConnected(): boolean {
    return this.#channel !== null;
  }

  /** The session's id, as the server knows it: 32 hex digits. Another one after a session was lost. */
  get id(): string {
    return this.#id;
  }

  /**
   * Handles what the server pushes, and what it asks; or, by the name of an event, what happens to this session.
   *
   * @throws SottoError `invalid_route`, `invalid_argument`.
   */
  on<Type extends ClientEvent['type']>(
    event: Type,
    listener: (event: Extract<ClientEvent, { type: Type }>) => void,
  ): this;
  on(route: `/${string}`, handler: Handler, options?: RouteOptions): this;
  on(name: string, listener: unknown, options: RouteOptions = {}): this {
    if (name.startsWith('/')) {
      this.#app.on(name, listener as Handler, options);
      return this;
    }
    this.#events.on(name as ClientEvent['type'], listener as (event: ClientEvent) => void);
    return this;
  }

  /**
   * Asks, and waits for the answer; also while the connection is away.
   *
   * @returns the handler's value.
   * @throws StatusError where the server answers with a status, `outcome_unknown` where it has forgotten what it handled
   * once and this may be among it; SottoError `timeout`, `aborted`, `invalid_body`,
   * `request_too_large`, `unreachable` where the session was lost before the answer came.
   */
  async request(route: string, body?: unknown, options: RequestOptions = {}): Promise<unknown> {
    const { once = false, timeout = this.#options.timeout, ...rest } = options;
    const deadline = performance.now() + timeout;
    if (!once) return asking(this.#conversation, timeout)(route, body, rest);
    const id = primitives.randomBytes(ONCE_ID_SIZE);
    const until = Math.min(deadline, performance.now() + ONCE_WITHIN);
    let sentAt = this.#clock.stamp();
    let mayHaveRun = false;
    for (let stamps = 1; ; ) {
      const conversation = this.#conversation;
      const before = { isConnected: this.isConnected, attachments: conversation.attachments };
      const left = Math.max(1, deadline - performance.now());
      try {
        return await asking(conversation, left)(route, body, { ...rest, once: { id, sentAt } });
      } catch (error) {
        if (this.#closing || performance.now() >= until) throw error;
        if (error instanceof StatusError && error.status === STATUS.tooEarly) {
          // With the stamp of before, it would have been refused; with a new one, it could be handled a second time.
          if (mayHaveRun) throw outcomeUnknown(route, error);
          if (stamps === MAX_STAMPS) throw error;
          stamps += 1;
          this.#clock.learn(Number(error.message));
          sentAt = this.#clock.stamp();
          continue;
        }
        const isLost = codeOf(error) === 'unreachable' && conversation !== this.#conversation;
        if (!isLost) throw error;
        mayHaveRun ||= before.isConnected || conversation.attachments > before.attachments;
      }
    }
  }

  /**
   * Asks for many values; they come no faster than they are used. A body that is an async iterable is sent in the same way,
   * at the same time.
   *
   * @throws as {@link request}, while it is iterated.
   */
  stream(
    route: string,
    body?: unknown,
    options: StreamOptions = {},
  ): AsyncIterableIterator<unknown, void, void> {
    return this.#conversation.stream(route, body, options);
  }

  /** Tells; there is no answer. @returns false where it was skipped because the server takes too slowly what it is sent. */
  push(route: string, body?: unknown, options: SendOptions = {}): boolean {
    return this.#conversation.push(route, body, options);
  }

  /** Fresh keys, now. */
  rekey(): void {
    this.#channel?.rekey();
  }

  /** Ends the session. What has not been answered is given up. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = new SottoError('closed', 'This client is closed.');
    if (this.#timer) clearTimeout(this.#timer);
    this.#conversation.end(this.#closing);
    this.#channel?.close(0, 'The client has closed it.');
    this.#channel = null;
    this.#events.emit({ type: 'closed', why: 'it was closed here' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #newConversation(): Conversation {
    const conversation: Conversation = new Conversation({
      ...this.#options,
      role: 'client',
      dispatch: (message) => this.#dispatch(message),
      facts: () => ({
        sender: null,
        transport: this.#url.scheme.startsWith('http') ? 'http' : 'ws',
        remote: `${this.#url.host}:${this.#url.port}`,
      }),
      once: null,
      onSlow: () => {},
      onSkipped: (missed) => this.#events.emit({ type: 'gap', missed }),
      onBroken: (why) => this.#channel?.cut(`broken: ${why}`),
    });
    return conversation;
  }

  /** Resolves once there is a connection, the server has shown that it is who it should be, and has begun the session. */
  async #connect(): Promise<void> {
    const { credentials, timeout } = this.#options;
    const name = formatUrl(this.#url);
    const opened = Promise.withResolvers<void>();
    opened.promise.catch(() => {}); // it may fail before anybody waits
    const pipe = await this.#openPipe(opened.reject);
    if (this.#closing) return pipe.destroy();
    const { received } = this.#conversation;
    const hello = { received, session: this.#session, readsCompressed: READS_COMPRESSED };
    const handshake = new ClientHandshake(credentials, this.#url.host, hello);
    const fail = (error: SottoError): void => {
      opened.reject(error);
      pipe.destroy();
    };
    const late = new SottoError('timeout', `${name} did not answer the handshake within ${timeout} ms.`);
    const timer = setTimeout(fail, timeout, late);
    const heard = {
      first: () => opened.resolve(),
      closed: (status: number, why: string) =>
        opened.reject(new StatusError(status || STATUS.unavailable, why)),
    };
    let channel: Channel | null = null;
    pipe.start({
      onData: (bytes) => {
        if (channel) return channel.take(bytes);
        try {
          const { hello: answer, transport } = handshake.finish(bytes);
          channel = this.#begin(pipe, transport, answer, heard);
        } catch (error) {
          fail(refused(name, error));
        }
      },
      onDrain: () => {},
      onClose: (why) => {
        fail(refused(name, why));
        channel?.closed(why);
      },
    });
    pipe.send([handshake.first]);
    await opened.promise.finally(() => clearTimeout(timer));
  }

  async #openPipe(onUnreachable: (error: SottoError) => void): Promise<Pipe> {
    const limits = { maxMessage: MAX_SESSION_PACKET, timeout: this.#options.timeout };
    if (!this.#url.scheme.startsWith('http')) return sockets.connectChannel(formatUrl(this.#url), limits);
    const { httpPipe } = await import('../transport/http-asking-pipe.ts'); // pages that need it are few
    return httpPipe(this.#url, { ...limits, onUnreachable });
  }

  #begin(
    pipe: Pipe,
    transport: RekeyingTransport,
    hello: ServerHello,
    heard: { readonly first: () => void; readonly closed: (status: number, why: string) => void },
  ): Channel {
    if (this.#closing) throw this.#closing;
    const isLost = !hello.resumed && this.#session !== NO_SESSION;
    if (isLost) this.#lose(`${formatUrl(this.#url)} does not know the session any more`);
    const conversation = this.#conversation;
    // Not before its first word: a server that is full shakes hands, too.
    let isHeard = false;
    const onHeard = (): void => {
      if (isHeard) return;
      isHeard = true;
      this.#failures = 0;
      this.#refusals = 0;
      heard.first();
      this.#events.emit({ type: 'connected', resumed: hello.resumed });
      if (hello.newerKey)
        void this.#hearNewerKey(() => asking(conversation, this.#options.timeout)(KEY_ROUTE));
    };
    const channel: Channel = new Channel(pipe, transport, conversation.received, this.#options, {
      onProved: () => {},
      onMessage: (message) => {
        onHeard();
        conversation.take(message);
      },
      onConfirmed: (received) => {
        onHeard();
        conversation.confirm(received);
      },
      onClosed: (status, why) => {
        heard.closed(status, why);
        this.#closedByServer(status, why);
      },
      onCut: (why) => this.#cut(channel, why),
    });
    this.#session = hello.session.slice();
    this.#id = sessionIdOf(this.#session);
    this.#channel = channel;
    channel.ping(); // proves that this is no recording, and so begins the session over there
    try {
      conversation.attach(channel, hello.received, hello.readsCompressed);
    } catch (error) {
      this.#channel = null;
      channel.cut(codeOf(error));
      this.#lose('the server counts other messages than were sent');
      throw error;
    }
    return channel;
  }

  /** By the app; but what the server tells of its key, by this client. */
  async #dispatch(message: InboundMessage): Promise<Reply> {
    if (message.route !== KEY_ROUTE) return this.#app.dispatch(message);
    await this.#hearNewerKey(() => message.body);
    return { status: OK, value: null, representation: 'j' };
  }

  /** That it does not come spoils nothing: the next connection asks again. */
  async #hearNewerKey(said: () => unknown): Promise<void> {
    try {
      const newer = newerKeyIn(await said());
      if (newer) this.#events.emit({ type: 'newer-key', ...newer });
    } catch (error) {
      this.#options.log.debug({ why: messageOf(error) }, 'the server did not tell its newer key');
    }
  }

  /** What was asked and not answered is given up; what was sent may have been lost. */
  #lose(why: string): void {
    const lost = this.#conversation;
    this.#session = NO_SESSION;
    this.#conversation = this.#newConversation();
    lost.end(new SottoError('unreachable', `The session was lost: ${why}.`));
    this.#events.emit({ type: 'gap', missed: null });
  }

  #closedByServer(status: number, why: string): void {
    if (this.#closing) return;
    if (status !== 0) return this.#lose(why);
    this.#closing = new SottoError('closed', `The server has closed the session: ${why}`);
    if (this.#timer) clearTimeout(this.#timer);
    this.#conversation.end(this.#closing);
    this.#events.emit({ type: 'closed', why });
  }

  #cut(channel: Channel, why: string): void {
    this.#conversation.detach(channel);
    if (this.#channel !== channel) return;
    this.#channel = null;
    if (this.#closing) return;
    this.#events.emit({ type: 'disconnected', why });
    this.#connectSoon();
  }

  #connectSoon(): void {
    if (this.#timer) return;
    const wait = backoffDelay({ first: this.#options.reconnectAfter, tries: 0 }, this.#failures);
    this.#failures += 1;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#connect().catch((error: unknown) => {
        this.#options.log.debug({ why: messageOf(error) }, 'the session could not be gone on with yet');
        if (this.#closing) return;
        this.#countRefusal(error);
        this.#connectSoon();
      });
    }, wait);
  }

  #countRefusal(error: unknown): void {
    if (codeOf(error) !== 'refused') return;
    this.#refusals += 1;
    this.#events.emit({ type: 'refused', times: this.#refusals, why: messageOf(error) });
  }
}

function outcomeUnknown(route: string, cause: SottoError): StatusError {
  const text = `${route} was sent, the session was lost, and the server does not know any more whether it was handled.`;
  return new StatusError(STATUS.outcomeUnknown, text, { code: 'outcome_unknown', cause });
}

function refused(name: string, cause: unknown): SottoError {
  const text = `${name} does not take this client, or is not who it should be: secret or keys do not belong together.`;
  return new SottoError('refused', text, { cause });
}
