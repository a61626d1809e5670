/** Runs a scenario for each of many seeds, and tells how to run the one again that failed. */

import { messageOf, SottoError } from '../errors.ts';
import { enterSimulation } from './globals.ts';
import { preload } from './preload.ts';
import { World, type WorldOptions } from './world.ts';

export interface SimulateOptions extends WorldOptions {
  /** How many: one world each. Default 1. `SOTTO_SEED` in the environment runs that one alone. */
  readonly seeds?: number;
  /** The first. Default 1. */
  readonly from?: number;
}

export interface SimulationReport {
  /** Of worlds. */
  readonly runs: number;
  /** That happened in all of them. */
  readonly events: number;
  /** Simulated ms, in all of them. */
  readonly time: number;
  /** The digest of each world, in the order of their seeds. */
  readonly digests: readonly string[];
}

/** Events that a failure shows. */
const SHOWN = 30;

/**
 * Plays a scenario in a simulated world for each seed: hosts, their network, time and randomness are simulated, all code of
 * Sotto and of yours is the real one. What a seed does once, it does again.
 *
 * @throws SottoError `simulation_failed` for the first seed whose scenario throws, with its seed, the end of its trace, and
 * what was thrown as `cause`; `invalid_option`.
 *
 * @example
 * ```ts
 * import { createApp, Identity } from 'sotto';
 * import { RequestClient, RequestServer } from 'sotto/request';
 * import { simulate } from 'sotto/testing';
 * const app = createApp().on('/add', (ctx) => Number(ctx.body) + 1);
 * await simulate({ seeds: 100, network: { loss: 0.2, duplication: 0.1 } }, async (world) => {
 *   const identity = world.host('server').run(() => Identity.generate());
 *   const listen = 'udp://0.0.0.0:7878';
 *   await world.host('server').start(() => RequestServer.start(app, { identity, listen }));
 *   const client = await world.host('client').start(() =>
 *     RequestClient.connect('udp://server:7878', { serverKey: identity.publicKey, retries: 10, timeout: 60_000 }),
 *   );
 *   if ((await client.request('/add', 1)) !== 2) throw new Error('that is not right');
 * });
 * ```
 */
export async function simulate(
  options: SimulateOptions,
  scenario: (world: World) => unknown,
): Promise<SimulationReport> {
  const seeds = seedsOf(options);
  await preload();
  using _ = enterSimulation();
  const digests: string[] = [];
  let [events, time] = [0, 0];
  for (const seed of seeds) {
    const world = new World(seed, options);
    try {
      await world.play(scenario);
    } catch (cause) {
      throw failure(world, cause);
    }
    digests.push(world.digest);
    events += world.events;
    time += world.now;
  }
  return { runs: seeds.length, events, time, digests };
}

function seedsOf({ seeds = 1, from = 1 }: SimulateOptions): readonly number[] {
  const alone = process.env.SOTTO_SEED;
  if (alone !== undefined && alone !== '') return [wholeNumber(Number(alone), 'SOTTO_SEED')];
  wholeNumber(from, 'from');
  return Array.from({ length: wholeNumber(seeds, 'seeds') }, (_, index) => from + index);
}

function wholeNumber(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new SottoError('invalid_option', `${name} takes a whole number, 0 or more; it is ${value}.`);
}

function failure(world: World, cause: unknown): SottoError {
  const lines = [
    `Seed ${world.seed} failed after ${world.now.toFixed(3)} ms: ${messageOf(cause)}`,
    `It fails again with SOTTO_SEED=${world.seed} in the environment, or by simulate({ from: ${world.seed} }, …).`,
    'The last that happened (ms, host, event):',
    ...world.tail(SHOWN).map((line) => `  ${line}`),
  ];
  return new SottoError('simulation_failed', lines.join('\n'), { cause });
}
