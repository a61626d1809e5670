/**
 * Nodes on several hosts, each a network namespace; needs root, iproute2 and nftables (SOTTO_NETWORK=required fails
 * where they are missing). This file is also the program that runs on those hosts: see `serve` at its end.
 */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { createApp, Identity } from '../../src/index.ts';
import { type PeerEvent, PeerNode, type PeerNodeOptions } from '../../src/peers/index.ts';
import { decodeStpFrame, encodeStpFrame } from '../../src/wire/stp.ts';
import { Journal } from '../support/journal.ts';
import { type Host, Network, skipWithoutNetwork } from '../support/network.ts';

const PORT = 57078;
const GROUP = '224.0.0.109';
const SECRET_TEXT = 'for the eyes of bea alone';

type NodeSettings = Omit<PeerNodeOptions, 'identity' | 'log' | 'files'>;

/** What a program on a host is told to do; `number` comes back with the answer. */
interface Order {
  readonly number?: number;
  readonly tell?: { readonly to: string; readonly route: string; readonly body: unknown };
  readonly broadcast?: unknown;
  /** To the man in the middle: be at this address, and repeat what its owner said without what Sotto adds. */
  readonly pretend?: string;
}

interface Report {
  readonly ready?: string;
  readonly event?: PeerEvent['type'];
  readonly id?: string;
  readonly user?: string;
  readonly detail?: string;
  readonly heard?: unknown;
  readonly number?: number;
  readonly answer?: unknown;
  readonly error?: string;
  /** What came to the man in the middle by TCP. */
  readonly caught?: string;
}

/** A program on a host. */
class Remote {
  readonly id: string;
  readonly child: ChildProcess;
  readonly journal: Journal<Report>;
  readonly #order: (order: Order) => void;
  #orders = 0;

  static start(host: Host, user: string, settings: Partial<NodeSettings> = {}): Promise<Remote> {
    return Remote.run(host, 'node', { udpPort: PORT, user, ...settings });
  }

  static async run(
    host: Host,
    role: 'node' | 'middle',
    settings: Partial<NodeSettings> = {},
  ): Promise<Remote> {
    const child = host.spawn(import.meta.filename, role, JSON.stringify(settings));
    const journal = new Journal<Report>();
    createInterface({ input: child.stdout }).on('line', (line) => journal.add(JSON.parse(line) as Report));
    const { ready = '' } = await Promise.race([
      journal.until('ready', (report) => report.ready !== undefined),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`the process ended with ${code}`))),
    ]);
    return new Remote(ready, child, journal, (what) => void child.stdin.write(`${JSON.stringify(what)}\n`));
  }

  private constructor(
    id: string,
    child: ChildProcess,
    journal: Journal<Report>,
    order: (order: Order) => void,
  ) {
    this.id = id;
    this.child = child;
    this.journal = journal;
    this.#order = order;
  }

  /** An event about another. @param since entries of the journal before which nothing counts. */
  happens(event: PeerEvent['type'], { id }: Remote, since = 0): Promise<Report> {
    const { entries } = this.journal;
    return this.journal.until(
      `${event} of ${id}`,
      (report) => report.event === event && report.id === id && entries.indexOf(report) >= since,
    );
  }

  has(event: PeerEvent['type'], { id }: Remote): boolean {
    return this.journal.entries.some((report) => report.event === event && report.id === id);
  }

  async tell(to: Remote | string, body: unknown, route = '/echo'): Promise<Report> {
    const number = this.#tell(to, body, route);
    return this.journal.until(`the answer to ${number}`, (report) => report.number === number);
  }

  /** Tries once more where the line lost too much of it. */
  async insists(to: Remote, body: unknown): Promise<void> {
    for (let tries = 0; tries < 6; tries++) {
      const { answer } = await this.tell(to, body);
      if (answer === body) return;
    }
    assert.fail('no answer in six tries');
  }

  /** Again and again until it is answered. */
  async tellUntilAnswered(to: Remote, body: unknown): Promise<void> {
    const again = (): void => void this.#tell(to, body, '/echo');
    await this.journal.until(`the answer ${body}`, ({ answer }) => answer === body, again);
  }

  broadcast(body: unknown): void {
    this.#order({ broadcast: body });
  }

  /** Where it is lost, it is said again. */
  async hears(body: string, from: Remote): Promise<void> {
    const again = (): void => from.broadcast(body);
    await this.journal.until(`hearing ${body.slice(0, 40)}`, ({ heard }) => heard === body, again);
  }

  pretend(address: string): void {
    this.#order({ pretend: address });
  }

  async kill(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }

  #tell(to: Remote | string, body: unknown, route: string): number {
    this.#orders += 1;
    this.#order({ number: this.#orders, tell: { to: typeof to === 'string' ? to : to.id, route, body } });
    return this.#orders;
  }
}

/** They have all proved their keys to each other. */
async function meet(nodes: readonly Remote[]): Promise<void> {
  for (const node of nodes) {
    for (const other of nodes) if (other !== node) await node.happens('verified', other);
  }
}

async function hostsOnOneLan(network: Network, count: number): Promise<Host[]> {
  const hosts: Host[] = [];
  for (let number = 0; number < count; number++) hosts.push(await network.addHost('a'));
  return hosts;
}

/** Two hosts with IPv4 alone, and a node on each. */
async function twoByIpv4(
  network: Network,
  settings: Partial<NodeSettings> = {},
): Promise<[Host, Host, Remote, Remote]> {
  const [first, second] = (await hostsOnOneLan(network, 2)) as [Host, Host];
  await Promise.all([first.setIpv6(false), second.setIpv6(false)]);
  const [ada, bea] = [await Remote.start(first, 'ada', settings), await Remote.start(second, 'bea')];
  await meet([ada, bea]);
  return [first, second, ada, bea];
}

function tests(): void {
  test('three hosts of a LAN discover each other, talk by two and all', async () => {
    await using network = await Network.create();
    const hosts = await hostsOnOneLan(network, 3);
    const nodes = await Promise.all(hosts.map((host, number) => Remote.start(host, `user ${number}`)));
    await meet(nodes);
    for (const node of nodes) {
      for (const other of nodes)
        if (other !== node) assert.equal((await node.tell(other, 'hello')).answer, 'hello');
    }
    const [one, ...others] = nodes as [Remote, Remote, Remote];
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
    const ada = await Remote.start(first, 'ada', { ttl: 2000 });
    const bea = await Remote.start(second, 'bea', { ttl: 2000 });
    await meet([ada, bea]);
    await second.link.cut();
    await Promise.all([ada.happens('leave', bea), bea.happens('leave', ada)]);
    const marks = [ada.journal.entries.length, bea.journal.entries.length] as const;
    await second.link.heal();
    await Promise.all([ada.happens('verified', bea, marks[0]), bea.happens('verified', ada, marks[1])]);
    assert.equal((await ada.tell(bea, 'again')).answer, 'again');
  });

  test('a line that loses a fifth of everything', async () => {
    await using network = await Network.create();
    const hosts = await hostsOnOneLan(network, 3);
    // Each way leads over two cables.
    for (const host of hosts) await host.link.netem({ loss: 11 });
    const nodes = await Promise.all(
      hosts.map((host, number) => Remote.start(host, `user ${number}`, { ttl: 8000 })),
    );
    await meet(nodes);
    const [one, two, three] = nodes as [Remote, Remote, Remote];
    const long = 'x'.repeat(20_000);
    await Promise.all([one.insists(two, long), two.insists(three, 2), three.insists(one, 3)]);
    await three.hears('through loss', one);
  });

  test('an interface that is added later is used', async () => {
    await using network = await Network.create();
    const [first, second] = [await network.addHost('a'), await network.addHost()];
    const [ada, bea] = [await Remote.start(first, 'ada'), await Remote.start(second, 'bea')];
    await second.addLink('a');
    await meet([ada, bea]);
    assert.equal((await bea.tell(ada, 'new')).answer, 'new');
    await ada.hears('by the new interface', bea);
  });

  test('two nodes with the same name are both listed; only an id tells them apart', async () => {
    await using network = await Network.create();
    const hosts = await hostsOnOneLan(network, 3);
    const [ada, bea, twin] = (await Promise.all(
      hosts.map((host, number) => Remote.start(host, number === 0 ? 'ada' : 'bea', { hostname: 'laptop' })),
    )) as [Remote, Remote, Remote];
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
    const ada = await Remote.start(first, 'ada', { ttl: 2000 });
    const bea = await Remote.start(second, 'bea', { ttl: 2000 });
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
    const [ada, bea] = (await Promise.all(hosts.map((host, n) => Remote.start(host, n ? 'bea' : 'ada')))) as [
      Remote,
      Remote,
    ];
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
    const middle = await Remote.run(third, 'middle', { interfaces: [third.link.address] });
    const knows = ({ heard }: Report): boolean => heard === 'bea';
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

/** What runs on a host: orders and reports are lines of JSON. */
async function serve(role: string, settings: NodeSettings): Promise<void> {
  const carryOut = role === 'node' ? await serveNode(settings) : await serveMiddle(settings);
  for await (const line of createInterface({ input: process.stdin })) carryOut(JSON.parse(line) as Order);
}

async function serveNode(settings: NodeSettings): Promise<(order: Order) => void> {
  const app = createApp()
    .on('/echo', (ctx) => ctx.body)
    .on('/note', (ctx) => say({ heard: ctx.body }));
  const node = await PeerNode.start(app, { identity: Identity.generate(), ...settings });
  const kinds = ['join', 'leave', 'verified', 'address-changed', 'key-changed', 'downgrade'] as const;
  for (const kind of kinds) node.on(kind, (event) => say(told(event)));
  say({ ready: node.publicKey.fingerprint });
  return ({ number = 0, tell, broadcast }) => {
    if (broadcast !== undefined) node.broadcast('/note', broadcast);
    if (!tell) return;
    node.tell(tell.to, tell.route, tell.body).then(
      (answer) => say({ number, answer }),
      (error: unknown) => say({ number, error: (error as { code?: string }).code ?? String(error) }),
    );
  };
}

function told(event: PeerEvent): Report {
  const { type } = event;
  if (type === 'downgrade') return { event: type, id: event.id, user: event.user, detail: event.by };
  const { peer } = event;
  const about = { event: type, user: peer.user, ...(peer.kind === 'sealed' ? { id: peer.id } : {}) };
  if (type === 'leave') return { ...about, detail: event.reason };
  return type === 'address-changed' ? { ...about, detail: event.address.host } : about;
}

/** Knows what others announce, and may say it as if it were them, but without what names a key. */
async function serveMiddle({ interfaces = [] }: NodeSettings): Promise<(order: Order) => void> {
  const ear = createSocket({ type: 'udp4', reuseAddr: true });
  const frames: ReturnType<typeof decodeStpFrame>[] = [];
  ear.bind(PORT, () => ear.addMembership(GROUP, interfaces[0]));
  ear.on('message', (datagram) => {
    const frame = decodeStpFrame(datagram);
    if (frame.header.user !== 'bea') return;
    frames.push(frame);
    say({ heard: 'bea' });
  });
  await once(ear, 'listening');
  say({ ready: 'middle' });
  return ({ pretend: address }) => {
    const { header, body } = frames.at(-1) ?? assert.fail('nothing was heard');
    const { v: _v, id: _id, x25519: _key, seq: _seq, ...stripped } = header;
    const voice = createSocket({ type: 'udp4', reuseAddr: true });
    voice.bind(0, address, () => {
      voice.setMulticastInterface(address ?? '');
      voice.send(encodeStpFrame({ header: { ...stripped, namespace: '/note' }, body }), PORT, GROUP);
    });
    createServer((socket) => {
      socket.on('data', (bytes) => say({ caught: bytes.toString('latin1') }));
      socket.on('error', () => {});
    }).listen(header.tcpport, address);
  };
}

function say(report: Report): void {
  console.log(JSON.stringify(report));
}

const [, , role, settings = '{}'] = process.argv;
if (role === 'node' || role === 'middle') await serve(role, JSON.parse(settings) as NodeSettings);
else describe('peers on several hosts', { skip: skipWithoutNetwork(), concurrency: 3 }, tests);
