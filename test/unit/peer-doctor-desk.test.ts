/** What a node does for doctors, and what strangers cannot make of it. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { encodeHex, encodeUtf8 } from '../../src/bytes/text.ts';
import { GroupSeal } from '../../src/envelope/group.ts';
import { codeOf } from '../../src/errors.ts';
import { createApp, Identity } from '../../src/index.ts';
import { DoctorDesk } from '../../src/peers/doctor/desk.ts';
import { Traces } from '../../src/peers/doctor/traces.ts';
import { PeerNode } from '../../src/peers/node.ts';
import { OwnFrames } from '../../src/peers/own-frames.ts';
import { type PeerId, peerIdOf } from '../../src/peers/peer.ts';
import { PeerClient } from '../../src/peers/peer-client.ts';
import { Counters } from '../../src/sealed/counters.ts';
import { DOCTOR_NAMESPACE, encodeTrace, readAnswer } from '../../src/wire/peers-doctor.ts';
import { decodeStpFrame, type StpFrame } from '../../src/wire/stp.ts';

const NONCE = '0123456789abcdef0123456789abcdef';
const HOST = '127.0.0.1';
const GROUP = { group: '224.0.0.109', port: 57_000 };
const SECRET = 'sixteen bytes and more';

interface Sent {
  readonly frame: StpFrame;
  /** Null: to the group. */
  readonly to: { readonly host: string; readonly port: number } | null;
}

interface Setting {
  readonly hidden?: boolean;
  readonly groupSecret?: string;
  readonly clock?: () => number;
}

function deskOf({ hidden = false, groupSecret, clock }: Setting = {}): { desk: DoctorDesk; sent: Sent[] } {
  const seal = groupSecret === undefined ? null : new GroupSeal(groupSecret, GROUP);
  const { publicKey } = Identity.generate();
  const names = { user: 'bea', hostname: 'there', session: 'of the node', legacyKey: null };
  const frames = new OwnFrames({ ...names, publicKey, seal, now: Date.now });
  [frames.udpPort, frames.tcpPort] = [40_000, 57_001];
  const sent: Sent[] = [];
  const roads = {
    addresses: [HOST],
    announcement: () => encodeUtf8('an announcement'),
    shout: (frame: Uint8Array) => void sent.push({ frame: decodeStpFrame(frame), to: null }),
    sendTo: (frame: Uint8Array, to: { host: string; port: number }) =>
      void sent.push({ frame: decodeStpFrame(frame), to }),
  };
  const node = { group: GROUP.group, udpPort: GROUP.port, hidden };
  const counters = new Counters();
  return {
    desk: new DoctorDesk({ node, frames, seal, roads, counters, ...(clock ? { clock } : {}) }),
    sent,
  };
}

function trace(nonce: string, session = 'of the doctor'): StpFrame {
  const header = { session, namespace: DOCTOR_NAMESPACE, user: '-', encrypted: false };
  return { header, body: encodeTrace({ nonce, way: 'multicast' }) };
}

function from(host: string): { host: string; port: number; interfaceName: string } {
  return { host, port: 5, interfaceName: 'eth0' };
}

function question(more: object = {}): object {
  return { nonce: NONCE, you: HOST, udpPort: 57_000, tcpPort: 0, ...more };
}

function nonceOf(number: number): string {
  return number.toString(16).padStart(32, '0');
}

const ASKER = peerIdOf(Identity.generate().publicKey);

/** A listener that counts who comes. */
async function listener(
  t: TestContext,
  host: string,
  port = 0,
): Promise<{ server: Server; frames: Buffer[] }> {
  const frames: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      frames.push(bytes);
      socket.end();
    });
  });
  server.listen(port, host);
  await once(server, 'listening');
  t.after(() => server.close());
  return { server, frames };
}

describe('the desk of a node', () => {
  test('tells an asker of its own traces alone, and greets a sender once', async () => {
    const { desk } = deskOf();
    assert.equal(desk.hear(trace(NONCE), from('10.0.0.7')), true);
    assert.equal(desk.hear(trace(NONCE), from('10.0.0.7')), false);
    assert.equal(desk.hear(trace(nonceOf(1)), from('10.0.0.8')), true);
    assert.equal(desk.hear(trace(NONCE, 'of the node'), from(HOST)), false);
    const { heard, hearsItself } = await desk.answer(question(), ASKER, HOST);
    assert.deepEqual(heard, [{ host: '10.0.0.7', by: 'eth0', way: 'multicast' }]);
    assert.equal(hearsItself, true);
    const other = await desk.answer(question({ you: '10.9.9.9' }), ASKER, HOST);
    assert.equal(other.hearsItself, null, 'an address that the asker does not know was confirmed');
  });

  test('a flood of traces stays bounded, and drives out nobody else on the net', () => {
    const traces = new Traces();
    const note = (nonce: string, host: string): boolean =>
      traces.note({ nonce, host, by: null, way: 'multicast', isOwn: false });
    note(NONCE, '10.0.0.7');
    for (let number = 0; number < 10_000; number++) note(nonceOf(number), '10.0.0.66');
    assert.equal(traces.of(NONCE).length, 1);
    for (let number = 0; number < 10_000; number++)
      note(nonceOf(number), `10.1.${number >> 8}.${number & 255}`);
    assert.ok(traces.size <= 64 * 32);
  });

  test('what is no trace is dropped', () => {
    const { desk } = deskOf();
    for (const body of ['', '{"msg":{}}', '{"msg":{"trace":"00","way":"multicast"}}', '{"msg":7}', 'x']) {
      assert.equal(desk.hear({ ...trace(NONCE), body: encodeUtf8(body) }, from('10.0.0.7')), false);
    }
  });

  test('connects back to who asks, and to nobody else', async (t) => {
    const asker = await listener(t, '127.0.0.1');
    const { port } = asker.server.address() as AddressInfo;
    const victim = await listener(t, '127.0.0.2', port);
    const { desk, sent } = deskOf();
    const body = question({ you: '127.0.0.2', host: '127.0.0.2', tcpPort: port });
    const { tcpBack } = await desk.answer(body, ASKER, '127.0.0.1');
    assert.equal(tcpBack, 'reached');
    assert.equal(asker.frames.length, 1);
    assert.equal(victim.frames.length, 0);
    const [frame] = asker.frames;
    assert.equal(frame && decodeStpFrame(frame).header.namespace, DOCTOR_NAMESPACE);
    assert.equal(frame && decodeStpFrame(frame).header.id, undefined, 'a connection back names a key');
    assert.deepEqual(
      sent.map(({ to }) => to),
      [null, { host: '127.0.0.1', port: 57_000 }],
    );
  });

  test('no port below 1024, and nothing but a question', async () => {
    const { desk, sent } = deskOf();
    const wrong = [{ tcpPort: 22 }, { udpPort: 53 }, { tcpPort: 70_000 }, { nonce: 'x' }, { you: 'a b' }];
    for (const more of wrong) {
      await assert.rejects(desk.answer(question(more), ASKER, HOST), (error) => codeOf(error) === 'status');
    }
    for (const body of [undefined, null, 7, 'x', []]) await assert.rejects(desk.answer(body, ASKER, HOST));
    assert.equal(sent.length, 0);
  });

  test('a few questions a second, of one host and in all', async () => {
    let now = 0;
    const { desk, sent } = deskOf({ clock: () => now });
    const ask = (host: string): Promise<boolean> =>
      desk.answer(question(), ASKER, host).then(
        () => true,
        () => false,
      );
    const count = async (hosts: readonly string[]): Promise<number> =>
      (await Promise.all(hosts.map(ask))).filter(Boolean).length;
    assert.equal(await count(Array<string>(100).fill(HOST)), 10);
    assert.equal(await count(Array.from({ length: 100 }, (_, number) => `10.0.0.${number}`)), 20);
    assert.equal(sent.length, 2 * 30);
    now += 1000;
    assert.equal(await count(Array<string>(100).fill(HOST)), 1);
    const knocks = Array.from({ length: 100 }, () => desk.hearByTcp(trace(NONCE), HOST));
    assert.equal(knocks.filter(({ length }) => length > 0).length, 10);
  });

  test('a hidden node answers nobody who is not of its group, and sends nothing', async () => {
    const { desk, sent } = deskOf({ hidden: true, groupSecret: SECRET });
    const member = new GroupSeal(SECRET, GROUP);
    const stranger = new GroupSeal('another secret than that', GROUP);
    const proofOf = (seal: GroupSeal, asker: PeerId, nonce = NONCE): object => ({
      proof: seal.seal(encodeUtf8(`${nonce} ${asker}`)),
    });
    const another = peerIdOf(Identity.generate().publicKey);
    const wrong = [
      {},
      proofOf(stranger, ASKER),
      proofOf(member, another),
      proofOf(member, ASKER, nonceOf(9)),
      { proof: new Uint8Array(3) },
    ];
    for (const proof of wrong) {
      await assert.rejects(desk.answer(question(proof), ASKER, HOST), { status: 404 });
    }
    assert.equal(sent.length, 0);
    const { secret } = await desk.answer(question(proofOf(member, ASKER)), ASKER, HOST);
    assert.equal(secret, 'same');
    assert.ok(sent.every(({ frame }) => frame.header.namespace === '/sotto/group'));
  });
});

test('a key that a node has blocked gets no answer of it, and no question makes an event or a pin', async (t) => {
  const loopback = { interfaces: ['127.0.0.1'], udpPort: 57_091, tcpPort: 0 };
  const node = await PeerNode.start(createApp(), { identity: Identity.generate(), user: 'bea', ...loopback });
  t.after(() => node.close());
  const events: string[] = [];
  for (const kind of ['join', 'verified', 'update'] as const)
    node.on(kind, ({ type }) => void events.push(type));
  const asker = Identity.generate();
  const frames = new OwnFrames({
    ...{ publicKey: asker.publicKey, user: '-', hostname: '-', session: encodeHex(new Uint8Array(16)) },
    ...{ seal: null, legacyKey: null, now: Date.now },
  });
  [frames.udpPort, frames.tcpPort] = [57_091, 57_001];
  const client = PeerClient.to({
    ...{ identity: asker, publicKey: node.publicKey, timeout: 5000 },
    places: [{ host: HOST, tcpPort: node.port }],
    header: (namespace) => frames.header(namespace),
  });
  t.after(() => client.close());
  const { secret } = readAnswer(await client.request(DOCTOR_NAMESPACE, question()));
  assert.equal(secret, 'none');
  node.pins.block({ publicKey: asker.publicKey, user: 'ada', hostname: 'here' });
  await assert.rejects(client.request(DOCTOR_NAMESPACE, question()), { code: 'not_allowed' });
  assert.deepEqual(events, []);
  assert.equal(node.pins.list().filter(({ isBlocked }) => !isBlocked).length, 0);
  assert.equal(node.peers.length, 0);
});
