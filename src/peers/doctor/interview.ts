/** Asks one machine what of ours arrives there, and what of its arrives here. */

import type { Bytes } from '../../bytes/bytes.ts';
import { encodeUtf8 } from '../../bytes/text.ts';
import type { GroupSeal } from '../../envelope/group.ts';
import { codeOf, messageOf, StatusError } from '../../errors.ts';
import { Identity } from '../../keys/identity.ts';
import { STATUS } from '../../sealed/status.ts';
import { delay } from '../../transport/backoff.ts';
import { DOCTOR_NAMESPACE, type DoctorAnswer, questionFields, readAnswer } from '../../wire/peers-doctor.ts';
import { type Knock, knock } from '../knock.ts';
import type { OwnFrames } from '../own-frames.ts';
import { type PeerId, type Place, peerIdOf } from '../peer.ts';
import { PeerClient } from '../peer-client.ts';
import { type Announced, announcedIn, type Ears, opened } from './ears.ts';
import type { AskedFacts, KnockFacts, OtherFacts } from './observations.ts';
import { membershipText, traceFrame } from './trace-frames.ts';

interface InterviewOptions {
  readonly ears: Ears;
  readonly frames: OwnFrames;
  readonly seal: GroupSeal | null;
  readonly nonce: string;
  /** Null where this machine has none: the other meets one that is thrown away. */
  readonly identity: Identity | null;
  readonly place: Pick<Place, 'host' | 'tcpPort'>;
  /** Where the other connects back to. */
  readonly tcpPort: number;
  /** Of the group, here. */
  readonly group: string;
  readonly udpPort: number;
  readonly isBlocked: (id: PeerId) => boolean;
}

/** A system needs three seconds to say that nobody has an address. */
const KNOCK_TIMEOUT = 4000;
/** Longer than a node waits for its connection back. */
const ASK_TIMEOUT = 8000;
/** Until the first question, and between those after it, ms: datagrams get lost, and wait for radios that sleep. */
const PAUSES = [50, 300, 800];
/** Connections back that may fail. */
const MOST_TRIES = 2;

type Answered = Extract<AskedFacts, { kind: 'answered' }>;
type Key = NonNullable<Announced['key']>;

export async function interview(options: InterviewOptions): Promise<OtherFacts> {
  const { frames, nonce, place, ears, isBlocked, identity } = options;
  const frame = traceFrame(frames, { nonce, way: 'tcp' }, null);
  const knocked = await knockTwice(place, frame);
  const { facts, announced, clockAhead } = read(knocked, options);
  // Where TCP does not tell the key, multicast may have.
  const heard = ears.announced.find((each) => each.place.host === place.host && each.key !== null);
  const key = announced?.key ?? heard?.key ?? null;
  const asked = key && knocked.kind === 'reached' ? await ask(options, key) : ({ kind: 'unasked' } as const);
  return {
    ...place,
    knock: facts,
    asked,
    clockAhead: asked.kind === 'answered' ? asked.clockAhead : clockAhead,
    isBlockedHere: key !== null && key.id !== (identity && peerIdOf(identity.publicKey)) && isBlocked(key.id),
  };
}

/** A line may lose all tries of a connection, or all questions for an address, and a node be too busy for one. */
async function knockTwice(place: InterviewOptions['place'], frame: Bytes): Promise<Knock> {
  const first = await knock(place, frame, KNOCK_TIMEOUT);
  const isClear = first.kind === 'refused' || (first.kind === 'reached' && first.reply !== null);
  return isClear ? first : knock(place, frame, KNOCK_TIMEOUT);
}

interface Read {
  readonly facts: KnockFacts;
  readonly announced: Announced | null;
  readonly clockAhead: number | null;
}

function read(knocked: Knock, { frames, place }: InterviewOptions): Read {
  const nothing = { announced: null, clockAhead: null };
  if (knocked.kind !== 'reached') return { facts: knocked, ...nothing };
  const { reply } = knocked;
  if (reply === null) return { facts: { kind: 'mute' }, ...nothing };
  const greeting = opened(reply, frames);
  if (greeting === null) return { facts: { kind: 'sealed' }, ...nothing };
  const announced = announcedIn(greeting.frame.header, place.host);
  if (!announced?.key) return { facts: { kind: 'mute' }, ...nothing };
  const { user, hostname, key } = announced;
  const facts = { kind: 'greeted', id: key.id, user, hostname } as const;
  return { facts, announced, clockAhead: greeting.ahead };
}

/** Until everything has arrived, or has had its chances. */
async function ask(options: InterviewOptions, { id, publicKey }: Key): Promise<AskedFacts> {
  const { ears, frames, place, udpPort, tcpPort } = options;
  const own = options.identity;
  // Who has the other's own key cannot ask with it.
  const identity = own === null || peerIdOf(own.publicKey) === id ? Identity.generate() : own;
  const header: OwnFrames['header'] = (namespace) => frames.header(namespace);
  const client = PeerClient.to({ identity, publicKey, places: [place], header, timeout: ASK_TIMEOUT });
  const answers: Answered[] = [];
  let failure: unknown = null;
  for (const pause of PAUSES) {
    const last = answers.at(-1)?.answer;
    await ears.send({ host: place.host, port: last?.udpPort ?? udpPort });
    await delay(pause);
    const isToCall = last?.tcpBack !== 'reached' && answers.length < MOST_TRIES;
    const body = question(options, identity, isToCall ? tcpPort : 0);
    try {
      const answer = readAnswer(await client.request(DOCTOR_NAMESPACE, body));
      const told = isToCall ? answer : { ...answer, tcpBack: last?.tcpBack ?? 'untried' };
      answers.push({ kind: 'answered', answer: told, clockAhead: answer.now - Date.now() });
      if (isSettled(told, options)) break;
    } catch (error) {
      failure = error;
      if (error instanceof StatusError) break;
    }
  }
  await client.close();
  return answers.at(-1) ?? failed(failure);
}

function question(
  { nonce, seal, place, udpPort }: InterviewOptions,
  asker: Identity,
  tcpPort: number,
): object {
  const proof = seal?.seal(encodeUtf8(membershipText(nonce, peerIdOf(asker.publicKey)))) ?? null;
  return questionFields({ nonce, you: place.host, udpPort, tcpPort, proof });
}

/** Whether asking again could bring nothing new. */
function isSettled(answer: DoctorAnswer, { ears, group, udpPort }: InterviewOptions): boolean {
  if (answer.group !== group || answer.udpPort !== udpPort) return answer.tcpBack === 'reached';
  const isHeardThere = ['multicast', 'unicast'].every((way) => answer.heard.some((each) => each.way === way));
  const isHeardHere = ['multicast', 'unicast'].every((way) =>
    ears.traces.some((trace) => !trace.isOwn && trace.way === way),
  );
  return isHeardThere && isHeardHere && answer.hearsItself !== false && answer.tcpBack === 'reached';
}

function failed(error: unknown): AskedFacts {
  const status = error instanceof StatusError ? error.status : 0;
  if (status === STATUS.notAllowed) return { kind: 'blocked' };
  if (codeOf(error) === 'route_not_found') return { kind: 'no-route' };
  return { kind: 'silent', why: messageOf(error) };
}
