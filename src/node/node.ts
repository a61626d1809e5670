/** A whole node, as whoever runs it, its console and its bridges see it. */

import type { Logger } from '../app/message.ts';
import type { Console } from '../console/console.ts';
import type { Identity } from '../keys/identity.ts';
import type { PublicKey } from '../keys/public-key.ts';
import type { LookupServer } from '../lookup/server.ts';
import type { PeerNode } from '../peers/node.ts';
import type { AuthConfig } from '../pubsub/authorization/authorization.ts';
import type { Broadcaster } from '../pubsub/broadcaster/broadcaster.ts';
import type { DeliveryLog } from '../pubsub/operations/delivery-log.ts';
import type { SubscriptionStore } from '../pubsub/stores/store.ts';
import type { RequestServer } from '../request/server.ts';
import type { SessionServer } from '../session/server.ts';
import type { NodeConfig, PartialNodeConfig } from './config.ts';
import type { Taker, TakerPlace } from './front.ts';
import type { PartName, PartStatus } from './part.ts';
import type { Bridges } from './parts/bridges.ts';
import type { Traffic } from './traffic.ts';

/** What became of a new config. */
export interface ReloadReport {
  /** Stopped and started again. */
  readonly restarted: readonly PartName[];
  /** Changed while they ran. */
  readonly applied: readonly PartName[];
  /** With the new config; they are down, or run on as they were. */
  readonly failed: readonly { readonly part: PartName; readonly why: string }[];
}

export type NodeEvent =
  | { readonly type: 'part'; readonly status: PartStatus }
  | { readonly type: 'reload'; readonly report: ReloadReport };

/** The jobs of a node that run now; null for one that is off, or down. */
export interface RunningParts {
  readonly request: RequestServer | null;
  readonly lookup: LookupServer | null;
  readonly broadcaster: RunningBroadcaster | null;
  readonly sessions: SessionServer | null;
  readonly peers: PeerNode | null;
  readonly bridges: Bridges | null;
  readonly console: Pick<Console, 'address' | 'link'> | null;
}

/** A broadcaster with what it keeps, for whoever looks into that. */
export interface RunningBroadcaster {
  readonly server: Broadcaster;
  readonly store: SubscriptionStore;
  readonly deliveries: DeliveryLog | null;
  /** What a subscriber of this node needs. */
  readonly auth: AuthConfig;
}

/** A running node. */
export interface Node extends AsyncDisposable {
  /** Where its parts listen, with the ports they really got. */
  readonly addresses: readonly string[];
  readonly publicKey: PublicKey;
  /** The current one. */
  readonly identity: Identity;
  readonly startedAt: number;
  /** As it is in force. */
  readonly config: NodeConfig;
  readonly parts: readonly PartStatus[];
  readonly running: RunningParts;
  readonly traffic: Traffic;
  /** As they were declared: `/where/:thing`. */
  readonly routes: readonly string[];
  readonly log: Logger;
  /** Takes messages in place of the app, before or after what else does; default after. @returns what ends it. */
  take(taker: Taker, place?: TakerPlace): () => void;
  /**
   * Puts a changed config in force: only parts whose own section has changed are started anew, or changed while they run.
   *
   * @param config default the one that is in force when its turn comes, for keys and an app that have changed.
   * @throws SottoError `invalid_config`; nothing has changed then.
   */
  reload(config?: PartialNodeConfig): Promise<ReloadReport>;
  /** @returns what ends it. */
  on<Type extends NodeEvent['type']>(
    type: Type,
    listener: (event: Extract<NodeEvent, { type: Type }>) => void,
  ): () => void;
  /** Takes nothing new, finishes what is in flight, closes every socket; the parts in reverse order. */
  close(): Promise<void>;
}
