/** All five jobs at once, on three simulated hosts, in trouble of every kind: each promise holds for each of 1000 seeds. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApp } from '../../src/app/app.ts';
import { type Host, type SimulationReport, simulate, type World } from '../../src/testing/index.ts';
import { Lookups } from '../support/simulation/lookups.ts';
import { Neighbours } from '../support/simulation/neighbours.ts';
import type { Hosts, Part } from '../support/simulation/part.ts';
import { Requests } from '../support/simulation/requests.ts';
import { Sessions } from '../support/simulation/sessions.ts';
import { Topics } from '../support/simulation/topics.ts';
import { trouble } from '../support/simulation/trouble.ts';

async function fiveJobsInTrouble(world: World): Promise<void> {
  const hosts: Hosts = { world, home: world.host('home'), desk: world.host('desk'), phone: world.host('phone') };
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
  for (const host of [hosts.home, hosts.desk, hosts.phone]) await boot(host);
  await Promise.all([trouble(hosts, boot), ...parts.map((part) => part.act())]);
  for (const part of parts) await part.check();
}

const network = { loss: 0.1, duplication: 0.1, delay: [0.5, 20] } as const;
const run = (seeds: number, from = 1): Promise<SimulationReport> =>
  simulate({ seeds, from, network }, fiveJobsInTrouble);

test('1000 seeds of trouble break no promise of any job', async () => {
  const { runs, events, time } = await run(Number(process.env['SEEDS'] ?? 1000), Number(process.env['FROM'] ?? 1));
  assert.ok(events > 100 * runs);
  console.log(`${runs} worlds, ${events} events, ${(time / 3_600_000).toFixed(1)} simulated hours`);
});
