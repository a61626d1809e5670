/** Timers on simulated time. */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Program } from './program.ts';
import type { Planned } from './timeline.ts';

type Callback = (...values: never[]) => void;

/** As Node has it: what is longer, or none, is 1 ms. */
const LONGEST = 2 ** 31 - 1;

/** What `setTimeout`, `setInterval` and `setImmediate` return to a program in a simulation. */
export class SimulatedTimer {
  readonly #program: Program;
  readonly #ms: number;
  readonly #repeats: boolean;
  readonly #call: () => void;
  #planned: Planned;
  #hasRef = true;

  constructor(
    program: Program,
    callback: Callback,
    values: readonly unknown[],
    { ms, repeats = false }: { readonly ms: number; readonly repeats?: boolean },
  ) {
    const inContext = AsyncLocalStorage.snapshot();
    this.#program = program;
    this.#ms = ms;
    this.#repeats = repeats;
    this.#call = () => inContext(() => Reflect.apply(callback, undefined, values));
    this.#planned = this.#plan();
  }

  ref(): this {
    this.#hasRef = true;
    return this;
  }
  /** A simulation ends with its scenario: no timer keeps it going. */
  unref(): this {
    this.#hasRef = false;
    return this;
  }
  hasRef(): boolean {
    return this.#hasRef;
  }
  refresh(): this {
    this.close();
    this.#planned = this.#plan();
    return this;
  }
  close(): this {
    this.#planned.isCancelled = true;
    return this;
  }
  [Symbol.dispose](): void {
    this.close();
  }

  #plan(): Planned {
    return this.#program.timeline.plan(this.#ms, () => {
      if (!this.#program.isAlive) return;
      if (this.#repeats) this.#planned = this.#plan();
      this.#call();
    });
  }
}

export function timeoutOf(ms: unknown): number {
  const wanted = Math.trunc(Number(ms));
  return wanted >= 1 && wanted <= LONGEST ? wanted : 1;
}
