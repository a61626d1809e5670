/**
 * Looks at the network as a node with these options would, and asks another machine what it sees. It announces nothing:
 * no peer, no event and no pin comes of it anywhere.
 */

import { primitives } from '#crypto';
import { EMPTY } from '../../bytes/bytes.ts';
import { encodeHex } from '../../bytes/text.ts';
import { GroupSeal } from '../../envelope/group.ts';
import { codeOf } from '../../errors.ts';
import { Identity } from '../../keys/identity.ts';
import { LIMITS } from '../../sealed/options.ts';
import { delay } from '../../transport/backoff.ts';
import { listenTcp } from '../../transport/listen.ts';
import { onePacketPipe } from '../../transport/one-packet-pipe.ts';
import type { Listener } from '../../transport/transport.ts';
import { NONCE_SIZE } from '../../wire/peers-doctor.ts';
import { StpFrameReader } from '../../wire/stp.ts';
import { knock } from '../knock.ts';
import { IPV6_GROUP, SEED_GROUP } from '../neighbourhood.ts';
import { DEFAULTS } from '../options.ts';
import { OwnFrames } from '../own-frames.ts';
import { type PeerId, type Place, peerIdOf } from '../peer.ts';
import { type Announced, announcedIn, Ears, opened } from './ears.ts';
import { interview } from './interview.ts';
import type { Neighbour, Observations, OwnFacts, TcpPortFacts } from './observations.ts';
import { traceFrame } from './trace-frames.ts';

export interface ExaminationOptions {
  /** Who the node of this machine is; null where it has no key yet. */
  readonly identity: Identity | null;
  readonly group: string;
  readonly udpPort: number;
  readonly tcpPort: number;
  readonly interfaces: readonly string[] | undefined;
  readonly staticPeers: readonly string[];
  readonly groupSecret: string | readonly string[] | undefined;
  readonly hidden: boolean;
  /** The machine that is to be seen; null to look around alone. Without a port the usual one, or what it announces. */
  readonly target: { readonly host: string; readonly tcpPort: number | null } | null;
  /** How long to look around, ms. */
  readonly wait: number;
  readonly isBlocked: (id: PeerId) => boolean;
}

/** Before the first question: whoever has heard us has then greeted us, ms. */
const GREETED_WITHIN = 300;
const TRACES = 3;
const KNOCK_TIMEOUT = 1000;
const LOOPBACK = '127.0.0.1';
const LISTEN_LIMITS = { ...LIMITS, maxConnections: 32, maxPacket: 16 * 1024, idleTimeout: 5000 };

/** @throws SottoError `invalid_option` for a group or a secret that cannot be. */
export async function examine(options: ExaminationOptions): Promise<Observations> {
  const { identity, group, udpPort, tcpPort, hidden, target, wait, groupSecret } = options;
  const seal = groupSecret === undefined ? null : new GroupSeal(groupSecret, { group, port: udpPort });
  const frames = framesOf(options, seal);
  const nonce = encodeHex(primitives.randomBytes(NONCE_SIZE));
  const hearing = { udpPort, frames, nonce, interfaces: options.interfaces, seal: hidden ? seal : null };
  const listener = await listen(tcpPort);
  const ears = await Ears.open({ ...hearing, groups: [group], ipv6Group: IPV6_GROUP });
  try {
    await lookAround(ears, target ? GREETED_WITHIN : wait);
    const place = target && placeOf(target, ears.announced);
    const asking = { ears, frames, seal, nonce, identity, group, udpPort, tcpPort };
    const other = place && (await interview({ ...asking, place, isBlocked: options.isBlocked }));
    const facts = { tcpPort: await tcpPortFacts(options, frames, listener), udp: ears.facts };
    const traces = ears.traces;
    const here = ears.announced;
    await ears.close();
    const elsewhere = other?.asked.kind === 'answered' ? [] : await lookElsewhere(options);
    return { own: ownFacts(options), ...facts, traces, around: listed(here, elsewhere), other };
  } finally {
    await ears.close();
    await listener?.close();
  }
}

function framesOf({ identity, tcpPort, udpPort }: ExaminationOptions, seal: GroupSeal | null): OwnFrames {
  const { publicKey } = identity ?? Identity.generate();
  const session = encodeHex(primitives.randomBytes(NONCE_SIZE));
  const names = { user: '-', hostname: '-', legacyKey: null };
  const frames = new OwnFrames({ ...names, publicKey, session, seal, now: Date.now });
  frames.udpPort = udpPort;
  frames.tcpPort = tcpPort;
  return frames;
}

/** Null where another program has the port: then it is that one which is reached. */
async function listen(port: number): Promise<Listener | null> {
  const url = { scheme: 'tcp', host: '::', port, path: '' } as const;
  try {
    return await listenTcp(
      url,
      {
        limits: LISTEN_LIMITS,
        reusePort: false,
        onArrival: async (arrival) => arrival.reply(EMPTY),
        onDrop: () => {},
      },
      (pipe) => onePacketPipe(pipe, new StpFrameReader(LISTEN_LIMITS.maxPacket)),
    );
  } catch (error) {
    if (codeOf(error) === 'address_in_use') return null;
    throw error;
  }
}

async function lookAround(ears: Ears, wait: number): Promise<void> {
  for (let number = 0; number < TRACES; number++) {
    await ears.send(null);
    await delay(wait / TRACES);
  }
}

/** Nodes of other groups and ports: a doctor that has a group of its own looks at the usual ones. */
async function lookElsewhere(options: ExaminationOptions): Promise<readonly Announced[]> {
  const { group, udpPort, interfaces, wait } = options;
  const found: Announced[] = [];
  for (const port of new Set([udpPort, DEFAULTS.udpPort])) {
    const all = [DEFAULTS.group, SEED_GROUP, group];
    const groups = [...new Set(all)].filter((each) => each !== group || port !== udpPort);
    const frames = framesOf(options, null);
    const nonce = encodeHex(primitives.randomBytes(NONCE_SIZE));
    const ears = await Ears.open({
      groups,
      ipv6Group: null,
      udpPort: port,
      interfaces,
      frames,
      seal: null,
      nonce,
    });
    await lookAround(ears, wait / 2);
    found.push(...ears.announced);
    await ears.close();
  }
  return found;
}

function placeOf(
  { host, tcpPort }: NonNullable<ExaminationOptions['target']>,
  announced: readonly Announced[],
): Pick<Place, 'host' | 'tcpPort'> {
  const heard = announced.find(({ place, key }) => place.host === host && key !== null);
  return { host, tcpPort: tcpPort ?? heard?.place.tcpPort ?? DEFAULTS.tcpPort };
}

async function tcpPortFacts(
  { tcpPort, identity }: ExaminationOptions,
  frames: OwnFrames,
  listener: Listener | null,
): Promise<TcpPortFacts> {
  if (listener) return 'free';
  const frame = traceFrame(
    frames,
    { nonce: encodeHex(primitives.randomBytes(NONCE_SIZE)), way: 'tcp' },
    null,
  );
  const knocked = await knock({ host: LOOPBACK, tcpPort }, frame, KNOCK_TIMEOUT);
  const reply = knocked.kind === 'reached' ? knocked.reply : null;
  if (reply === null) return 'program';
  const greeting = opened(reply, frames);
  const key = greeting && announcedIn(greeting.frame.header, LOOPBACK)?.key;
  return identity && key?.id === peerIdOf(identity.publicKey) ? 'own-node' : 'other-node';
}

function ownFacts(options: ExaminationOptions): OwnFacts {
  const { identity, group, udpPort, tcpPort, groupSecret, hidden, staticPeers } = options;
  return {
    id: identity && peerIdOf(identity.publicKey),
    ...{ group, udpPort, tcpPort, staticPeers },
    ...{ hasSecret: groupSecret !== undefined, isHidden: hidden },
  };
}

function listed(here: readonly Announced[], elsewhere: readonly Announced[]): Neighbour[] {
  const known = new Set(here.map(nameOf));
  const strange = elsewhere.filter((each) => !known.has(nameOf(each)));
  const unique = new Map(strange.map((each) => [nameOf(each), each]));
  return [
    ...here.map((each) => neighbourOf(each, false)),
    ...[...unique.values()].map((each) => neighbourOf(each, true)),
  ];
}

/** A node has several addresses. */
function nameOf({ key, place }: Announced): string {
  return key?.id ?? place.host;
}

function neighbourOf({ key, user, hostname, place }: Announced, isElsewhere: boolean): Neighbour {
  return { id: key?.id ?? null, user, hostname, host: place.host, tcpPort: place.tcpPort, isElsewhere };
}
