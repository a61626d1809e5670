/** A doctor's sockets: sends traces to a group by every interface, and hears them, greetings and announcements. */

import { sockets } from '#sockets';
import type { Bytes } from '../../bytes/bytes.ts';
import type { GroupSeal } from '../../envelope/group.ts';
import { codeOf, messageOf } from '../../errors.ts';
import type { DatagramSender, MulticastSocket } from '../../platform/types.ts';
import { DOCTOR_NAMESPACE, decodeTrace, type TraceWay } from '../../wire/peers-doctor.ts';
import { decodeStpFrame, MAX_STP_DATAGRAM, type StpFrame } from '../../wire/stp.ts';
import { cleanHost, readAnnouncement, type SealedClaims } from '../announcement.ts';
import { GROUP_NAMESPACE, type OwnFrames } from '../own-frames.ts';
import type { SentBy, UdpFacts } from './observations.ts';
import { traceFrame } from './trace-frames.ts';
import { type NotedTrace, Traces } from './traces.ts';

/** Announced by a Sotto node, or by an original, which has no key. */
export type Announced = Pick<SealedClaims, 'user' | 'hostname' | 'place'> & {
  readonly key: Pick<SealedClaims, 'id' | 'publicKey'> | null;
};

interface EarsOptions {
  readonly groups: readonly string[];
  /** Of IPv6; null for none. */
  readonly ipv6Group: string | null;
  readonly udpPort: number;
  readonly interfaces: readonly string[] | undefined;
  readonly frames: OwnFrames;
  /** Where this machine is hidden. */
  readonly seal: GroupSeal | null;
  readonly nonce: string;
}

/** A LAN may be full of nodes. */
const MOST_ANNOUNCED = 1000;

export class Ears {
  readonly #options: EarsOptions;
  readonly #traces = new Traces();
  readonly #announced = new Map<string, Announced>();
  #sockets: readonly MulticastSocket[] = [];
  #facts: UdpFacts = { kind: 'open', sent: [] };

  static async open(options: EarsOptions): Promise<Ears> {
    const ears = new Ears(options);
    await ears.#open();
    return ears;
  }

  private constructor(options: EarsOptions) {
    this.#options = options;
  }

  /** With what the system said against the last traces. */
  get facts(): UdpFacts {
    return this.#facts;
  }

  get traces(): readonly NotedTrace[] {
    return this.#traces.of(this.#options.nonce);
  }

  get announced(): readonly Announced[] {
    return [...this.#announced.values()];
  }

  /** @param to where one should go by unicast, besides those to the group. */
  async send(to: { readonly host: string; readonly port: number } | null): Promise<void> {
    if (this.#facts.kind !== 'open') return;
    const multicast = this.#trace('multicast');
    const sent = await Promise.all(this.#sockets.map((socket) => socket.sendTold(multicast)));
    this.#facts = { kind: 'open', sent: sent.flat() satisfies SentBy[] };
    if (to) for (const socket of this.#sockets) socket.sendTo(this.#trace('unicast'), to);
  }

  async close(): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => socket.close()));
  }

  async #open(): Promise<void> {
    const { groups, ipv6Group, frames } = this.#options;
    try {
      const first = await this.#bind(groups);
      frames.udpPort = first.unicastPort;
      const second = ipv6Group === null ? null : await this.#bind([ipv6Group]).catch(() => null); // no IPv6 here
      this.#sockets = second ? [first, second] : [first];
    } catch (error) {
      const isTaken = codeOf(error) === 'address_in_use';
      this.#facts = isTaken ? { kind: 'taken' } : { kind: 'failed', why: messageOf(error) };
    }
  }

  #bind(group: readonly string[]): Promise<MulticastSocket> {
    const { udpPort, interfaces } = this.#options;
    return sockets.bindMulticast({
      group,
      port: udpPort,
      maxDatagram: MAX_STP_DATAGRAM,
      ...(interfaces === undefined ? {} : { interfaces }),
      onDatagram: (datagram, from) => this.#take(datagram, from),
      onInterfaces: () => {},
    });
  }

  #trace(way: TraceWay): Bytes {
    const { frames, nonce, seal } = this.#options;
    return traceFrame(frames, { nonce, way }, seal);
  }

  #take(datagram: Bytes, from: DatagramSender): void {
    try {
      const frame = decodeStpFrame(datagram);
      const inner = opened(frame, this.#options.frames);
      if (inner === null || inner.ahead !== null) return; // as a node would
      if (inner.frame.header.namespace === DOCTOR_NAMESPACE) this.#note(inner.frame, from);
      else this.#list(inner.frame, from);
    } catch {
      // No frame: nothing that a doctor looks for.
    }
  }

  #note({ header, body }: StpFrame, { host, interfaceName }: DatagramSender): void {
    const isOwn = header.session === this.#options.frames.session;
    this.#traces.note({ ...decodeTrace(body), host: cleanHost(host), by: interfaceName, isOwn });
  }

  #list({ header }: StpFrame, { host }: DatagramSender): void {
    const announced = announcedIn(header, host);
    if (announced === null || this.#announced.size >= MOST_ANNOUNCED) return;
    this.#announced.set(`${announced.key?.id} ${announced.place.host}`, announced);
  }
}

/** Who says so in a frame's header; null for what cannot be. */
export function announcedIn(header: StpFrame['header'], host: string): Announced | null {
  const claims = readAnnouncement(header, host);
  if (typeof claims === 'string') return null;
  const { user, hostname, place } = claims;
  return { user, hostname, place, key: claims.kind === 'sealed' ? claims : null };
}

/**
 * A frame as the group that has sealed it reads it, whenever that was; one that is not sealed as it is. `ahead`: the
 * sealer's clock less ours, ms, where that is too much; else null.
 */
export function opened(
  frame: StpFrame,
  frames: OwnFrames,
): { readonly frame: StpFrame; readonly ahead: number | null } | null {
  if (frame.header.namespace !== GROUP_NAMESPACE) return { frame, ahead: null };
  const inner = frames.open(frame.body);
  if (inner.state === 'unopened') return null;
  return { frame: inner.frame, ahead: inner.state === 'untimely' ? inner.ahead : null };
}
