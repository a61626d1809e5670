/** Nodes of one host: they find each other, prove who they are, and talk. Each test has a UDP port of its own. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { GroupSeal } from '../../src/envelope/group.ts';
import { type App, type Context, createApp, Identity, StatusError } from '../../src/index.ts';
import {
  type FileOptions,
  type Peer,
  type PeerEvent,
  PeerNode,
  type PeerNodeOptions,
  type SealedPeer,
} from '../../src/peers/index.ts';
import { decodeStpFrame, type StpFrame } from '../../src/wire/stp.ts';
import { Journal } from '../support/journal.ts';

const GROUP = '224.0.0.109';
const SECRET = 'the group knows this';
const KINDS = ['join', 'leave', 'update', 'verified', 'address-changed', 'key-changed', 'downgrade'] as const;

type Settings = Partial<Omit<PeerNodeOptions, 'interfaces'>> & {
  readonly udpPort: number;
  readonly user: string;
  /** Default loopback alone. */
  readonly interfaces?: readonly string[] | 'all';
};

const folder = mkdtempSync(join(tmpdir(), 'sotto-peers-'));
after(() => rmSync(folder, { recursive: true }));

/** A node, and what happened to it. */
class Watched implements AsyncDisposable {
  readonly node: PeerNode;
  readonly udpPort: number;
  readonly events = new Journal<PeerEvent>();
  readonly heard: Journal<Context>;

  static async start(settings: Settings): Promise<Watched> {
    const heard = new Journal<Context>();
    const identity = Identity.generate();
    const { interfaces = ['127.0.0.1'], ...rest } = settings;
    const chosen = interfaces === 'all' ? {} : { interfaces };
    const node = await PeerNode.start(appThatNotes(heard), { identity, tcpPort: 0, ...chosen, ...rest });
    return new Watched(node, settings.udpPort, heard);
  }

  private constructor(node: PeerNode, udpPort: number, heard: Journal<Context>) {
    this.node = node;
    this.udpPort = udpPort;
    this.heard = heard;
    for (const kind of KINDS) node.on(kind, (event) => this.events.add(event));
  }

  get id(): string {
    return this.node.publicKey.fingerprint;
  }

  get words(): unknown[] {
    return this.heard.entries.map(({ body }) => body);
  }

  /** The other, once it has proved its key; from now on where it did so before. */
  async sees({ id }: Watched, since = 0): Promise<SealedPeer> {
    await this.happens('verified', id, since);
    return sealed(this.node.peers.find((peer) => idOf(peer) === id));
  }

  happens(type: PeerEvent['type'], id: string, since = 0): Promise<PeerEvent> {
    const isIt = (event: PeerEvent): boolean =>
      event.type === type && 'peer' in event && idOf(event.peer) === id;
    return this.events.until(
      `${type} of ${id}`,
      (event) => isIt(event) && this.events.entries.indexOf(event) >= since,
    );
  }

  async hears(body: unknown): Promise<Context> {
    return this.heard.until(`hearing ${body}`, (ctx) => ctx.body === body);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.node.close();
  }
}

const { start } = Watched;

function appThatNotes(heard: Journal<Context>): App {
  return createApp()
    .on('/note', (ctx) => {
      ctx.body; // read while it is there
      heard.add(ctx);
    })
    .on('/echo', (ctx) => ctx.body)
    .on('/who', (ctx) => [
      ctx.proof,
      ctx.sender && Buffer.from(ctx.sender.bytes).toString('hex'),
      ctx.protocol,
    ])
    .on('/teapot', () => {
      throw new StatusError(418, 'I am a teapot.');
    });
}

function idOf(peer: Peer | undefined): string | null {
  return peer?.kind === 'sealed' ? peer.id : null;
}

function sealed(peer: Peer | undefined): SealedPeer {
  assert.ok(peer?.kind === 'sealed');
  return peer;
}

function randomPort(): number {
  return randomInt(20_000, 30_000);
}

/** Two that have verified each other. */
async function pair(one: Partial<Settings> = {}, two: Partial<Settings> = {}): Promise<[Watched, Watched]> {
  const udpPort = randomPort();
  const ada = await start({ udpPort, user: 'ada', ...one });
  const bea = await start({ udpPort, user: 'bea', ...two });
  await Promise.all([ada.sees(bea), bea.sees(ada)]);
  return [ada, bea];
}

describe('finding', { concurrency: 4 }, () => {
  for (const [host, isHidden] of [
    ['127.0.0.1', false],
    ['[::1]', false],
    ['localhost', true],
  ] as const) {
    test(`a peer that multicast does not reach is found by its address, ${host}`, async () => {
      const group = isHidden ? { hidden: true, groupSecret: 'a secret of ours alone' } : {};
      const alone = { udpPort: randomPort(), interfaces: ['nowhere0'], ...group };
      await using bea = await start({ ...alone, user: 'bea' });
      const staticPeers = [`${host}:${bea.node.port}`];
      await using ada = await start({ ...alone, user: 'ada', staticPeers });
      await Promise.all([ada.sees(bea), bea.sees(ada)]);
      assert.equal(await ada.node.tell('bea', '/echo', 'there'), 'there');
      assert.equal(await bea.node.tell('ada', '/echo', 'here'), 'here');
    });
  }

  test('two nodes see and verify each other within a second of the start of the second', async () => {
    const udpPort = randomPort();
    await using ada = await start({ udpPort, user: 'ada' });
    const began = performance.now();
    await using bea = await start({ udpPort, user: 'bea', hostname: 'attic' });
    const [seen] = await Promise.all([ada.sees(bea), bea.sees(ada)]);
    const took = performance.now() - began;
    assert.ok(took < 1000, `${took} ms`);
    assert.equal(seen.user, 'bea');
    assert.equal(seen.hostname, 'attic');
    assert.equal(seen.isTrusted, false);
    assert.equal(seen.words, bea.node.publicKey.words);
    assert.equal(sealed(bea.node.find('ada')).hostname, hostname());
    assert.deepEqual(
      seen.addresses.map(({ host, tcpPort, isVerified }) => [host, tcpPort, isVerified]),
      [['127.0.0.1', bea.node.port, true]],
    );
  });

  test('several nodes of one host share a UDP port, on every interface', async () => {
    const udpPort = randomPort();
    await using all = new AsyncDisposableStack();
    const nodes: Watched[] = [];
    for (const user of ['one', 'two', 'three', 'four', 'five']) {
      nodes.push(all.use(await start({ udpPort, user, interfaces: 'all' })));
    }
    for (const node of nodes) {
      for (const other of nodes) if (other !== node) await node.sees(other);
    }
    const [one, two] = nodes as [Watched, Watched];
    one.node.broadcast('/note', 'to all');
    await Promise.all(nodes.slice(1).map((node) => node.hears('to all')));
    assert.deepEqual(one.words, []);
    assert.equal(await two.node.tell('five', '/echo', 5), 5);
  });

  test('a node that closes leaves at once', async () => {
    const [ada, bea] = await pair();
    await using _ada = ada;
    const began = performance.now();
    await bea.node.close();
    const event = await ada.happens('leave', bea.id);
    assert.ok(performance.now() - began < 1000);
    assert.ok(event.type === 'leave' && event.reason === 'bye');
    assert.deepEqual(ada.node.peers, []);
  });

  test('a node that is killed leaves when its time is over', async () => {
    const udpPort = randomPort();
    await using ada = await start({ udpPort, user: 'ada', ttl: 2000 });
    const child = spawnNode(udpPort);
    const event = await ada.events.until('verified', ({ type }) => type === 'verified');
    assert.ok(event.type === 'verified' && event.peer.user === 'spawned');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const killed = performance.now();
    const leave = await ada.happens('leave', event.peer.id);
    assert.ok(leave.type === 'leave' && leave.reason === 'silent');
    const took = performance.now() - killed;
    assert.ok(took > 1000 && took < 4000, `${took} ms`);
  });
});

/** A node in a process that may be killed. */
function spawnNode(udpPort: number): ChildProcess {
  const [core, peers] = ['../../src/index.ts', '../../src/peers/index.ts'].map((path) =>
    JSON.stringify(pathToFileURL(join(import.meta.dirname, path)).href),
  );
  const options = JSON.stringify({
    interfaces: ['127.0.0.1'],
    tcpPort: 0,
    udpPort,
    user: 'spawned',
    ttl: 2000,
  });
  const source = `import { createApp, Identity } from ${core};
import { PeerNode } from ${peers};
await PeerNode.start(createApp(), { identity: Identity.generate(), ...${options} });`;
  return spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

describe('telling', { concurrency: 4 }, () => {
  test('a message, its answer, and who asked by what proof', async () => {
    const [ada, bea] = await pair();
    await using _both = both(ada, bea);
    const value = { text: 'Grüße', list: [1, null, 'x'.repeat(100_000)] };
    assert.deepEqual(await ada.node.tell('bea', '/echo', value), value);
    const bytes = new Uint8Array([1, 2, 255]);
    assert.deepEqual(new Uint8Array((await bea.node.tell('ada', '/echo', bytes)) as Uint8Array), bytes);
    const key = Buffer.from(ada.node.publicKey.bytes).toString('hex');
    assert.deepEqual(await ada.node.tell('bea', '/who'), ['peer', key, 'peers']);
    const many = Array.from({ length: 50 }, (_, number) => ada.node.tell('bea', '/echo', number));
    assert.deepEqual(await Promise.all(many), [...many.keys()]);
  });

  test('errors of the other side are status errors here', async () => {
    const [ada, bea] = await pair();
    await using _both = both(ada, bea);
    await assert.rejects(ada.node.tell('bea', '/teapot'), (error) => {
      assert.ok(error instanceof StatusError);
      assert.equal(error.status, 418);
      assert.match(error.message, /teapot/);
      return true;
    });
    await assert.rejects(ada.node.tell('bea', '/nowhere'), { status: 404, code: 'route_not_found' });
    await assert.rejects(ada.node.tell('bea', '/sotto/peers/nothing'), { status: 404 });
    await assert.rejects(ada.node.tell('nobody', '/echo'), { code: 'peer_unknown' });
  });

  test('nothing is heard of a blocked key, and nothing is sent to it', async () => {
    const [ada, bea] = await pair({}, { timeout: 1500 });
    await using _both = both(ada, bea);
    const seen = sealed(ada.node.find('bea'));
    ada.node.pins.block(seen);
    await assert.rejects(bea.node.tell('ada', '/note', 'by TCP'));
    await assert.rejects(ada.node.tell(seen, '/note', 'to the blocked'), { code: 'refused' });
    bea.node.broadcast('/note', 'by UDP');
    const left = await ada.happens('leave', bea.id);
    assert.ok(left.type === 'leave' && left.reason === 'blocked');
    await assert.rejects(ada.node.tell(seen, '/note', 'to the blocked', { keep: 60_000 }), {
      code: 'refused',
    });
    await using cid = await start({ udpPort: ada.udpPort, user: 'cid' });
    cid.node.broadcast('/note', 'last');
    await Promise.all([ada.hears('last'), bea.hears('last')]);
    assert.deepEqual([ada.words, bea.words], [['last'], ['last']]);
    assert.deepEqual(
      ada.node.peers.map(({ user }) => user),
      ['cid'],
    );
  });

  test('another key under a known name raises the alarm, and is told nothing until a person accepts it', async () => {
    const [ada, bea] = await pair();
    await using _ada = ada;
    await bea.node.close();
    await ada.happens('leave', bea.id);
    await using impostor = await start({ udpPort: ada.udpPort, user: 'bea' });
    const event = await ada.happens('key-changed', impostor.id);
    assert.ok(event.type === 'key-changed');
    assert.equal(event.pinnedId, bea.id);
    assert.equal(event.words, impostor.node.publicKey.words);
    const peer = await ada.sees(impostor);
    assert.equal(peer.replaces, bea.id);
    await assert.rejects(ada.node.tell(peer, '/note', 'secret'), { code: 'refused' });
    await assert.rejects(ada.node.sendFile(peer, import.meta.filename), { code: 'refused' });
    ada.node.pins.accept(event.peer, event.pinnedId);
    assert.equal(await ada.node.tell(peer, '/echo', 'now'), 'now');
    assert.deepEqual(impostor.words, []);
  });
});

function both(...nodes: readonly Watched[]): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => void (await Promise.all(nodes.map(({ node }) => node.close()))),
  };
}

describe('broadcasting', { concurrency: 4 }, () => {
  test('a plain broadcast reaches everybody once, and proves nothing', async () => {
    const [ada, bea] = await pair();
    await using _both = both(ada, bea);
    ada.node.broadcast('/note', 'first');
    ada.node.broadcast('/note', 'second');
    const ctx = await bea.hears('first');
    assert.deepEqual([ctx.proof, ctx.sender, ctx.protocol, ctx.transport], ['none', null, 'peers', 'udp']);
    await bea.hears('second');
    assert.deepEqual(bea.words, ['first', 'second']);
    assert.deepEqual(ada.words, []);
    assert.throws(() => ada.node.broadcast('/note', new Map()), { code: 'invalid_body' });
    assert.throws(() => ada.node.broadcast('/note', 'x'.repeat(70_000)), { code: 'frame_too_large' });
  });

  test('a sealed broadcast is heard by its group alone, and a group does not take plain ones', async () => {
    const udpPort = randomPort();
    await using all = new AsyncDisposableStack();
    const join = async (user: string, groupSecret?: string): Promise<Watched> =>
      all.use(await start({ udpPort, user, ...(groupSecret === undefined ? {} : { groupSecret }) }));
    const [ada, bea] = [await join('ada', SECRET), await join('bea', SECRET)];
    const [none, none2] = [await join('none'), await join('none2')];
    const [other, other2] = [await join('other', `${SECRET}!`), await join('other2', `${SECRET}!`)];
    // Each hears datagrams in their order, so that who hears the last has had all before.
    ada.node.broadcast('/note', 'of the group');
    none.node.broadcast('/note', 'plain');
    other.node.broadcast('/note', 'of the others');
    ada.node.broadcast('/note', 'last of the group');
    await Promise.all([bea.hears('last of the group'), none2.hears('plain'), other2.hears('of the others')]);
    none2.node.broadcast('/note', 'last plain');
    await none.hears('last plain');
    assert.deepEqual(bea.words, ['of the group', 'last of the group']);
    assert.deepEqual(none.words, ['last plain']);
    assert.deepEqual(none2.words, ['plain']);
    assert.deepEqual(other2.words, ['of the others']);
    assert.ok((bea.node.counters.plain_refused ?? 0) > 0);
    assert.ok((bea.node.counters.group_unopened ?? 0) > 0);
    assert.ok((none.node.counters.group_unknown ?? 0) > 0);
    await Promise.all([ada.sees(none), other.sees(bea)]); // yet they talk, by two
    assert.equal(await none.node.tell('ada', '/echo', 1), 1);
  });

  test('a hidden node is found by its group, and shows strangers nothing that two frames have in common', async () => {
    const udpPort = randomPort();
    await using capture = await Capture.start(udpPort);
    await using stranger = await start({ udpPort, user: 'stranger' });
    const hidden = { udpPort, groupSecret: SECRET, hidden: true, announceEvery: 200, hostname: 'cellar' };
    const frames = capture.journal.entries;
    const before = new Set(frames);
    await using ada = await start({ ...hidden, user: 'ada' });
    const isNew = (datagram: Buffer): boolean => !before.has(datagram) && isSealed(datagram);
    await capture.journal.until('an announcement', isNew);
    const own = frames.filter(isNew);
    await using bea = await start({ ...hidden, user: 'bea' });
    await Promise.all([ada.sees(bea), bea.sees(ada)]);
    await capture.journal.until('many frames', () => frames.filter(isNew).length > 6);
    const identifying = identifyingIn(own[0], udpPort, ada);
    for (const datagram of frames.filter(isSealed)) {
      for (const bytes of identifying) assert.ok(!datagram.includes(bytes), bytes.toString());
      const { header } = decodeStpFrame(datagram);
      assert.deepEqual({ ...header }, { namespace: '/sotto/group', user: '-', encrypted: true });
    }
    assertNothingShared(
      frames.filter(isSealed).map((datagram) => Buffer.from(decodeStpFrame(datagram).body)),
    );
    const others = frames
      .filter((datagram) => !isSealed(datagram))
      .map((datagram) => decodeStpFrame(datagram));
    assert.deepEqual([...new Set(others.map(({ header }) => header.user))], ['stranger']);
    assert.ok(!stranger.node.peers.some(({ user }) => user === 'ada' || user === 'bea'));
  });
});

function isSealed(datagram: Buffer): boolean {
  return decodeStpFrame(datagram).header.namespace === '/sotto/group';
}

/** What would tell who sent a frame, as text and as bytes; the session is inside the seal alone. */
function identifyingIn(datagram: Buffer | undefined, port: number, { node }: Watched): Buffer[] {
  assert.ok(datagram);
  const opened = new GroupSeal(SECRET, { group: GROUP, port }).open(decodeStpFrame(datagram).body);
  assert.ok(opened);
  const { header }: StpFrame = decodeStpFrame(opened.subarray(8));
  assert.equal(header.id, node.publicKey.fingerprint);
  const { session = '', id = '', x25519 = '', hostname: host = '' } = header;
  assert.equal(host, 'cellar');
  const texts = [session, id, x25519, host, `"ada"`, String(node.port)].map((text) => Buffer.from(text));
  return [...texts, ...[session, id, x25519].map((hex) => Buffer.from(hex, 'hex'))];
}

function assertNothingShared(bodies: readonly Buffer[]): void {
  const WINDOW = 6;
  const known = new Set<string>();
  for (const body of bodies) {
    const windows = new Set<string>();
    for (let at = 0; at + WINDOW <= body.length; at++) windows.add(body.toString('latin1', at, at + WINDOW));
    for (const window of windows) assert.ok(!known.has(window), 'two frames share bytes');
    for (const window of windows) known.add(window);
  }
}

/** What anybody on the network can read. */
class Capture implements AsyncDisposable {
  readonly journal = new Journal<Buffer>();
  readonly #socket = createSocket({ type: 'udp4', reuseAddr: true });

  static async start(port: number): Promise<Capture> {
    const capture = new Capture();
    const listening = once(capture.#socket, 'listening');
    capture.#socket.bind(port);
    await listening;
    capture.#socket.addMembership(GROUP, '127.0.0.1');
    capture.#socket.on('message', (datagram) => capture.journal.add(datagram));
    return capture;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }
}

describe('messages for peers that are away', () => {
  test('are delivered in their order when the peer returns, also after a restart of the sender', async () => {
    const udpPort = randomPort();
    const outboxFile = join(folder, 'outbox.sqlite');
    const ada = { udpPort, user: 'ada', identity: Identity.generate(), outboxFile };
    const bea = { udpPort, user: 'bea', identity: Identity.generate() };
    const first = await start(ada);
    assert.equal(statSync(outboxFile).mode & 0o777, 0o600, 'letters are private');
    const away = await start(bea);
    const peer = await first.sees(away);
    await away.node.close();
    await first.happens('leave', away.id);
    await assert.rejects(first.node.tell(peer, '/note', 'at once'), { code: 'unreachable' });
    for (const number of [1, 2, 3]) {
      assert.equal(await first.node.tell(peer, '/note', number, { keep: 60_000 }), undefined);
    }
    assert.deepEqual([...first.node.waiting], [[away.id, 3]]);
    await first.node.close();

    await using again = await start(ada);
    assert.deepEqual([...again.node.waiting], [[away.id, 3]]);
    await again.node.tell(peer, '/note', 4, { keep: 60_000 });
    await using back = await start(bea);
    const ctx = await back.hears(4);
    assert.deepEqual(back.words, [1, 2, 3, 4]);
    assert.equal(ctx.proof, 'peer');
    await again.sees(back);
    assert.equal(await again.node.tell('bea', '/echo', 'there', { keep: 60_000 }), 'there');
    assert.equal(again.node.waiting.size, 0);
  });
});

describe('files', { concurrency: 4 }, () => {
  const SIZE = 20_000_000;
  const source = join(folder, 'source.bin');
  writeFileSync(source, randomBytes(SIZE));
  const digest = digestOf(source);

  test('20 MB arrive whole, under their name', async () => {
    const received = new Journal<string>();
    const [ada, bea] = await pair(
      {},
      { files: taking('whole', { onReceived: ({ path }) => received.add(path) }) },
    );
    await using _both = both(ada, bea);
    const { size, bytesSent } = await ada.node.sendFile('bea', source, { name: 'new name.bin' });
    assert.deepEqual([size, bytesSent], [SIZE, SIZE]);
    const path = await received.until('the file', () => true);
    assert.equal(path, join(folder, 'whole', 'new name.bin'));
    assert.equal(digestOf(path), digest);
  });

  test('a file that is not wanted is refused, and nothing of it is stored', async () => {
    const [ada, bea] = await pair({}, { files: taking('unwanted', { onOffer: () => false }) });
    await using _both = both(ada, bea);
    await assert.rejects(ada.node.sendFile('bea', source), { status: 403 });
    await assert.rejects(bea.node.sendFile('ada', source), { status: 404 }); // who has no folder takes none
    assert.throws(() => readdirSync(join(folder, 'unwanted')));
  });

  test('a transfer that is cut goes on where it was when the receiver is back', async () => {
    const identity = Identity.generate();
    const progress = new Journal<number>();
    const files = taking('resumed', { onProgress: (_, received) => progress.add(received) });
    const [ada, bea] = await pair({}, { identity, files });
    await using _ada = ada;
    const sending = ada.node.sendFile('bea', source);
    await progress.until('half', (received) => received > SIZE / 2);
    await bea.node.close();
    await using back = await start({ udpPort: ada.udpPort, user: 'bea', identity, files });
    const { bytesSent } = await sending;
    assert.equal(back.id, bea.id);
    assert.ok(bytesSent > SIZE / 2 && bytesSent < SIZE * 1.4, `${bytesSent} bytes were sent`);
    const names = readdirSync(join(folder, 'resumed'));
    assert.deepEqual(names, ['source.bin']);
    assert.equal(digestOf(join(folder, 'resumed', 'source.bin')), digest);
  });

  function taking(name: string, more: Partial<FileOptions>): FileOptions {
    return { folder: join(folder, name), onOffer: () => true, ...more };
  }
});

function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
