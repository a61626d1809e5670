/**
 * Who is around: announces this node, hears the others, and asks whoever may be new whether it is who it says.
 *
 * Sources: specs/native.md, section 5; specs/stp.md, section 4.
 */

import { sockets } from '#sockets';
import type { Logger } from '../app/message.ts';
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import type { GroupSeal } from '../envelope/group.ts';
import { codeOf, messageOf, SottoError } from '../errors.ts';
import type { DatagramSender, InterfaceAddress, MulticastSocket, SocketAddress } from '../platform/types.ts';
import type { Counters } from '../sealed/counters.ts';
import type { Events } from '../sealed/events.ts';
import { RateLimiter } from '../transport/rate-limiter.ts';
import { limitedHost } from '../transport/url.ts';
import { DOCTOR_NAMESPACE } from '../wire/peers-doctor.ts';
import {
  decodeStpFrame,
  encodeStpBody,
  MAX_STP_DATAGRAM,
  PEER_JOIN,
  PEER_QUESTION,
  type StpFrame,
} from '../wire/stp.ts';
import { knock } from './knock.ts';
import { DEFAULTS, type ResolvedPeerNodeOptions } from './options.ts';
import { ANNOUNCE_NAMESPACE, GROUP_NAMESPACE, type OwnFrames } from './own-frames.ts';
import { type Place, placeIn } from './peer.ts';
import type { DropReason, PeerEvent, PeerRoad, Probe } from './peer-event.ts';
import type { PeerProof, PeerTable } from './peer-table.ts';
import { Seen } from './seen.ts';

export interface NeighbourhoodOptions {
  readonly options: ResolvedPeerNodeOptions;
  readonly table: PeerTable;
  readonly frames: OwnFrames;
  readonly seal: GroupSeal | null;
  readonly events: Events<PeerEvent>;
  readonly counters: Counters;
  /** A sealed question to a place; what the answer proves. Rejects where none comes. */
  readonly ask: (probe: Probe) => Promise<PeerProof>;
  /** The interfaces by which the group is reached now, by IPv4. */
  readonly onInterfaces: (current: readonly InterfaceAddress[]) => void;
  /** A message for everybody came. */
  readonly onBroadcast: (broadcast: Broadcast) => void;
  /** An original asks who is there, by UDP: it is answered by TCP. */
  readonly onQuestion: (place: Pick<Place, 'host' | 'tcpPort'>) => void;
  /** A trace of `sotto doctor peers` came; returns whether its sender should be greeted. */
  readonly onTrace: (frame: StpFrame, from: DatagramSender) => boolean;
}

export interface Broadcast {
  readonly frame: StpFrame;
  readonly remote: string;
  /** Whether the group has sealed it. */
  readonly isSealed: boolean;
}

/** The group beside that of the originals, for Sotto nodes alone. */
export const IPV6_GROUP = 'ff12::5354';
/** Of the first STP programs; the later ones have the group that is the default. */
export const SEED_GROUP = '239.192.1.107';
/** After the start and after each change of interfaces, ms: datagrams get lost. */
const FIRST_ANNOUNCEMENTS = [0, 250, 1000];
/** Datagrams a second from one host, and at once. */
const RATE = 200;
const BURST = 500;
/** Questions to places a second, in all and to one host, and at once. */
const PROBE_RATE = 20;
const PROBE_BURST = 64;
const HOST_PROBE_RATE = 2;
const HOST_PROBE_BURST = 16;
/** Announcements back to who has just come, a second and at once. */
const GREETING_RATE = 10;
const GREETING_BURST = 50;
const TICK = 1000;
/** Sessions whose broadcasts are told from their copies. */
const MOST_SESSIONS = 2048;
/** Nothing that such a frame brings is taken. */
const UNWANTED: ReadonlySet<DropReason> = new Set([
  'malformed',
  'forged-id',
  'incomplete',
  'self',
  'blocked',
  'downgrade',
  'legacy-off',
]);
/** Originals are asked as often as they ask, ms. */
const QUESTION_EVERY = 180_000;
const ALL = 'all';

export class Neighbourhood {
  readonly #context: NeighbourhoodOptions;
  readonly #log: Logger;
  readonly #rate = new RateLimiter(RATE, BURST);
  readonly #probes = new RateLimiter(PROBE_RATE, PROBE_BURST);
  readonly #quietProbes = new RateLimiter(PROBE_RATE, PROBE_BURST);
  /** Sealed ones apart: what is plain may claim any session and number. */
  readonly #seen = { plain: new Seen(MOST_SESSIONS), sealed: new Seen(MOST_SESSIONS) } as const;
  readonly #hostProbes = new RateLimiter(HOST_PROBE_RATE, HOST_PROBE_BURST);
  readonly #quietHostProbes = new RateLimiter(HOST_PROBE_RATE, HOST_PROBE_BURST);
  readonly #greetings = new RateLimiter(GREETING_RATE, GREETING_BURST);
  #ticker: ReturnType<typeof setInterval> | undefined;
  #soon: readonly ReturnType<typeof setTimeout>[] = [];
  #sockets: readonly MulticastSocket[] = [];
  /** Of the interfaces that each family has now. */
  readonly #addresses = new Map<string, readonly string[]>();
  #announcedAt = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  #hasWarnedOfTwin = false;
  #hasWarnedOfClock = false;
  #closed = false;

  constructor(context: NeighbourhoodOptions) {
    this.#context = context;
    this.#log = context.options.log;
  }

  /** @throws SottoError `address_in_use`, `listen_failed`. */
  async start(): Promise<void> {
    const { options, frames, onInterfaces } = this.#context;
    const bind = (
      group: string | readonly string[],
      follow: (current: readonly InterfaceAddress[]) => void,
      unicastPort = 0,
    ): Promise<MulticastSocket> =>
      sockets.bindMulticast({
        ...{ group, unicastPort },
        port: options.udpPort,
        maxDatagram: MAX_STP_DATAGRAM,
        ...(options.interfaces === undefined ? {} : { interfaces: options.interfaces }),
        onDatagram: (datagram, from) => this.#take(datagram, from),
        onInterfaces: (current) => {
          this.#addresses.set(
            String(group),
            current.map(({ address }) => address),
          );
          this.#announceSoon();
          follow(current);
        },
      });
    const groups = options.legacy ? [...new Set([options.group, SEED_GROUP])] : options.group;
    const first = await bind(groups, onInterfaces);
    const bindIpv6 = (unicastPort: number): Promise<MulticastSocket> =>
      bind(IPV6_GROUP, () => {}, unicastPort);
    // The same port: an announcement names one, whichever way it goes.
    const second = await bindIpv6(first.unicastPort)
      .catch(() => bindIpv6(0))
      .catch((error: unknown) => {
        this.#log.debug({ error }, 'there is no IPv6 here');
        return null;
      });
    this.#sockets = second ? [first, second] : [first];
    frames.udpPort = first.unicastPort;
    this.#announceSoon();
    this.#ticker = setInterval(() => this.#tick(), TICK);
    this.#ticker.unref?.();
  }

  /** Says goodbye, if it has ever started. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#ticker);
    for (const timer of this.#soon) clearTimeout(timer);
    if (this.#sockets.length > 0) this.#send(this.announcement({ bye: true }));
    await Promise.all(this.#sockets.map((socket) => socket.close()));
  }

  /** To everybody. @throws SottoError `frame_too_large` for what no datagram holds. */
  shout(frame: Bytes): void {
    if (frame.length > MAX_STP_DATAGRAM) {
      const text = `A broadcast of ${frame.length} bytes is over the limit of ${MAX_STP_DATAGRAM}.`;
      throw new SottoError('frame_too_large', text);
    }
    this.#send(frame);
  }

  /** To one address alone. */
  sendTo(frame: Bytes, to: SocketAddress): void {
    this.#sockets[to.host.includes(':') ? 1 : 0]?.sendTo(frame, to);
  }

  /** What everybody hears of this node; of a hidden one, the group alone. */
  announcement(more: { readonly bye?: boolean } = {}): Bytes {
    const { frames, seal, options } = this.#context;
    const frame = frames.plain(ANNOUNCE_NAMESPACE, EMPTY, more);
    return seal && options.hidden ? frames.sealed(seal, frame) : frame;
  }

  /** By which this node multicasts now. */
  get addresses(): readonly string[] {
    return [...this.#addresses.values()].flat();
  }

  /**
   * A frame that came by TCP.
   *
   * @returns what goes back, where that is any business of this: who announces itself so may not hear us otherwise.
   */
  takeByTcp(frame: StpFrame, host: string): { readonly heard: 'heard' | 'dropped'; readonly reply: Bytes } {
    const inner = this.#opened(frame, host);
    const heard = inner ? this.#hear(inner, host, 'tcp') : 'dropped';
    const isAnnounced = inner?.header.namespace === ANNOUNCE_NAMESPACE && inner.header.bye !== true;
    // A hidden node says nothing to whom the group does not know, not even what strangers cannot read.
    const isAnswered = isAnnounced && (!this.#context.options.hidden || inner !== frame);
    return { heard, reply: heard === 'heard' && isAnswered ? this.announcement() : EMPTY };
  }

  /** Tells a place who is here that multicast does not reach, and hears who is there. Never rejects. */
  async #callStatic(text: string): Promise<void> {
    const { host, tcpPort } = placeIn(text);
    const place = { host, tcpPort: tcpPort ?? DEFAULTS.tcpPort };
    const answer = await knock(place, this.announcement(), this.#context.options.timeout);
    if (answer.kind !== 'reached') return this.#context.counters.add('static_unreachable');
    const frame = answer.reply && this.#opened(answer.reply, answer.host);
    if (frame?.header.namespace === ANNOUNCE_NAMESPACE && !this.#closed)
      this.#hear(frame, answer.host, 'tcp');
  }

  #tick(): void {
    const { table, options, events } = this.#context;
    const now = performance.now();
    for (const event of table.expire()) events.emit(event);
    // Within their own bound: strangers cannot keep us from asking after friends.
    for (const probe of table.quiet()) {
      void this.#ask(probe, this.#quietProbes, this.#quietHostProbes);
    }
    if (now - this.#announcedAt >= options.announceEvery) this.#announce();
    if (options.legacy && now - this.#askedAt >= QUESTION_EVERY) {
      this.#askedAt = now;
      this.#send(this.#context.frames.plain(PEER_JOIN, encodeStpBody(PEER_QUESTION)));
    }
  }

  /** In place of those that are still to come: at the start each family of interfaces is a change. */
  #announceSoon(): void {
    for (const timer of this.#soon) clearTimeout(timer);
    this.#soon = FIRST_ANNOUNCEMENTS.map((after) => {
      const timer = setTimeout(() => {
        if (!this.#closed) this.#announce();
      }, after);
      timer.unref?.();
      return timer;
    });
  }

  #announce(): void {
    this.#announcedAt = performance.now();
    this.#send(this.announcement());
    for (const place of this.#context.options.staticPeers) void this.#callStatic(place);
  }

  #send(frame: Bytes): void {
    for (const socket of this.#sockets) socket.send(frame);
  }

  #take(datagram: Bytes, from: DatagramSender): void {
    const { counters, frames } = this.#context;
    if (!this.#rate.take(limitedHost(from.host))) return counters.add('rate_limited');
    let frame: StpFrame;
    try {
      frame = decodeStpFrame(datagram);
    } catch (error) {
      return counters.add(codeOf(error));
    }
    const isSealed = frame.header.namespace === GROUP_NAMESPACE;
    const inner = this.#opened(frame, from.host);
    if (!inner) return;
    if (inner.header.namespace === DOCTOR_NAMESPACE) return this.#takeTrace(inner, from);
    if (inner.header.session === frames.session) return; // our own, come back
    if (this.#hear(inner, from.host, 'multicast', from) === 'dropped') return;
    const remote = `${from.host}:${from.port}`;
    const { namespace } = inner.header;
    if (namespace === PEER_JOIN) return this.#answerQuestion(inner, from.host);
    if (namespace === undefined || namespace === ANNOUNCE_NAMESPACE) return;
    const { session, seq } = inner.header;
    // Each comes once for every interface that it came by, and again from whoever repeats it.
    const seen = this.#seen[isSealed ? 'sealed' : 'plain'];
    const isCopy = session !== undefined && seq !== undefined && !seen.advance(session, seq);
    if (isCopy) return counters.add('repeated');
    this.#context.onBroadcast({ frame: inner, remote, isSealed });
  }

  /** What the group has sealed is opened; null for what does not open. */
  #opened(frame: StpFrame, host: string): StpFrame | null {
    const { counters, frames, seal } = this.#context;
    if (frame.header.namespace !== GROUP_NAMESPACE) return frame;
    const opened = frames.open(frame.body);
    switch (opened.state) {
      case 'opened':
        return opened.frame;
      case 'untimely':
        counters.add('group_untimely');
        this.#warnOfClock(host, opened.ahead);
        return null;
      case 'unopened':
        counters.add(seal ? 'group_unopened' : 'group_unknown');
        return null;
    }
  }

  #takeTrace(frame: StpFrame, from: DatagramSender): void {
    if (this.#context.onTrace(frame, from)) this.#greet(from, frame.header.udpport);
  }

  #hear(
    { header }: StpFrame,
    host: string,
    road: PeerRoad,
    from: DatagramSender | null = null,
  ): 'heard' | 'dropped' {
    const { udpport, tcpport, session, seq, bye, v, id, x25519, user, hostname } = header;
    const fields = { user, hostname, udpport, tcpport, session, seq, bye, v, id, x25519 };
    const { events, probe, dropped } = this.#context.table.heard({ fields, from: { host }, road });
    for (const event of events) this.#context.events.emit(event);
    if (dropped) this.#context.counters.add(`heard_${dropped}`);
    if (probe) void this.#ask(probe);
    // Who has just come should not wait for our next announcement.
    if (probe && from && header.bye !== true) this.#greet(from, udpport);
    if (dropped === 'self') this.#warnOfTwin(host);
    return dropped && UNWANTED.has(dropped) ? 'dropped' : 'heard';
  }

  #warnOfTwin(host: string): void {
    if (this.#hasWarnedOfTwin) return;
    this.#hasWarnedOfTwin = true;
    this.#log.warn({ host }, 'another node has the same identity; give each its own');
  }

  #warnOfClock(host: string, ahead: number): void {
    if (this.#hasWarnedOfClock) return;
    this.#hasWarnedOfClock = true;
    const seconds = Math.round(ahead / 1000);
    const text = `a frame of the group was dropped, ${Math.abs(seconds)} s ${seconds < 0 ? 'old' : 'ahead'}: is a clock wrong?`;
    this.#log.warn({ host, seconds }, text);
  }

  #greet(from: DatagramSender, udpPort: number | undefined): void {
    if (udpPort === undefined || !this.#greetings.take(ALL)) return;
    this.sendTo(this.announcement(), { host: from.host, port: udpPort });
  }

  #answerQuestion({ header: { tcpport } }: StpFrame, host: string): void {
    if (!this.#context.options.legacy || tcpport === undefined || !this.#greetings.take(ALL)) return;
    this.#context.onQuestion({ host, tcpPort: tcpport });
  }

  async #ask(probe: Probe, inAll = this.#probes, ofHost = this.#hostProbes): Promise<void> {
    const { table, events, ask, counters } = this.#context;
    const { id, place, publicKey } = probe;
    if (!ofHost.take(place.host) || !inAll.take(ALL)) return counters.add('probe_limited');
    try {
      const proof = await ask(probe);
      if (this.#closed) return;
      for (const event of table.verified(publicKey, proof)) events.emit(event);
    } catch (error) {
      counters.add('probe_unanswered');
      this.#log.debug({ id, place, why: messageOf(error) }, 'a peer does not answer');
      table.unanswered(id, place);
    }
  }
}
