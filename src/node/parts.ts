/** All parts of a node: started in order, stopped in reverse, and changed without dropping what need not be dropped. */

import type { Console } from '../console/console.ts';
import type { LookupServer } from '../lookup/server.ts';
import type { PeerNode } from '../peers/node.ts';
import type { RequestServer } from '../request/server.ts';
import type { SessionServer } from '../session/server.ts';
import type { NodeConfig } from './config.ts';
import type { LogTail } from './log-tail.ts';
import type { ReloadReport, RunningBroadcaster, RunningParts } from './node.ts';
import type { PartName, PartStatus } from './part.ts';
import { type Bridges, bridgesPart } from './parts/bridges.ts';
import { broadcasterPart } from './parts/broadcaster.ts';
import { type ConsolePartOptions, consolePart } from './parts/console.ts';
import { type LookupPartOptions, lookupPart } from './parts/lookup.ts';
import { peersPart } from './parts/peers.ts';
import { type RequestPartOptions, requestPart } from './parts/request.ts';
import { sessionsPart } from './parts/sessions.ts';
import { type News, Slot } from './slot.ts';

interface PartsOptions extends RequestPartOptions, LookupPartOptions, ConsolePartOptions {
  readonly log: LogTail;
  onStatus(status: PartStatus): void;
}

export class Parts {
  readonly #request: Slot<RequestServer | null>;
  readonly #lookup: Slot<LookupServer>;
  readonly #broadcaster: Slot<RunningBroadcaster>;
  readonly #sessions: Slot<SessionServer>;
  readonly #peers: Slot<PeerNode>;
  readonly #bridges: Slot<Bridges>;
  readonly #console: Slot<Console>;
  /** In their order. */
  readonly #slots: readonly Slot<unknown>[];

  constructor(options: PartsOptions) {
    this.#request = new Slot(requestPart(options), options);
    this.#lookup = new Slot(lookupPart(options), options);
    this.#broadcaster = new Slot(broadcasterPart(options), options);
    this.#sessions = new Slot(sessionsPart(options), options);
    this.#peers = new Slot(peersPart(options), options);
    this.#bridges = new Slot(bridgesPart(options), options);
    this.#console = new Slot(consolePart(options), options);
    this.#slots = [
      this.#request,
      this.#lookup,
      this.#broadcaster,
      this.#sessions,
      this.#peers,
      this.#bridges,
      this.#console,
    ];
  }

  get status(): readonly PartStatus[] {
    return this.#slots.map(({ status }) => status);
  }

  get running(): RunningParts {
    return {
      request: this.#request.handle,
      lookup: this.#lookup.handle,
      broadcaster: this.#broadcaster.handle,
      sessions: this.#sessions.handle,
      peers: this.#peers.handle,
      bridges: this.#bridges.handle,
      console: this.#console.handle,
    };
  }

  /** @returns what the first that failed says; null where none did. */
  async start(config: NodeConfig): Promise<unknown> {
    let first: unknown = null;
    for (const slot of this.#slots) {
      const error = await slot.start(config);
      first ??= error;
    }
    return first;
  }

  async stop(): Promise<void> {
    for (const slot of this.#slots.toReversed()) await slot.stop();
  }

  /** @returns what became of it, and the config as it is in force: a part that cannot be as it should stays as it was. */
  async change(
    before: NodeConfig,
    after: NodeConfig,
    news: News,
  ): Promise<{ readonly report: ReloadReport; readonly inForce: NodeConfig }> {
    const restarted: PartName[] = [];
    const applied: PartName[] = [];
    const failed: { part: PartName; why: string }[] = [];
    let inForce = after;
    for (const slot of this.#slots) {
      const part = slot.name;
      const mustRestart = slot.holds(news);
      if (slot.isSame(before, after) && slot.status.state !== 'failed' && !mustRestart) continue;
      if (!mustRestart && slot.apply(after)) {
        applied.push(part);
        continue;
      }
      const wasUp = slot.status.state === 'up';
      await slot.stop();
      const error = await slot.start(after);
      if (error === null) restarted.push(part);
      else {
        failed.push({ part, why: slot.status.why });
        if (!wasUp) continue;
        await slot.stop();
        await slot.start(before);
        inForce = { ...inForce, [part]: before[part as keyof NodeConfig] };
      }
    }
    return { report: { restarted, applied, failed }, inForce };
  }
}
