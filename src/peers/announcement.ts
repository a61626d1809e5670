/** What a frame's header says of its sender, checked as far as that goes without asking the sender. */

import { PublicKey } from '../keys/public-key.ts';
import { type PeerId, type Place, peerIdOf } from './peer.ts';

/** The fields of a frame's header that are about its sender, as they came. They may hold anything. */
export interface Announcement {
  readonly user: unknown;
  readonly hostname?: unknown;
  readonly udpport?: unknown;
  readonly tcpport?: unknown;
  /** `udp_session`: random, new with each start of the sender. */
  readonly session?: unknown;
  /** Ours, like all that follow. Grows with each frame of a session. */
  readonly seq?: unknown;
  readonly bye?: unknown;
  readonly v?: unknown;
  readonly id?: unknown;
  readonly x25519?: unknown;
}

interface Claims {
  readonly user: string;
  readonly hostname: string;
  readonly place: Place;
}

/** A frame that names a key. */
export interface SealedClaims extends Claims {
  readonly kind: 'sealed';
  readonly id: PeerId;
  readonly publicKey: PublicKey;
  /** Null: the frame cannot be told from a copy of it. */
  readonly numbered: { readonly session: string; readonly seq: number } | null;
  readonly isBye: boolean;
  readonly protocolVersion: number;
}

/** A frame that names none. */
export interface PlainClaims extends Claims {
  readonly kind: 'plain';
  /** It has some of our fields: either taken apart on its way, or made by no program of ours. */
  readonly isPartial: boolean;
}

/** UTF-16 units: as long as a host's name in DNS may be. */
const MAX_NAME = 255;
const MAX_SESSION = 64;
const OURS = ['id', 'x25519', 'v', 'seq', 'bye'] as const;
const PROTOCOL_VERSION = 2;

/**
 * @param host from where the frame came.
 * @returns `malformed` for what no program sends, `forged-id` where the id is not the SHA-256 of the key.
 */
export function readAnnouncement(
  fields: Announcement,
  host: string,
): SealedClaims | PlainClaims | 'malformed' | 'forged-id' {
  const { udpport, tcpport, id, x25519 } = fields;
  const user = cleanName(fields.user);
  const hostname = fields.hostname === undefined ? '' : cleanName(fields.hostname);
  if (!user || hostname === null || !isPort(tcpport)) return 'malformed';
  const place = { host: cleanHost(host), udpPort: isPort(udpport) ? udpport : 0, tcpPort: tcpport };
  const claims = { user, hostname, place };
  if (id === undefined || x25519 === undefined) {
    return { kind: 'plain', ...claims, isPartial: OURS.some((name) => fields[name] !== undefined) };
  }
  const publicKey = keyIn(x25519);
  if (publicKey === null || publicKey.fingerprint !== id) return 'forged-id';
  return {
    kind: 'sealed',
    ...claims,
    id: peerIdOf(publicKey),
    publicKey,
    numbered: numbersIn(fields),
    isBye: fields.bye === true,
    protocolVersion: isCount(fields.v) ? fields.v : PROTOCOL_VERSION,
  };
}

/**
 * A name as it is kept and shown, so that names which look alike are alike and none commands a terminal: composed,
 * without what cannot be seen. Null for what is no text, or over 255 characters.
 */
export function cleanName(name: unknown): string | null {
  if (typeof name !== 'string' || name.length > MAX_NAME) return null;
  const clean = name
    .replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, '')
    .normalize('NFC')
    .trim();
  return clean.length > MAX_NAME ? null : clean;
}

/** One text for one host. */
export function cleanHost(host: string): string {
  return host.toLowerCase().replace(/^::ffff:(?=[\d.]+$)/, '');
}

function keyIn(x25519: unknown): PublicKey | null {
  return typeof x25519 === 'string' && /^[0-9a-f]{64}$/i.test(x25519) ? PublicKey.from(x25519) : null;
}

function numbersIn({ session, seq }: Announcement): SealedClaims['numbered'] {
  const isSession = typeof session === 'string' && session !== '' && session.length <= MAX_SESSION;
  return isSession && isCount(seq) ? { session, seq } : null;
}

function isPort(value: unknown): value is number {
  return isCount(value) && value >= 1 && value <= 0xffff;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
