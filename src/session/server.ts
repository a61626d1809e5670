import { primitives } from '#crypto';
import { appFrom, type Dispatcher, type Handler } from '../app/app.ts';
import type { InboundMessage, Reply } from '../app/message.ts';
import { type Bytes, concat } from '../bytes/bytes.ts';
import { codeOf, SottoError } from '../errors.ts';
import type { PublicKey } from '../keys/public-key.ts';
import type { Pipe } from '../platform/types.ts';
import { errorReplyBytes } from '../sealed/adapter.ts';
import { Counters } from '../sealed/counters.ts';
import { Events } from '../sealed/events.ts';
import { KEY_ROUTE, keyReply } from '../sealed/newer-key.ts';
import { OnceWindow } from '../sealed/once-window.ts';
import { STATUS } from '../sealed/status.ts';
import { MemoryOnceStore } from '../sealed/stores/memory.ts';
import { Tally } from '../transport/tally.ts';
import { formatAddress, limitedHost } from '../transport/url.ts';
import { type ClientHello, SESSION_ID_SIZE } from '../wire/session.ts';
import { Channel } from './channel.ts';
import { READS_COMPRESSED } from './compression.ts';
import { Conversation, type SendOptions } from './conversation.ts';
import { ServerHandshake, sessionIdOf } from './handshake.ts';
import { listenForSessions, type SessionListener } from './listener.ts';
import { type ResolvedServer, resolveServer, type SessionServerOptions } from './options.ts';
import { Rooms } from './rooms.ts';
import { Session, type Whence } from './session.ts';

/** What happens to sessions. */
export type SessionEvent =
  | { readonly type: 'join'; readonly session: Session }
  | { readonly type: 'leave'; readonly session: Session; readonly why: string }
  /** The connection is lost; it may come back. */
  | { readonly type: 'away'; readonly session: Session; readonly why: string }
  | { readonly type: 'back'; readonly session: Session }
  /** So many of its pushes are lost, because this end took them too slowly, or could not take them. */
  | { readonly type: 'gap'; readonly session: Session; readonly missed: number }
  | { readonly type: 'room'; readonly session: Session; readonly room: string; readonly isIn: boolean };

/** Everybody who has joined a room. */
export interface Room {
  /** Those away among them. */
  readonly members: readonly Session[];
  /** Tells all of them. @returns to how many it goes; the others take too slowly what they are sent. */
  push(
    route: string,
    body?: unknown,
    options?: SendOptions & { readonly except?: { readonly id: string } | null },
  ): number;
}

/** For answers of clients, ms. */
const ASK_TIMEOUT = 30_000;
const CLOSE_TIMEOUT = 5000;
const SERVER_CLOSES = 'The server is closing.';

/**
 * Answers clients that stay: encrypted both ways, pushed to at any time, and known again when they come back.
 *
 * @example
 * ```ts
 * import { createApp, Identity } from 'sotto';
 * import { SessionServer } from 'sotto/session';
 * const app = createApp()
 *   .on('/join/:room', (ctx) => ctx.session?.join(ctx.params.room))
 *   .on('/say/:room', (ctx) => server.room(ctx.params.room).push('/said', ctx.body));
 * const server = await SessionServer.start(app, { identity: Identity.generate(), listen: 'ws://127.0.0.1:0' });
 * console.log(server.addresses, server.publicKey?.toString());
 * await server.close();
 * ```
 */
export class SessionServer implements AsyncDisposable {
  readonly #app: Dispatcher;
  readonly #options: ResolvedServer;
  readonly #sessions = new Map<string, Held>();
  readonly #rooms: Rooms<Session>;
  readonly #counters = new Counters();
  readonly #once: OnceWindow;
  /** Connections of each host, and sessions of each key, or of each host where there is none. */
  readonly #connections: Tally;
  readonly #owners: Tally;
  readonly #events: Events<SessionEvent>;
  /** Connections that have not shown who they are. */
  readonly #strangers = new Set<Pipe>();
  readonly #stopping = new AbortController();
  #doors: readonly SessionListener[] = [];
  #closed: Promise<void> | null = null;
  #isClosing = false;

  /**
   * Listens on every URL of `options.listen`, or on none.
   *
   * @throws SottoError `invalid_option`, `invalid_url`, `address_in_use`, `listen_failed`.
   */
  static async start(handler: Dispatcher | Handler, options: SessionServerOptions): Promise<SessionServer> {
    const resolved = await resolveServer(options);
    const app = typeof handler === 'function' ? appFrom(handler) : handler;
    const server = new SessionServer(app, resolved);
    server.#doors = await listenForSessions(resolved, {
      onPipe: (pipe, transport) => server.#welcome(pipe, transport),
      onDrop: (reason) => server.#counters.add(reason),
    });
    return server;
  }

  private constructor(app: Dispatcher, options: ResolvedServer) {
    this.#app = app;
    this.#options = options;
    this.#events = new Events(options.log);
    this.#rooms = new Rooms((room, session, isIn) =>
      this.#events.emit({ type: 'room', session, room, isIn }),
    );
    this.#connections = new Tally(options.maxConnectionsPerHost);
    this.#owners = new Tally(options.maxConnectionsPerHost);
    this.#once = new OnceWindow(new MemoryOnceStore(), {
      clock: Date.now,
      patience: ASK_TIMEOUT,
      onStoreError: (error) => options.log.error({ error }, 'the memory of what was handled once failed'),
    });
  }

  /** The key that clients need; null where they need the secret. */
  get publicKey(): PublicKey | null {
    return this.#options.credentials.identities?.current.publicKey ?? null;
  }

  /** Where it listens, with the ports it really got. */
  get addresses(): readonly string[] {
    return this.#doors.map(({ address }) => address);
  }

  /** Those that are connected, and those that may come back. */
  get sessions(): readonly Session[] {
    return [...this.#sessions.values()].map(({ session }) => session);
  }

  /** How often each thing happened. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  /** Everybody who has joined it; nobody, as long as nobody has. */
  room(name: string): Room {
    const rooms = this.#rooms;
    return {
      get members() {
        return rooms.members(name);
      },
      push(route, body, { except, ...options } = {}) {
        const others = rooms.members(name).filter(({ id }) => id !== except?.id);
        return others.filter((session) => session.push(route, body, options)).length;
      },
    };
  }

  /** @returns what ends it. */
  on<Type extends SessionEvent['type']>(
    type: Type,
    listener: (event: Extract<SessionEvent, { type: Type }>) => void,
  ): () => void {
    return this.#events.on(type, listener);
  }

  /** Takes nobody new, lets what is being answered be answered, then ends every session. */
  close({ timeout = CLOSE_TIMEOUT }: { readonly timeout?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(timeout);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeout: number): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#doors.map((door) => door.stop()));
    for (const pipe of this.#strangers) pipe.destroy();
    // Those that are away cannot come back any more, to hear their answers.
    const present = [...this.#sessions.values()].filter(({ session }) => session.isConnected);
    await Promise.all(present.map(({ conversation }) => conversation.settled(timeout)));
    for (const { session } of [...this.#sessions.values()]) session.close(STATUS.unavailable, SERVER_CLOSES);
    this.#stopping.abort(new SottoError('closed', SERVER_CLOSES));
    await Promise.all(this.#doors.map((door) => door.close()));
    await this.#once.close();
  }

  /** The first message of a connection decides; whatever is wrong with it, the connection just ends. */
  #welcome(pipe: Pipe, transport: 'ws' | 'http'): void {
    const host = limitedHost(pipe.remote.host);
    if (!this.#connections.take(host)) {
      this.#counters.add('connection_limit');
      return pipe.destroy();
    }
    let channel: Channel | null = null;
    let isOver = false; // who may bring several messages at once has one try all the same
    this.#strangers.add(pipe);
    const drop = (reason: string): void => {
      isOver = true;
      this.#counters.add(reason);
      this.#options.log.debug({ reason, remote: formatAddress(pipe.remote) }, 'a connection was dropped');
      pipe.destroy();
    };
    const timer = setTimeout(drop, this.#options.handshakeTimeout, 'handshake_timeout');
    const onProved = (): void => {
      clearTimeout(timer);
      this.#strangers.delete(pipe);
    };
    pipe.start({
      onData: (bytes) => {
        if (channel) return channel.take(bytes);
        if (isOver) return;
        try {
          channel = this.#shake({ pipe, transport, onProved }, bytes);
        } catch (error) {
          drop(`handshake_${codeOf(error)}`);
        }
      },
      onDrain: () => {},
      onClose: (why) => {
        isOver = true;
        onProved();
        this.#connections.giveBack(host);
        channel?.closed(why);
      },
    });
  }

  /** @throws SottoError for what is no handshake, or not of anybody who may come. */
  #shake({ pipe, transport, onProved }: Newcomer, first: Bytes): Channel {
    const handshake = new ServerHandshake(this.#options.credentials, first);
    const { sender, hello, serverKey, keyEndsAt } = handshake;
    const toldKey = this.publicKey; // by the handshake itself
    if (keyEndsAt !== null) {
      this.#counters.add('previous_key');
      this.#options.log.debug({ remote: formatAddress(pipe.remote) }, 'a client has a previous key');
    }
    if (this.#isClosing || !this.#isAllowed(sender)) throw new SottoError('not_allowed', 'Not this key.');
    const known = this.#sessionFor(sessionIdOf(hello.session), sender);
    const secret = known ? hello.session : primitives.randomBytes(SESSION_ID_SIZE);
    const received = known?.conversation.received ?? 0;
    const answer = handshake.answer({
      ...{ received, session: secret, resumed: known !== null },
      readsCompressed: READS_COMPRESSED,
    });
    let held: Held | null = null;
    const channel: Channel = new Channel(pipe, answer.transport, received, this.#options, {
      onProved: () => {
        // Only now: the first message may be a recording, which must neither begin nor move a session.
        onProved();
        if (known && this.#sessions.get(known.session.id) !== known)
          return channel.cut('the session has ended');
        held = known ?? this.#begin(sessionIdOf(secret), sender, limitedHost(pipe.remote.host));
        if (held) {
          Object.assign(held, { serverKey, toldKey });
          this.#attach(
            held,
            channel,
            { remote: formatAddress(pipe.remote), transport },
            known ? hello : { ...hello, received: 0 },
          );
        } else channel.close(STATUS.unavailable, 'There are too many sessions.');
      },
      onFresh: () => held && this.#tellNewerKey(held),
      onMessage: (message) => held?.conversation.take(message),
      onConfirmed: (count) => held?.conversation.confirm(count),
      onClosed: (_status, why) => held && this.#end(held, why),
      onCut: (why) => held && this.#away(held, channel, why),
    });
    pipe.send([answer.message]);
    return channel;
  }

  /** Nothing but `true` lets anybody in, neither an error nor a promise. */
  #isAllowed(sender: PublicKey | null): boolean {
    try {
      return this.#options.allow(sender) === true;
    } catch (error) {
      this.#options.log.error({ error }, 'allow failed, and so nobody was let in');
      return false;
    }
  }

  /** Of the same client alone. */
  #sessionFor(id: string, sender: PublicKey | null): Held | null {
    const held = this.#sessions.get(id);
    return held && held.session.sender?.fingerprint === sender?.fingerprint ? held : null;
  }

  /** Null where there are too many. */
  #begin(id: string, sender: PublicKey | null, host: string): Held | null {
    const owner = sender?.fingerprint ?? host;
    if (this.#sessions.size >= this.#options.maxSessions || !this.#owners.take(owner)) {
      this.#counters.add('too_many_sessions');
      return null;
    }
    const conversation = new Conversation({
      ...this.#options,
      role: 'server',
      dispatch: (message) => this.#answer(message, held),
      facts: () => ({ sender, transport: session.transport, remote: session.remote, session }),
      once: (onceId, sentAt, run) => this.#runOnce(onceId, sentAt, sender, () => run(this.#stopping.signal)),
      onSlow: () => this.#slow(held),
      onSkipped: (missed) => {
        this.#counters.add('gap');
        this.#events.emit({ type: 'gap', session, missed });
      },
      onBroken: (why) => {
        this.#counters.add(`broken_${why}`);
        session.close(STATUS.badRequest, 'That is no session as it should be.');
      },
    });
    const session = new Session(id, sender, { conversation, rooms: this.#rooms, timeout: ASK_TIMEOUT });
    const ends = { timer: null, idle: null, serverKey: null, toldKey: null };
    const held: Held = { session, owner, conversation, ...ends, hasJoined: false };
    session.onClosed = (why) => this.#end(held, why);
    this.#sessions.set(id, held);
    this.#watchIdle(held);
    return held;
  }

  /** By the app; but what the server's key is, by the server. */
  #answer(message: InboundMessage, held: Held): Promise<Reply> {
    const { publicKey } = this;
    const isForServer = message.route === KEY_ROUTE && publicKey !== null;
    return isForServer
      ? Promise.resolve(keyReply(publicKey.toString(), this.#keyEnd(held)))
      : this.#app.dispatch(message);
  }

  /** When the key ends that the client knows this server by; keys may have changed since its handshake. */
  #keyEnd({ serverKey }: Held): number | null {
    return serverKey && (this.#options.credentials.identities?.endOf(serverKey) ?? null);
  }

  /** To a client that stays connected over a change of keys: no handshake tells it. */
  #tellNewerKey(held: Held): void {
    const { publicKey } = this;
    const until = this.#keyEnd(held);
    if (until === null || publicKey === null || held.toldKey?.equals(publicKey)) return;
    if (held.session.push(KEY_ROUTE, keyReply(publicKey.toString(), until).value)) held.toldKey = publicKey;
  }

  #watchIdle(held: Held): void {
    const { idleTimeout } = this.#options;
    if (idleTimeout === null) return;
    const left = idleTimeout - held.conversation.idleFor;
    if (left <= 0) {
      this.#counters.add('idle');
      return held.session.close(0, 'Nothing was asked or told for too long.');
    }
    held.idle = setTimeout(() => this.#watchIdle(held), Math.ceil(left));
    held.idle.unref?.();
  }

  #slow(held: Held): void {
    this.#counters.add('slow');
    if (this.#options.slow === 'cut') this.#end(held, 'it took too slowly what it was sent');
  }

  #attach(held: Held, channel: Channel, from: Whence, { received, readsCompressed }: ClientHello): void {
    held.conversation.attach(channel, received, readsCompressed); // first, for it may be refused
    if (held.timer) clearTimeout(held.timer);
    held.timer = null;
    held.session.attach(channel, from);
    const { session } = held;
    this.#events.emit({ type: held.hasJoined ? 'back' : 'join', session });
    held.hasJoined = true;
  }

  #away(held: Held, channel: Channel, why: string): void {
    held.conversation.detach(channel);
    if (!held.session.detach(channel) || !this.#sessions.has(held.session.id)) return;
    if (why === 'closed' || this.#isClosing || this.#options.resumeWithin === 0) return this.#end(held, why);
    this.#events.emit({ type: 'away', session: held.session, why });
    held.timer = setTimeout(() => this.#end(held, 'it did not come back'), this.#options.resumeWithin);
    held.timer.unref?.();
  }

  #end(held: Held, why: string): void {
    const { session, conversation, timer, idle } = held;
    if (this.#sessions.get(session.id) !== held) return;
    this.#sessions.delete(session.id);
    this.#owners.giveBack(held.owner);
    if (timer) clearTimeout(timer);
    if (idle) clearTimeout(idle);
    session.end(why);
    conversation.end(new SottoError('unreachable', `The session is over: ${why}.`));
    this.#events.emit({ type: 'leave', session, why });
  }

  /** By whom and under which name: nobody meets what another has asked. */
  async #runOnce(
    id: Bytes,
    sentAt: number,
    sender: PublicKey | null,
    run: () => Promise<Bytes>,
  ): Promise<Bytes> {
    const refusal = this.#once.refusal(sentAt);
    if (refusal !== null) return errorReplyBytes(STATUS.tooEarly, String(refusal));
    const name = primitives.sha256(concat(sender?.bytes ?? new Uint8Array(1), id));
    const outcome = await this.#once.run(name, sentAt, run);
    if (outcome.state === 'answered') return outcome.packet;
    if (outcome.state === 'full')
      return errorReplyBytes(STATUS.unavailable, 'Too much is remembered already.');
    return errorReplyBytes(STATUS.outcomeUnknown, 'It was begun, and nobody knows how it ended.');
  }
}

/** A connection of which nothing is known yet. */
interface Newcomer {
  readonly pipe: Pipe;
  readonly transport: Whence['transport'];
  readonly onProved: () => void;
}

interface Held {
  readonly session: Session;
  /** Whose it is: a key, or the host of who has none. */
  readonly owner: string;
  readonly conversation: Conversation;
  /** Until it must have come back. */
  timer: ReturnType<typeof setTimeout> | null;
  idle: ReturnType<typeof setTimeout> | null;
  hasJoined: boolean;
  /** The key that the client knows this server by, and the one that it was told last; null for a secret. */
  serverKey: PublicKey | null;
  toldKey: PublicKey | null;
}
