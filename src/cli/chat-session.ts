/** The chat between the node and the screen: what comes is written down, what is typed is done. */

import { appFrom } from '../app/app.ts';
import type { Context } from '../app/context.ts';
import type { Logger } from '../app/message.ts';
import { messageOf } from '../errors.ts';
import { FIRST_ROOM, MESSAGE_ROUTE, roomRoute, said } from '../node/chat-routes.ts';
import { senderOf } from '../node/peer-sender.ts';
import { markOf, nameOf, textOfEvent } from '../node/peer-text.ts';
import type { PeerNode } from '../peers/node.ts';
import type { SealedPeer } from '../peers/peer.ts';
import type { PeerEvent } from '../peers/peer-event.ts';
import { findKnown } from '../peers/table/finder.ts';
import { type ChatCommand, HELP, parseChatLine } from './chat-commands.ts';
import { ChatFiles } from './chat-files.ts';
import { type ChatState, inRoom, type LineKind, newChat, withLine } from './chat-state.ts';
import { EVENTS, sealedOf } from './peer-finding.ts';
import { ownName, type PeerOptions, startPeer } from './peer-options.ts';
import { handleOf } from './peer-text.ts';

const QUIET = new Set<PeerEvent['type']>(['join', 'address-changed']);

export class ChatSession implements AsyncDisposable {
  state: ChatState;
  readonly #files: ChatFiles;
  readonly #changed: () => void;
  #node: PeerNode | null = null;
  readonly quit: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  /** @param changed something is to be drawn. */
  static async start(
    options: PeerOptions & { downloads: string },
    changed: () => void,
  ): Promise<ChatSession> {
    const session = new ChatSession(options, changed);
    const app = appFrom((ctx) => session.#take(ctx));
    const files = session.#files.options(options.downloads);
    session.#begin(await startPeer(app, options, { files, log: session.#log() }));
    return session;
  }

  private constructor(options: PeerOptions, changed: () => void) {
    this.#changed = changed;
    this.state = newChat(ownName(options), options.groupSecret !== undefined, FIRST_ROOM);
    this.#files = new ChatFiles({
      note: (text) => this.note(text),
      status: (status) => this.update({ ...this.state, status }),
      ownerOf: (id) => this.#nameOfId(id),
    });
  }

  update(state: ChatState): void {
    this.state = state;
    this.#changed();
  }

  note(text: string, kind: 'note' | 'warning' = 'note'): void {
    this.#write(null, kind, '', text);
  }

  /** Does what was typed; what goes wrong is a line in the chat. */
  async enter(line: string): Promise<void> {
    try {
      await this.#do(parseChatLine(line));
    } catch (error) {
      this.note(messageOf(error), 'warning');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#files.refuseAll();
    await this.#node?.close();
  }

  #begin(node: PeerNode): void {
    this.#node = node;
    for (const type of EVENTS) node.on(type, (event) => this.#hear(event));
    this.note('Welcome. What you type goes to everybody in this room; /help tells more.');
    this.#showPeers();
  }

  async #do(command: ChatCommand): Promise<void> {
    const node = this.#node;
    if (!node) return;
    switch (command.does) {
      case 'say':
        return this.#say(node, command.text);
      case 'join':
        return this.update(inRoom(this.state, command.route));
      case 'message':
        return this.#tell(node, command.peer, command.text);
      case 'send':
        return this.#files.send(node, command.peer, command.path);
      case 'words':
      case 'trust':
      case 'block':
        return this.#judge(node, command.does, command.peer);
      case 'accept':
      case 'refuse':
        return this.#decide(node, command.does === 'accept', command.which);
      case 'quit':
        return this.quit.resolve();
      case 'help':
        return HELP.forEach((text) => void this.note(text));
      case 'wrong':
        return this.note(command.text, 'warning');
      case 'nothing':
    }
  }

  #say(node: PeerNode, text: string): void {
    node.broadcast(this.state.room, { user: this.state.self, text });
    this.#write(this.state.room, this.state.isGroup ? 'group' : 'plain', 'you', text);
  }

  async #tell(node: PeerNode, to: string, text: string): Promise<void> {
    const peer = node.find(to);
    await node.tell(peer, MESSAGE_ROUTE, text);
    this.#write(null, peer.kind === 'plain' ? 'plain' : 'sealed', `you to ${nameOf(peer)}`, text);
  }

  #judge(node: PeerNode, does: 'words' | 'trust' | 'block', text: string): void {
    const peer = findKnown(text, sealedOf(node.peers)) ?? node.find(text);
    if (peer.kind === 'plain') return this.note(`${nameOf(peer)} is plain: it has no key.`, 'warning');
    if (does === 'words') {
      this.note(`yours: ${node.publicKey.words}`);
      return this.note(`${nameOf(peer)}: ${peer.words}`);
    }
    node.pins[does](peer);
    this.note(`${nameOf(peer)} is ${does}ed.`);
    this.#showPeers();
  }

  /** A number, or nothing, means a file; all else a peer with a new key. */
  #decide(node: PeerNode, isYes: boolean, which: string): void {
    if (!isYes || /^\d{0,4}$/.test(which)) return this.#files.decide(which, isYes);
    const changed = sealedOf(node.peers).filter(({ replaces }) => replaces !== null);
    const peer = findKnown(which, changed);
    if (!peer || peer.replaces === null) return this.note('That peer has no new key.', 'warning');
    node.pins.accept(peer, peer.replaces);
    this.note(`${nameOf(peer)} is taken with the new key: ${peer.words}`);
    this.#showPeers();
  }

  #take(ctx: Context): void {
    const { seal, user, hostname } = senderOf(ctx, this.#node);
    const { name, text } = said(ctx.body);
    if (seal === 'sealed') return this.#write(null, 'sealed', nameOf({ user, hostname }), text);
    const room = roomRoute(ctx.route);
    const who = `~${name || user || (ctx.remote ?? 'somebody')}`;
    if (room !== null) this.#write(room, seal, who, text);
  }

  #hear(event: PeerEvent): void {
    const isWarning = event.type === 'key-changed' || event.type === 'downgrade';
    if (!QUIET.has(event.type)) this.note(textOfEvent(event), isWarning ? 'warning' : 'note');
    this.#showPeers();
  }

  #showPeers(): void {
    const all = this.#node?.peers ?? [];
    const peers = all.map((peer) => ({ name: handleOf(peer, all), mark: markOf(peer) }));
    this.update({ ...this.state, peers });
  }

  #write(room: string | null, kind: LineKind, from: string, text: string): void {
    this.update(withLine(this.state, { at: Date.now(), room, kind, from, text }));
  }

  #nameOfId(id: SealedPeer['id']): string {
    const peer = this.#node?.peers.find((each) => each.kind === 'sealed' && each.id === id);
    return peer ? nameOf(peer) : id.slice(0, 12);
  }

  /** Lines on stderr would run across the screen. */
  #log(): Logger {
    const warn = (_fields: object, text: string): void => this.note(text, 'warning');
    return { debug: () => {}, info: () => {}, warn, error: warn };
  }
}
