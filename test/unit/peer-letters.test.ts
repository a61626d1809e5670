/** Messages that may be kept, on a network that breaks just when it hurts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApp } from '../../src/app/app.ts';
import { Identity } from '../../src/keys/identity.ts';
import { IdentityRing } from '../../src/keys/identity-ring.ts';
import { PeerNode } from '../../src/peers/index.ts';
import { simulate, type World } from '../../src/testing/index.ts';

const KEEP = { keep: 3_600_000 };

async function play(scenario: (world: World) => Promise<void>): Promise<void> {
  await simulate({}, scenario);
}

/** Two peers that know each other, 10 ms apart, and what bea has handled. */
async function met(world: World): Promise<{ ada: PeerNode; handled: number[] }> {
  world.link(world.host('ada'), world.host('bea'), { delay: [10, 10] });
  const handled: number[] = [];
  const app = createApp()
    .on('/note', ({ body }) => handled.push(Number(body)))
    .on('/hesitant', ({ body }) => {
      handled.push(Number(body));
      if (handled.length === 1) throw new Error('not yet');
    });
  const start = (user: string): Promise<PeerNode> =>
    world.host(user).start(() => PeerNode.start(app, { identity: Identity.generate(), user }));
  const [ada] = [await start('ada'), await start('bea')];
  await world.runUntil(() => ada.peers.some((peer) => peer.kind === 'sealed' && peer.isVerified));
  await world.advance(2000);
  return { ada, handled };
}

test('a message that was handled, but whose answer was lost, is not handled again', () =>
  play(async (world) => {
    const { ada, handled } = await met(world);
    const telling = ada.tell('bea', '/note', 1, KEEP);
    await world.runUntil(() => handled.length === 1);
    world.partition(['bea'], ['ada'], { oneWay: true });
    assert.equal(await telling, undefined, 'it is kept');
    world.heal();
    await world.runUntil(() => ada.waiting.size === 0, { within: 60_000 });
    assert.deepEqual(handled, [1]);
  }));

test('a message does not overtake those that wait', () =>
  play(async (world) => {
    const { ada, handled } = await met(world);
    world.partition(['ada'], ['bea']);
    await ada.tell('bea', '/note', 1, KEEP);
    world.heal();
    await ada.tell('bea', '/note', 2, KEEP);
    await world.runUntil(() => handled.length === 2, { within: 60_000 });
    assert.deepEqual(handled, [1, 2]);
  }));

test('a letter whose handler failed is handled again, and then those that wait behind it', () =>
  play(async (world) => {
    const { ada, handled } = await met(world);
    world.partition(['ada'], ['bea']);
    await ada.tell('bea', '/hesitant', 1, KEEP);
    await ada.tell('bea', '/note', 2, KEEP);
    world.heal();
    await world.runUntil(() => ada.waiting.size === 0, { within: 60_000 });
    assert.deepEqual(handled, [1, 1, 2]);
  }));

test('a letter that is told while its peer moves to a new key waits for the new one', () =>
  play(async (world) => {
    const [first, second] = [Identity.generate(), Identity.generate()];
    const handled: unknown[] = [];
    const noting = createApp().on('/note', ({ body }) => handled.push(body));
    const deaf = createApp().on('/note', () => new Promise(() => {}));
    const ada = await world
      .host('ada')
      .start(() => PeerNode.start(createApp(), { identity: Identity.generate(), user: 'ada' }));
    await world.host('old').start(() => PeerNode.start(deaf, { identity: first, user: 'bea' }));
    await world.runUntil(() => isVerified(ada, first));
    const before = ada.find('bea');
    const telling = ada.tell(before, '/note', 1, KEEP);
    const ring = new IdentityRing(second, {
      previous: [{ identity: first, until: Number.MAX_SAFE_INTEGER }],
    });
    const start = () => PeerNode.start(noting, { identity: ring, user: 'bea', hostname: 'old' });
    await world.host('new').start(start);
    await world.runUntil(() => isVerified(ada, second));
    assert.equal(await telling, undefined, 'it is kept');
    await world.runUntil(() => handled.length === 1);

    // A peer that a program holds from before goes on as the one it has become, there or away.
    await ada.tell(before, '/note', 2);
    world.host('new').crash();
    await world.runUntil(() => !isVerified(ada, second), { within: 600_000 });
    await assert.rejects(ada.tell(before, '/note', 3), { code: 'unreachable' });
    await ada.tell(before, '/note', 4, KEEP);
    assert.deepEqual([...ada.waiting], [[second.publicKey.fingerprint, 1]]);
    world.host('new').restart();
    await world.host('new').start(start);
    await world.runUntil(() => ada.waiting.size === 0);
    assert.deepEqual(handled, [1, 2, 4]);
  }));

function isVerified({ peers }: PeerNode, { publicKey }: Identity): boolean {
  return peers.some((peer) => peer.kind === 'sealed' && peer.isVerified && peer.publicKey.equals(publicKey));
}
