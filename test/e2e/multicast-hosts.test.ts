/** Multicast among several hosts, each a network namespace; needs root, iproute2 and nftables. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Network, skipWithoutNetwork } from '../support/network.ts';
import { SpawnedMulticast } from '../support/spawned-multicast.ts';

const PORT = 57077;
const V4 = { group: '239.192.77.107', port: PORT };
const V6 = { group: 'ff12::5354', port: PORT };
/** Only when told to. */
const NEVER = { refreshEvery: 1_000_000_000 };

const { start } = SpawnedMulticast;

describe('multicast among hosts', { skip: skipWithoutNetwork(), concurrency: 2 }, () => {
  for (const [name, options] of [['IPv4', V4] as const, ['IPv6', V6] as const]) {
    test(`three hosts hear each other by ${name}, and know by which interface`, async () => {
      await using network = await Network.create();
      const hosts = [await network.addHost('a'), await network.addHost('a'), await network.addHost('a', 'b')];
      const nodes = await Promise.all(hosts.map((host) => start(host, options)));
      for (const [index, node] of nodes.entries()) node.send(`from ${index}`);
      for (const node of nodes) {
        for (const index of nodes.keys()) {
          const from = await node.hears(`from ${index}`);
          if (nodes[index] === node) continue;
          assert.equal(from?.interfaceName, 'eth0');
          node.sendTo(`to ${index}`, { host: from.host, port: nodes[index]?.unicastPort ?? 0 });
          await nodes[index]?.hears(`to ${index}`);
        }
      }
    });

    test(`a line that is cut and healed, noticed by nobody: ${name}`, async () => {
      await using network = await Network.create();
      const hosts = [await network.addHost('a'), await network.addHost('a')] as const;
      const [one, two] = [await start(hosts[0], options), await start(hosts[1], options)];
      await one.hearsFrom([two], 'before');
      await hosts[1].link.cut();
      two.send('lost');
      await two.hears('lost');
      await hosts[1].link.heal();
      await one.hearsFrom([two], 'healed');
      assert.ok(!one.hasHeard('lost'));
    });

    test(`interfaces that go and come: ${name}`, async () => {
      await using network = await Network.create();
      const hosts = [await network.addHost('a'), await network.addHost('a', 'b')] as const;
      const [one, two] = [await start(hosts[0], options), await start(hosts[1], options)];
      const always = name === 'IPv4' ? ['lo'] : [];
      await two.uses(...always, 'eth0', 'eth1');
      await one.hearsFrom([two], 'all up');
      await hosts[1].link.setUp(false);
      await two.uses(...always, 'eth1');
      two.send('down');
      await hosts[1].link.setUp(true);
      await two.uses(...always, 'eth0', 'eth1');
      await one.hearsFrom([two], 'up again');
      await hosts[1].link.setPlugged(false);
      await two.uses(...always, 'eth1');
      await hosts[1].link.setPlugged(true);
      await two.uses(...always, 'eth0', 'eth1');
      await two.hearsFrom([one], 'plugged in');
      await hosts[1].link.remove();
      await two.uses(...always, 'eth1');
      await hosts[1].addLink('a', 'wlan0');
      await two.uses(...always, 'eth1', 'wlan0');
      await two.hearsFrom([one], 'by wlan0');
      await one.hearsFrom([two], 'from wlan0');
      assert.ok(!one.hasHeard('down'));
    });

    test(`an interface replaced between two looks: ${name}`, async () => {
      await using network = await Network.create();
      const hosts = [await network.addHost('a'), await network.addHost('a')] as const;
      const [one, two] = [await start(hosts[0], options), await start(hosts[1], { ...options, ...NEVER })];
      await hosts[1].link.remove();
      await hosts[1].addLink('a', 'eth0');
      two.send('by what is gone');
      await two.refresh();
      await two.hearsFrom([one], 'heard again');
      await one.hearsFrom([two], 'sent again');
      assert.ok(!one.hasHeard('by what is gone'));
    });
  }

  test('nodes of a host without a network hear each other, and a network that comes later', async () => {
    await using network = await Network.create();
    const host = await network.addHost();
    const [one, two] = [await start(host, V4), await start(host, V4)];
    await one.hearsFrom([two], 'alone');
    const six = await start(host, V6);
    await host.addLink('a');
    await six.uses('eth0');
    await two.uses('lo', 'eth0');
    const other = await network.addHost('a');
    const [far, far6] = [await start(other, V4), await start(other, V6)];
    await far.hearsFrom([one], 'no longer');
    await far6.hearsFrom([six], 'nor by IPv6');
  });

  test('IPv6 that an MTU or an administrator takes away comes back', async () => {
    await using network = await Network.create();
    const hosts = [await network.addHost('a'), await network.addHost('a')] as const;
    const [one, two] = [await start(hosts[0], V6), await start(hosts[1], V6)];
    await two.uses('eth0');
    await hosts[1].link.setMtu(1000);
    await two.uses();
    await hosts[1].link.setMtu(1500);
    await two.uses('eth0');
    await two.hearsFrom([one], 'MTU');
    await hosts[1].setIpv6(false);
    await two.uses();
    await hosts[1].setIpv6(true);
    await two.uses('eth0');
    await two.hearsFrom([one], 'IPv6');
  });

  test('only the chosen interfaces are heard, also where another program listens on all', async () => {
    await using network = await Network.create();
    const [inside, outside] = [await network.addHost('in'), await network.addHost('out')];
    const middle = await network.addHost('in', 'out');
    const choosy = await start(middle, { ...V4, interfaces: ['eth0'] });
    const open = await start(middle, V4);
    const [friend, stranger] = [await start(inside, V4), await start(outside, V4)];
    await choosy.uses('eth0');
    await open.hearsFrom([stranger], 'from outside');
    await choosy.hearsFrom([friend], 'from inside');
    choosy.send('for the inside');
    await friend.hears('for the inside');
    await stranger.hearsFrom([open], 'for all');
    assert.ok(!choosy.hasHeard('from outside'));
    assert.ok(!stranger.hasHeard('for the inside'));
  });

  test('more interfaces than a socket can join groups on', async () => {
    await using network = await Network.create();
    const lans = Array.from({ length: 13 }, (_, number) => `lan ${number}`);
    const host = await network.addHost(...lans);
    const group = [V4.group, '239.192.77.108'];
    const node = await start(host, { ...V4, group });
    await node.uses('lo', ...host.links.map(({ name }) => name));
    const far = await start(await network.addHost('lan 12'), { ...V4, group: '239.192.77.108' });
    await node.hearsFrom([far], 'by the last');
    await far.hearsFrom([node], 'to the last');
  });

  test('a bad line, and a firewall against UDP', async () => {
    await using network = await Network.create();
    const hosts = [await network.addHost('a'), await network.addHost('a')] as const;
    const [one, two] = [await start(hosts[0], V4), await start(hosts[1], V4)];
    await hosts[1].link.netem({ loss: 50 });
    await two.hearsFrom([one], 'through loss');
    await one.hearsFrom([two], 'back through loss');
    await hosts[1].link.netem({});
    await hosts[1].block('udp', PORT);
    one.send('into the wall');
    await one.hears('into the wall');
    await hosts[1].unblock();
    await two.hearsFrom([one], 'no wall');
    assert.ok(!two.hasHeard('into the wall'));
  });
});
