/** All connected subscribers of a broadcaster. */

import type { Pipe } from '../../platform/types.ts';
import { DictionaryTrainer } from '../compression/trainer.ts';
import type { FanOut } from '../delivery/fan-out.ts';
import type { Watch } from '../operations/watch.ts';
import type { ResolvedBroadcasterOptions } from '../options.ts';
import type { LiveSubscriptions } from './live-subscriptions.ts';
import { Session } from './session.ts';

/** CONFIGURE must have come after this, ms. */
const CONFIGURE_TIMEOUT = 5000;
/** Between two looks for those that do not confirm, ms. */
const EXPIRE_INTERVAL = 1000;

interface SessionsOptions {
  readonly options: ResolvedBroadcasterOptions;
  readonly fanOut: FanOut;
  readonly live: LiveSubscriptions;
  readonly watch: Watch;
  readonly wantsToBeServed: (url: string, connection: string) => Promise<boolean>;
}

export class Sessions {
  readonly #context: SessionsOptions;
  readonly #sessions = new Set<Session>();
  /** One for all: it trains one dictionary at a time, and lets so many wait. */
  readonly #trainer = new DictionaryTrainer();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(context: SessionsOptions) {
    this.#context = context;
    this.#timer = setInterval(() => {
      for (const session of this.#sessions) session.expire();
    }, EXPIRE_INTERVAL);
    this.#timer.unref?.();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Deliveries that wait for their turn. */
  get waiting(): number {
    let waiting = 0;
    for (const session of this.#sessions) waiting += session.waiting;
    return waiting;
  }

  accept(pipe: Pipe): void {
    const { options, fanOut, live, watch, wantsToBeServed } = this.#context;
    const { auth, limits, compression, now, log } = options;
    const session: Session = new Session(pipe, {
      auth,
      fanOut,
      live,
      maxMessage: limits.maxMessage,
      spoolSize: limits.spoolSize,
      maxSubscriptions: limits.maxSubscriptionsPerUrl,
      patterns: limits,
      compression,
      trainer: this.#trainer,
      wantsToBeServed,
      maxWaiting: limits.maxWaitingPerUrl,
      deliveryTimeout: limits.deliveryTimeout,
      configureTimeout: CONFIGURE_TIMEOUT,
      now,
      log,
      watch,
      onEnd: (ended) => this.#sessions.delete(ended),
    });
    if (!session.hasEnded) this.#sessions.add(session);
    watch.onEvent('websocket_opened');
  }

  /** Each answers what it was asked, in its time, then ends. @param timeout ms. */
  async close(timeout: number): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close(timeout)));
    clearInterval(this.#timer);
    await this.#trainer.close();
  }
}
