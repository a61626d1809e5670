/** Nodes on several hosts whose clocks are wrong, or with somebody on the line between them: see peers-hosts.test.ts. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Identity } from '../../src/index.ts';
import type { StpFrame } from '../../src/wire/stp.ts';
import { type Change, Middle, type PassingFrame, UNCHANGED } from '../support/middle.ts';
import { type Host, Network, skipWithoutNetwork } from '../support/network.ts';
import { meet, type PeerReport, type PeerSettings, SpawnedPeer } from '../support/spawned-peer.ts';
import { stripped, swapped } from '../support/stripped.ts';

const HOUR = 3_600_000;
const GROUP_SECRET = 'the group knows this';
const ADA = '10.77.1.1';
const BEA = '10.77.1.2';
const CANARY = 'nobody else may read this';
/** Said where it may be read, so that the other is known to be looked for in the right place. */
const OPEN = 'anybody may read this';

const strip: Change = ({ frame, road }) => stripped(frame, road);

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

/** Two hosts on networks of their own, and in each of these a host of the man in the middle who pretends to be the other. */
interface Scene {
  readonly here: Host;
  readonly there: Host;
  readonly middle: Middle;
  readonly ends: readonly [Host, Host];
}

async function scene(network: Network, change: Change): Promise<Scene> {
  const [here, there] = [await network.addHost('a'), await network.addHost('b')];
  const ends = [await network.addHost('a'), await network.addHost('b')] as const;
  const addresses = [ADA, BEA, BEA, ADA];
  for (const [number, host] of [here, there, ...ends].entries()) {
    const { name } = host.link;
    await host.setIpv6(false);
    await host.run('ip', 'address', 'flush', 'dev', name);
    await host.run('ip', 'address', 'add', `${addresses[number]}/24`, 'brd', '+', 'dev', name);
  }
  const middle = await Middle.start([
    { host: ends[0], own: BEA, other: ADA },
    { host: ends[1], own: ADA, other: BEA },
  ]);
  middle.change = change;
  return { here, there, middle, ends };
}

async function couple(
  { here, there }: Scene,
  settings: Partial<PeerSettings> = {},
): Promise<[SpawnedPeer, SpawnedPeer]> {
  const all = { announceEvery: 300, timeout: 2000, groupSecret: GROUP_SECRET, ...settings };
  return [await SpawnedPeer.start(here, 'ada', all), await SpawnedPeer.start(there, 'bea', all)];
}

function joinsPlain({ event, id }: PeerReport): boolean {
  return event === 'join' && id === undefined;
}

function middleTests(): void {
  test('stripped from the start: without `legacy` there is nobody, and nothing is sent, until the group says who', async () => {
    await using network = await Network.create();
    const stage = await scene(network, strip);
    const [ada, bea] = await couple(stage);
    await Promise.all([ada, bea].map((node) => node.counts('heard_legacy-off', 5)));
    assert.equal((await ada.tell('bea', CANARY)).error, 'peer_unknown');
    assert.equal((await bea.tell(ADA, CANARY)).error, 'peer_unknown');
    const { frames } = stage.middle;
    const isAnnouncement = ({ road, frame }: PassingFrame): boolean =>
      road === 'udp' && frame.header.namespace === '/sotto/announce';
    assert.ok(frames.entries.every(isAnnouncement));
    assert.ok(![ada, bea].some((node) => node.journal.entries.some(({ event }) => event !== undefined)));
    // Who spoke is named within what the group has sealed, where nobody can strip it: she is asked, sealed.
    await bea.hears(CANARY, ada);
    await bea.happens('verified', ada);
    for (const passing of frames.entries.filter((each) => !isAnnouncement(each))) {
      assert.ok(isSealed(passing.frame), `${passing.frame.header.namespace}`);
    }
    assert.ok(!stage.middle.hasSeen(CANARY));
  });

  test('stripped from the start, with `legacy`: an original as far as anybody can tell, and marked as one', async () => {
    await using network = await Network.create();
    const stage = await scene(network, strip);
    const [ada, bea] = await couple(stage, { legacy: true });
    await Promise.all([ada, bea].map((node) => node.journal.until('an original', joinsPlain)));
    assert.equal((await ada.tell('bea', OPEN, '/note')).error, undefined);
    const { proof } = await bea.journal.until('the message', ({ heard }) => heard === OPEN);
    assert.equal(proof, 'none');
    assert.ok(stage.middle.hasSeen(OPEN));
    assert.ok(![ada, bea].some((node) => node.journal.entries.some(({ event }) => event === 'verified')));
  });

  for (const legacy of [false, true]) {
    const how = legacy ? 'with' : 'without';

    test(`stripped once they know each other, ${how} \`legacy\`: reported, and nothing is said in clear`, async () => {
      await using network = await Network.create();
      const stage = await scene(network, UNCHANGED);
      const [ada, bea] = await couple(stage, { legacy });
      await meet([ada, bea]);
      stage.middle.change = strip;
      for (const [node, other] of [
        [ada, bea],
        [bea, ada],
      ] as const) {
        assert.equal((await node.happens('downgrade', other)).detail, 'address');
        // Its packets are sealed all the same, whatever their frames say.
        assert.equal((await node.tell(other, CANARY)).answer, CANARY);
        assert.equal((await node.tell(other === bea ? BEA : ADA, CANARY)).answer, CANARY);
        await other.hears(`${CANARY}, said by ${node.id}`, node);
        assert.ok(!node.has('leave', other));
        assert.ok(!node.journal.entries.some(joinsPlain));
      }
      assert.ok(!stage.middle.hasSeen(CANARY));
      assert.ok(stage.middle.hasSeen('/sotto/announce'));
    });

    test(`stripped, and all that is sealed held back, ${how} \`legacy\`: gone, and in its name nobody else comes`, async () => {
      await using network = await Network.create();
      const stage = await scene(network, UNCHANGED);
      const [ada, bea] = await couple(stage, { legacy, ttl: 3000, timeout: 500 });
      await meet([ada, bea]);
      stage.middle.change = (passing) => (isSealed(passing.frame) ? null : strip(passing));
      const whileThere = await ada.tell(bea, CANARY);
      assert.match(String(whileThere.error), /^(unreachable|timeout)$/);
      await ada.happens('leave', bea);
      await ada.journal.until(
        'a downgrade by name',
        ({ event, detail }) => event === 'downgrade' && detail === 'name',
      );
      for (const to of ['bea', BEA, bea.id]) assert.equal((await ada.tell(to, CANARY)).error, 'peer_unknown');
      ada.broadcast(CANARY);
      const isThat = ({ side, frame }: { side: number; frame: StpFrame }): boolean =>
        side === 0 && frame.header.namespace === '/sotto/group';
      await stage.middle.frames.until('the broadcast', isThat);
      assert.ok(!stage.middle.hasSeen(CANARY));
      assert.ok(!ada.journal.entries.some(joinsPlain));
    });
  }

  test('another key in place of theirs: without the private one it proves nothing, with it the alarm is raised', async () => {
    await using network = await Network.create();
    const stage = await scene(network, UNCHANGED);
    const [ada, bea] = await couple(stage, { ttl: 5000 });
    await meet([ada, bea]);
    const { publicKey } = Identity.generate();
    stage.middle.change = ({ frame }) => swapped(frame, publicKey);
    await ada.happens('join', { id: publicKey.fingerprint });
    await ada.counts('probe_unanswered');
    assert.equal((await ada.tell('bea', CANARY)).answer, CANARY); // she who has proved her key, sealed as ever
    assert.match(
      String((await ada.tell(publicKey.fingerprint, CANARY)).error),
      /^(unreachable|peer_unknown)$/,
    );
    assert.ok(!ada.has('verified', { id: publicKey.fingerprint }));
    assert.ok(!stage.middle.hasSeen(CANARY));

    await stage.middle.stop();
    const impostor = await SpawnedPeer.start(stage.ends[0], 'bea', { announceEvery: 300 });
    await ada.happens('key-changed', impostor);
    assert.equal((await ada.tell(impostor, CANARY, '/note')).error, 'refused');
    assert.equal((await ada.tell('bea', CANARY, '/note')).error, 'peer_ambiguous');
    assert.equal((await ada.tell(BEA, CANARY, '/note')).error, 'refused');
    ada.broadcast(CANARY);
    await impostor.counts('group_unknown');
    assert.deepEqual(impostor.heard, []);
  });
}

function isSealed({ header: { namespace } }: StpFrame): boolean {
  return namespace === '/sotto/sealed' || namespace === '/sotto/group';
}

describe('clocks apart', { skip: skipWithoutNetwork(), concurrency: 2 }, clockTests);
describe('a man in the middle', { skip: skipWithoutNetwork(), concurrency: 2 }, middleTests);
