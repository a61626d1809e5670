/** Sealed messages to peers: asked at once, or kept until the peer is back, and then in their order. */

import { primitives } from '#crypto';
import { sockets } from '#sockets';
import type { Logger } from '../app/message.ts';
import { messageOf, SottoError, StatusError } from '../errors.ts';
import type { Identity } from '../keys/identity.ts';
import type { Pipe } from '../platform/types.ts';
import { STATUS } from '../sealed/status.ts';
import { encodeBody, type Representation } from '../wire/representation.ts';
import { Outbox } from './outbox.ts';
import type { PeerId, Place, SealedPeer } from './peer.ts';
import { PeerClient } from './peer-client.ts';
import type { PeerTable } from './peer-table.ts';
import type { Pins } from './pins.ts';
import type { OwnHeader } from './sealed-roads.ts';

/** How long to wait, and until when. */
export interface AskOptions {
  /** Until an answer must be there, ms. Default the node's. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** How the body is written. Default `auto`. */
  readonly representation?: Representation | 'auto';
  /** Handled once however often it arrives. Default true. */
  readonly once?: boolean;
}

interface MessagesOptions {
  readonly identity: Identity;
  readonly table: PeerTable;
  readonly header: OwnHeader;
  readonly pins: Pick<Pins, 'get' | 'currentId'>;
  readonly outboxFile: string | undefined;
  /** ms. */
  readonly timeout: number;
  readonly now: () => number;
  readonly log: Logger;
}

/** Where kept messages are delivered. */
export const LETTER_ROUTE = '/sotto/peers/letter';
const LETTER_ID_SIZE = 16;
/** Peers whose connections are kept at hand. */
const MOST_CLIENTS = 256;

/** A client, good for the places that it was made for. */
interface Client {
  readonly client: PeerClient;
  readonly places: string;
}

export class Messages {
  readonly #options: MessagesOptions;
  readonly #outbox: Outbox;
  readonly #clients = new Map<PeerId, Client>();
  readonly #retired = new Set<PeerClient>();
  readonly #delivering = new Map<PeerId, Promise<void>>();
  #closed = false;

  constructor(options: MessagesOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options.outboxFile ?? ':memory:');
  }

  /** Letters that wait, by peer. */
  get waiting(): ReadonlyMap<string, number> {
    return this.#outbox.waiting();
  }

  /**
   * Asks a peer that is there.
   *
   * @throws StatusError where it answers with a status; SottoError `unreachable`, `timeout`, `refused`.
   */
  async ask(peer: SealedPeer, route: string, body: unknown, options: AskOptions = {}): Promise<unknown> {
    this.#requireAllowed(peer.id);
    requireSettled(peer);
    return this.#clientFor(peer).request(route, body, {
      timeout: this.#options.timeout,
      once: true,
      ...options,
    });
  }

  /** Asks at one place alone, as {@link ask} does; for who may not be there. */
  async askAt(
    { publicKey, place }: { readonly publicKey: SealedPeer['publicKey']; readonly place: Place },
    route: string,
    body: unknown,
  ): Promise<unknown> {
    const { identity, header, timeout } = this.#options;
    const client = PeerClient.to({ identity, publicKey, places: [place], header, timeout });
    try {
      return await client.request(route, body);
    } finally {
      await client.close();
    }
  }

  /** A connection to where a peer is. @throws SottoError `unreachable`, `refused`. */
  async connect(peer: SealedPeer): Promise<Pipe> {
    this.#requireAllowed(peer.id);
    requireSettled(peer);
    let failure: unknown;
    for (const { host, tcpPort } of placesOf(peer)) {
      try {
        return await sockets.connectStream({ host, port: tcpPort }, this.#options.timeout);
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }

  /**
   * Asks a peer, or keeps the message until it takes it: as one letter, which is handled once either way. None overtakes
   * those that wait.
   *
   * @param keep ms.
   * @returns the answer; undefined where it is kept.
   * @throws SottoError `too_many_requests`, `invalid_body`, `refused`, and StatusError as {@link ask}.
   */
  async askOrKeep(
    peer: SealedPeer,
    route: string,
    body: unknown,
    { keep, representation: wanted, ...options }: AskOptions & { readonly keep: number },
  ): Promise<unknown> {
    const { pins, now } = this.#options;
    this.#requireNotBlocked(pins.currentId(peer.id));
    const { representation, bytes } = encodeBody(body, wanted);
    const id = primitives.randomBytes(LETTER_ID_SIZE);
    const letter = { id, route, representation, body: bytes };
    const there = await this.#freePeer(pins.currentId(peer.id));
    if (there) {
      try {
        return await this.ask(there, LETTER_ROUTE, letter, options);
      } catch (error) {
        if (!isAway(error)) throw error;
      }
    }
    const waitsFor = pins.currentId(peer.id); // it may have moved to another key meanwhile
    await this.#outbox.add({ ...letter, peer: waitsFor, expiresAt: now() + keep });
    this.deliver(waitsFor);
    return undefined;
  }

  /** What waits for one peer waits for another, which it has become. */
  readdress(from: PeerId, to: PeerId): Promise<void> {
    return this.#outbox.readdress(from, to);
  }

  /** Somebody may have come back: what waits for it is delivered, one after the other. */
  deliver(id: PeerId): void {
    if (this.#closed || this.#delivering.has(id)) return;
    const work = this.#deliverAll(id)
      .catch((error: unknown) => this.#options.log.debug({ id, why: messageOf(error) }, 'letters wait on'))
      .finally(() => this.#delivering.delete(id));
    this.#delivering.set(id, work);
  }

  /**
   * Gives up what has waited too long, and tries the rest again: a peer may have been out of reach, and be back, without
   * ever having been missed. To be called every few seconds.
   */
  async tend(): Promise<void> {
    for (const { peer, route } of await this.#outbox.expire(this.#options.now())) {
      this.#options.log.warn({ peer, route }, 'a message was not taken in its time, and is given up');
    }
    for (const peer of this.waiting.keys()) this.deliver(peer as PeerId);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const clients = [...this.#clients.values()].map(({ client }) => client);
    await Promise.all([...clients, ...this.#retired].map((client) => client.close()));
    await Promise.allSettled(this.#delivering.values());
    this.#outbox.close();
  }

  #requireAllowed(id: PeerId): void {
    const current = this.#options.pins.currentId(id);
    this.#requireNotBlocked(current);
    if (current !== id)
      throw new SottoError('unreachable', 'This peer has moved to another key, and is not there now.');
  }

  #requireNotBlocked(id: PeerId): void {
    if (this.#options.pins.get(id)?.isBlocked)
      throw new SottoError('refused', 'This peer is blocked; unblock it first.');
  }

  async #deliverAll(id: PeerId): Promise<void> {
    for (let letter = this.#outbox.next(id); letter && !this.#closed; letter = this.#outbox.next(id)) {
      const peer = this.#isThere(id);
      if (!peer) return;
      const { id: letterId, route, representation, body } = letter;
      try {
        await this.ask(peer, LETTER_ROUTE, { id: letterId, route, representation, body });
      } catch (error) {
        if (!isRefusal(error)) throw error;
        this.#options.log.warn({ peer: id, route, why: messageOf(error) }, 'a kept message was refused');
      }
      await this.#outbox.remove(letter);
    }
  }

  /** A peer that is there and has all that waited for it. */
  async #freePeer(id: PeerId): Promise<SealedPeer | null> {
    if (this.#isThere(id) && this.#outbox.next(id) !== null) {
      this.deliver(id);
      await this.#delivering.get(id);
    }
    return this.#outbox.next(id) === null ? this.#isThere(id) : null;
  }

  #isThere(id: PeerId): SealedPeer | null {
    const peer = this.#options.table.get(id);
    return peer?.kind === 'sealed' && peer.isVerified ? peer : null;
  }

  #clientFor(peer: SealedPeer): PeerClient {
    const { id, publicKey } = peer;
    const places = placesOf(peer);
    const names = places.map(({ host, tcpPort }) => `${host} ${tcpPort}`).join();
    const known = this.#clients.get(id);
    if (known?.places === names) return known.client;
    if (known) this.#retire(known.client);
    const { identity, header, timeout } = this.#options;
    const client = PeerClient.to({ identity, publicKey, places, header, timeout });
    this.#clients.delete(id);
    this.#clients.set(id, { client, places: names });
    const [oldest] = this.#clients;
    if (this.#clients.size > MOST_CLIENTS && oldest) {
      this.#clients.delete(oldest[0]);
      this.#retire(oldest[1].client);
    }
    return client;
  }

  /** What it has asked may still be answered; it holds no connection without a question. */
  #retire(client: PeerClient): void {
    this.#retired.add(client);
    const [oldest] = this.#retired;
    if (this.#retired.size <= MOST_CLIENTS || !oldest) return;
    this.#retired.delete(oldest);
    void oldest.close();
  }
}

/** Where it has proved that it is. */
function placesOf({ addresses }: SealedPeer): readonly Place[] {
  const places = addresses.filter(({ isVerified }) => isVerified);
  if (places.length > 0) return places;
  throw new SottoError('unreachable', 'Nobody knows where that peer is now.');
}

/** The peer may be back another time. */
function isAway(error: unknown): boolean {
  return error instanceof SottoError && ['unreachable', 'timeout'].includes(error.code);
}

/** The peer has it, and does not want it: another try would end as this one did. */
function isRefusal(error: unknown): boolean {
  return error instanceof StatusError && !isTriedAgain(error.status);
}

/** A letter that is answered so has not been taken yet: it comes again. */
export function isTriedAgain(status: number): boolean {
  return status >= STATUS.handlerFailed || status === STATUS.tooEarly;
}

function requireSettled({ replaces }: SealedPeer): void {
  if (replaces === null) return;
  throw new SottoError(
    'refused',
    'This peer has another key than the one known by its name. Compare the words with its owner, then accept the new key.',
  );
}

/** A kept message as it arrives; null for what is none. */
export function letterIn(body: unknown): {
  readonly id: Uint8Array;
  readonly route: string;
  readonly representation: Representation;
  readonly body: Uint8Array;
} | null {
  if (typeof body !== 'object' || body === null) return null;
  const { id, route, representation, body: bytes } = body as Record<string, unknown>;
  const isRight = id instanceof Uint8Array && typeof route === 'string' && bytes instanceof Uint8Array;
  if (!isRight || typeof representation !== 'string' || !/^[tjcb]$/.test(representation)) return null;
  return { id, route, representation: representation as Representation, body: bytes };
}
