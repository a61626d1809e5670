/** One handler, every door: the same messages by each of them, the same answers, and who the sender was proven to be. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { allowKeys, type Context, createApp, Identity, type Node, serve } from '../../src/index.ts';
import { type Door, openDoors, randomUdpPort } from '../support/doors.ts';
import { Journal } from '../support/journal.ts';
import { until } from '../support/lookup.ts';

const MESSAGES = 500;
const NOW = '2026-11-21T12:00:00.000Z';

const visitor = Identity.generate();
const stranger = Identity.generate();
const heard = new Journal<Heard>();
let folder = '';
let node: Node;
let doors: readonly Door[] = [];
let close: () => Promise<void> = async () => {};

/** What a handler saw of a message. */
interface Heard {
  readonly route: string;
  readonly body: unknown;
  readonly facts: Facts;
}
type Facts = ReturnType<typeof factsOf>;

function factsOf({ protocol, proof, isSealed, sender }: Context): Pick<
  Context,
  'protocol' | 'proof' | 'isSealed'
> & {
  readonly sender: string | null;
} {
  return { protocol, proof, isSealed, sender: sender?.toString() ?? null };
}

const app = createApp()
  .use(allowKeys({ '/admin/*': [visitor.publicKey], '/others/*': [stranger.publicKey] }))
  .use((ctx, next) => {
    heard.add({ route: ctx.route, body: ctx.body, facts: factsOf(ctx) });
    return next();
  })
  .on('/echo', (ctx) => ctx.body)
  .on('/time', () => NOW)
  .on('/where/:thing', ({ params }) => `the ${params.thing} is in the cellar`)
  .on('/admin/:what', ({ params }) => `${params.what} is done`)
  .on('/others/:what', ({ params }) => `${params.what} is done`);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sotto-doors-'));
  const udpPort = randomUdpPort();
  const limits = { rate: 1e6, burst: 1e6 };
  node = await serve(app, {
    data: folder,
    request: { listen: ['udp', 'tcp', 'http', 'ws'].map((scheme) => `${scheme}://127.0.0.1:0`), limits },
    lookup: { port: 0, schemes: ['sealed', 'plain'] },
    broadcaster: { listen: 'http://127.0.0.1:0', handle: ['*'] },
    sessions: { listen: ['ws://127.0.0.1:0', 'http://127.0.0.1:0'] },
    peers: { interfaces: ['127.0.0.1'], udpPort, tcpPort: 0, legacy: true },
    console: false,
  });
  ({ doors, close } = await openDoors(node, { udpPort, visitor }));
});
after(async () => {
  await close();
  await node.close();
  await rm(folder, { recursive: true });
});

/** What was heard by a door, from the place where the journal was. */
async function hears(door: Door, route: string, since: number): Promise<Heard> {
  const isIt = (entry: Heard): boolean =>
    entry.route === route && entry.facts.protocol === door.protocol && heard.entries.indexOf(entry) >= since;
  return heard.until(`${route} by ${door.name}`, isIt);
}

async function refuses(door: Door, ask: NonNullable<Door['ask']>): Promise<void> {
  const isKnown = senderBy(door) !== null;
  await Promise.all([
    assert.rejects(ask('/others/restart'), door.name),
    isKnown
      ? ask('/admin/restart').then((answer) => assert.equal(answer, 'restart is done', door.name))
      : assert.rejects(ask('/admin/restart'), door.name),
  ]);
}

function senderBy({ proof, name }: Door): string | null {
  return proof === 'none' || name.includes('anonymous') ? null : visitor.publicKey.toString();
}

describe('one handler', () => {
  test('is reached by every door, and knows who was proven to ask', async () => {
    assert.equal(doors.length, 22);
    for (const door of doors) {
      for (const [route, answer] of [
        ['/time', NOW],
        ['/where/drill', 'the drill is in the cellar'],
        ['/echo', 'hello'],
      ] as const) {
        const since = heard.entries.length;
        const body = route === '/echo' ? 'hello' : undefined;
        const given = await (door.ask ?? door.tell)(route, body ?? (door.ask ? undefined : ''));
        if (door.ask) assert.equal(given, answer, door.name);
        const { facts } = await hears(door, route, since);
        const { protocol, proof, isSealed } = door;
        assert.deepEqual(facts, { protocol, proof, isSealed, sender: senderBy(door) }, door.name);
      }
    }
  });

  test('gives the same answers by every door, but for what a wire cannot carry', async () => {
    const body = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.jsonValue({ maxDepth: 2 }),
      fc.uint8Array({ maxLength: 60 }),
    );
    const bodies = fc.sample(body, { numRuns: MESSAGES, seed: 7 });
    for (const door of doors) {
      const carried = bodies.filter((each) => fits(door, each));
      assert.ok(carried.length >= 100, `${door.name} carries ${carried.length}`);
      if (!door.ask) continue;
      for (let at = 0; at < carried.length; at += 50) {
        const some = carried.slice(at, at + 50);
        const answers = await Promise.all(some.map((each) => door.ask?.('/echo', each)));
        assert.deepEqual(answers, some, door.name);
      }
    }
  });

  test('hears the same of doors that carry no answer', async () => {
    for (const door of doors.filter(({ ask }) => !ask)) {
      for (const body of ['plain words', { deep: [1, 'two', null] }, ['a', { b: true }]]) {
        const since = heard.entries.length;
        await door.tell('/echo', body);
        const heardBody = (await hears(door, '/echo', since)).body;
        assert.equal(JSON.stringify(heardBody), JSON.stringify(body), door.name);
      }
    }
  });

  test('is kept from those who may not reach it, on whatever road they come', async () => {
    // All at once: some wires tell nobody that they refuse, and take the whole of their timeout.
    await Promise.all(doors.map((door) => door.ask && refuses(door, door.ask)));
    const before = heard.entries.filter(({ route }) => route === '/admin/quietly').length;
    for (const door of doors.filter(({ ask }) => !ask)) {
      const since = heard.entries.length;
      await door.tell('/admin/quietly', '');
      await door.tell('/echo', 'and then this');
      await hears(door, '/echo', since);
    }
    assert.equal(heard.entries.filter(({ route }) => route === '/admin/quietly').length, before);
  });

  test('was noted with the job that it came by', async () => {
    const jobs = (): string[] => [
      ...new Set(node.traffic.seconds().flatMap((second) => Object.keys(second.jobs))),
    ];
    await until(() => jobs().length === 5);
    assert.deepEqual(jobs().sort(), ['lookup', 'peers', 'pubsub', 'request', 'session']);
  });
});

/** What each kind of wire cannot carry, by name. */
function fits({ carries, name }: Door, body: unknown): boolean {
  if (carries === 'any') return true;
  const isText = typeof body === 'string';
  // A lookup's query is text; of the originals' plain wire blanks at its end are none of it.
  if (carries === 'text') return isText && (!name.startsWith('plain') || body === body.trim());
  return carries === 'json' ? !(body instanceof Uint8Array) : isText;
}
