/** The chat as a node keeps it, for whoever looks on: what came, what was said here, and the rooms. */

import type { InboundMessage } from '../app/message.ts';
import { cutText } from '../bytes/text.ts';
import { messageOf, SottoError } from '../errors.ts';
import type { PeerNode } from '../peers/node.ts';
import { FIRST_ROOM, MESSAGE_ROUTE, roomName, roomRoute, said } from './chat-routes.ts';
import { cleanLine, cleanLines } from './clean-text.ts';
import { type PeerSender, type Seal, senderOf } from './peer-sender.ts';
import { type Mark, nameOf } from './peer-text.ts';

/** One thing that was said. */
export interface ChatLine {
  /** Later ones have higher numbers. */
  readonly id: number;
  /** ms since 1970. */
  readonly at: number;
  /** A room's name; null for a message to one alone. */
  readonly room: string | null;
  /** The peer at the other end of a message to one alone: its id, or its name where it has none. */
  readonly peer: string | null;
  /** With `~` in front where the message only says so itself. */
  readonly from: string;
  readonly isOwn: boolean;
  readonly seal: Seal;
  /** How far the sender was to be believed as it came; null where nothing is proved, and for what was said here. */
  readonly mark: Mark | null;
  /** Without what would turn other text around. */
  readonly text: string;
}

/** A message as a road or a handler has it. */
type Arriving = Pick<InboundMessage, 'route' | 'body' | 'sender' | 'remote' | 'isSealed' | 'protocol'>;

/** Characters of one text and of a name that somebody says is theirs, and lines kept. */
const MAX_TEXT = 4000;
const MAX_NAME = 100;
const KEPT = 500;
/** Strangers name rooms, too. */
const MAX_ROOMS = 50;

export class Chat {
  readonly #peers: () => PeerNode | null;
  readonly #rooms = new Set([roomName(FIRST_ROOM)]);
  readonly #listeners = new Set<(line: ChatLine) => void>();
  #lines: readonly ChatLine[] = [];
  #count = 0;

  /** @param peers the node whose chat it is, as it is now; null while it is down. */
  constructor(peers: () => PeerNode | null) {
    this.#peers = peers;
  }

  /** The oldest first. */
  get lines(): readonly ChatLine[] {
    return this.#lines;
  }

  get rooms(): readonly string[] {
    return [...this.#rooms];
  }

  /** Told of every line as it is written; must not throw. @returns what ends it. */
  on(listener: (line: ChatLine) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @returns whether the message is of the chat, and so nothing for an app. */
  take(message: Arriving): boolean {
    const { route, protocol, sender: proven = null, remote = null, isSealed = false } = message;
    if (protocol !== 'peers') return false;
    const isToOne = route === MESSAGE_ROUTE;
    if (!isToOne && !isChat(route)) return false;
    const { name, text } = said(bodyOf(message));
    const sender = senderOf({ sender: proven, remote, isSealed }, this.#peers());
    const { seal, id, mark } = sender;
    if (id !== null) this.#write({ room: null, peer: id, from: nameOf(sender), seal, mark, text });
    else if (isToOne) {
      const from = unproven(sender, name);
      this.#write({ room: null, peer: from, from, seal, text });
    } else if (this.#isRoom(route)) {
      this.#write({ room: roomName(route), peer: null, from: unproven(sender, name), seal, text });
    }
    return true;
  }

  /**
   * @param name as people call it, or its route.
   * @returns its route.
   * @throws SottoError `invalid_route` for a name that no room can have.
   */
  addRoom(name: string): string {
    const route = roomRoute(name);
    if (route === null || !isChat(route)) {
      throw new SottoError(
        'invalid_route',
        `"${cleanLine(name)}" is no room; a room is a word, such as lobby.`,
      );
    }
    const [, oldest] = this.#rooms;
    const isNew = !this.#rooms.has(roomName(route));
    if (isNew && this.#rooms.size >= MAX_ROOMS && oldest !== undefined) this.#rooms.delete(oldest);
    this.#rooms.add(roomName(route));
    return route;
  }

  /**
   * To everybody in a room.
   *
   * @throws SottoError `invalid_route`, `unavailable` while there are no peers, `frame_too_large`.
   */
  say(name: string, text: string): void {
    const peers = this.#running();
    const route = this.addRoom(name);
    peers.broadcast(route, { user: userOf(peers), text });
    const seal = peers.sealsBroadcasts ? 'group' : 'plain';
    this.#write({ room: roomName(route), peer: null, from: peers.name, seal, text, isOwn: true });
  }

  /**
   * To one peer alone.
   *
   * @throws as {@link PeerNode.tell}; SottoError `unavailable` while there are no peers.
   */
  async tell(who: string, text: string): Promise<void> {
    const peers = this.#running();
    const peer = peers.find(who);
    await peers.tell(peer, MESSAGE_ROUTE, text);
    const isSealed = peer.kind === 'sealed';
    this.#write({
      ...{ room: null, peer: isSealed ? peer.id : nameOf(peer), from: peers.name, text, isOwn: true },
      seal: isSealed ? 'sealed' : 'plain',
    });
  }

  #running(): PeerNode {
    const peers = this.#peers();
    if (peers) return peers;
    throw new SottoError('unavailable', 'Nobody can be reached: peers are off in this node, or down.');
  }

  /** Whether there is such a room, or place for one more. */
  #isRoom(route: string): boolean {
    if (roomRoute(route) === null) return false;
    const name = roomName(route);
    if (!this.#rooms.has(name) && this.#rooms.size >= MAX_ROOMS) return false;
    this.#rooms.add(name);
    return true;
  }

  #write(
    line: Omit<ChatLine, 'id' | 'at' | 'isOwn' | 'mark'> & Partial<Pick<ChatLine, 'isOwn' | 'mark'>>,
  ): void {
    this.#count += 1;
    const text = cleanLines(cutText(line.text, MAX_TEXT));
    const written: ChatLine = { isOwn: false, mark: null, ...line, text, id: this.#count, at: Date.now() };
    this.#lines = [...this.#lines.slice(1 - KEPT), written];
    for (const listener of this.#listeners) listener(written);
  }
}

function isChat(route: string): boolean {
  return route.startsWith('/chat/');
}

function userOf({ name }: PeerNode): string {
  return name.split('@', 1)[0] ?? name;
}

function unproven({ user, remote }: PeerSender, name: string): string {
  return `~${cleanLine(cutText((name || user || remote) ?? 'somebody', MAX_NAME))}`;
}

/** What cannot be decoded is said as such. */
function bodyOf(message: Arriving): unknown {
  try {
    return message.body;
  } catch (error) {
    return messageOf(error);
  }
}
