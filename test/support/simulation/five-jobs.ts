/** All five jobs at once, on three simulated hosts, in trouble of every kind. */

import { createApp } from '../../../src/app/app.ts';
import { type Host, type SimulationReport, simulate, type World } from '../../../src/testing/index.ts';
import { Lookups } from './lookups.ts';
import { Neighbours } from './neighbours.ts';
import { type Hosts, Moments, type Part } from './part.ts';
import { Requests } from './requests.ts';
import { Sessions } from './sessions.ts';
import { Topics } from './topics.ts';
import { trouble } from './trouble.ts';

const network = { loss: 0.1, duplication: 0.1, delay: [0.5, 20] } as const;

/** @throws SottoError `simulation_failed`. */
export function simulateFiveJobs(seeds: number, from: number): Promise<SimulationReport> {
  return simulate({ seeds, from, network }, fiveJobsInTrouble);
}

async function fiveJobsInTrouble(world: World): Promise<void> {
  const [home, desk, phone] = [world.host('home'), world.host('desk'), world.host('phone')];
  const hosts: Hosts = { world, home, desk, phone, moments: new Moments() };
  const app = createApp().on('/echo', (ctx) => ctx.body);
  const parts: readonly Part[] = [
    new Requests(hosts, app),
    new Sessions(hosts, app),
    new Topics(hosts),
    new Neighbours(hosts),
    new Lookups(hosts),
  ];
  const boot = async (host: Host): Promise<void> => {
    for (const part of parts) await part.boot(host);
  };
  for (const host of [home, desk, phone]) await boot(host);
  await Promise.all([trouble(hosts, boot), ...parts.map((part) => part.act())]);
  for (const part of parts) await part.check();
}
