/** What other tools see of nodes by DNS-SD, on hosts of their own (see peers-hosts.test.ts), and by this host's loopback. */

import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { decode, encode } from 'dns-packet';
import { createApp, Identity } from '../../src/index.ts';
import { PeerNode } from '../../src/peers/index.ts';
import { sotto } from '../support/command.ts';
import { Journal } from '../support/journal.ts';
import { type Host, Network, skipWithoutNetwork } from '../support/network.ts';
import { SpawnedMdns } from '../support/spawned-mdns.ts';
import { SpawnedPeer } from '../support/spawned-peer.ts';

const TYPE = '_sotto._tcp.local';
const folder = mkdtempSync(join(tmpdir(), 'sotto-dns-sd-'));
after(() => rmSync(folder, { recursive: true }));

const publish = (host: Host, settings: object = {}): Promise<SpawnedPeer> =>
  SpawnedPeer.start(host, 'ada', { hostname: 'desk.lan', dnsSd: true, tcpPort: 57_123, ...settings });

function hostTests(): void {
  test('on each of two networks: PTR, SRV, TXT and the address there, asked for and unasked, and goodbye', async () => {
    await using network = await Network.create();
    const [left, right] = [await network.addHost('a'), await network.addHost('b')];
    const both = await network.addHost('a', 'b');
    const tools = [await SpawnedMdns.start(left), await SpawnedMdns.start(right)];
    const ada = await publish(both);
    for (const [number, tool] of tools.entries()) {
      const { address } = both.links[number] ?? both.link;
      const { record, records, told } = await tool.hears(({ type, ttl }) => type === 'SRV' && ttl > 0);
      const host = `sotto-${ada.id.slice(0, 16)}.local`;
      assert.equal(told.from, address);
      assert.deepEqual(
        [record.name, record.data],
        [`ada@desk-lan.${TYPE}`, { priority: 0, weight: 0, port: 57_123, target: host }],
      );
      const rest = records
        .filter((each) => each !== record)
        .map(({ type, name, data }) => [type, name, data]);
      assert.deepEqual(rest, [
        ['PTR', '_services._dns-sd._udp.local', TYPE],
        ['PTR', TYPE, record.name],
        ['TXT', record.name, [`id=${ada.id}`, 'v=2']],
        ['A', host, address],
      ]);
      await tool.hears(({ type, flush }) => type === 'TXT' && flush === true);

      const since = tool.journal.entries.length;
      tool.ask({ ask: TYPE, type: 'PTR' });
      const answered = await tool.hears(({ type, data }) => type === 'A' && data === address, since);
      assert.deepEqual(
        answered.records.map(({ type }) => type),
        ['PTR', 'SRV', 'TXT', 'A'],
      );
      tool.ask({ ask: '_SOTTO._tcp.local', type: 'PTR', alone: true });
      const alone = await tool.hears(({ type }, { road }) => type === 'SRV' && road === 'alone');
      assert.deepEqual([alone.told.id, alone.record.ttl, alone.record.flush], [77, 10, false]);
    }
    await ada.end();
    for (const tool of tools) {
      const { records } = await tool.hears(({ type, ttl }) => type === 'SRV' && ttl === 0);
      assert.deepEqual(
        records.map(({ type, ttl }) => [type, ttl]),
        [
          ['PTR', 0],
          ['SRV', 0],
          ['TXT', 0],
          ['A', 0],
        ],
      );
      assert.equal(tool.instances.size, 0);
    }
  });

  test('of one name each has its own, one after the other and at once; a network that is joined later, too', async () => {
    await using network = await Network.create();
    const watcher = await network.addHost('a');
    const tool = await SpawnedMdns.start(watcher);
    const hosts = [
      await network.addHost('a'),
      await network.addHost('a'),
      await network.addHost('b'),
    ] as const;
    const isTold =
      (name: string) =>
      (record: { type: string; data: unknown; ttl: number }): boolean =>
        record.type === 'PTR' && record.data === `${name}.${TYPE}` && record.ttl > 0;
    await publish(hosts[0]);
    await tool.hears(isTold('ada@desk-lan'));
    await Promise.all([publish(hosts[1]), publish(hosts[1], { tcpPort: 0 }), publish(hosts[2])]);
    await tool.hears(isTold('ada@desk-lan (2)'));
    await tool.hears(isTold('ada@desk-lan (3)'));
    await hosts[2].addLink('a');
    await tool.hears(isTold('ada@desk-lan (4)'));
    tool.ask({ ask: TYPE, type: 'PTR' });
    assert.equal(tool.instances.size, 4);
  });

  test('an interface that is added later is told by as well', async () => {
    await using network = await Network.create();
    const watcher = await network.addHost('a');
    const tool = await SpawnedMdns.start(watcher);
    const host = await network.addHost();
    await publish(host);
    const { address } = await host.addLink('a');
    await tool.hears(({ type, data }) => type === 'A' && data === address);
  });
}

describe('DNS-SD on several hosts', { skip: skipWithoutNetwork(), concurrency: 2 }, hostTests);

type Packet = ReturnType<typeof decode>;

/** A tool on this host that hears what it asks for, and a node that is published here. */
async function byLoopback(all: AsyncDisposableStack): Promise<{
  readonly settings: {
    readonly interfaces: readonly string[];
    readonly udpPort: number;
    readonly tcpPort: number;
  };
  readonly packets: Journal<Packet>;
  readonly send: (packet: Uint8Array) => void;
  readonly answers: () => Promise<Packet>;
}> {
  const settings = { interfaces: ['127.0.0.1'], udpPort: randomInt(20_000, 30_000), tcpPort: 0 };
  const tool = createSocket('udp4').bind(0, '127.0.0.1');
  all.defer(() => void tool.close());
  await once(tool, 'listening');
  tool.setMulticastInterface('127.0.0.1');
  const packets = new Journal<Packet>();
  tool.on('message', (bytes) => packets.add(decode(bytes)));
  const identity = Identity.generate();
  const user = `ada-${settings.udpPort}`;
  const node = all.use(await PeerNode.start(createApp(), { ...settings, identity, user, dnsSd: true }));
  const send = (packet: Uint8Array): void => tool.send(packet, 5353, '224.0.0.251');
  const query = encode({ type: 'query', questions: [{ name: TYPE, type: 'PTR' }] });
  const isAnswer = ({ answers = [], additionals = [] }: Packet): boolean =>
    [...answers, ...additionals].some((each) => each.type === 'SRV' && each.data.port === node.port);
  const answers = (): Promise<Packet> => {
    packets.entries.length = 0;
    return packets.until('an answer', isAnswer, () => send(query));
  };
  return { settings, packets, send, answers };
}

describe('DNS-SD by loopback', () => {
  test('a question from any port is answered, and nobody is told of a node that does not want it', async () => {
    await using all = new AsyncDisposableStack();
    const { settings, packets, answers } = await byLoopback(all);
    const identity = Identity.generate();
    all.use(await PeerNode.start(createApp(), { ...settings, identity, user: 'silent' }));
    await answers();
    assert.ok(!JSON.stringify(packets.entries).includes('silent'));
  });

  test('whatever else comes ends nothing', async () => {
    await using all = new AsyncDisposableStack();
    const { send, answers } = await byLoopback(all);
    const packet = await answers();
    const types = ['PTR', 'SRV', 'TXT', 'A'] as const;
    const names = [...(packet.answers ?? []), ...(packet.additionals ?? [])].map(({ name }) => name);
    const questions = names.flatMap((name) => types.map((type) => ({ name, type })));
    const seeds = [
      encode({ type: 'query', id: 7, questions, answers: packet.answers ?? [] }),
      encode({ type: 'query', questions, authorities: packet.answers ?? [] }),
      encode({ type: 'query', questions: [{ name: `${'x'.repeat(63)}.local`, type: 'PTR' }, ...questions] }),
      encode({ ...packet, type: 'response' }),
    ];
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 100; i++) {
        const seed = Buffer.from(seeds[i % seeds.length] ?? []);
        for (let n = randomInt(1, 6); n > 0; n--) seed[randomInt(seed.length)] = randomInt(256);
        send(i % 10 === 0 ? randomBytes(randomInt(1, 600)) : seed.subarray(0, randomInt(1, seed.length + 1)));
      }
      await answers();
    }
  });

  test('what it does not go with is said, and what it needs', async () => {
    const run = (args: readonly string[], env: Record<string, string> = {}): ReturnType<typeof sotto> =>
      sotto(['peers', '--dns-sd', '--wait', '0', '--interface', 'lo', '--port', '0', ...args], {
        cwd: folder,
        env,
      });
    const missing = `import { registerHooks } from 'node:module';
      registerHooks({ resolve: (name, context, next) => {
        if (name === 'multicast-dns') throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' });
        return next(name, context);
      } });`;
    const without = await run([], {
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(missing)}`,
    });
    assert.deepEqual(
      [without.code, /npm install multicast-dns/.test(without.stderr)],
      [2, true],
      without.stderr,
    );
    const hidden = { identity: Identity.generate(), groupSecret: 'the group knows this', hidden: true };
    await assert.rejects(PeerNode.start(createApp(), { ...hidden, dnsSd: true }), { code: 'invalid_option' });
    const fine = await run([]);
    assert.equal(fine.code, 0, fine.stderr);
  });
});
