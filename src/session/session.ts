/** A session as the server sees it: who is there, and the way to them. */

import type { SessionHandle } from '../app/message.ts';
import type { PublicKey } from '../keys/public-key.ts';
import { type Ask, type AskOptions, asking, type StreamOptions } from './asking.ts';
import type { Channel } from './channel.ts';
import type { Conversation } from './conversation.ts';
import type { SendOptions } from './requester.ts';
import type { Rooms } from './rooms.ts';

/** Where a connection comes from. */
export interface Whence {
  /** `host:port` */
  readonly remote: string;
  readonly transport: 'ws' | 'http';
}

/** One client, from its handshake to its end, through all its connections. */
export class Session implements SessionHandle {
  /** 32 hex digits; no secret: it takes another one, which the client alone has, to go on with the session. */
  readonly id: string;
  /** As proved; null for an anonymous client. */
  readonly sender: PublicKey | null;
  /** ms since 1970. */
  readonly startedAt: number = Date.now();
  readonly #conversation: Conversation;
  readonly #rooms: Rooms<Session>;
  readonly #ask: Ask;
  #channel: Channel | null = null;
  #remote = '';
  #transport: Whence['transport'] = 'ws';
  #isOver = false;

  constructor(
    id: string,
    sender: PublicKey | null,
    { conversation, rooms, timeout }: { conversation: Conversation; rooms: Rooms<Session>; timeout: number },
  ) {
    this.id = id;
    this.sender = sender;
    this.#conversation = conversation;
    this.#rooms = rooms;
    this.#ask = asking(conversation, timeout);
  }

  /** Whether there is a connection now; without one, what is sent waits for the next. */
  get isConnected(): boolean {
    return this.#channel !== null;
  }

  /** The other end's address as `host:port`, of the connection there is or was last. */
  get remote(): string {
    return this.#remote;
  }

  /** What carries it now, or did last. */
  get transport(): Whence['transport'] {
    return this.#transport;
  }

  /** The rooms it is in. */
  get rooms(): readonly string[] {
    return this.#rooms.of(this);
  }

  /**
   * Tells the client, on a route of its own.
   *
   * @returns false where it was skipped because the client takes too slowly what it is sent; it is told how many were.
   */
  push(route: string, body?: unknown, options?: SendOptions): boolean {
    return this.#conversation.push(route, body, options);
  }

  /** Asks the client. @throws StatusError; SottoError `timeout`, `aborted`, `unreachable`. */
  request(route: string, body?: unknown, options?: AskOptions): Promise<unknown> {
    return this.#ask(route, body, options);
  }

  /** Asks the client for many values. */
  stream(route: string, body?: unknown, options?: StreamOptions): AsyncIterableIterator<unknown, void, void> {
    return this.#conversation.stream(route, body, options);
  }

  /** Nothing where the session is over: a handler may learn of that too late. */
  join(room: string): void {
    if (!this.#isOver) this.#rooms.join(this, room);
  }

  leave(room: string): void {
    this.#rooms.leave(this, room);
  }

  /** Fresh keys, now. */
  rekey(): void {
    this.#channel?.rekey();
  }

  /** Ends it; the client does not come back to it. */
  close(status: number = 0, why: string = 'The session was closed.'): void {
    if (this.#channel) this.#channel.close(status, why);
    else this.onClosed(why);
  }

  /**
   * It is over.
   *
   * @internal
   */
  end(why: string): void {
    this.#isOver = true;
    this.#rooms.leaveAll(this);
    this.#channel?.cut(why);
  }

  /**
   * Set by the server: it is over without a connection.
   *
   * @internal
   */
  onClosed: (why: string) => void = () => {};

  /** @internal */
  attach(channel: Channel, { remote, transport }: Whence): void {
    const before = this.#channel;
    this.#channel = channel;
    this.#remote = remote;
    this.#transport = transport;
    before?.cut('the client came back by another connection');
  }

  /**
   * @returns whether that was its connection.
   * @internal
   */
  detach(channel: Channel): boolean {
    if (this.#channel !== channel) return false;
    this.#channel = null;
    return true;
  }
}
