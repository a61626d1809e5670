/**
 * What `sotto doctor peers` and a node say to each other, to find out what gets through between them and what does not.
 *
 * ```text
 * message    how it goes                                 what is in it
 * trace      STP frame of namespace "/sotto/doctor",     header: udp_session, namespace, user "-", udpport, tcpport
 *            by multicast, UDP or TCP; makes no peer     body: {"msg": {"trace": nonce, "way": way}}
 *            of its sender
 * greeting   where a trace is new, by UDP to its         the frame that the node announces itself with
 *            udpport; where it came by TCP, on the
 *            connection
 * question   sealed, route "/sotto/doctor"               {nonce, you, udpPort, tcpPort, proof}
 * answer     to the question                             {now, group, udpPort, hidden, secret, heard, hearsItself, tcpBack}
 *
 * nonce        32 hex digits, random for each examination
 * way          "multicast", "unicast" or "tcp": how the trace was sent
 * you          the address at which the node is asked
 * udpPort      of the question: where unicast traces are to go; 1024 to 65535
 * tcpPort      where to connect back to; 1024 to 65535, or 0 for not at all
 * proof        bytes: GroupSeal of UTF-8 "nonce id", id being the asker's; absent without a group secret
 * now          ms since 1970, on the node's clock
 * secret       "none", "same" (the proof has opened) or "other"
 * heard        [{host, by, way}], traces of the asker: their sender's address, and the interface or null
 * hearsItself  whether the node's own multicast at the address `you` came back to it; null where that is none of its own
 * tcpBack      "reached", "refused", "silent", "unreachable" or "untried"
 * ```
 *
 * The traces that a node sends for a question have the asker's nonce too. Those of a hidden node, and its greetings, are
 * sealed by the group; it answers nobody who has not proved to be a member.
 */

import type { Bytes } from '../bytes/bytes.ts';
import { SottoError } from '../errors.ts';
import { decodeStpBody, encodeStpBody } from './stp.ts';

/** Of traces, and of the sealed question. */
export const DOCTOR_NAMESPACE = '/sotto/doctor';
/** Bytes; twice as many hex digits. */
export const NONCE_SIZE = 16;
/** Of one sender, in an answer. */
export const MOST_HEARD = 32;

/** Only what ordinary programs listen on is ever sent to. */
const LEAST_PORT = 1024;
const MOST_PORT = 0xffff;

const WAYS = ['multicast', 'unicast', 'tcp'] as const;
const SECRETS = ['none', 'same', 'other'] as const;
const REACHES = ['reached', 'refused', 'silent', 'unreachable', 'untried'] as const;

/** How a trace was sent. */
export type TraceWay = (typeof WAYS)[number];
/** Whether two nodes know the same group secret. */
export type SecretMatch = (typeof SECRETS)[number];
/** What became of a TCP connection: `silent` where nothing came back at all. */
export type TcpReach = (typeof REACHES)[number];

export interface Trace {
  readonly nonce: string;
  readonly way: TraceWay;
}

/** A trace as it arrived. */
export interface HeardTrace {
  readonly host: string;
  /** The interface by which it came, where that is known. */
  readonly by: string | null;
  readonly way: TraceWay;
}

export interface DoctorQuestion {
  readonly nonce: string;
  readonly you: string;
  readonly udpPort: number;
  readonly tcpPort: number;
  readonly proof: Bytes | null;
}

export interface DoctorAnswer {
  readonly now: number;
  readonly group: string;
  readonly udpPort: number;
  readonly hidden: boolean;
  readonly secret: SecretMatch;
  readonly heard: readonly HeardTrace[];
  readonly hearsItself: boolean | null;
  readonly tcpBack: TcpReach;
}

export function encodeTrace({ nonce, way }: Trace): Bytes {
  return encodeStpBody({ trace: nonce, way });
}

/** @throws SottoError `invalid_message`. */
export function decodeTrace(body: Bytes): Trace {
  const { trace, way } = fieldsOf(decodeStpBody(body));
  return { nonce: nonceIn(trace), way: oneOf(WAYS, way, 'way') };
}

/** As the body of a sealed question. */
export function questionFields({ proof, ...fields }: DoctorQuestion): object {
  return { ...fields, ...(proof === null ? {} : { proof }) };
}

/** @throws SottoError `invalid_message`. */
export function readQuestion(body: unknown): DoctorQuestion {
  const { nonce, you, udpPort, tcpPort, proof = null } = fieldsOf(body);
  if (proof !== null && !(proof instanceof Uint8Array)) throw invalid('its proof is no bytes');
  return {
    nonce: nonceIn(nonce),
    you: addressIn(you),
    udpPort: portIn(udpPort),
    tcpPort: tcpPort === 0 ? 0 : portIn(tcpPort),
    proof,
  };
}

/** @throws SottoError `invalid_message`. */
export function readAnswer(body: unknown): DoctorAnswer {
  const { now, group, udpPort, hidden, secret, heard, hearsItself, tcpBack } = fieldsOf(body);
  if (!Number.isSafeInteger(now)) throw invalid('it tells no time');
  if (!Array.isArray(heard) || heard.length > MOST_HEARD) throw invalid('it does not say what was heard');
  return {
    now: Number(now),
    group: addressIn(group),
    udpPort: portIn(udpPort, 1),
    hidden: hidden === true,
    secret: oneOf(SECRETS, secret, 'secret'),
    heard: heard.map(heardIn),
    hearsItself: typeof hearsItself === 'boolean' ? hearsItself : null,
    tcpBack: oneOf(REACHES, tcpBack, 'tcpBack'),
  };
}

function heardIn(item: unknown): HeardTrace {
  const { host, by, way } = fieldsOf(item);
  return { host: addressIn(host), by: by === null ? null : nameIn(by), way: oneOf(WAYS, way, 'way') };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  throw invalid('it is no object');
}

function nonceIn(value: unknown): string {
  if (typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)) return value;
  throw invalid('it has no nonce');
}

function addressIn(value: unknown): string {
  if (typeof value === 'string' && /^[0-9a-z.:%_-]{1,80}$/i.test(value)) return value;
  throw invalid('it has no address');
}

function nameIn(value: unknown): string {
  if (typeof value === 'string' && /^[^\p{C}]{1,255}$/u.test(value)) return value;
  throw invalid('an interface has no name');
}

function portIn(value: unknown, least = LEAST_PORT): number {
  if (Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= MOST_PORT)
    return Number(value);
  throw invalid(`a port is not from ${least} to ${MOST_PORT}`);
}

function oneOf<Choice extends string>(choices: readonly Choice[], value: unknown, name: string): Choice {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw invalid(`its ${name} is none of ${choices.join(', ')}`);
}

function invalid(why: string): SottoError {
  return new SottoError('invalid_message', `This is no message of a doctor: ${why}.`);
}
