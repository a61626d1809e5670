/** Sealed requests to one peer, at all of its places at once: whichever answers first. */

import type { Identity } from '../keys/identity.ts';
import type { PublicKey } from '../keys/public-key.ts';
import { resolveAsking } from '../sealed/options.ts';
import { SealedClient } from '../sealed/sealed-client.ts';
import type { Place } from './peer.ts';
import { type OwnHeader, roadTo, sealedRoads } from './sealed-roads.ts';

interface PeerClientOptions {
  readonly identity: Identity;
  readonly publicKey: PublicKey;
  /** The likeliest first. */
  readonly places: readonly Pick<Place, 'host' | 'tcpPort'>[];
  readonly header: OwnHeader;
  /** ms. */
  readonly timeout: number;
}

export class PeerClient extends SealedClient {
  static to({ identity, publicKey, places, header, timeout }: PeerClientOptions): PeerClient {
    const asking = resolveAsking({ serverKey: publicKey, identity, timeout, retries: 1 });
    return new PeerClient(places.map(roadTo), asking, sealedRoads(header));
  }
}
