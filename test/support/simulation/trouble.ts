/** What goes wrong in the big simulation: each time something else, and always over in the end. */

import type { Host, World } from '../../../src/testing/index.ts';
import type { Hosts } from './part.ts';

type Incident = (hosts: Hosts, start: (host: Host) => Promise<void>) => Promise<void>;

const pairOf = ({ world, home, desk, phone }: Hosts): readonly [Host, Host] =>
  world.random.pick([
    [home, desk],
    [home, phone],
    [desk, phone],
  ]);

const someTime = (world: World): Promise<void> => world.advance(world.random.between(10, 4000));

const partition: Incident = async (hosts) => {
  const [one, other] = pairOf(hosts);
  hosts.world.partition([one], [other], { oneWay: hosts.world.random.chance(0.3) });
  await someTime(hosts.world);
  hosts.world.heal();
};

const cut: Incident = async (hosts) => {
  const [one, other] = pairOf(hosts);
  one.cut(other);
};

const stop: Incident = async (hosts, start) => {
  const { world, home, desk } = hosts;
  const host = world.random.pick([home, desk]);
  if (world.random.chance(0.5)) host.crash();
  else host.kill();
  await someTime(world);
  host.restart();
  await start(host);
};

const wrongClock: Incident = async ({ world, home, desk, phone }) => {
  world.random.pick([home, desk, phone]).skew = world.random.between(-20_000, 20_000);
};

/** Most things go wrong just after something has begun. */
async function rightMoment({ world, moments }: Hosts): Promise<void> {
  const last = world.advance(3000);
  if (world.random.chance(0.2)) return world.advance(world.random.between(0, 2000));
  for (let skipped = world.random.below(6); skipped >= 0; skipped--) {
    await Promise.race([moments.next(), last]);
  }
  await world.advance(world.random.between(0, 60));
}

/** One to three incidents, one after the other, in a network that loses and doubles; then all is well. */
export async function trouble(hosts: Hosts, start: (host: Host) => Promise<void>): Promise<void> {
  const { world, home, desk, phone } = hosts;
  const count = 1 + world.random.below(3);
  for (let index = 0; index < count; index++) {
    await rightMoment(hosts);
    await world.random.pick([partition, cut, cut, stop, stop, wrongClock])(hosts, start);
  }
  for (const [one, other] of [
    [home, desk],
    [home, phone],
    [desk, phone],
  ] as const) {
    world.link(one, other, { loss: 0, duplication: 0 });
  }
}
