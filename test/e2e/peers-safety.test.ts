/** What a hostile network may do to a node, and does not get from it. */

import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket as Stream } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { createApp, Identity } from '../../src/index.ts';
import { type PeerEvent, type PeerId, PeerNode, type PeerNodeOptions } from '../../src/peers/index.ts';
import { decodeStpFrame, encodeStpBody, encodeStpFrame, type StpHeader } from '../../src/wire/stp.ts';
import { Journal } from '../support/journal.ts';

const GROUP = '224.0.0.109';
const SECRET = 'the group knows this';
const HERE = '127.0.0.1';
const EMPTY = new Uint8Array();

/** A node, what it heard, and what happened to it. */
class Target implements AsyncDisposable {
  readonly node: PeerNode;
  readonly heard: Journal<unknown>;
  readonly events = new Journal<PeerEvent>();

  static async start(udpPort: number, settings: Partial<PeerNodeOptions> = {}): Promise<Target> {
    const heard = new Journal<unknown>();
    const app = createApp()
      .on('/note', (ctx) => heard.add(ctx.body))
      .on('/echo', (ctx) => ctx.body);
    const where = { udpPort, tcpPort: 0, interfaces: ['127.0.0.1'] };
    const node = await PeerNode.start(app, {
      identity: Identity.generate(),
      user: 'ada',
      ...where,
      ...settings,
    });
    return new Target(node, heard);
  }

  private constructor(node: PeerNode, heard: Journal<unknown>) {
    this.node = node;
    this.heard = heard;
    for (const kind of ['leave', 'verified', 'address-changed'] as const) {
      node.on(kind, (event) => this.events.add(event));
    }
  }

  async verifies({ node }: Target): Promise<void> {
    const isIt = (event: PeerEvent): boolean =>
      event.type === 'verified' && event.peer.publicKey.equals(node.publicKey);
    await this.events.until('verifying', isIt);
  }

  hears(body: unknown, again?: () => void): Promise<unknown> {
    return this.heard.until(`hearing ${body}`, (each) => each === body, again);
  }

  /** Fails unless it rises, in time. */
  async counts(name: string, from = 0): Promise<void> {
    const deadline = performance.now() + 20_000;
    while ((this.node.counters[name] ?? 0) <= from) {
      assert.ok(performance.now() < deadline, `no ${name}: ${JSON.stringify(this.node.counters)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.node.close();
  }
}

/** Two that have verified each other, and somebody who hears and says what he likes. */
async function stage(
  all: AsyncDisposableStack,
  settings: Partial<PeerNodeOptions> = {},
): Promise<{ ada: Target; bea: Target; mallory: Mallory }> {
  const udpPort = randomInt(20_000, 30_000);
  const mallory = all.use(await Mallory.start(udpPort));
  const ada = all.use(await Target.start(udpPort, settings));
  const bea = all.use(await Target.start(udpPort, { ...settings, user: 'bea' }));
  await Promise.all([ada.verifies(bea), bea.verifies(ada)]);
  return { ada, bea, mallory };
}

class Mallory implements AsyncDisposable {
  readonly captured = new Journal<Buffer>();
  readonly #udpPort: number;
  readonly #ear: Socket = createSocket({ type: 'udp4', reuseAddr: true });
  readonly #voice: Socket = createSocket('udp4');

  static async start(udpPort: number): Promise<Mallory> {
    const mallory = new Mallory(udpPort);
    mallory.#ear.bind(udpPort);
    mallory.#voice.bind(0, HERE);
    await Promise.all([once(mallory.#ear, 'listening'), once(mallory.#voice, 'listening')]);
    mallory.#ear.addMembership(GROUP, HERE);
    mallory.#ear.on('message', (datagram) => mallory.captured.add(datagram));
    mallory.#voice.setMulticastInterface(HERE);
    return mallory;
  }

  private constructor(udpPort: number) {
    this.#udpPort = udpPort;
  }

  async says(...datagrams: readonly Uint8Array[]): Promise<void> {
    for (const datagram of datagrams) {
      await new Promise<void>((resolve, reject) =>
        this.#voice.send(datagram, this.#udpPort, GROUP, (error) => (error ? reject(error) : resolve())),
      );
    }
  }

  /** A frame of that user that was heard. */
  hasHeard(user: string, namespace: string): Promise<Buffer> {
    return this.captured.until(`${namespace} of ${user}`, (datagram) => {
      const header = headerIn(datagram);
      return header?.user === user && header.namespace === namespace;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = [once(this.#ear, 'close'), once(this.#voice, 'close')];
    this.#ear.close();
    this.#voice.close();
    await Promise.all(closed);
  }
}

/** Mallory hears his own garbage as well. */
function headerIn(datagram: Buffer): StpHeader | null {
  try {
    return decodeStpFrame(datagram).header;
  } catch {
    return null;
  }
}

/** A frame of whatever header and body. */
function frameOf(
  header: string | Uint8Array,
  body: string | Uint8Array = '',
  sizes: readonly number[] = [],
): Buffer {
  const [head, rest] = [Buffer.from(header), Buffer.from(body)];
  const front = Buffer.alloc(6);
  front.writeUInt16BE(sizes[0] ?? head.length);
  front.writeUInt32BE(sizes[1] ?? rest.length, 2);
  return Buffer.concat([front, head, rest]);
}

/** As a Sotto node would say it of itself; the port may be anybody's. */
function announcement(
  user: string,
  tcpport: number,
  more: Partial<StpHeader> = {},
  body = EMPTY,
): Uint8Array {
  const { publicKey } = Identity.generate();
  const header = {
    ...{ session: user, namespace: '/sotto/announce', user, hostname: 'here', udpport: 1, tcpport },
    ...{ encrypted: false, v: 2, id: publicKey.fingerprint, x25519: hex(publicKey.bytes), seq: 1 },
    ...more,
  };
  return encodeStpFrame({ header, body });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** What the other end says until the connection ends. */
async function exchange(port: number, bytes: Uint8Array, isFinished = true): Promise<Buffer> {
  const stream = connect(port, HERE);
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  if (isFinished) stream.end(bytes);
  else stream.write(bytes);
  await once(stream, 'close');
  return Buffer.concat(chunks);
}

describe('announcements and broadcasts', { concurrency: 4 }, () => {
  test("somebody's id with another key is dropped, and so is a key with another's proof", async () => {
    await using all = new AsyncDisposableStack();
    const { ada, bea, mallory } = await stage(all);
    const { publicKey } = bea.node;
    const stolen = { id: publicKey.fingerprint, user: 'bea', hostname: 'attic' };
    await mallory.says(
      announcement('bea', 9, stolen),
      announcement('bea', 9, { ...stolen, namespace: '/note' }),
    );
    await ada.counts('heard_forged-id', 1);
    // The right key, and all of its messages to us.
    const server = all.use(await Sink.start());
    const claims = { ...stolen, x25519: hex(publicKey.bytes), seq: 1_000_000 };
    await mallory.says(announcement('bea', server.port, claims));
    await server.caught.until('the question', () => true);
    assert.equal(await ada.node.tell('bea', '/echo', 'still she'), 'still she');
    const [peer] = ada.node.peers;
    assert.equal(ada.node.peers.length, 1);
    assert.ok(peer?.kind === 'sealed' && peer.hostname !== 'attic');
    assert.ok(!peer.addresses.some(({ tcpPort, isVerified }) => isVerified && tcpPort === server.port));
  });

  test('a repeated announcement neither brings a peer back nor takes one off', async () => {
    await using all = new AsyncDisposableStack();
    const { ada, bea, mallory } = await stage(all);
    const hello = await mallory.hasHeard('bea', '/sotto/announce');
    await bea.node.close();
    await ada.events.until('leaving', ({ type }) => type === 'leave');
    const bye = await mallory.captured.until('the farewell', (datagram) => headerIn(datagram)?.bye === true);
    await mallory.says(hello, bye, hello);
    await ada.counts('heard_replay', 2);
    assert.equal(ada.node.peers.length, 0);
    const { session, ...header } = decodeStpFrame(hello).header;
    await mallory.says(encodeStpFrame({ header: { ...header, session: 'another' }, body: EMPTY }));
    await ada.counts('probe_unanswered');
    assert.ok(ada.node.peers.every((peer) => peer.kind === 'sealed' && !peer.isVerified));
  });

  test('a repeated broadcast is heard once, and the number of a sealed one cannot be used up by strangers', async () => {
    await using all = new AsyncDisposableStack();
    const { ada, bea, mallory } = await stage(all, { groupSecret: SECRET });
    bea.node.broadcast('/note', 'first');
    await ada.hears('first');
    const isSealed = (datagram: Buffer): boolean => headerIn(datagram)?.namespace === '/sotto/group';
    const frame = await mallory.captured.until('the broadcast', isSealed);
    await mallory.says(frame, frame);
    await ada.counts('repeated', 1);
    const { header } = decodeStpFrame(await mallory.hasHeard('bea', '/sotto/announce'));
    const poison = { ...header, namespace: '/note', seq: Number.MAX_SAFE_INTEGER };
    await mallory.says(encodeStpFrame({ header: poison, body: encodeStpBody('poison') }));
    await ada.counts('plain_refused');
    bea.node.broadcast('/note', 'second');
    await ada.hears('second');
    assert.deepEqual(ada.heard.entries, ['first', 'second']);
  });

  test('a repeated plain broadcast is heard once', async () => {
    await using all = new AsyncDisposableStack();
    const { ada, bea, mallory } = await stage(all);
    bea.node.broadcast('/note', 'once');
    const frame = await mallory.hasHeard('bea', '/note');
    await mallory.says(frame, frame);
    await ada.counts('repeated', 1);
    bea.node.broadcast('/note', 'twice');
    await ada.hears('twice');
    assert.deepEqual(ada.heard.entries, ['once', 'twice']);
  });

  test('of a blocked key nothing plain is taken either, by UDP or TCP', async () => {
    await using all = new AsyncDisposableStack();
    const { ada, bea, mallory } = await stage(all, { legacy: true });
    const { header } = decodeStpFrame(await mallory.hasHeard('bea', '/sotto/announce'));
    const plain = (seq: number): Uint8Array =>
      encodeStpFrame({ header: { ...header, namespace: '/note', seq }, body: encodeStpBody(seq) });
    await mallory.says(plain(1000));
    await ada.hears(1000);
    await exchange(ada.node.port, plain(1001));
    await ada.hears(1001);
    ada.node.pins.block(bea.node.publicKey.fingerprint as PeerId);
    await mallory.says(plain(1002));
    await ada.counts('heard_blocked');
    await exchange(ada.node.port, plain(1003));
    await ada.counts('heard_blocked', 1);
    assert.deepEqual(ada.heard.entries, [1000, 1001]);
  });

  test('garbage and bombs by UDP are counted and dropped', async () => {
    await using all = new AsyncDisposableStack();
    const { ada, bea, mallory } = await stage(all, { legacy: true });
    const header = '{"namespace":"/note","user":"m","tcpport":9,"encrypted":false}';
    const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const dropped = [
      ...[EMPTY, new Uint8Array(3), new Uint8Array(6), randomBytes(1000), randomBytes(60_000)],
      ...[frameOf(header, '{}', [0xffff]), frameOf(header, '{}', [0xffff, 0xffffffff])],
      ...[frameOf(deep(30_000)), frameOf('null'), frameOf('[]'), frameOf('{"user":7}'), frameOf('{}')],
      frameOf(`{"user":"m","namespace":["/note"]}`),
      frameOf('{"user":"m","namespace":"/peer-join"}'),
      frameOf(Buffer.from(header.replace('"m"', '"\xff"'), 'latin1')),
      ...[`{"msg":${deep(30_000)}}`, '[]', '7', '{"msg":', '\xff'].map((body) => frameOf(header, body)),
      frameOf(header, `{"msg":[${'0,'.repeat(30_000)}0]${'}'.repeat(9)}`),
    ];
    const before = ada.node.counters.invalid_message ?? 0;
    await mallory.says(...dropped);
    const names =
      '"__proto__":{"user":"x","isAdmin":true},"constructor":{"prototype":{"isAdmin":true}},"toString":1';
    const taken = frameOf(`{${names},${header.slice(1)}`, `{"__proto__":{"msg":"inherited"},"msg":"last"}`);
    await mallory.says(taken);
    await ada.hears('last');
    assert.deepEqual(ada.heard.entries, ['last']);
    assert.equal(Reflect.get({}, 'isAdmin'), undefined);
    const count = (ada.node.counters.invalid_message ?? 0) - before;
    assert.ok(count >= dropped.length - 1, `${count} of ${dropped.length}`);
    assert.equal(await ada.node.tell('bea', '/echo', 1), 1);
    assert.equal(await bea.node.tell('ada', '/echo', 2), 2);
  });

  test('ten thousand fakes of one host take no more room than a crowd, and no verified peer leaves', async () => {
    await using all = new AsyncDisposableStack();
    const { ada, bea, mallory } = await stage(all, { legacy: true });
    const sink = all.use(await Sink.start());
    const { publicKey } = Identity.generate();
    const key = { id: publicKey.fingerprint, x25519: hex(publicKey.bytes) };
    for (let number = 0; number < 10_000; number += 1) {
      const user = `fake ${number}`;
      if (number < 1000)
        await mallory.says(announcement(user, sink.port)); // a key each
      else if (number % 2) await mallory.says(announcement(user, 1 + (number % 60_000), key));
      else await mallory.says(frameOf(JSON.stringify({ user, namespace: '/note', tcpport: 1 + number })));
    }
    await ada.counts('rate_limited');
    const { peers } = ada.node;
    assert.ok(peers.length <= 1 + 16, `${peers.length} are listed`);
    assert.ok(peers[0]?.kind === 'sealed' && peers[0].isVerified && peers[0].user === 'bea');
    assert.ok(sink.connections <= 64, `${sink.connections} questions to one port`);
    assert.equal(await ada.node.tell('bea', '/echo', 'there'), 'there');
    assert.equal(await bea.node.tell('ada', '/echo', 'here'), 'here');
    const gone = ada.events.entries.filter(
      (event) => event.type === 'leave' && idOf(event) === idOfNode(bea),
    );
    assert.deepEqual(gone, []);
  });
});

function idOf(event: PeerEvent): string | null {
  return 'peer' in event && event.peer.kind === 'sealed' ? event.peer.id : null;
}

function idOfNode({ node }: Target): string {
  return node.publicKey.fingerprint;
}

/** Takes everything, answers nothing. */
class Sink implements AsyncDisposable {
  readonly caught = new Journal<Buffer>();
  connections = 0;
  readonly #server: Server;
  readonly #streams = new Set<Stream>();

  static async start(): Promise<Sink> {
    const server = createServer();
    const sink = new Sink(server);
    server.listen(0, HERE);
    await once(server, 'listening');
    return sink;
  }

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (stream) => {
      this.connections += 1;
      this.#streams.add(stream);
      stream.on('data', (bytes: Buffer) => this.caught.add(bytes)).on('error', () => {});
    });
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const stream of this.#streams) stream.destroy();
    await closed;
  }
}

describe('connections', { concurrency: 4 }, () => {
  test('slow senders, and those that send nothing, lose their connections, and others are served', async () => {
    await using all = new AsyncDisposableStack();
    const { ada, bea } = await stage(all);
    const slow = Array.from({ length: 20 }, (_, number) => dribble(ada.node.port, number < 10));
    await Promise.all(slow.map(({ stream }) => once(stream, 'connect')));
    assert.equal(await bea.node.tell('ada', '/echo', 'between'), 'between');
    const began = performance.now();
    await Promise.all(slow.map(({ closed }) => closed));
    assert.ok(performance.now() - began < 9000, 'five seconds are the limit');
    const { packet_timeout: begun = 0, idle_timeout: silent = 0 } = ada.node.counters;
    assert.equal(begun + silent, 20);
    assert.equal(await bea.node.tell('ada', '/echo', 'after'), 'after');
  });

  test('a hidden node answers no announcement but of its group', async () => {
    const settings = { udpPort: randomInt(20_000, 30_000), interfaces: ['127.0.0.1'], tcpPort: 0 };
    const answers: number[] = [];
    for (const isHidden of [true, false]) {
      const more = isHidden ? { hidden: true, groupSecret: 'a secret of ours alone' } : {};
      const identity = Identity.generate();
      await using node = await PeerNode.start(createApp(), { ...settings, ...more, identity });
      const { publicKey } = Identity.generate();
      const header = {
        namespace: '/sotto/announce',
        user: 'eve',
        tcpport: 9,
        encrypted: false,
        v: 2,
        seq: 1,
      };
      const id = { id: publicKey.fingerprint, x25519: Buffer.from(publicKey.bytes).toString('hex') };
      const stream = connect(node.port, '127.0.0.1');
      stream.write(frameOf(JSON.stringify({ udp_session: 'one', ...header, ...id })));
      const answer = await buffer(stream);
      answers.push(answer.length);
    }
    assert.equal(answers[0], 0);
    assert.ok((answers[1] ?? 0) > 0);
  });

  test('garbage by TCP ends its own connection alone', async () => {
    await using all = new AsyncDisposableStack();
    const { ada, bea } = await stage(all, { legacy: true });
    const header = '{"namespace":"/note","user":"m","tcpport":9}';
    const sealed = '{"namespace":"/sotto/sealed","user":"m","tcpport":9}';
    const frames = [
      ...[EMPTY, new Uint8Array(1), new Uint8Array(6), randomBytes(5000)],
      ...[frameOf(header, '', [0xffff, 0xffffffff]), frameOf('{}', '', [2, 5_000_000])],
      ...[frameOf('null'), frameOf(header, '[]'), frameOf(header, '{"msg":'), frameOf(header.slice(0, 9))],
      ...[EMPTY, randomBytes(16), randomBytes(300), new Uint8Array(2000)].map((body) =>
        frameOf(sealed, body),
      ),
      Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
    ];
    const answers = await Promise.all(frames.map((frame) => exchange(ada.node.port, frame)));
    assert.deepEqual(
      answers,
      frames.map(() => Buffer.alloc(0)),
    );
    // Too long by what it announces, and so ended before it is there.
    await exchange(ada.node.port, frameOf('{}', '', [2, 0x7fffffff]), false);
    assert.equal(await bea.node.tell('ada', '/echo', 'well'), 'well');
    assert.deepEqual(ada.heard.entries, []);
  });

  test('connections without a byte, closed or cut at once, change nothing', async () => {
    await using all = new AsyncDisposableStack();
    const { ada, bea } = await stage(all);
    const ends = Array.from({ length: 300 }, async (_, number) => {
      const stream = connect(ada.node.port, HERE).on('error', () => {});
      stream.once('connect', () => (number % 2 ? stream.end() : stream.resetAndDestroy()));
      stream.resume();
      await once(stream, 'close');
    });
    await Promise.all(ends);
    assert.equal(await bea.node.tell('ada', '/echo', 'well'), 'well');
  });

  test('a sealed packet that is sent again is handled once', async () => {
    await using all = new AsyncDisposableStack();
    const { ada, bea, mallory } = await stage(all);
    const wire = all.use(await Wire.start(bea.node.port));
    // Ada is led through the wire: who answers there is bea, so it is a place of hers.
    const { header } = decodeStpFrame(await mallory.hasHeard('bea', '/sotto/announce'));
    const moved = { ...header, tcpport: wire.port, seq: (header.seq ?? 0) + 100 };
    await mallory.says(encodeStpFrame({ header: moved, body: EMPTY }));
    await ada.events.until(
      'the new place',
      (event) => event.type === 'address-changed' && event.address.tcpPort === wire.port,
    );
    await ada.node.tell('bea', '/note', 'pay');
    assert.deepEqual(bea.heard.entries, ['pay']);
    for (const packet of [...wire.asked.entries, ...wire.asked.entries])
      await exchange(bea.node.port, packet);
    assert.equal(await ada.node.tell('bea', '/echo', 'well'), 'well');
    assert.deepEqual(bea.heard.entries, ['pay']);
  });
});

/** A frame's beginning, a byte a second, or nothing. */
function dribble(port: number, isSilent: boolean): { stream: Stream; closed: Promise<unknown> } {
  const stream = connect(port, HERE).on('error', () => {});
  const frame = frameOf('{"namespace":"/note","user":"slow","tcpport":9}');
  let sent = 0;
  const say = (): void => {
    if (!isSilent) stream.write(frame.subarray(sent, ++sent));
  };
  const timer = setInterval(say, 1000);
  say();
  stream.resume();
  return { stream, closed: once(stream, 'close').finally(() => clearInterval(timer)) };
}

/** Passes connections on, and keeps what was asked. */
class Wire implements AsyncDisposable {
  readonly asked = new Journal<Buffer>();
  readonly #server: Server;

  static async start(target: number): Promise<Wire> {
    const wire = new Wire(target);
    wire.#server.listen(0, HERE);
    await once(wire.#server, 'listening');
    return wire;
  }

  private constructor(target: number) {
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ port: target, host: HERE, allowHalfOpen: true });
      const chunks: Buffer[] = [];
      near.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => far.destroy());
      far.on('error', () => near.destroy()).on('close', () => this.asked.add(Buffer.concat(chunks)));
      near.pipe(far).pipe(near);
    });
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }
}
