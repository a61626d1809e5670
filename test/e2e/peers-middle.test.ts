/** Nodes on several hosts whose clocks are wrong, or with somebody on the line between them: see peers-hosts.test.ts. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Identity } from '../../src/index.ts';
import { Network, skipWithoutNetwork } from '../support/network.ts';
import { meet, SpawnedPeer } from '../support/spawned-peer.ts';

const HOUR = 3_600_000;
const GROUP_SECRET = 'the group knows this';

function clockTests(): void {
  for (const clock of [HOUR, -HOUR]) {
    const which = clock > 0 ? 'ahead' : 'behind';

    test(`an hour ${which}: found, verified, told both ways, handled once, and kept letters arrive`, async () => {
      await using network = await Network.create();
      const [here, there] = [await network.addHost('a'), await network.addHost('a')];
      const key = Identity.generate().toHex();
      const ada = await SpawnedPeer.start(here, 'ada');
      const bea = await SpawnedPeer.start(there, 'bea', { key }, clock);
      await meet([ada, bea]);
      assert.equal((await ada.tell(bea, 'to her')).answer, 'to her');
      assert.equal((await bea.tell(ada, 'to him')).answer, 'to him');
      await ada.tell(bea, 'once', '/note');
      await bea.counts('too_early'); // the stamp of a clock that was wrong, and it was asked anew
      await bea.tell(ada, 'once', '/note');
      assert.deepEqual([ada.heard, bea.heard], [['once'], ['once']]);

      await bea.kill();
      assert.equal((await ada.tell(bea, 'a letter', '/note', 60_000)).error, undefined);
      const back = await SpawnedPeer.start(there, 'bea', { key }, clock);
      await back.journal.until('the letter', ({ heard }) => heard === 'a letter');
      await ada.tellUntilAnswered(back, 'after it');
      assert.deepEqual(back.heard, ['a letter']);
    });

    test(`an hour ${which}: what a group seals is dropped, and that is told`, async () => {
      await using network = await Network.create();
      const [here, there] = [await network.addHost('a'), await network.addHost('a')];
      const group = { groupSecret: GROUP_SECRET };
      const ada = await SpawnedPeer.start(here, 'ada', group);
      const bea = await SpawnedPeer.start(there, 'bea', group, clock);
      const cleo = await SpawnedPeer.start(there, 'cleo', group, clock);
      await meet([ada, bea, cleo]);
      await cleo.hears('to the group', bea);
      await ada.counts('group_untimely', 1);
      bea.broadcast('more');
      await ada.counts('group_untimely', 2);
      const warnings = ada.journal.entries.flatMap(({ warning }) => warning ?? []);
      assert.equal(warnings.length, 1, warnings.join());
      const how =
        clock > 0 ? /, (3599|3600|3601) s ahead: is a clock wrong\?/ : /, 360[01] s old: is a clock wrong\?/;
      assert.match(warnings.join(), how);
      assert.deepEqual(ada.heard, []);
      assert.equal((await ada.tell(bea, 'by two')).answer, 'by two');
    });
  }
}

describe('clocks apart', { skip: skipWithoutNetwork(), concurrency: 2 }, clockTests);
