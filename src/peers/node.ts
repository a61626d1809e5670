import { primitives } from '#crypto';
import { sockets } from '#sockets';
import type { Dispatcher } from '../app/app.ts';
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { encodeHex } from '../bytes/text.ts';
import { GroupSeal } from '../envelope/group.ts';
import { SottoError } from '../errors.ts';
import type { IdentityRing } from '../keys/identity-ring.ts';
import type { PublicKey } from '../keys/public-key.ts';
import { Counters } from '../sealed/counters.ts';
import { Events } from '../sealed/events.ts';
import type { Arrival } from '../transport/transport.ts';
import { hostIn } from '../transport/url.ts';
import { DOCTOR_NAMESPACE } from '../wire/peers-doctor.ts';
import { encodeStpBody, type StpFrame } from '../wire/stp.ts';
import { Publication } from './dns-sd/publication.ts';
import { DoctorDesk } from './doctor/desk.ts';
import { Door } from './door.ts';
import { FileReceiver } from './files/receiver.ts';
import { FileSender, type SendFileOptions, type SentFile } from './files/sender.ts';
import { HELLO_ROUTE, ownHello, proofIn } from './hello.ts';
import { LegacyNodeKey } from './legacy/rsa-oaep.ts';
import { type AskOptions, Messages } from './messages.ts';
import { type Broadcast, Neighbourhood } from './neighbourhood.ts';
import { NodeApp, type OwnHandler } from './node-app.ts';
import { type PeerNodeOptions, type ResolvedPeerNodeOptions, resolvePeerNode } from './options.ts';
import { OwnFrames } from './own-frames.ts';
import { fullName, type Peer, type PeerId, parsePeerId, peerIdOf, type SealedPeer } from './peer.ts';
import type { PeerEvent, Probe } from './peer-event.ts';
import { type PeerProof, PeerTable } from './peer-table.ts';
import { Pins } from './pins.ts';
import { PlainMessages } from './plain.ts';
import { StatementReader, statementsFor } from './succession.ts';

/** Of one message to one peer. */
export interface TellOptions extends AskOptions {
  /** Keeps the message so long where the peer is away, ms; then there is no answer. Default 0: it must be there. */
  readonly keep?: number;
}

const SESSION_SIZE = 16;
const TEND_EVERY = 10_000;

/**
 * One node of a LAN: finds the others, is found by them, and talks with each of them sealed.
 *
 * @example
 * ```ts
 * import { createApp, Identity } from 'sotto';
 * import { PeerNode } from 'sotto/peers';
 * const app = createApp().on('/echo', (ctx) => ctx.body);
 * const node = await PeerNode.start(app, { identity: Identity.generate(), user: 'ada' });
 * node.on('verified', async ({ peer }) => console.log(peer.user, await node.tell(peer, '/echo', 'hello')));
 * await node.close();
 * ```
 */
export class PeerNode implements AsyncDisposable {
  readonly #options: ResolvedPeerNodeOptions;
  readonly #counters = new Counters();
  readonly #pins: Pins;
  readonly #table: PeerTable;
  readonly #frames: OwnFrames;
  readonly #seal: GroupSeal | null;
  readonly #events: Events<PeerEvent>;
  readonly #messages: Messages;
  readonly #plain: PlainMessages;
  readonly #files: FileReceiver | null;
  readonly #sender: FileSender;
  readonly #statements: StatementReader;
  readonly #door: Door;
  readonly #neighbourhood: Neighbourhood;
  #publication: Publication | null = null;
  readonly #desk: DoctorDesk;
  #timer: ReturnType<typeof setInterval> | null = null;
  #closed: Promise<void> | null = null;

  /**
   * Listens, announces itself, and looks around.
   *
   * @throws SottoError `invalid_option`, `address_in_use`, `listen_failed`, `key_file_invalid`, `key_file_exposed`.
   */
  static async start(app: Dispatcher, options: PeerNodeOptions): Promise<PeerNode> {
    const resolved = resolvePeerNode(options, sockets.hostName());
    const { pinFile, log } = resolved;
    const pins = pinFile === undefined ? Pins.memory() : await Pins.load(pinFile, { log });
    for (const { id } of resolved.revoked?.list() ?? []) blockForGood(pins, id);
    const node = new PeerNode(app, resolved, pins);
    try {
      await node.#start();
    } catch (error) {
      await node.close().catch(() => {}); // the first error says why
      throw error;
    }
    return node;
  }

  private constructor(app: Dispatcher, options: ResolvedPeerNodeOptions, pins: Pins) {
    const { identity, log, legacy, group, udpPort, groupSecret, ttl, timeout, outboxFile } = options;
    this.#options = options;
    this.#pins = pins;
    this.#events = new Events(log);
    this.#statements = new StatementReader(identity);
    this.#seal = groupSecret === undefined ? null : new GroupSeal(groupSecret, { group, port: udpPort });
    const legacyKey = legacy ? LegacyNodeKey.generate() : null;
    this.#frames = new OwnFrames({
      ...options,
      publicKey: identity.publicKey,
      session: encodeHex(primitives.randomBytes(SESSION_SIZE)),
      seal: this.#seal,
      legacyKey: legacyKey?.publicKey ?? null,
      now: Date.now,
    });
    const header = (namespace: string): ReturnType<OwnFrames['header']> => this.#frames.header(namespace);
    this.#table = new PeerTable({ pins, legacy, ttl, self: peerIdOf(identity.publicKey) });
    this.#messages = new Messages({
      identity,
      table: this.#table,
      header,
      pins,
      outboxFile,
      timeout,
      now: Date.now,
      log,
    });
    this.#plain = new PlainMessages({ app, header, key: legacyKey, counters: this.#counters, log, timeout });
    const onDrop = (reason: string): void => this.#counters.add(reason);
    this.#files = options.files ? new FileReceiver({ ...options.files, onDrop }) : null;
    this.#sender = new FileSender({
      ask: (id, route, body, asking) => this.#askById(id, route, body, asking),
      connect: async (id) => this.#messages.connect(this.#sealedById(id)),
    });
    this.#door = new Door({
      app: new NodeApp(app, this.#ownRoutes()),
      identity,
      header,
      allow: (key) => key !== null && !this.#isBlocked(peerIdOf(key)),
      onPlain: (frame, arrival) => this.#takePlain(frame, arrival),
      onStream: (id, pipe) => this.#files?.takeStream(id, pipe) ?? null,
      counters: this.#counters,
      log,
    });
    this.#neighbourhood = new Neighbourhood({
      options,
      table: this.#table,
      frames: this.#frames,
      seal: this.#seal,
      events: this.#events,
      counters: this.#counters,
      ask: (probe) => this.#verify(probe),
      onInterfaces: (current) => void this.#publication?.follow(current),
      onBroadcast: (broadcast) => this.#takeBroadcast(broadcast),
      onQuestion: (place) => void this.#plain.answerQuestion(place),
      onTrace: (frame, from) => this.#desk.hear(frame, from),
    });
    const [node, roads, counters] = [options, this.#neighbourhood, this.#counters];
    this.#desk = new DoctorDesk({ node, frames: this.#frames, seal: this.#seal, roads, counters });
    this.#events.on('verified', ({ peer }) => this.#messages.deliver(peer.id));
    this.#events.on('address-changed', ({ peer }) => this.#messages.deliver(peer.id));
  }

  /** This node's own key. */
  get publicKey(): PublicKey {
    return this.#options.identity.publicKey;
  }

  /** What it calls itself: `user@hostname`. */
  get name(): string {
    return fullName(this.#options);
  }

  /** Whether broadcasts are sealed with a group's secret. */
  get sealsBroadcasts(): boolean {
    return this.#seal !== null;
  }

  /** For messages to this node, by TCP. */
  get port(): number {
    return this.#frames.tcpPort;
  }

  /** Verified ones first. */
  get peers(): readonly Peer[] {
    return this.#table.list();
  }

  /** Keys that were met: trusted, blocked, or just pinned. */
  get pins(): Pins {
    return this.#pins;
  }

  /** How often each thing happened, such as every reason for which something was dropped. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  /** Messages that wait for peers that are away, by peer. */
  get waiting(): ReadonlyMap<string, number> {
    return this.#messages.waiting;
  }

  /** @returns what ends it. */
  on<Type extends PeerEvent['type']>(
    type: Type,
    listener: (event: Extract<PeerEvent, { type: Type }>) => void,
  ): () => void {
    return this.#events.on(type, listener);
  }

  /**
   * By id or its beginning, key, words, `user`, `user@hostname` or `host`.
   *
   * @throws SottoError `peer_unknown` where nobody is meant that is there, `peer_ambiguous` where several may be: the text
   * lists their ids.
   */
  find(text: string): Peer {
    const peer = this.#table.find(text);
    if (peer) return peer;
    throw new SottoError(
      'peer_unknown',
      `Nobody is there who is meant by "${text}"; \`sotto peers\` lists who is.`,
    );
  }

  /**
   * Asks a peer, sealed; waits for its answer.
   *
   * @param peer one of {@link peers}, or what {@link find} takes.
   * @returns the handler's value; undefined from an original, which answers nothing, and for a message that is kept.
   * @throws StatusError where the peer answers with a status; SottoError `unreachable`, `timeout`, `refused` for a
   * changed key or a blocked one, `too_many_requests` where too much is kept, and as {@link find}.
   */
  async tell(
    peer: Peer | string,
    route: string,
    body?: unknown,
    options: TellOptions = {},
  ): Promise<unknown> {
    const { keep = 0, ...asking } = options;
    const found = this.#now(typeof peer === 'string' ? this.find(peer) : peer);
    if (found.kind === 'plain') return this.#tellPlain(found, route, body);
    return keep > 0
      ? this.#messages.askOrKeep(found, route, body, { ...asking, keep })
      : this.#messages.ask(found, route, body, asking);
  }

  /**
   * To everybody, by multicast: sealed where there is a group secret, else readable by all. Some may not get it.
   *
   * @param data what JSON can hold.
   * @throws SottoError `invalid_body`, `frame_too_large`.
   */
  broadcast(route: string, data: unknown): void {
    const frame = this.#frames.plain(route, encodeStpBody(data));
    this.#neighbourhood.shout(this.#seal ? this.#frames.sealed(this.#seal, frame) : frame);
  }

  /**
   * Sends a file of any size; the peer's owner decides whether it is taken. After a cut it goes on where it was.
   *
   * @throws StatusError where it is refused; SottoError `unreachable`, `file_unreadable`, `aborted`, `invalid_argument` for
   * an original, and as {@link find}.
   */
  async sendFile(peer: Peer | string, path: string, options: SendFileOptions = {}): Promise<SentFile> {
    const found = this.#now(typeof peer === 'string' ? this.find(peer) : peer);
    if (found.kind === 'plain') {
      throw new SottoError(
        'invalid_argument',
        `${found.user} runs an original of STP, which takes no files.`,
      );
    }
    return this.#sender.sendFile(found.id, path, options);
  }

  /** Says goodbye, finishes what is being answered, then closes everything. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(): Promise<void> {
    this.#frames.tcpPort = await this.#door.listen(this.#options.tcpPort);
    if (this.#options.dnsSd) this.#publication = await this.#publish();
    await this.#neighbourhood.start();
    this.#timer = setInterval(() => {
      this.#messages.tend().catch((error: unknown) => {
        this.#options.log.error({ error }, 'the outbox failed');
      });
    }, TEND_EVERY);
    this.#timer.unref?.();
  }

  async #close(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#publication?.close();
    await this.#neighbourhood.close();
    await this.#files?.close();
    await this.#door.close();
    await this.#messages.close();
    await this.#pins.close();
  }

  async #publish(): Promise<Publication> {
    const { user, hostname, log } = this.#options;
    const service = { id: peerIdOf(this.publicKey), user, hostname, port: this.port };
    return new Publication({ service, mdns: await sockets.loadMdns(), counters: this.#counters, log });
  }

  #ownRoutes(): ReadonlyMap<string, OwnHandler> {
    return new Map<string, OwnHandler>([
      [HELLO_ROUTE, (_body, _from, _remote, asker) => this.#hello(asker)],
      [DOCTOR_NAMESPACE, (body, asker, remote) => this.#desk.answer(body, asker, hostIn(remote))],
      ...(this.#files?.handlers ?? []),
    ]);
  }

  async #askById(id: PeerId, route: string, body: unknown, options: AskOptions = {}): Promise<unknown> {
    return this.#messages.ask(this.#sealedById(id), route, body, { ...options, once: false });
  }

  #sealedById(id: PeerId): SealedPeer {
    const peer = this.#table.get(id);
    if (peer?.kind === 'sealed') return peer;
    throw new SottoError('unreachable', 'That peer is not there now.');
  }

  #hello(asker: PublicKey): object {
    const hello = ownHello(this.#options, this.#frames);
    const successions = statementsFor(asker, this.#ownKeys());
    return successions.length === 0 ? hello : { ...hello, successions };
  }

  /** Those before it may have ended since; the current one is that of the start, whatever a ring has become. */
  #ownKeys(): Pick<IdentityRing, 'current' | 'previous'> {
    const { identity, identities } = this.#options;
    const isSame = identities.current.publicKey.equals(identity.publicKey);
    return { current: identity, previous: isSame ? identities.previous : [] };
  }

  async #verify({ publicKey, place }: Probe): Promise<PeerProof> {
    const hello = ownHello(this.#options, this.#frames);
    const answer = await this.#messages.askAt({ publicKey, place }, HELLO_ROUTE, hello);
    const proof = proofIn(answer, place);
    for (const predecessor of this.#statements.predecessors(answer, publicKey)) {
      await this.#succeed(publicKey, predecessor);
    }
    return proof;
  }

  /** Before the name is judged: who has moved is nobody new. */
  async #succeed(successor: PublicKey, predecessor: PublicKey): Promise<void> {
    const [id, previousId] = [peerIdOf(successor), peerIdOf(predecessor)];
    const isRevoked = this.#options.revoked?.list().some((key) => key.id === previousId);
    const verdict = isRevoked ? 'refused' : this.#pins.succeed(successor, previousId);
    // Once more: it may have failed after the pin was moved.
    if (verdict === 'known') return this.#messages.readdress(previousId, id);
    this.#counters.add(`succession_${verdict}`);
    if (verdict !== 'moved') return;
    for (const event of this.#table.remove(previousId)) this.#events.emit(event);
    await this.#messages.readdress(previousId, id);
    const { user = '', hostname = '', isTrusted = false } = this.#pins.get(id) ?? {};
    const names = { words: successor.words, previousWords: predecessor.words };
    this.#events.emit({ type: 'key-succeeded', id, previousId, ...names, user, hostname, isTrusted });
  }

  /** @returns what goes back: nothing, but to a doctor, and to who announces itself. */
  async #takePlain(frame: StpFrame, arrival: Arrival): Promise<Bytes> {
    const host = hostIn(arrival.remote); // all of it: it may be asked there
    if (frame.header.namespace === DOCTOR_NAMESPACE) return this.#desk.hearByTcp(frame, host);
    const { heard, reply } = this.#neighbourhood.takeByTcp(frame, host);
    if (heard === 'dropped' || reply.length > 0) return reply;
    if (!this.#options.legacy) this.#counters.add('plain_refused');
    else await this.#plain.take({ frame, transport: 'tcp', remote: arrival.remote, isSealed: false });
    return EMPTY;
  }

  #takeBroadcast({ frame, remote, isSealed }: Broadcast): void {
    // With a group secret only the group is heard.
    if (this.#seal && !isSealed && !this.#options.legacy) return this.#counters.add('plain_refused');
    void this.#plain.take({ frame, transport: 'udp', remote, isSealed });
  }

  async #tellPlain({ addresses }: Peer, route: string, body: unknown): Promise<undefined> {
    const [place] = addresses;
    if (!place) throw new SottoError('unreachable', 'Nobody knows where that peer is now.');
    await this.#plain.tell(place, route, body, null);
  }

  /** As it is known now: what a program holds may be old. */
  #now(peer: Peer): Peer {
    return (peer.kind === 'sealed' ? this.#table.get(this.#pins.currentId(peer.id)) : null) ?? peer;
  }

  #isBlocked(id: PeerId): boolean {
    return this.#pins.get(id)?.isBlocked ?? false;
  }
}

function blockForGood(pins: Pins, id: string): void {
  const peer = parsePeerId(id);
  if (peer !== null && !pins.get(peer)?.isBlocked) pins.block(peer);
}
