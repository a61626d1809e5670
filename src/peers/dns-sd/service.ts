/**
 * What a node says of itself by DNS-SD, as records.
 *
 * ```text
 * _services._dns-sd._udp.local   PTR   _sotto._tcp.local
 * _sotto._tcp.local              PTR   ada@desk._sotto._tcp.local
 * ada@desk._sotto._tcp.local     SRV   port of TCP, sotto-<16 digits of the id>.local
 * ada@desk._sotto._tcp.local     TXT   "id=<64 digits>" "v=2"
 * sotto-<…>.local                A     one address: that of the interface by which it is told
 * ```
 *
 * The host has a name of the node's own: its usual one may be told by the system, or be that of several machines.
 * Sources: RFC 6762; RFC 6763.
 */

import { cutUtf8, decodeUtf8, encodeUtf8 } from '../../bytes/text.ts';
import type { MdnsRecord } from '../../platform/types.ts';
import { cleanName } from '../announcement.ts';
import { fullName, type PeerId } from '../peer.ts';

/** Who is told of. */
export interface Service {
  readonly id: PeerId;
  readonly user: string;
  readonly hostname: string;
  /** Of TCP. */
  readonly port: number;
}

const SERVICE_TYPE = '_sotto._tcp.local';
const ALL_TYPES = '_services._dns-sd._udp.local';
const VERSION = 2;
/** Bytes (RFC 1035, section 2.3.4). */
const MAX_LABEL = 63;
/** Digits of an id in a host's name. */
const SHORT_ID = 16;
/** Seconds (RFC 6762, section 10): what names a host may change soon, and the rest seldom. */
const HOST_TTL = 120;
const OTHER_TTL = 4500;

/** `user@hostname`, and `user@hostname (2)` for a second of that name; without dots, which would divide it. */
export function instanceName({ user, hostname }: Pick<Service, 'user' | 'hostname'>, number: number): string {
  const ending = number > 1 ? ` (${number})` : '';
  const name = (cleanName(fullName({ user, hostname })) || 'sotto').replaceAll('.', '-');
  const room = MAX_LABEL - ending.length;
  return `${decodeUtf8(cutUtf8(encodeUtf8(name), room))}${ending}.${SERVICE_TYPE}`;
}

export function recordsOf({ id, port }: Service, instance: string, address: string): MdnsRecord[] {
  const target = targetOf(id);
  return [
    { name: ALL_TYPES, type: 'PTR', ttl: OTHER_TTL, data: SERVICE_TYPE },
    { name: SERVICE_TYPE, type: 'PTR', ttl: OTHER_TTL, data: instance },
    { name: instance, type: 'SRV', ttl: HOST_TTL, data: { target, port } },
    { name: instance, type: 'TXT', ttl: OTHER_TTL, data: [`id=${id}`, `v=${VERSION}`] },
    { name: target, type: 'A', ttl: HOST_TTL, data: address },
  ];
}

/** Those that are asked for, and what one who hears them would ask for next; without those that the asker knows. */
export function answersTo(
  questions: readonly { readonly name: string; readonly type: string }[],
  known: readonly MdnsRecord[],
  own: readonly MdnsRecord[],
): MdnsRecord[] {
  const asked = own.filter(
    (record) => questions.some((question) => isAsked(record, question)) && !isKnown(record, known),
  );
  const isInstance = asked.some(({ name }) => name === SERVICE_TYPE);
  const isPlace = asked.some(({ type }) => type === 'SRV');
  return own.filter(
    (record) =>
      asked.includes(record) || (isInstance && record.type !== 'PTR') || (isPlace && record.type === 'A'),
  );
}

/**
 * Who else claims a name by these records: the beginning of its id, or empty for what is no node; null where nobody does.
 */
export function rivalIn(records: readonly MdnsRecord[], instance: string, own: Service): string | null {
  const rivals = records.filter(
    (record) => record.ttl > 0 && isSameName(record.name, instance) && !isOurs(record, own),
  );
  if (rivals.length === 0) return null;
  return rivals.map(shortIdIn).find((id) => id !== '') ?? '';
}

/** No other node tells the same: that there are nodes at all stays true when one goes. */
export function isOwn({ name }: MdnsRecord): boolean {
  return name !== ALL_TYPES;
}

/** How a node's claim is compared with others': the greater keeps the name. */
export function shortId({ id }: Service): string {
  return id.slice(0, SHORT_ID);
}

function targetOf(id: PeerId): string {
  return `sotto-${id.slice(0, SHORT_ID)}.local`;
}

function shortIdIn(record: MdnsRecord): string {
  const text =
    record.type === 'SRV' ? record.data.target : record.type === 'TXT' ? record.data.join('\n') : '';
  return /(?:^sotto-|^id=)([0-9a-f]{16})/m.exec(text)?.[1] ?? '';
}

function isOurs(record: MdnsRecord, { id, port }: Service): boolean {
  if (record.type === 'SRV') {
    return isSameName(record.data.target, targetOf(id)) && record.data.port === port;
  }
  return record.type !== 'TXT' || record.data.includes(`id=${id}`);
}

function isAsked(
  record: MdnsRecord,
  { name, type }: { readonly name: string; readonly type: string },
): boolean {
  return isSameName(record.name, name) && (type === 'ANY' || type === record.type);
}

/** For half of its time, or longer (RFC 6762, section 7.1). */
function isKnown(record: MdnsRecord, known: readonly MdnsRecord[]): boolean {
  return known.some(
    ({ name, type, data, ttl }) =>
      type === record.type &&
      isSameName(name, record.name) &&
      JSON.stringify(data) === JSON.stringify(record.data) &&
      ttl * 2 >= record.ttl,
  );
}

function isSameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
