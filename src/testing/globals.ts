/**
 * Time and randomness of the runtime, given to programs in a simulation by the simulation: `setTimeout` and its kin, `Date`,
 * `performance.now`, `AbortSignal.timeout`, `node:timers/promises`, `Math.random`. All other code has the real ones.
 */

import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import { promisify } from 'node:util';
import { simulateMachines } from '../platform/node/simulated.ts';
import { currentProgram } from './program.ts';
import { SimulatedTimer, timeoutOf } from './timers.ts';

const RealDate = Date;
const real = {
  setTimeout,
  setInterval,
  setImmediate,
  clearTimeout,
  clearInterval,
  clearImmediate,
  now: Date.now,
  random: Math.random,
  performanceNow: performance.now.bind(performance),
  timeOrigin: performance.timeOrigin,
  abortAfter: AbortSignal.timeout,
  promised: { setTimeout: timersPromises.setTimeout, setImmediate: timersPromises.setImmediate },
};

/** Resolves once all that can go on without the outside has gone on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void real.setImmediate(resolve));
}

/** Real ms, for limits of the simulation itself. */
export function realNow(): number {
  return real.performanceNow();
}

let simulations = 0;

/** One more simulation runs; the runtime's own are back when the last has ended. */
export function enterSimulation(): Disposable {
  simulations += 1;
  if (simulations === 1) install();
  let isOver = false;
  return {
    [Symbol.dispose]() {
      if (isOver) return;
      isOver = true;
      simulations -= 1;
      if (simulations === 0) restore();
    },
  };
}

type Callback = (...values: never[]) => void;

const simulatedTimers = {
  setTimeout: (callback: Callback, ms?: number, ...values: unknown[]): unknown =>
    startTimer(callback, values, { ms: timeoutOf(ms) }) ??
    Reflect.apply(real.setTimeout, globalThis, [callback, ms, ...values]),
  setInterval: (callback: Callback, ms?: number, ...values: unknown[]): unknown =>
    startTimer(callback, values, { ms: timeoutOf(ms), repeats: true }) ??
    Reflect.apply(real.setInterval, globalThis, [callback, ms, ...values]),
  setImmediate: (callback: Callback, ...values: unknown[]): unknown =>
    startTimer(callback, values, { ms: 0 }) ??
    Reflect.apply(real.setImmediate, globalThis, [callback, ...values]),
  clearTimeout: clearing(real.clearTimeout),
  clearInterval: clearing(real.clearInterval),
  clearImmediate: clearing(real.clearImmediate),
};

function startTimer(
  callback: Callback,
  values: readonly unknown[],
  options: { readonly ms: number; readonly repeats?: boolean },
): SimulatedTimer | null {
  const program = currentProgram();
  return program ? new SimulatedTimer(program, callback, values, options) : null;
}

function clearing(clear: (timer: never) => void): (timer: unknown) => void {
  return (timer) => {
    if (timer instanceof SimulatedTimer) timer.close();
    else Reflect.apply(clear, globalThis, [timer]);
  };
}

/** `Date.now()` and `new Date()`; every other way to make a date is as it was. */
const SimulatedDate: DateConstructor = new Proxy(RealDate, {
  construct(target, values, newTarget) {
    return Reflect.construct(target, values.length === 0 ? [wallTime()] : values, newTarget);
  },
  apply: () => new RealDate(wallTime()).toString(),
});

function wallTime(): number {
  const program = currentProgram();
  return program ? Math.floor(program.wallTime) : real.now.call(RealDate);
}

function abortAfter(ms: number): AbortSignal {
  if (!currentProgram()) return real.abortAfter.call(AbortSignal, ms);
  const controller = new AbortController();
  const late = (): void =>
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  startTimer(late, [], { ms: timeoutOf(ms) });
  return controller.signal;
}

interface WaitOptions {
  readonly signal?: AbortSignal;
}

function wait<T>(ms: number, value: T, { signal }: WaitOptions = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      timer?.close();
      reject(new DOMException('The operation was aborted', 'AbortError'));
    };
    const timer = signal?.aborted ? null : startTimer(() => end(), [], { ms });
    const end = (): void => {
      signal?.removeEventListener('abort', abort);
      resolve(value);
    };
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

const simulatedPromises = {
  setTimeout: <T>(ms?: number, value?: T, options?: WaitOptions): unknown =>
    currentProgram() ? wait(timeoutOf(ms), value, options) : real.promised.setTimeout(ms, value, options),
  setImmediate: <T>(value?: T, options?: WaitOptions): unknown =>
    currentProgram() ? wait(0, value, options) : real.promised.setImmediate(value, options),
};

// As the real ones have it, for whoever makes promises of timers.
for (const name of ['setTimeout', 'setImmediate'] as const) {
  Object.defineProperty(simulatedTimers[name], promisify.custom, { value: simulatedPromises[name] });
}

function install(): void {
  simulateMachines(() => currentProgram()?.machine ?? null);
  replaceAll(globalThis, { ...simulatedTimers, Date: SimulatedDate });
  replaceAll(RealDate, { now: wallTime });
  replaceAll(Math, { random: () => currentProgram()?.random.next() ?? real.random() });
  replaceAll(AbortSignal, { timeout: abortAfter });
  replaceAll(timersPromises, simulatedPromises);
  syncBuiltinESMExports();
  Object.defineProperties(performance, {
    now: { value: () => currentProgram()?.timeline.now ?? real.performanceNow(), configurable: true },
    timeOrigin: { get: () => currentProgram()?.timeOrigin ?? real.timeOrigin, configurable: true },
  });
}

function restore(): void {
  simulateMachines(null);
  const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = real;
  const timers = { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate };
  replaceAll(globalThis, { ...timers, Date: RealDate });
  replaceAll(RealDate, { now: real.now });
  replaceAll(Math, { random: real.random });
  replaceAll(AbortSignal, { timeout: real.abortAfter });
  replaceAll(timersPromises, real.promised);
  syncBuiltinESMExports();
  Reflect.deleteProperty(performance, 'now');
  Reflect.deleteProperty(performance, 'timeOrigin');
}

function replaceAll(target: object, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    const { enumerable = false } = Object.getOwnPropertyDescriptor(target, name) ?? {};
    Object.defineProperty(target, name, { value, enumerable, writable: true, configurable: true });
  }
}
