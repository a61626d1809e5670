/**
 * Nodes on several hosts, each a network namespace; needs root, iproute2 and nftables (SOTTO_NETWORK=required fails
 * where they are missing). See also peers-middle.test.ts.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Host, Network, skipWithoutNetwork } from '../support/network.ts';
import {
  meet,
  type PeerReport,
  type PeerSettings,
  SpawnedPeer,
  SpawnedTwin,
} from '../support/spawned-peer.ts';

const SECRET_TEXT = 'for the eyes of bea alone';

async function hostsOnOneLan(network: Network, count: number): Promise<Host[]> {
  const hosts: Host[] = [];
  for (let number = 0; number < count; number++) hosts.push(await network.addHost('a'));
  return hosts;
}

/** Two hosts with IPv4 alone, and a node on each. */
async function twoByIpv4(
  network: Network,
  settings: Partial<PeerSettings> = {},
): Promise<[Host, Host, SpawnedPeer, SpawnedPeer]> {
  const [first, second] = (await hostsOnOneLan(network, 2)) as [Host, Host];
  await Promise.all([first.setIpv6(false), second.setIpv6(false)]);
  const [ada, bea] = [
    await SpawnedPeer.start(first, 'ada', settings),
    await SpawnedPeer.start(second, 'bea'),
  ];
  await meet([ada, bea]);
  return [first, second, ada, bea];
}

function tests(): void {
  test('three hosts of a LAN discover each other, talk by two and all', async () => {
    await using network = await Network.create();
    const hosts = await hostsOnOneLan(network, 3);
    const nodes = await Promise.all(hosts.map((host, number) => SpawnedPeer.start(host, `user ${number}`)));
    await meet(nodes);
    for (const node of nodes) {
      for (const other of nodes)
        if (other !== node) assert.equal((await node.tell(other, 'hello')).answer, 'hello');
    }
    const [one, ...others] = nodes as [SpawnedPeer, SpawnedPeer, SpawnedPeer];
    one.broadcast('to all');
    for (const other of others) await other.journal.until('hearing', ({ heard }) => heard === 'to all');
    one.broadcast('the end');
    for (const other of others) {
      await other.journal.until('hearing', ({ heard }) => heard === 'the end');
      const times = other.journal.entries.filter(({ heard }) => heard === 'to all').length;
      assert.equal(times, 1, 'a broadcast came by IPv4 and IPv6 and was heard twice');
    }
  });

  test('a line that is cut and healed: both leave, and are back', async () => {
    await using network = await Network.create();
    const [first, second] = (await hostsOnOneLan(network, 2)) as [Host, Host];
    const ada = await SpawnedPeer.start(first, 'ada', { ttl: 2000 });
    const bea = await SpawnedPeer.start(second, 'bea', { ttl: 2000 });
    await meet([ada, bea]);
    await second.link.cut();
    await Promise.all([ada.happens('leave', bea), bea.happens('leave', ada)]);
    const marks = [ada.journal.entries.length, bea.journal.entries.length] as const;
    await second.link.heal();
    await Promise.all([ada.happens('verified', bea, marks[0]), bea.happens('verified', ada, marks[1])]);
    assert.equal((await ada.tell(bea, 'again')).answer, 'again');
  });

  test('a letter that was kept while a line was cut arrives once it is healed, though nobody was missed', async () => {
    await using network = await Network.create();
    const [first, second] = (await hostsOnOneLan(network, 2)) as [Host, Host];
    const ada = await SpawnedPeer.start(first, 'ada', { timeout: 1000 });
    const bea = await SpawnedPeer.start(second, 'bea');
    await meet([ada, bea]);
    await second.link.cut();
    assert.equal((await ada.tell(bea, 'a letter', '/note', 60_000)).error, undefined);
    // Begun after the first try to deliver it, and so over after that.
    assert.notEqual((await ada.tell(bea, 'is she there?')).error, undefined);
    assert.deepEqual(bea.heard, []);
    await second.link.heal();
    await bea.journal.until('the letter', ({ heard }) => heard === 'a letter');
    assert.ok(!ada.has('leave', bea));
  });

  test('a line that loses a fifth of everything', async () => {
    await using network = await Network.create();
    const hosts = await hostsOnOneLan(network, 3);
    // Each way leads over two cables.
    for (const host of hosts) await host.link.netem({ loss: 11 });
    const nodes = await Promise.all(
      hosts.map((host, number) => SpawnedPeer.start(host, `user ${number}`, { ttl: 8000 })),
    );
    await meet(nodes);
    const [one, two, three] = nodes as [SpawnedPeer, SpawnedPeer, SpawnedPeer];
    const long = 'x'.repeat(20_000);
    await Promise.all([one.insists(two, long), two.insists(three, 2), three.insists(one, 3)]);
    await three.hears('through loss', one);
  });

  test('an interface that is added later is used', async () => {
    await using network = await Network.create();
    const [first, second] = [await network.addHost('a'), await network.addHost()];
    const [ada, bea] = [await SpawnedPeer.start(first, 'ada'), await SpawnedPeer.start(second, 'bea')];
    await second.addLink('a');
    await meet([ada, bea]);
    assert.equal((await bea.tell(ada, 'new')).answer, 'new');
    await ada.hears('by the new interface', bea);
  });

  test('two nodes with the same name are both listed; only an id tells them apart', async () => {
    await using network = await Network.create();
    const hosts = await hostsOnOneLan(network, 3);
    const [ada, bea, twin] = (await Promise.all(
      hosts.map((host, number) =>
        SpawnedPeer.start(host, number === 0 ? 'ada' : 'bea', { hostname: 'laptop' }),
      ),
    )) as [SpawnedPeer, SpawnedPeer, SpawnedPeer];
    await meet([ada, bea, twin]);
    const { error } = await ada.tell('bea', 'which?');
    assert.equal(error, 'peer_ambiguous');
    await ada.tellUntilAnswered(bea, 'to the one');
    await ada.tellUntilAnswered(twin, 'to the other'); // once the first has proved to be there as well
    assert.ok(!ada.has('key-changed', bea) && !ada.has('key-changed', twin));
  });

  test('a node that is killed leaves when its time is over', async () => {
    await using network = await Network.create();
    const [first, second] = (await hostsOnOneLan(network, 2)) as [Host, Host];
    const ada = await SpawnedPeer.start(first, 'ada', { ttl: 2000 });
    const bea = await SpawnedPeer.start(second, 'bea', { ttl: 2000 });
    await meet([ada, bea]);
    await bea.kill();
    assert.equal((await ada.happens('leave', bea)).detail, 'silent');
  });

  test('a peer that moves to another address stays the same', async () => {
    await using network = await Network.create();
    const [, second, ada, bea] = await twoByIpv4(network);
    const { name, address } = second.link;
    await second.run('ip', 'address', 'del', `${address}/24`, 'dev', name);
    await second.run('ip', 'address', 'add', '10.77.1.99/24', 'brd', '+', 'dev', name);
    assert.equal((await ada.happens('address-changed', bea)).detail, '10.77.1.99');
    assert.equal((await ada.tell('bea', 'moved')).answer, 'moved');
    await bea.tellUntilAnswered(ada, 'and back');
    assert.ok(!ada.has('leave', bea) && !bea.has('leave', ada));
  });

  test('a line with an MTU of 1280 carries long messages and long broadcasts', async () => {
    await using network = await Network.create();
    const hosts = await hostsOnOneLan(network, 2);
    for (const host of hosts) await host.link.setMtu(1280);
    const [ada, bea] = (await Promise.all(
      hosts.map((host, n) => SpawnedPeer.start(host, n ? 'bea' : 'ada')),
    )) as [SpawnedPeer, SpawnedPeer];
    await meet([ada, bea]);
    const long = 'x'.repeat(200_000);
    assert.equal((await ada.tell(bea, long)).answer, long);
    await bea.hears('y'.repeat(20_000), ada);
  });

  test('who strips our fields from announcements gets an alarm raised, and nothing plain', async () => {
    await using network = await Network.create();
    const [first, second, ada, bea] = await twoByIpv4(network, { legacy: true, timeout: 2000 });
    const third = await network.addHost('a');
    const { address } = second.link;
    const middle = await SpawnedTwin.start(third, 'bea');
    const knows = ({ heard }: PeerReport): boolean => heard === 'bea';
    await middle.journal.until('an announcement', knows, () => bea.broadcast('for the middle to copy'));
    await second.link.cut();
    await third.run('ip', 'address', 'add', `${address}/24`, 'dev', third.link.name);
    middle.pretend(address);
    assert.equal((await ada.happens('downgrade', bea)).detail, 'address');
    await first.run('ip', 'neigh', 'flush', 'all');
    const answers = await Promise.all([ada.tell('bea', SECRET_TEXT), ada.tell(address, SECRET_TEXT)]);
    for (const { error } of answers) assert.ok(error === 'unreachable' || error === 'timeout', `${error}`);
    const { caught = '' } = await middle.journal.until(
      'what is sent',
      (report) => report.caught !== undefined,
    );
    assert.match(caught, /"namespace":"\/sotto\/sealed"/);
    for (const report of middle.journal.entries) assert.ok(!report.caught?.includes(SECRET_TEXT));
    assert.ok(!ada.has('leave', bea));
    assert.ok(
      !ada.journal.entries.some(({ event, id }) => event === 'join' && id === undefined),
      'a plain twin',
    );
    await third.run('ip', 'address', 'del', `${address}/24`, 'dev', third.link.name);
    await second.link.heal();
    await first.run('ip', 'neigh', 'flush', 'all');
    await ada.tellUntilAnswered(bea, 'sealed as ever');
  });
}

describe('peers on several hosts', { skip: skipWithoutNetwork(), concurrency: 3 }, tests);
