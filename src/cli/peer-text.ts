/** Peers in tables, and as JSON. */

import { cleanLine } from '../node/clean-text.ts';
import { firstWords, markOf, nameOf } from '../node/peer-text.ts';
import { fullName, type Peer } from '../peers/peer.ts';
import type { PeerEvent } from '../peers/peer-event.ts';
import type { Pin } from '../peers/pins.ts';
import { formatAddress } from '../transport/url.ts';

/** The shortest that means this peer and no other of these. */
export function handleOf(peer: Peer, peers: readonly Peer[]): string {
  const isAlone = (name: (each: Peer) => string): boolean =>
    peers.filter((each) => name(each) === name(peer)).length === 1;
  if (isAlone(({ user }) => user)) return cleanLine(peer.user);
  if (isAlone(fullName) || peer.kind === 'plain') return nameOf(peer);
  return peer.id.slice(0, 12);
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
