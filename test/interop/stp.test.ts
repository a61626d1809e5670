/** A Python node of STP, written from the specification alone, and ours: each hears the other, and survives it. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Context, createApp, Identity } from '../../src/index.ts';
import { diagnose } from '../../src/peers/doctor/diagnosis.ts';
import { examine } from '../../src/peers/doctor/examination.ts';
import { type PeerEvent, PeerNode, type PeerNodeOptions } from '../../src/peers/index.ts';
import { encodeStpFrame } from '../../src/wire/stp.ts';
import { Journal } from '../support/journal.ts';

const PROGRAM = fileURLToPath(new URL('../support/stp_peer.py', import.meta.url));
const GROUP = '224.0.0.109';
const SECRET = 'the group knows this';

/** A line of the Python node. */
interface Line {
  readonly ready?: number;
  readonly sent?: boolean;
  readonly via?: 'udp' | 'tcp';
  readonly whole?: boolean;
  /** Why a frame would have ended an original. */
  readonly ends?: string | null;
  readonly header?: Readonly<Record<string, unknown>> | null;
  readonly msg?: unknown;
}

class Python implements AsyncDisposable {
  readonly tcpPort: number;
  readonly journal: Journal<Line>;
  readonly #child: ChildProcess;

  static async start(udpPort: number, ...more: readonly string[]): Promise<Python> {
    const args = [PROGRAM, 'monty', GROUP, String(udpPort), ...more];
    const child = spawn('python3', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const journal = new Journal<Line>();
    createInterface({ input: child.stdout }).on('line', (line) => journal.add(JSON.parse(line) as Line));
    const { ready = 0 } = await journal.until('ready', (line) => line.ready !== undefined);
    return new Python(ready, journal, child);
  }

  private constructor(tcpPort: number, journal: Journal<Line>, child: ChildProcess) {
    this.tcpPort = tcpPort;
    this.journal = journal;
    this.#child = child;
  }

  order(what: Readonly<Record<string, unknown>>): void {
    this.#child.stdin?.write(`${JSON.stringify(what)}\n`);
  }

  hears(namespace: string, via: 'udp' | 'tcp'): Promise<Line> {
    return this.journal.until(
      `${namespace} by ${via}`,
      (line) => line.via === via && line.header?.namespace === namespace,
    );
  }

  /** Whether an original would have survived all that came, and got all of it. */
  assertUnharmed(): void {
    const frames = this.journal.entries.filter(({ via }) => via !== undefined);
    assert.ok(frames.length > 0);
    for (const line of frames) assert.deepEqual([line.ends, line.whole], [null, true], JSON.stringify(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
  }
}

/** One of ours, and what it heard. */
class Ours implements AsyncDisposable {
  readonly node: PeerNode;
  readonly joins = new Journal<PeerEvent>();
  readonly heard: Journal<Context>;

  static async start(udpPort: number, settings: Partial<PeerNodeOptions> = {}): Promise<Ours> {
    const heard = new Journal<Context>();
    const app = createApp().on('/note', (ctx) => heard.add(ctx));
    const where = { udpPort, tcpPort: 0, interfaces: ['127.0.0.1'] };
    const node = await PeerNode.start(app, {
      identity: Identity.generate(),
      user: 'ada',
      ...where,
      ...settings,
    });
    return new Ours(node, heard);
  }

  private constructor(node: PeerNode, heard: Journal<Context>) {
    this.node = node;
    this.heard = heard;
    node.on('join', (event) => this.joins.add(event));
  }

  async seesPython(): Promise<void> {
    await this.joins.until(
      'the Python node',
      (event) => event.type === 'join' && event.peer.user === 'monty',
    );
  }

  hears(body: unknown): Promise<Context> {
    return this.heard.until(`hearing ${body}`, (ctx) => ctx.body === body);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.node.close();
  }
}

/** As if it were a LAN's. */
const LOOPBACK = {
  ...{ name: 'lo', isUp: true, isLoopback: false, hasMulticast: true, hasCarrier: true, isLan: true },
  addresses: ['127.0.0.1'],
};

function randomPort(): number {
  return randomInt(20_000, 30_000);
}

describe('a node of ours and one of theirs', { concurrency: 4 }, () => {
  test('see each other, broadcast both ways, and tell both ways', async () => {
    const udpPort = randomPort();
    await using ada = await Ours.start(udpPort, { legacy: true });
    await using monty = await Python.start(udpPort);
    const answer = await monty.hears('/peer-join', 'tcp');
    assert.deepEqual(
      [answer.msg, answer.header?.user, answer.header?.tcpport],
      ['iamheredude', 'ada', ada.node.port],
    );
    await ada.seesPython();
    const peer = ada.node.find('monty@snake');
    assert.deepEqual([peer.kind, peer.protocolVersion], ['plain', 1]);
    assert.equal(peer.addresses[0]?.tcpPort, monty.tcpPort);

    ada.node.broadcast('/to-all', { text: 'Grüße', list: [1, null] });
    assert.deepEqual((await monty.hears('/to-all', 'udp')).msg, { text: 'Grüße', list: [1, null] });
    monty.order({ broadcast: ['/note', 'from Python'] });
    const ctx = await ada.hears('from Python');
    assert.deepEqual([ctx.proof, ctx.sender, ctx.transport], ['none', null, 'udp']);

    assert.equal(await ada.node.tell('monty', '/to-one', 'hello'), undefined);
    assert.equal((await monty.hears('/to-one', 'tcp')).msg, 'hello');
    monty.order({ send: ['127.0.0.1', '/note', 'to one'] });
    assert.equal((await ada.hears('to one')).transport, 'tcp');
    assert.ok(await monty.journal.until('the receipt', ({ sent }) => sent === true));
    await assert.rejects(ada.node.sendFile('monty', PROGRAM), { code: 'invalid_argument' });
    monty.assertUnharmed();
  });

  test('ours finds one that does not ask', async () => {
    const udpPort = randomPort();
    await using monty = await Python.start(udpPort, 'quiet');
    await using ada = await Ours.start(udpPort, { legacy: true });
    assert.equal((await monty.hears('/peer-join', 'udp')).msg, 'gimmeurnumberdude');
    await ada.seesPython();
    monty.assertUnharmed();
  });

  test('without `legacy` nothing of theirs is listed, taken or answered', async () => {
    const udpPort = randomPort();
    await using ada = await Ours.start(udpPort);
    await using bea = await Ours.start(udpPort, { user: 'bea' });
    await using monty = await Python.start(udpPort);
    await monty.hears('/sotto/announce', 'udp');
    monty.order({ broadcast: ['/note', 'by UDP'] });
    monty.order({ send: ['127.0.0.1', '/note', 'by TCP'] });
    await monty.journal.until('the end of the connection', ({ sent }) => sent !== undefined);
    bea.node.broadcast('/note', 'last');
    await ada.hears('last');
    assert.deepEqual(
      ada.heard.entries.map(({ body }) => body),
      ['last'],
    );
    assert.ok([ada, bea].every(({ node }) => node.peers.every(({ kind }) => kind === 'sealed')));
    assert.ok(!monty.journal.entries.some(({ via }) => via === 'tcp'), 'it was answered');
    assert.ok((ada.node.counters['heard_legacy-off'] ?? 0) > 0);
    monty.assertUnharmed();
  });

  test('nothing that ours send would end an original: announcements, seals, questions to the wrong one, farewells', async () => {
    const udpPort = randomPort();
    await using monty = await Python.start(udpPort);
    const staticPeers = [`127.0.0.1:${monty.tcpPort}`];
    const group = { groupSecret: SECRET, announceEvery: 100 };
    await using all = new AsyncDisposableStack();
    const ada = all.use(await Ours.start(udpPort, { ...group, hidden: true }));
    const bea = all.use(await Ours.start(udpPort, { ...group, staticPeers, user: 'bea' }));
    const cid = all.use(await Ours.start(udpPort, { legacy: true, user: 'cid"\u{0}\u{7f}\u{2028}🐍' }));
    ada.node.broadcast('/note', 'sealed');
    cid.node.broadcast('/note', null);
    await monty.hears('/sotto/group', 'udp');
    await monty.hears('/sotto/announce', 'tcp'); // where multicast does not reach
    await bea.hears('sealed');
    announceAt(udpPort, monty.tcpPort); // somebody says that a Sotto node is where theirs is
    await monty.hears('/sotto/sealed', 'tcp');
    await all.disposeAsync();
    await monty.journal.until('a farewell', ({ header }) => header?.bye === true);
    monty.assertUnharmed();
  });

  test('a doctor ends no original, and names it', async () => {
    const udpPort = randomPort();
    await using monty = await Python.start(udpPort, 'quiet');
    const examination = examine({
      ...{ identity: null, group: GROUP, udpPort, tcpPort: udpPort + 1, interfaces: ['127.0.0.1'] },
      ...{ staticPeers: [], groupSecret: undefined, hidden: false, wait: 300, isBlocked: () => false },
      target: { host: '127.0.0.1', tcpPort: monty.tcpPort },
    });
    await monty.hears('/sotto/doctor', 'udp');
    monty.order({ ask: true });
    const seen = await examination;
    await monty.hears('/sotto/doctor', 'tcp');
    monty.assertUnharmed();
    const path = { isSelf: false, by: 'lo', onLink: 'lo', neighbour: 'there' } as const;
    const machine = { interfaces: [LOOPBACK], firewall: null, chains: [], udpHolders: [], path };
    assert.deepEqual(
      diagnose(seen, machine).findings.map(({ code }) => code),
      ['original'],
    );
  });
});

function announceAt(udpPort: number, tcpport: number): void {
  const { publicKey } = Identity.generate();
  const x25519 = Buffer.from(publicKey.bytes).toString('hex');
  const header = {
    session: 'x',
    namespace: '/sotto/announce',
    user: 'eve',
    hostname: 'here',
    udpport: 1,
    tcpport,
  };
  const ours = { encrypted: false, v: 2, id: publicKey.fingerprint, x25519, seq: 1 };
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1', () => {
    socket.setMulticastInterface('127.0.0.1');
    const frame = encodeStpFrame({ header: { ...header, ...ours }, body: new Uint8Array() });
    socket.send(frame, udpPort, GROUP, () => socket.close());
  });
}
