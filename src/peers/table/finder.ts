/**
 * Whom a person means: by id or its beginning, key, words, name or address.
 *
 * Names, and beginnings of ids, are anybody's to have, so they never lead to one of several silently. A key that is pinned
 * under the very name of what was found, or trusted under what was asked, counts even where it is not there; and of
 * several that are meant, the only trusted one is it.
 */

import { SottoError } from '../../errors.ts';
import type { PublicKey } from '../../keys/public-key.ts';
import { formatAddress } from '../../transport/url.ts';
import { cleanHost, cleanName } from '../announcement.ts';
import { fullName, type Peer, type PeerId, sameName } from '../peer.ts';
import type { Pin, Pins } from '../pins.ts';

/** Hex digits. */
const MIN_PREFIX = 6;
const MAX_LISTED = 8;

/** Who has an id: a peer, or a pin. */
export interface Known {
  readonly id: PeerId;
  /** Null for an id that was blocked without its key ever being seen. */
  readonly publicKey: PublicKey | null;
  readonly user: string;
  readonly hostname: string;
}

/**
 * The peer that is meant, among those that are there.
 *
 * @returns null where nobody is meant that is there.
 * @throws SottoError `peer_ambiguous` where several may be meant; the text lists them.
 */
export function findPeer(text: string, peers: readonly Peer[], pins: Pins): Peer | null {
  const wanted = cleanName(text) ?? '';
  const exact = peers.find((peer) => peer.kind === 'sealed' && isExactly(peer, wanted));
  if (exact || wanted === '') return exact ?? null;
  const fitting = preferred(peers.filter((peer) => fits(peer, wanted)));
  if (fitting.length === 0) return null;
  const absent = pins.list().filter((pin) => competes(pin, fitting, wanted));
  if (fitting.length + absent.length === 1) return fitting[0] ?? null;
  const trusted = [...fitting, ...absent].filter((each) => 'isTrusted' in each && each.isTrusted);
  const chosen = fitting.find((peer) => trusted.length === 1 && peer === trusted[0]);
  if (chosen) return chosen;
  const all = [...fitting.map((peer) => label(peer)), ...absent.map((pin) => `${label(pin)} (not here)`)];
  throw ambiguous(wanted, all);
}

/**
 * The one that is meant by id or its beginning, key, words, `user` or `user@hostname`. Nobody is preferred: this is for
 * what people decide about a key, be it there or not.
 *
 * @returns null where nobody is meant.
 * @throws SottoError `peer_ambiguous` where several may be meant; the text lists them.
 */
export function findKnown<K extends Known>(text: string, known: Iterable<K>): K | null {
  const wanted = cleanName(text) ?? '';
  const each = new Map([...known].map((one) => [one.id, one]));
  const exact = [...each.values()].find((one) => isExactly(one, wanted));
  if (exact || wanted === '') return exact ?? null;
  const fitting = [...each.values()].filter((one) => isNamed(one, wanted) || isPrefix(wanted, one.id));
  if (fitting.length > 1) throw ambiguous(wanted, fitting.map(label));
  return fitting[0] ?? null;
}

/** By what nobody else can have. */
export function isExactly({ id, publicKey }: Known, text: string): boolean {
  const lower = text.trim().toLowerCase();
  if (lower === id) return true;
  const words = lower.split(/[\s-]+/).join(' ');
  return publicKey !== null && (lower === publicKey.toString() || words === publicKey.words);
}

function fits(peer: Peer, wanted: string): boolean {
  if (isNamed(peer, wanted)) return true;
  if (peer.kind === 'sealed' && isPrefix(wanted, peer.id)) return true;
  const host = cleanHost(wanted);
  // Once it has proved to be somewhere, all other places are what somebody says.
  const isProved = peer.kind === 'sealed' && peer.isVerified;
  return peer.addresses
    .filter(({ isVerified }) => isVerified || !isProved)
    .some((each) => each.host === host || formatAddress({ host: each.host, port: each.tcpPort }) === host);
}

function isNamed(who: { readonly user: string; readonly hostname: string }, wanted: string): boolean {
  return who.user === wanted || fullName(who) === wanted;
}

function isPrefix(wanted: string, id: PeerId): boolean {
  return wanted.length >= MIN_PREFIX && id.startsWith(wanted.toLowerCase());
}

/** Fakes of a name do not hide the verified ones. */
function preferred(peers: readonly Peer[]): readonly Peer[] {
  const verified = peers.filter((peer) => peer.kind === 'sealed' && peer.isVerified);
  return verified.length > 0 ? verified : peers;
}

function competes(pin: Pin, fitting: readonly Peer[], wanted: string): boolean {
  if (pin.isBlocked || fitting.some((peer) => peer.kind === 'sealed' && peer.id === pin.id)) return false;
  if (isPrefix(wanted, pin.id)) return true;
  if (!isNamed(pin, wanted)) return false;
  return pin.isTrusted || fitting.some((peer) => sameName(peer, pin));
}

function ambiguous(wanted: string, labels: readonly string[]): SottoError {
  const more = labels.length > MAX_LISTED ? ` and ${labels.length - MAX_LISTED} more` : '';
  const list = `${labels.slice(0, MAX_LISTED).join(', ')}${more}`;
  return new SottoError('peer_ambiguous', `"${wanted}" may mean any of these; give an id: ${list}.`);
}

function label(who: Peer | Known): string {
  if ('kind' in who && who.kind === 'plain') {
    const [address] = who.addresses;
    return `${fullName(who)} at ${address ? formatAddress({ host: address.host, port: address.tcpPort }) : '?'}`;
  }
  return `${fullName(who)} ${who.id.slice(0, 12)}`;
}
