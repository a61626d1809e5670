/** Names for keys: the ones that this node knows from its neighbours, and its own. */

import type { NodeView, PeersView } from '../contract.ts';
import { fetchNode, fetchPeers } from './api.ts';
import { useFetched } from './fetched.ts';

export interface Acquaintance {
  readonly name: string;
  readonly words: string | null;
}

/** By fingerprint. */
export type Acquaintances = ReadonlyMap<string, Acquaintance>;

export function useAcquaintances(): Acquaintances {
  const node = useFetched(fetchNode, ['node']);
  const peers = useFetched(fetchPeers, ['peers']);
  return acquaintancesOf(node.value, peers.value);
}

function acquaintancesOf(node: NodeView | null, view: PeersView | null): Acquaintances {
  const all = new Map<string, Acquaintance>();
  for (const { id, name } of view?.known ?? []) all.set(id, { name, words: null });
  for (const { id, name, words } of view?.peers ?? []) if (id !== null) all.set(id, { name, words });
  if (node) all.set(node.fingerprint, { name: 'this node', words: node.words });
  return all;
}
