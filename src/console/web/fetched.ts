/** Views that are fetched, and fetched again when the node says that they changed; and things that people do. */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Problem, Topic } from '../contract.ts';
import { on } from './events.ts';
import type { Outcome } from './http.ts';
import { notify } from './notices.ts';

export interface Fetched<T> {
  /** Null until it is there; the last one while there is a problem. */
  readonly value: T | null;
  readonly problem: Problem | null;
  readonly reload: () => void;
}

/** One question at a time: what changes meanwhile is asked for once, afterwards. */
export function useFetched<T>(
  load: () => Promise<Outcome<T>>,
  topics: readonly Topic[],
  ...inputs: readonly unknown[]
): Fetched<T> {
  const [state, setState] = useState<Omit<Fetched<T>, 'reload'>>({ value: null, problem: null });
  const latest = useRef(load);
  latest.current = load;
  const again = useRef((): void => {});
  useEffect(() => {
    const fetching = new Fetching(
      () => latest.current(),
      (outcome) => setState(({ value }) => stateAfter(outcome, value)),
    );
    again.current = () => fetching.start();
    fetching.start();
    const end = on('changed', ({ what }) => {
      if (what.some((topic) => topics.includes(topic))) fetching.start();
    });
    return () => {
      end();
      fetching.stop();
    };
  }, inputs);
  const reload = useCallback(() => again.current(), []);
  return { ...state, reload };
}

class Fetching<T> {
  readonly #load: () => Promise<Outcome<T>>;
  readonly #done: (outcome: Outcome<T>) => void;
  #state: 'idle' | 'busy' | 'stale' | 'stopped' = 'idle';

  constructor(load: () => Promise<Outcome<T>>, done: (outcome: Outcome<T>) => void) {
    this.#load = load;
    this.#done = done;
  }

  start(): void {
    if (this.#state === 'busy') this.#state = 'stale';
    if (this.#state === 'idle') void this.#run();
  }

  stop(): void {
    this.#state = 'stopped';
  }

  async #run(): Promise<void> {
    this.#state = 'busy';
    const outcome = await this.#load();
    if (this.#isNow('stopped')) return;
    const isStale = this.#isNow('stale');
    this.#state = 'idle';
    this.#done(outcome);
    if (isStale) this.start();
  }

  /** A question of its own, since the state changes while somebody waits. */
  #isNow(state: 'stale' | 'stopped'): boolean {
    return this.#state === state;
  }
}

function stateAfter<T>(outcome: Outcome<T>, previous: T | null): Omit<Fetched<T>, 'reload'> {
  return outcome.ok ? { value: outcome.value, problem: null } : { value: previous, problem: outcome.problem };
}

/** Does what somebody asked for, and says how it went. */
export interface Action {
  readonly isBusy: boolean;
  /** Why it was not done, where that is said on the spot; null otherwise. */
  readonly problem: Problem | null;
  /** @returns whether it was done. */
  readonly run: (work: () => Promise<Outcome<unknown>>, done?: string) => Promise<boolean>;
}

/** @param place where it is said what went wrong: in a notice, or on the spot, which is for dialogs, since they hide notices. */
export function useAction(place: 'notice' | 'spot' = 'notice'): Action {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const run: Action['run'] = async (work, done) => {
    setBusy(true);
    const outcome = await work();
    setBusy(false);
    if (place === 'spot') setProblem(outcome.ok ? null : outcome.problem);
    else if (!outcome.ok) notify('error', outcome.problem.text);
    if (outcome.ok && done !== undefined) notify('done', done);
    return outcome.ok;
  };
  return { isBusy, problem, run };
}
