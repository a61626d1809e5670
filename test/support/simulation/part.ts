/** What the jobs have in common in the big simulation: three hosts, of which one serves, and trouble between them. */

import assert from 'node:assert/strict';
import { codeOf } from '../../../src/errors.ts';
import type { Host, World } from '../../../src/testing/index.ts';

export interface Hosts {
  readonly world: World;
  /** Serves; may be stopped and started again. */
  readonly home: Host;
  /** Asks and subscribes by webhook; may be stopped and started again. */
  readonly desk: Host;
  /** Asks and subscribes over connections; never stops. */
  readonly phone: Host;
  /** When something begins: what goes wrong just then hurts most. */
  readonly moments: Moments;
}

export class Moments {
  readonly #waiting = new Set<() => void>();

  /** Something begins now. */
  tell(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }
}

/** One job: what runs where, what is done with it in trouble, and what must be true in the end. */
export interface Part {
  /** Starts what runs on a host, at first and after each restart. */
  boot(host: Host): Promise<void>;
  /** Does what it does, while the network is bad and hosts stop. */
  act(): Promise<void>;
  /** The network is good again, and everything runs. */
  check(): Promise<void>;
}

/** What came of something that may fail in trouble: a value, or one of the codes that may be. */
export async function attempt<T>(
  allowed: readonly string[],
  work: () => Promise<T>,
): Promise<{ readonly value: T } | null> {
  try {
    return { value: await work() };
  } catch (error) {
    // The host was stopped in the middle of it, or was so already.
    const code = codeOf(error);
    if (code === 'aborted' || code === 'closed' || allowed.includes(code)) return null;
    throw error;
  }
}

/** Does something now and then, each time after a pause of up to so many ms. */
export async function nowAndThen(
  { world, moments }: Hosts,
  times: number,
  mostPause: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  for (let index = 0; index < times; index++) {
    await world.advance(world.random.between(0, mostPause));
    moments.tell();
    await work(index);
  }
}

export function assertIncreasing(numbers: readonly number[], what: string): void {
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
    what,
  );
}
