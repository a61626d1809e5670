/** What happened among the peers lately, in sentences. */

import { textOfEvent } from '../../node/peer-text.ts';
import type { PeerNode } from '../../peers/node.ts';
import type { PeerEvent } from '../../peers/peer-event.ts';
import type { PeersView } from '../contract.ts';
import type { ConsoleNode } from '../options.ts';

const KEPT = 100;
/** Of every kind, whether it is a warning. */
const IS_WARNING: Readonly<Record<PeerEvent['type'], boolean>> = {
  join: false,
  leave: false,
  update: false,
  verified: false,
  'address-changed': false,
  'key-changed': true,
  'key-succeeded': false,
  downgrade: true,
};
const KINDS = Object.keys(IS_WARNING) as (keyof typeof IS_WARNING)[];

export class PeerNews {
  readonly #node: ConsoleNode;
  readonly #onChange: () => void;
  #events: PeersView['events'] = [];
  #followed: PeerNode | null = null;
  #endings: readonly (() => void)[] = [];

  /** @param onChange something is new among the peers. */
  constructor(node: ConsoleNode, onChange: () => void) {
    this.#node = node;
    this.#onChange = onChange;
    this.follow();
  }

  /** The newest last. */
  get events(): PeersView['events'] {
    return this.#events;
  }

  /** The peers may be another part now. */
  follow(): void {
    const { peers } = this.#node.running;
    if (peers === this.#followed) return;
    this.close();
    this.#followed = peers;
    this.#endings = peers ? KINDS.map((kind) => peers.on(kind, (event) => this.#hear(event))) : [];
  }

  close(): void {
    for (const end of this.#endings) end();
    this.#endings = [];
    this.#followed = null;
  }

  #hear(event: PeerEvent): void {
    const news = { at: Date.now(), isWarning: IS_WARNING[event.type], text: textOfEvent(event) };
    this.#events = [...this.#events.slice(1 - KEPT), news];
    this.#onChange();
  }
}
