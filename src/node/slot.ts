/** The place of one part in a node: started, stopped, started anew; and tried again where it failed. */

import type { Logger } from '../app/message.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { NodeConfig } from './config.ts';
import type { PartName, PartState, PartStatus } from './part.ts';

/** A part that runs. */
export interface Started<Handle> {
  readonly handle: Handle;
  readonly addresses: readonly string[];
  /** Its keys, its own and those that it refuses, are those of its start. Default false: it looks at them as they are. */
  readonly holdsKeys?: boolean;
  /** Its app, too, is that of its start. Default false: it looks at it as it is. */
  readonly holdsApp?: boolean;
  /** Takes a changed config while it runs. @returns false where it has to be started anew. Default always. */
  apply?(config: NodeConfig): boolean;
  close(): Promise<void>;
}

/** Whether there are others than before. */
export interface News {
  readonly keys: boolean;
  readonly app: boolean;
}

/** How a part is made of a config. */
export interface PartPlan<Handle> {
  readonly name: PartName;
  /** What of the config it depends on; null where it is off. */
  settings(config: NodeConfig): unknown;
  start(config: NodeConfig): Promise<Started<Handle>>;
}

interface SlotOptions {
  readonly log: Logger;
  onStatus(status: PartStatus): void;
}

/** A port that is taken, or a network that is not there yet, may be there in a while. */
const RETRY = { first: 2000, longest: 60_000 };
/** Only a person can mend these. */
const HOPELESS = /^(invalid_|key_|file_invalid|unsupported)/;

export class Slot<Handle> {
  readonly #plan: PartPlan<Handle>;
  readonly #options: SlotOptions;
  #status: PartStatus;
  #started: Started<Handle> | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Starting and stopping take their turns. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(plan: PartPlan<Handle>, options: SlotOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#status = { name: plan.name, state: 'off', addresses: [], why: '', since: Date.now() };
  }

  get name(): PartName {
    return this.#plan.name;
  }

  get status(): PartStatus {
    return this.#status;
  }

  get handle(): Handle | null {
    return this.#started?.handle ?? null;
  }

  /** Whether it has to be started anew to have what is new. */
  holds({ keys, app }: News): boolean {
    const { holdsKeys = false, holdsApp = false } = this.#started ?? {};
    return (keys && holdsKeys) || (app && holdsApp);
  }

  /** Whether two configs say the same of it. */
  isSame(left: NodeConfig, right: NodeConfig): boolean {
    const text = (config: NodeConfig): string => JSON.stringify(this.#plan.settings(config));
    return text(left) === text(right);
  }

  /** @returns false where it did not, and so has to be started anew: which says what is wrong, where something is. */
  apply(config: NodeConfig): boolean {
    try {
      return this.#plan.settings(config) !== null && (this.#started?.apply?.(config) ?? false);
    } catch (error) {
      this.#options.log.error(
        { part: this.name, error },
        'a part of the node could not be changed as it ran',
      );
      return false;
    }
  }

  /** Never rejects: whether it failed, and why, is in its status. @returns the error, where there was one. */
  start(config: NodeConfig): Promise<unknown> {
    return this.#next(() => this.#start(config, 0));
  }

  stop(): Promise<void> {
    clearTimeout(this.#retry);
    return this.#next(() => this.#stop());
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #start(config: NodeConfig, tries: number): Promise<unknown> {
    if (this.#plan.settings(config) === null) return null;
    this.#say('starting');
    try {
      this.#started = await this.#plan.start(config);
      this.#say('up');
      return null;
    } catch (error) {
      this.#failed(error, config, tries);
      return error;
    }
  }

  #failed(error: unknown, config: NodeConfig, tries: number): void {
    this.#say('failed', messageOf(error));
    if (HOPELESS.test(codeOf(error))) return;
    const pause = Math.min(RETRY.first * 2 ** Math.min(tries, 10), RETRY.longest);
    this.#retry = setTimeout(() => void this.#next(() => this.#start(config, tries + 1)), pause);
    this.#retry.unref();
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#retry); // it may have failed while this waited for its turn
    const started = this.#started;
    if (started) {
      this.#say('stopping');
      this.#started = null;
      await started.close().catch((error: unknown) => {
        this.#options.log.error({ part: this.name, error }, 'a part of the node did not close in good order');
      });
    }
    this.#say('off');
  }

  #say(state: PartState, why = ''): void {
    const addresses = this.#started?.addresses ?? [];
    this.#status = { name: this.name, state, addresses, why, since: Date.now() };
    this.#options.onStatus(this.#status);
  }
}
