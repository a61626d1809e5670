/** Peers and what happens to them, in words. */

import { fullName, type Peer, type SealedPeer } from '../peers/peer.ts';
import type { PeerEvent } from '../peers/peer-event.ts';
import type { Pin } from '../peers/pins.ts';
import { formatAddress } from '../transport/url.ts';
import { cleanLine } from './text-width.ts';

/**
 * How far a peer is to be believed: a person has compared its words; it has proved its key; it only says so; it came
 * with another key than the one known by its name; nothing is heard of it; or it is an original of STP.
 */
export type Mark = 'trusted' | 'verified' | 'claimed' | 'NEW KEY' | 'blocked' | 'plain';

export function markOf(peer: Peer): Mark {
  if (peer.kind === 'plain') return 'plain';
  if (peer.replaces !== null) return 'NEW KEY';
  if (!peer.isVerified) return 'claimed';
  return peer.isTrusted ? 'trusted' : 'verified';
}

export function nameOf(peer: Pick<Peer, 'user' | 'hostname'>): string {
  return cleanLine(fullName(peer));
}

/** The shortest that means this peer and no other of these. */
export function handleOf(peer: Peer, peers: readonly Peer[]): string {
  const isAlone = (name: (each: Peer) => string): boolean =>
    peers.filter((each) => name(each) === name(peer)).length === 1;
  if (isAlone(({ user }) => user)) return cleanLine(peer.user);
  if (isAlone(fullName) || peer.kind === 'plain') return nameOf(peer);
  return peer.id.slice(0, 12);
}

export function firstWords({ words }: Pick<SealedPeer, 'words'>): string {
  return words.split(' ').slice(0, 3).join(' ');
}

function addressOf({ addresses: [first] }: Peer): string {
  return first ? formatAddress({ host: first.host, port: first.tcpPort }) : '-';
}

export const TABLE_HEAD: readonly string[] = ['name', 'who', 'words', 'address', 'mark', 'heard'];

export function tableRow(peer: Peer, peers: readonly Peer[], now: number): string[] {
  const words = peer.kind === 'plain' ? 'plain' : `${firstWords(peer)} …`;
  const heard = ago(now - peer.lastHeard);
  return [handleOf(peer, peers), nameOf(peer), words, addressOf(peer), markOf(peer), heard];
}

/** Of one who is blocked: nothing more is known of it. */
export function blockedRow(pin: Pin): string[] {
  const words = pin.publicKey ? `${firstWords(pin.publicKey)} …` : '-';
  return [pin.id.slice(0, 12), nameOf(pin), words, '-', 'blocked', '-'];
}

export function jsonOf(peer: Peer): object {
  const { kind, user, hostname, addresses, lastHeard, protocolVersion } = peer;
  const key = peer.kind === 'plain' ? {} : { id: peer.id, key: peer.publicKey.toString(), words: peer.words };
  return {
    ...{ kind, user, hostname, ...key, mark: markOf(peer), protocolVersion },
    ...(peer.kind === 'plain' ? {} : { replaces: peer.replaces }),
    addresses: addresses.map(({ host, tcpPort, isVerified }) => ({ host, port: tcpPort, isVerified })),
    lastHeard: new Date(lastHeard).toISOString(),
  };
}

export function jsonOfEvent(event: PeerEvent): object {
  if (!('peer' in event)) return event;
  const previous = 'previous' in event ? { previous: jsonOf(event.previous) } : {};
  return { ...event, ...previous, peer: jsonOf(event.peer) };
}

/** One line. */
export function textOfEvent(event: PeerEvent): string {
  if (event.type === 'downgrade') {
    return `somebody at ${event.from.host} speaks without a key in the place of ${nameOf(event)}: not believed`;
  }
  if (event.type === 'key-succeeded') {
    const trust = event.isTrusted ? 'trusted as before' : 'its old key says so';
    return `${nameOf(event)} has a new key: ${event.words} (${trust})`;
  }
  const who = nameOf(event.peer);
  if (event.type === 'join') return `${who} is there (${markOf(event.peer)})`;
  if (event.type === 'leave') return `${who} is gone (${event.reason})`;
  if (event.type === 'update') return `${nameOf(event.previous)} is now ${who}`;
  if (event.type === 'verified') return `${who} has proved its key: ${firstWords(event.peer)} …`;
  if (event.type === 'address-changed') return `${who} is now at ${event.address.host}`;
  const warning = event.wasTrusted ? 'WARNING, you trusted the old one' : 'compare the words';
  return `${who} HAS ANOTHER KEY: ${event.words} (${warning})`;
}

function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s ago`;
  return `${Math.round(seconds / 60)} min ago`;
}

/** As in `5.2 MB`. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
