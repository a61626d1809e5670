/**
 * `sotto doctor peers` on hosts in network namespaces, each with a fault of its own: the doctor names that fault and no
 * other. Needs root, iproute2 and nftables (SOTTO_NETWORK=required fails where they are missing). This file is also the
 * node that runs on the other host: see `serve` at its end.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createApp, Identity, PublicKey } from '../../src/index.ts';
import type { FindingCode } from '../../src/peers/doctor/finding.ts';
import { PeerNode, type PeerNodeOptions, Pins } from '../../src/peers/index.ts';
import { type Host, Network, skipWithoutNetwork } from '../support/network.ts';

const BIN = fileURLToPath(new URL('../../bin/sotto.js', import.meta.url));
const UDP_PORT = 57_000;
const TCP_PORT = 57_001;
const SECRET = 'the tea is in the blue tin';
const HOUR_AHEAD = 'data:text/javascript,const now = Date.now; Date.now = () => now() + 3600000;';

interface NodeSettings extends Partial<Omit<PeerNodeOptions, 'identity' | 'log' | 'files'>> {
  /** Hex; default a new one. */
  readonly key?: string;
  /** The public key that it has blocked. */
  readonly blocked?: string;
}

interface Found {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly state: string }[];
  readonly findings: readonly {
    readonly code: FindingCode;
    readonly severity: 'fault' | 'note';
    readonly sure: 'certain' | 'likely';
    readonly what: string;
    readonly fix: { readonly commands: readonly string[] };
  }[];
  readonly around: readonly { readonly host: string; readonly user: string; readonly isElsewhere: boolean }[];
}

type Seen = Found & { readonly code: number };

/** A host with the doctor and one with a node, a switch between them, and a folder with the doctor's own key. */
class Ward implements AsyncDisposable {
  readonly network: Network;
  readonly here: Host;
  readonly there: Host;
  readonly folder: string;
  readonly identity: Identity;
  readonly #events: string[] = [];

  static async open(lans: { here?: string; there?: string } = {}): Promise<Ward> {
    const network = await Network.create();
    const here = await network.addHost(lans.here ?? 'a');
    const there = await network.addHost(lans.there ?? 'a');
    const folder = await mkdtemp(join(tmpdir(), 'sotto-doctor-'));
    const identity = Identity.generate();
    await identity.save(join(folder, 'own.key'));
    return new Ward(network, [here, there], folder, identity);
  }

  private constructor(network: Network, [here, there]: [Host, Host], folder: string, identity: Identity) {
    this.network = network;
    this.here = here;
    this.there = there;
    this.folder = folder;
    this.identity = identity;
  }

  /** What nodes have told of others since they started. */
  get events(): readonly string[] {
    return this.#events;
  }

  /** @param flags of Node. */
  async startNode(host: Host, settings: NodeSettings = {}, flags: readonly string[] = []): Promise<string> {
    const [script = import.meta.filename, ...more] = [...flags, import.meta.filename];
    const child = host.spawn(script, ...more, 'node', JSON.stringify(settings));
    const lines = createInterface({ input: child.stdout });
    const [id] = (await once(lines, 'line')) as [string];
    lines.on('line', (line) => this.#events.push(line));
    return id;
  }

  async secretFile(secret = SECRET): Promise<string> {
    const file = join(this.folder, 'secret');
    await writeFile(file, secret, { mode: 0o600 });
    return file;
  }

  /** Asks after the other host. */
  examine(...options: readonly string[]): Promise<Seen> {
    return this.doctor([this.there.link.address, ...options]);
  }

  async doctor(args: readonly string[]): Promise<Seen> {
    const files = ['--identity', join(this.folder, 'own.key'), '--pins', join(this.folder, 'pins.json')];
    const child = this.here.spawn(BIN, 'doctor', 'peers', ...args, ...files, '--json');
    const [out, [code]] = await Promise.all([buffer(child.stdout), once(child, 'exit')]);
    return { ...(JSON.parse(out.toString()) as Found), code };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function codes({ findings }: Found, severity: 'fault' | 'note'): FindingCode[] {
  return findings.filter((each) => each.severity === severity).map(({ code }) => code);
}

/** These faults, and no others. */
function assertFaults(found: Seen, ...expected: readonly FindingCode[]): void {
  assert.deepEqual(codes(found, 'fault'), expected, JSON.stringify(found, null, 1));
  assert.equal(found.code, expected.length > 0 ? 1 : 0);
  assert.equal(found.ok, expected.length === 0);
}

function tests(): void {
  test('a healthy net: no alarm, and nobody takes the doctor for a peer', async () => {
    await using ward = await Ward.open();
    await ward.startNode(ward.there);
    const found = await ward.examine();
    assertFaults(found);
    assert.deepEqual(codes(found, 'note'), []);
    assert.ok(
      found.checks.every(({ state }) => state === 'ok'),
      JSON.stringify(found.checks),
    );
    assert.deepEqual(ward.events, []);
  });

  test('a healthy net with a node of this machine running, a group secret, and hidden', async () => {
    await using ward = await Ward.open();
    const settings = { groupSecret: SECRET, hidden: true };
    await ward.startNode(ward.there, settings);
    await ward.startNode(ward.here, { ...settings, key: ward.identity.toHex() });
    assertFaults(await ward.examine('--group-secret', await ward.secretFile(), '--hidden'));
  });

  test('without a host: who is around, in this group and in others', async () => {
    await using ward = await Ward.open();
    const third = await ward.network.addHost('a');
    await third.setIpv6(false); // by IPv6 all are of one group
    await ward.startNode(ward.there, { user: 'bea' });
    await ward.startNode(third, { user: 'cleo', group: '239.192.1.107' });
    const found = await ward.doctor(['--wait', '1']);
    assertFaults(found);
    const around = found.around.map(({ user, isElsewhere }) => `${user} ${isElsewhere}`);
    assert.deepEqual([...new Set(around)].toSorted(), ['bea false', 'cleo true']);
  });

  for (const [name, { finds, notes = [], lans, prepare, node = {}, flags, options = [] }] of FAULTS) {
    test(`${[...finds, ...notes].join(', ') || 'nothing'}: ${name}`, async () => {
      await using ward = await Ward.open(lans);
      await prepare?.(ward);
      const settings = typeof node === 'function' ? await node(ward) : node;
      if (settings) await ward.startNode(ward.there, settings, flags);
      const found = await ward.examine(...(typeof options === 'function' ? await options(ward) : options));
      assertFaults(found, ...finds);
      assert.deepEqual(codes(found, 'note'), notes);
      assert.deepEqual(ward.events, []);
    });
  }

  test('what it says mends a firewall that lets nothing in', async () => {
    await using ward = await Ward.open();
    await ward.startNode(ward.there);
    const chain = 'add chain inet fw in { type filter hook input priority 0; policy drop; }';
    const rules = ['ct state established,related accept', 'meta l4proto { icmp, icmpv6 } accept'];
    const added = rules.map((rule) => `add rule inet fw in ${rule}`).join('; ');
    await ward.here.run('nft', `add table inet fw; ${chain}; ${added}`);
    const before = await ward.examine();
    assertFaults(before, 'udp_in_blocked_here', 'tcp_blocked_back');
    for (const { fix, sure } of before.findings) {
      assert.equal(sure, 'certain');
      assert.ok(fix.commands.length > 0);
      for (const line of fix.commands) await ward.here.run('sh', '-c', line.replace(/^sudo /, ''));
    }
    assertFaults(await ward.examine());
  });
}

interface Fault {
  readonly finds: readonly FindingCode[];
  readonly notes?: readonly FindingCode[];
  readonly lans?: { readonly here: string; readonly there: string };
  readonly prepare?: (ward: Ward) => Promise<unknown>;
  /** Null for none. */
  readonly node?: NodeSettings | null | ((ward: Ward) => NodeSettings | Promise<NodeSettings>);
  /** Of Node, for the node. */
  readonly flags?: readonly string[];
  readonly options?: readonly string[] | ((ward: Ward) => Promise<readonly string[]>);
}

const FAULTS: readonly (readonly [string, Fault])[] = [
  [
    'the other drops what comes by TCP',
    { finds: ['tcp_blocked_there'], prepare: ({ there }) => there.block('tcp', TCP_PORT) },
  ],
  [
    'the other refuses what comes by TCP',
    {
      finds: ['tcp_blocked_there'],
      prepare: async ({ there }) => {
        const chain = 'add chain inet fw in { type filter hook input priority 0; }';
        const rule = `add rule inet fw in tcp dport ${TCP_PORT} reject with icmpx admin-prohibited`;
        await there.run('nft', `add table inet fw; ${chain}; ${rule}`);
      },
    },
  ],
  ['no node runs on the other', { finds: ['tcp_refused'], node: null }],
  [
    'this machine drops multicast that comes in',
    { finds: ['udp_in_blocked_here'], prepare: ({ here }) => here.block('udp', UDP_PORT) },
  ],
  [
    'this machine drops multicast that goes out',
    { finds: ['udp_out_blocked_here'], prepare: ({ here }) => here.block('udp', UDP_PORT, 'output') },
  ],
  [
    'the other drops multicast that comes in',
    { finds: ['udp_in_blocked_there'], prepare: ({ there }) => there.block('udp', UDP_PORT) },
  ],
  [
    'the other drops multicast that goes out',
    { finds: ['udp_out_blocked_there'], prepare: ({ there }) => there.block('udp', UDP_PORT, 'output') },
  ],
  [
    'the switch passes no multicast on',
    {
      finds: ['multicast_lost_between'],
      prepare: ({ here, there }) => Promise.all([here, there].map(({ link }) => link.setMulticast(false))),
    },
  ],
  [
    'the switch passes multicast on one way alone',
    { finds: ['multicast_lost_between'], prepare: ({ there }) => there.link.setMulticast(false) },
  ],
  [
    'the access point keeps its clients apart',
    {
      finds: ['host_absent'],
      prepare: ({ here, there }) => Promise.all([here, there].map(({ link }) => link.setIsolated(true))),
    },
  ],
  [
    'another group',
    {
      finds: ['other_group'],
      prepare: ({ there }) => there.setIpv6(false),
      node: { group: '239.192.1.107' },
    },
  ],
  ['another group, but for IPv6', { finds: [], notes: ['other_group'], node: { group: '239.192.1.107' } }],
  ['another UDP port', { finds: ['other_udp_port'], options: ['--udp-port', '57010'] }],
  [
    'this machine drops what comes by TCP',
    { finds: ['tcp_blocked_back'], prepare: ({ here }) => here.block('tcp', TCP_PORT) },
  ],
  [
    'a clock an hour ahead, and a group secret',
    {
      finds: ['clock'],
      node: { groupSecret: SECRET },
      flags: ['--import', HOUR_AHEAD],
      options: async (ward) => ['--group-secret', await ward.secretFile()],
    },
  ],
  [
    'a clock an hour ahead of a hidden node',
    {
      finds: ['clock'],
      node: { groupSecret: SECRET, hidden: true },
      flags: ['--import', HOUR_AHEAD],
      options: async (ward) => ['--group-secret', await ward.secretFile(), '--hidden'],
    },
  ],
  ['a clock an hour ahead', { finds: [], notes: ['clock'], flags: ['--import', HOUR_AHEAD] }],
  [
    'a program that does not share the port',
    {
      finds: ['udp_port_taken'],
      prepare: async ({ here }) => {
        const text = `require('node:dgram').createSocket('udp4').bind(${UDP_PORT}, () => console.log('up'))`;
        await once(here.spawn('-e', text).stdout, 'data');
      },
    },
  ],
  [
    'a line that loses a tenth of everything',
    {
      finds: [],
      prepare: ({ here, there }) => Promise.all([here, there].map(({ link }) => link.netem({ loss: 5 }))),
    },
  ],
  // Linux sends and hears it all the same.
  [
    'an interface whose multicast is turned off',
    { finds: [], prepare: ({ here }) => here.run('ip', 'link', 'set', here.link.name, 'multicast', 'off') },
  ],
  [
    'several networks, a bridge with nothing joined, a cable that is out',
    {
      finds: [],
      prepare: async ({ here, there }) => {
        await here.addLink('b');
        await there.addLink('b');
        await (await here.addLink('c')).setPlugged(false);
        await here.run('ip', 'link', 'add', 'docker0', 'type', 'bridge');
        await here.run('ip', 'address', 'add', '172.17.0.1/16', 'dev', 'docker0');
        await here.run('ip', 'link', 'set', 'docker0', 'up');
      },
    },
  ],
  ['the interface is down', { finds: ['interface_down'], prepare: ({ here }) => here.link.setUp(false) }],
  ['the cable is out', { finds: ['interface_down'], prepare: ({ here }) => here.link.setPlugged(false) }],
  [
    'a router between them',
    {
      finds: ['other_subnet'],
      lans: { here: 'a', there: 'b' },
      prepare: async ({ network, here, there }) => {
        const router = await network.addHost('a', 'b');
        await router.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
        for (const [host, link] of [here, there].map((host, n) => [host, router.links[n]] as const)) {
          await host.run('ip', 'route', 'add', 'default', 'via', link?.address ?? '');
        }
      },
    },
  ],
  [
    'a VPN that takes the way to the other',
    {
      finds: ['vpn_route'],
      prepare: async ({ here, there }) => {
        const { name } = await here.addLink('vpn');
        await here.run('ip', 'route', 'add', `${there.link.address}/32`, 'dev', name);
      },
    },
  ],
  [
    'another group secret',
    {
      finds: ['other_secret'],
      node: { groupSecret: 'quite another secret' },
      options: async (ward) => ['--group-secret', await ward.secretFile()],
    },
  ],
  ['a hidden node, and no secret here', { finds: ['hidden'], node: { groupSecret: SECRET, hidden: true } }],
  [
    'a hidden node of another secret',
    {
      finds: ['other_secret'],
      node: { groupSecret: 'quite another secret', hidden: true },
      options: async (ward) => ['--group-secret', await ward.secretFile()],
    },
  ],
  [
    'a folder that was copied with its key',
    { finds: ['same_identity'], node: ({ identity }) => ({ key: identity.toHex() }) },
  ],
  [
    'the other has blocked this key',
    { finds: ['blocked_there'], node: ({ identity }) => ({ blocked: identity.publicKey.toString() }) },
  ],
  [
    'the key of the other is blocked here',
    {
      finds: ['blocked_here'],
      node: async ({ folder }) => {
        const other = Identity.generate();
        await using pins = await Pins.load(join(folder, 'pins.json'));
        pins.block({ publicKey: other.publicKey, user: 'bea', hostname: 'there' });
        return { key: other.toHex() };
      },
    },
  ],
  [
    'another program at the port',
    {
      finds: ['not_sotto'],
      node: null,
      prepare: async ({ there }) => {
        const text = `require('node:net').createServer((s) => s.on('data', () => s.end()).on('error', () => {})).listen(${TCP_PORT}, () => console.log('up'))`;
        await once(there.spawn('-e', text).stdout, 'data');
      },
    },
  ],
];

/** A node, which says who it is and what it learns of others. */
async function serve({ key, blocked, ...settings }: NodeSettings): Promise<void> {
  const identity = key === undefined ? Identity.generate() : Identity.from(key);
  const node = await PeerNode.start(createApp(), { identity, ...settings });
  if (blocked !== undefined)
    node.pins.block({ publicKey: PublicKey.from(blocked), user: 'x', hostname: 'y' });
  for (const kind of ['join', 'leave', 'update', 'verified', 'downgrade'] as const) {
    node.on(kind, ({ type }) => console.log(type));
  }
  console.log(node.publicKey.fingerprint);
}

const [, , role, settings = '{}'] = process.argv;
if (role === 'node') await serve(JSON.parse(settings) as NodeSettings);
else describe('the doctor of peers', { skip: skipWithoutNetwork(), concurrency: 8 }, tests);
