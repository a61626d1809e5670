/**
 * Where a node answers `sotto doctor peers`. What a stranger can make of it:
 *
 * - Traces are noted, a bounded number, and answered by the announcement that everybody on the LAN hears anyway, within
 *   the bound of all greetings. No peer, no event and no pin comes of them.
 * - Questions are sealed, and answered to authenticated askers that are not blocked, a few a second in all. A hidden node
 *   answers members of its group alone.
 * - What a question makes the node send goes to the address that has asked, which TCP has proved, to no port below 1024,
 *   or to the group; and holds nothing of the asker's choice but a nonce.
 * - Traces of others are told to nobody but who knows their nonce; of its own interfaces the node tells nothing but whether
 *   the one that the asker already knows hears itself.
 */

import { type Bytes, EMPTY, sameBytes } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';
import type { GroupSeal } from '../../envelope/group.ts';
import { codeOf, StatusError } from '../../errors.ts';
import type { DatagramSender, SocketAddress } from '../../platform/types.ts';
import type { Counters } from '../../sealed/counters.ts';
import { STATUS } from '../../sealed/status.ts';
import { RateLimiter } from '../../transport/rate-limiter.ts';
import { limitedHost } from '../../transport/url.ts';
import {
  type DoctorAnswer,
  type DoctorQuestion,
  decodeTrace,
  MOST_HEARD,
  readQuestion,
  type SecretMatch,
  type TcpReach,
  type TraceWay,
} from '../../wire/peers-doctor.ts';
import type { StpFrame } from '../../wire/stp.ts';
import { cleanHost } from '../announcement.ts';
import { knock } from '../knock.ts';
import type { ResolvedPeerNodeOptions } from '../options.ts';
import type { OwnFrames } from '../own-frames.ts';
import type { PeerId } from '../peer.ts';
import { membershipText, traceFrame } from './trace-frames.ts';
import { type NotedTrace, Traces } from './traces.ts';

/** What the node does for its desk. */
interface DeskRoads {
  /** Addresses by which it multicasts now. */
  readonly addresses: readonly string[];
  announcement(): Bytes;
  shout(frame: Bytes): void;
  sendTo(frame: Bytes, to: SocketAddress): void;
}

interface DeskOptions {
  readonly node: Pick<ResolvedPeerNodeOptions, 'group' | 'udpPort' | 'hidden'>;
  readonly frames: OwnFrames;
  readonly seal: GroupSeal | null;
  readonly roads: DeskRoads;
  readonly counters: Counters;
  /** A clock that never goes back, ms; for tests. */
  readonly clock?: () => number;
}

/** Questions and knocks, a second and at once: of one host, and in all. */
const HOST_RATE = 1;
const HOST_BURST = 10;
const RATE = 5;
const BURST = 30;
const ALL = 'all';
/** A system asks again after one second, and after three; ms. */
const CONNECT_TIMEOUT = 3200;
const NOT_FOUND = 404;

export class DoctorDesk {
  readonly #options: DeskOptions;
  readonly #traces = new Traces();
  readonly #questions: Limit;
  readonly #knocks: Limit;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#questions = new Limit(options.clock);
    this.#knocks = new Limit(options.clock);
  }

  /** A trace by UDP. @returns whether its sender should be greeted. */
  hear(frame: StpFrame, { host, interfaceName }: DatagramSender): boolean {
    const isOwn = frame.header.session === this.#options.frames.session;
    return this.#note(frame, { host: cleanHost(host), by: interfaceName, isOwn }) && !isOwn;
  }

  /** A trace by TCP. @returns what goes back. */
  hearByTcp(frame: StpFrame, host: string): Bytes {
    if (!this.#knocks.take(host)) return EMPTY;
    this.#note(frame, { host: cleanHost(host), by: null, isOwn: false });
    return this.#options.roads.announcement();
  }

  /** @throws StatusError 400, 503; 404 for strangers to a hidden node. */
  async answer(body: unknown, asker: PeerId, host: string): Promise<DoctorAnswer> {
    if (!this.#questions.take(host)) throw new StatusError(STATUS.unavailable, 'Ask another time.');
    const question = questionIn(body);
    const { group, udpPort, hidden } = this.#options.node;
    const secret = this.#secretOf(question, asker);
    if (hidden && secret !== 'same') throw new StatusError(NOT_FOUND, 'There is no such route.');
    const tcpBack = await this.#sendBack(question, cleanHost(host));
    const heard = this.#traces.of(question.nonce);
    return {
      ...{ now: Date.now(), group, udpPort, hidden, secret, tcpBack },
      heard: heard
        .filter(({ isOwn }) => !isOwn)
        .slice(0, MOST_HEARD)
        .map(toldOf),
      hearsItself: this.#hearsItself(heard, cleanHost(question.you)),
    };
  }

  async #sendBack({ nonce, udpPort, tcpPort }: DoctorQuestion, host: string): Promise<TcpReach> {
    const { roads } = this.#options;
    roads.shout(this.#trace(nonce, 'multicast'));
    roads.sendTo(this.#trace(nonce, 'unicast'), { host, port: udpPort });
    if (tcpPort === 0) return 'untried';
    const { kind } = await knock({ host, tcpPort }, this.#trace(nonce, 'tcp'), CONNECT_TIMEOUT);
    return kind;
  }

  #trace(nonce: string, way: TraceWay): Bytes {
    const { frames, seal, node } = this.#options;
    return traceFrame(frames, { nonce, way }, node.hidden ? seal : null);
  }

  #note({ body }: StpFrame, from: Pick<NotedTrace, 'host' | 'by' | 'isOwn'>): boolean {
    try {
      return this.#traces.note({ ...decodeTrace(body), ...from });
    } catch (error) {
      this.#options.counters.add(codeOf(error));
      return false;
    }
  }

  #hearsItself(heard: readonly NotedTrace[], you: string): boolean | null {
    if (!this.#options.roads.addresses.includes(you)) return null;
    return heard.some(({ isOwn, host, way }) => isOwn && host === you && way === 'multicast');
  }

  #secretOf({ nonce, proof }: DoctorQuestion, asker: PeerId): SecretMatch {
    const { seal } = this.#options;
    if (!seal) return 'none';
    const opened = proof && seal.open(proof);
    return opened && sameBytes(opened, encodeUtf8(membershipText(nonce, asker))) ? 'same' : 'other';
  }
}

/** Of each host, and of all together. */
class Limit {
  readonly #ofHost: RateLimiter;
  readonly #inAll: RateLimiter;

  constructor(clock?: () => number) {
    this.#ofHost = new RateLimiter(HOST_RATE, HOST_BURST, clock);
    this.#inAll = new RateLimiter(RATE, BURST, clock);
  }

  take(host: string): boolean {
    return this.#ofHost.take(limitedHost(host)) && this.#inAll.take(ALL);
  }
}

function toldOf({ host, by, way }: NotedTrace): DoctorAnswer['heard'][number] {
  return { host, by, way };
}

function questionIn(body: unknown): DoctorQuestion {
  try {
    return readQuestion(body);
  } catch (cause) {
    throw new StatusError(STATUS.badRequest, 'That is no question of a doctor.', { cause });
  }
}
