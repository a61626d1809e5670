/** The peers of the LAN: who is there, who was met, and what a person decides about them. */

import { z } from 'zod';
import { SottoError } from '../../errors.ts';
import { cleanLine } from '../../node/clean-text.ts';
import { nameOf } from '../../node/peer-text.ts';
import type { PeerNode } from '../../peers/node.ts';
import { type Peer, type PeerId, parsePeerId, type SealedPeer } from '../../peers/peer.ts';
import type { Pin } from '../../peers/pins.ts';
import { formatAddress } from '../../transport/url.ts';
import type { KnownPeer, PeersView, PeerView } from '../contract.ts';
import type { ConsoleNode } from '../options.ts';
import type { Panel } from './desk.ts';
import { running } from './try-panel.ts';

const Verb = z.enum(['trust', 'untrust', 'block', 'unblock', 'accept', 'forget']);

export const peersPanel: Panel = (app, { node, news, hub }) => {
  app.get('/api/peers', (c) => c.json(peersView(node, news.events)));
  app.post('/api/peers/:id/:verb', (c) => {
    const { id, verb } = c.req.param();
    const does = Verb.safeParse(verb);
    if (!does.success) return c.notFound();
    judge(running(node.running.peers, 'peers'), does.data, parsedId(id));
    hub.changed('peers');
    return c.body(null, 204);
  });
};

function peersView({ running: { peers }, publicKey }: ConsoleNode, events: PeersView['events']): PeersView {
  const there = peers?.peers ?? [];
  const ids = new Set(there.map(idOf));
  return {
    self: {
      name: cleanLine(peers?.name ?? ''),
      words: publicKey.words,
      id: publicKey.fingerprint,
      port: peers?.port ?? 0,
    },
    isGroupSealed: peers?.sealsBroadcasts ?? false,
    peers: there.map(peerView),
    known: (peers?.pins.list() ?? []).filter(({ id }) => !ids.has(id)).map(knownPeer),
    events,
  };
}

function judge(peers: PeerNode, verb: z.output<typeof Verb>, id: PeerId): void {
  const there = peers.peers.find((peer): peer is SealedPeer => idOf(peer) === id);
  if (verb === 'trust' || verb === 'block') return peers.pins[verb](there ?? id);
  if (verb === 'untrust' || verb === 'unblock') return peers.pins[verb](id);
  if (verb === 'forget') return void peers.pins.forget(id);
  if (!there || there.replaces === null)
    throw new SottoError('peer_unknown', 'That peer is not there with a new key.');
  peers.pins.accept(there, there.replaces);
}

/** @throws SottoError `peer_unknown`. */
function parsedId(text: string): PeerId {
  const id = parsePeerId(text);
  if (id !== null) return id;
  throw new SottoError('peer_unknown', `"${cleanLine(text)}" is no peer's id, which is 64 hex digits.`);
}

function idOf(peer: Peer): PeerId | null {
  return peer.kind === 'sealed' ? peer.id : null;
}

function peerView(peer: Peer): PeerView {
  const { addresses, lastHeard } = peer;
  const common = {
    name: nameOf(peer),
    addresses: addresses.map(({ host, tcpPort }) => formatAddress({ host, port: tcpPort })),
    lastHeard,
  };
  if (peer.kind === 'plain') {
    return { ...common, id: null, words: '', isVerified: false, isTrusted: false, replaces: null };
  }
  const { id, words, isVerified, isTrusted, replaces } = peer;
  return { ...common, id, words, isVerified, isTrusted, replaces };
}

function knownPeer({ id, user, hostname, isTrusted, isBlocked }: Pin): KnownPeer {
  return { id, name: nameOf({ user, hostname }), isTrusted, isBlocked };
}
