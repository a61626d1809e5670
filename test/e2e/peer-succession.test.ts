/** A node comes back with a new key: those who know the old one go on, and a thief of it comes too late. */

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createApp, Identity, IdentityRing } from '../../src/index.ts';
import { type PeerEvent, PeerNode, type PeerNodeOptions } from '../../src/peers/index.ts';
import { Outbox } from '../../src/peers/outbox.ts';
import { peerIdOf } from '../../src/peers/peer.ts';
import { Pins } from '../../src/peers/pins.ts';
import { Journal } from '../support/journal.ts';
import { until } from '../support/lookup.ts';

const KINDS = ['leave', 'verified', 'key-changed', 'key-succeeded'] as const;
const id = ({ publicKey }: Identity): ReturnType<typeof peerIdOf> => peerIdOf(publicKey);

class Watched implements AsyncDisposable {
  readonly node: PeerNode;
  readonly events = new Journal<PeerEvent>();
  readonly heard = new Journal<unknown>();

  static async start(options: Partial<PeerNodeOptions> & { udpPort: number }): Promise<Watched> {
    const heard = new Journal<unknown>();
    const app = createApp().on('/note', (ctx) => heard.add([ctx.sender?.fingerprint, ctx.body]));
    const common = { identity: Identity.generate(), tcpPort: 0, interfaces: ['127.0.0.1'], hostname: 'desk' };
    return new Watched(await PeerNode.start(app, { ...common, ...options }), heard);
  }

  private constructor(node: PeerNode, heard: Journal<unknown>) {
    this.node = node;
    this.heard = heard;
    for (const kind of KINDS) node.on(kind, (event) => this.events.add(event));
  }

  verifies(identity: Identity): Promise<PeerEvent> {
    return this.events.until(
      'verified',
      (event) => event.type === 'verified' && event.peer.id === id(identity),
    );
  }

  types(): string[] {
    return this.events.entries.map(({ type }) => type);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.node.close();
  }
}

function after(current: Identity, ...before: readonly Identity[]): IdentityRing {
  const end = Date.now() + 60_000;
  return new IdentityRing(current, { previous: before.map((identity) => ({ identity, until: end })) });
}

test('trust and letters follow a peer to its new key; nobody else takes the old one over', async () => {
  const udpPort = randomInt(30_000, 40_000);
  const [first, second, third] = [Identity.generate(), Identity.generate(), Identity.generate()];
  await using ada = await Watched.start({ udpPort, user: 'ada' });
  {
    await using bea = await Watched.start({ udpPort, user: 'bea', identity: first });
    await Promise.all([ada.verifies(first), bea.events.until('ada', ({ type }) => type === 'verified')]);
    ada.node.pins.trust(id(first));
  }
  await ada.events.until('the farewell', ({ type }) => type === 'leave');
  const [away] = ada.node.pins.list();
  assert.equal(away?.id, id(first));

  {
    await using bea = await Watched.start({ udpPort, user: 'bea', identity: after(second, first) });
    await ada.verifies(second);
    const event = ada.events.entries.find(({ type }) => type === 'key-succeeded');
    assert.deepEqual(event, {
      ...{ type: 'key-succeeded', id: id(second), previousId: id(first), user: 'bea', hostname: 'desk' },
      ...{ words: second.publicKey.words, previousWords: first.publicKey.words, isTrusted: true },
    });
    await ada.node.tell('bea', '/note', 'hello again');
    assert.deepEqual(bea.heard.entries[0], [ada.node.publicKey.fingerprint, 'hello again']);
    assert.ok(!ada.types().includes('key-changed'));
  }

  // Twice renewed while ada did not look: what she knows is the one before the last.
  await using bea = await Watched.start({ udpPort, user: 'bea', identity: after(third, second, first) });
  await ada.verifies(third);
  assert.equal(ada.node.counters.succession_moved, 2);
  assert.equal(ada.node.counters.succession_refused, undefined);
  const [trusted] = ada.node.pins.named({ user: 'bea', hostname: 'desk' });
  assert.deepEqual([trusted?.id, trusted?.isTrusted], [id(third), true]);

  const stolen = Identity.generate();
  await using thief = await Watched.start({ udpPort, user: 'mallory', identity: after(stolen, first) });
  await ada.verifies(stolen);
  assert.ok((ada.node.counters.succession_refused ?? 0) > 0);
  assert.equal(ada.node.pins.get(id(stolen))?.isTrusted, false);
  await thief.events.until('ada', (event) => event.type === 'verified' && event.peer.kind === 'sealed');
  await bea.node.tell(ada.node.publicKey.fingerprint, '/note', 'it is me');
  assert.deepEqual(ada.heard.entries.at(-1), [id(third), 'it is me']);
  await using ghost = await Watched.start({ udpPort, user: 'bea', identity: first });
  await ghost.events.until('the thief', (event) => event.type === 'verified' && event.peer.id === id(stolen));
  await until(() => (ada.node.counters.heard_blocked ?? 0) > 0); // the old key is refused
});

test('letters that wait for the old key reach the new one; blocks follow; a revoked key has no word', async () => {
  const udpPort = randomInt(40_000, 50_000);
  const keys = Array.from({ length: 6 }, () => Identity.generate());
  const [bea, bea2, cleo, cleo2, dan, dan2] = keys as [
    Identity,
    Identity,
    Identity,
    Identity,
    Identity,
    Identity,
  ];
  const revoked = { list: () => [{ id: id(dan), since: 0, why: '' }] };
  await using ada = await Watched.start({ udpPort, user: 'ada', revoked });
  ada.node.pins.block({ publicKey: cleo.publicKey, user: 'cleo', hostname: 'desk' });
  {
    await using first = await Watched.start({ udpPort, user: 'bea', identity: bea });
    await Promise.all([ada.verifies(bea), first.events.until('ada', ({ type }) => type === 'verified')]);
  }
  await ada.events.until('the farewell', ({ type }) => type === 'leave');
  const gone = ada.events.entries.find((event) => event.type === 'leave');
  assert.ok(gone?.type === 'leave');
  await ada.node.tell(gone.peer, '/note', 'a letter', { keep: 60_000 });
  assert.deepEqual([...ada.node.waiting], [[id(bea), 1]]);

  await using second = await Watched.start({ udpPort, user: 'bea', identity: after(bea2, bea) });
  await second.heard.until('the letter', (each) => Array.isArray(each) && each[1] === 'a letter');
  await using blocked = await Watched.start({ udpPort, user: 'cleo', identity: after(cleo2, cleo) });
  await until(() => (ada.node.counters.succession_blocked ?? 0) > 0);
  assert.equal(ada.node.pins.get(id(cleo2))?.isBlocked, true);
  assert.ok(!ada.node.peers.some((peer) => peer.kind === 'sealed' && peer.id === id(cleo2)));
  await using last = await Watched.start({ udpPort, user: 'dan', identity: after(dan2, dan) });
  await ada.verifies(dan2);
  assert.ok((ada.node.counters.succession_refused ?? 0) > 0);
  assert.equal(ada.node.pins.get(id(dan2))?.isBlocked, false);
  assert.ok(blocked.node.port > 0 && last.node.port > 0);
});

test('letters that were left with the old key when the pin moved reach the new one all the same', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-left-'));
  t.after(() => rm(folder, { recursive: true }));
  const [pinFile, outboxFile] = [join(folder, 'pins.json'), join(folder, 'outbox.db')];
  const [first, second] = [Identity.generate(), Identity.generate()];
  {
    await using pins = await Pins.load(pinFile);
    pins.pin({ publicKey: first.publicKey, user: 'bea', hostname: 'desk' });
    assert.equal(pins.succeed(second.publicKey, id(first)), 'moved');
  }
  const outbox = new Outbox(outboxFile);
  const [letterId, body] = [new Uint8Array(16), new TextEncoder().encode('left')];
  const about = { id: letterId, route: '/note', representation: 't', body } as const;
  await outbox.add({ ...about, peer: id(first), expiresAt: Date.now() + 60_000 });
  outbox.close();

  const udpPort = randomInt(50_000, 60_000);
  await using ada = await Watched.start({ udpPort, user: 'ada', pinFile, outboxFile });
  await using bea = await Watched.start({ udpPort, user: 'bea', identity: after(second, first) });
  await bea.heard.until('the letter', (each) => Array.isArray(each) && each[1] === 'left');
  await until(() => ada.node.waiting.size === 0);
});
