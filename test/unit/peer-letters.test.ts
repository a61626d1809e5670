/** Messages that may be kept, on a network that breaks just when it hurts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApp } from '../../src/app/app.ts';
import { Identity } from '../../src/keys/identity.ts';
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
  const app = createApp().on('/note', ({ body }) => handled.push(Number(body)));
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
