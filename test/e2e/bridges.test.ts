/** Bridges between the jobs of nodes: what is carried, what comes back, and what would go round in circles. */

import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Logger, SILENT } from '../../src/app/message.ts';
import {
  createApp,
  Identity,
  type Node,
  type PartialNodeConfig,
  StatusError,
  serve,
} from '../../src/index.ts';
import { Bridge, type BridgeStatus } from '../../src/node/bridges/bridge.ts';
import type { BridgeSource } from '../../src/node/bridges/config.ts';
import { LoopGuard } from '../../src/node/bridges/loop-guard.ts';
import { named, starOf, starOfTopic } from '../../src/node/bridges/naming.ts';
import { type Carried, openTarget, type Target } from '../../src/node/bridges/targets.ts';
import { TopicSource } from '../../src/node/bridges/topic-source.ts';
import { type WebhookPath, WebhookSource } from '../../src/node/bridges/webhook-source.ts';
import type { RunningBroadcaster } from '../../src/node/node.ts';
import { PeerNode } from '../../src/peers/index.ts';
import {
  Broadcaster,
  noneAuth,
  SqliteSubscriptionStore,
  Subscriber,
  tokenAuth,
} from '../../src/pubsub/index.ts';
import { RequestServer } from '../../src/request/index.ts';
import { SessionClient } from '../../src/session/index.ts';
import { addressOf, randomUdpPort } from '../support/doors.ts';
import { Journal } from '../support/journal.ts';
import { until } from '../support/lookup.ts';

type BridgeConfig = NonNullable<PartialNodeConfig['bridges']>[number];

interface Heard {
  readonly name: string;
  readonly body: unknown;
}

let folder = '';
let count = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sotto-bridges-'));
});
after(() => rm(folder, { recursive: true }));

function nodeWith(
  bridges: readonly BridgeConfig[],
  udpPort: number,
  changes: PartialNodeConfig = {},
): Promise<Node> {
  return serve(createApp(), {
    data: join(folder, String(count++)),
    ...{ request: false, lookup: false, console: false, sessions: { listen: ['ws://127.0.0.1:0'] } },
    broadcaster: { listen: 'http://127.0.0.1:0' },
    peers: { interfaces: ['127.0.0.1'], udpPort, tcpPort: 0 },
    bridges,
    ...changes,
  });
}

/** Somebody on the LAN who hears everything and is known to the node. */
async function neighbour(node: Node, udpPort: number): Promise<{ peer: PeerNode; heard: Journal<Heard> }> {
  const heard = new Journal<Heard>();
  const app = createApp().on('/*', (ctx) => heard.add({ name: ctx.route, body: ctx.body }));
  const options = {
    identity: Identity.generate(),
    user: 'neighbour',
    udpPort,
    tcpPort: 0,
    interfaces: ['127.0.0.1'],
  };
  const peer = await PeerNode.start(app, options);
  await until(() =>
    peer.peers.some(
      (each) => each.kind === 'sealed' && each.id === node.publicKey.fingerprint && each.isVerified,
    ),
  );
  return { peer, heard };
}

async function listener(node: Node): Promise<{ subscriber: Subscriber; heard: Journal<Heard> }> {
  const heard = new Journal<Heard>();
  const broadcasters = node.running.broadcaster?.server.address ?? '';
  const subscriber = await Subscriber.connect({ broadcasters, transport: 'websocket' });
  const subscription = await subscriber.subscribe({ glob: ['*'] });
  const app = createApp().on('/*', (ctx) => heard.add({ name: ctx.route.slice(1), body: ctx.body }));
  void subscription.attach(app);
  return { subscriber, heard };
}

/** A bridge alone, to whatever. */
function bridgeFrom(from: BridgeSource, deliver: Target['deliver'], log: Logger = SILENT): Bridge {
  const signal = new AbortController().signal;
  const target = { deliver, close: async () => {} };
  const config = { name: 'alone', from, to: { sessions: '/x' } };
  return new Bridge({ config, target, guard: new LoopGuard(), log, signal });
}

const webhook = { webhook: '/x', listen: '', secretFile: '' };
const carried: Carried = {
  message: {
    ...{ route: '/x', body: 'x', representation: 't', remote: '' },
    ...{ protocol: 'local', transport: 'http', proof: 'token' },
  },
  star: '',
};

interface Posing {
  readonly identity?: Identity;
  readonly running?: { broadcaster: RunningBroadcaster | null };
}

/** All of a node that bridges look at. */
function posing(node: Posing): Node {
  return Object.assign(node, { log: SILENT, on: () => () => {} }) as unknown as Node;
}

const bridgeOf = (node: Node, at = 0): BridgeStatus => node.running.bridges?.status[at] as BridgeStatus;

describe('between topics and the LAN', () => {
  test('messages go both ways, once', async () => {
    const udpPort = randomUdpPort();
    await using node = await nodeWith(
      [
        { name: 'out', from: { topic: 'alarms/*' }, to: { lan: '/house/*' } },
        { name: 'in', from: { lan: '/house/*' }, to: { topic: 'alarms/*' } },
      ],
      udpPort,
    );
    const { peer, heard: onLan } = await neighbour(node, udpPort);
    await using _peer = peer;
    const { subscriber, heard: onTopics } = await listener(node);
    await using _subscriber = subscriber;
    await subscriber.notify('alarms/fire', JSON.stringify({ room: 'kitchen' }));
    const { body } = await onLan.until('the alarm', ({ name }) => name === '/house/fire');
    assert.equal(JSON.stringify(body), '{"room":"kitchen"}');
    peer.broadcast('/house/door', 'open');
    await onTopics.until('the door', ({ name }) => name === 'alarms/door');
    await until(() => bridgeOf(node, 0).carried === 1 && bridgeOf(node, 0).loops === 1);
    await peer.tell(node.publicKey.fingerprint, '/house/window', 'shut');
    await onTopics.until('the window', ({ name }) => name === 'alarms/window');
    await until(() => bridgeOf(node, 0).loops === 2);
    assert.equal(onTopics.entries.length, 3);
    assert.equal(onLan.entries.length, 1);
  });

  test('two nodes that both carry both ways do not carry for ever', async () => {
    const udpPort = randomUdpPort();
    const both = [
      { name: 'out', from: { topic: 's/*' }, to: { lan: '/s/*' } },
      { name: 'in', from: { lan: '/s/*' }, to: { topic: 's/*' } },
    ];
    await using first = await nodeWith(both, udpPort);
    const { port } = new URL(first.running.broadcaster?.server.address ?? '');
    const shared = `http://127.0.0.1:${port}`;
    // The other one's topics are the first one's: a publisher and a subscriber of ours stand for its broadcaster.
    const { peer: second, heard } = await neighbour(first, udpPort);
    await using _second = second;
    await using publisher = await Subscriber.connect({ broadcasters: shared, transport: 'websocket' });
    const subscription = await publisher.subscribe({ glob: ['s/*'] });
    let carriedBack = 0;
    const back = createApp().on('/*', (ctx) => {
      carriedBack++;
      second.broadcast(ctx.route, ctx.body);
    });
    void subscription.attach(back);
    await publisher.notify('s/ping', 'round and round');
    await heard.until('the ping', ({ name }) => name === '/s/ping');
    // What comes back from the LAN was sent there a moment ago, and goes no further.
    await until(() => bridgeOf(first, 1).loops >= 1);
    assert.equal(carriedBack, 1);
  });

  test('goes on when the broadcaster was started anew', async () => {
    const udpPort = randomUdpPort();
    const bridges = [{ name: 'out', from: { topic: '*' }, to: { lan: '/*' } }];
    await using node = await nodeWith(bridges, udpPort);
    const { peer, heard } = await neighbour(node, udpPort);
    await using _peer = peer;
    const broadcaster = { listen: 'http://127.0.0.1:0', drainTime: 1 };
    await node.reload({ ...node.config, broadcaster } as PartialNodeConfig);
    const { subscriber } = await listener(node);
    await using _subscriber = subscriber;
    await until(
      async () => (await subscriber.notify('later', 'words')).notified === 2 || bridgeOf(node).carried > 0,
    );
    await heard.until('what was told later', ({ name }) => name === '/later');
  });
});

describe('to a remote request server', () => {
  test('a peer asks through the node, and gets the answer or the status', async () => {
    const udpPort = randomUdpPort();
    const identity = Identity.generate();
    const remote = createApp()
      .on('/v2/weather/:city', (ctx) => ({
        city: ctx.params.city,
        asked: ctx.sender?.toString() ?? null,
        body: ctx.body,
      }))
      .on('/v2/weather', () => {
        throw new StatusError(404, 'No such city.');
      });
    await using server = await RequestServer.start(remote, { identity, listen: ['tcp://127.0.0.1:0'] });
    const to = { request: server.addresses[0] ?? '', serverKey: server.publicKey.toString(), route: '/v2/*' };
    await using node = await nodeWith(
      [{ name: 'weather', from: { lan: '/weather*' }, to: { ...to, route: '/v2/weather*' } } as BridgeConfig],
      udpPort,
    );
    const { peer } = await neighbour(node, udpPort);
    await using _peer = peer;
    const ask = (route: string, body: unknown): Promise<unknown> =>
      peer.tell(node.publicKey.fingerprint, route, body);
    assert.deepEqual(await ask('/weather/oslo', { unit: 'C' }), {
      ...{ city: 'oslo', asked: node.publicKey.toString(), body: { unit: 'C' } },
    });
    await assert.rejects(ask('/weather', ''), { status: 404, message: 'No such city.' });
    await server.close();
    await assert.rejects(ask('/weather/bergen', ''), { status: 502 });
    assert.match(bridgeOf(node).lastProblem, /tcp:/);
    assert.equal(bridgeOf(node).failed, 2);
  });
});

describe('a source of topics', () => {
  test('subscribes for all its bridges or for none, tries again, and carries once then', async () => {
    const store = new SqliteSubscriptionStore(join(folder, 'halves.db'));
    const auth = noneAuth();
    await using server = await Broadcaster.start({ listen: 'http://127.0.0.1:0', store, auth, drainTime: 1 });
    const heard = new Journal<string>();
    const hear: Target['deliver'] = async ({ message }) => heard.add(message.route);
    let failures = 1;
    const second = {
      get topic() {
        if (failures-- > 0) throw new Error('No subscription yet.');
        return 'b/*';
      },
    };
    const bridges = [bridgeFrom({ topic: 'a/*' }, hear), bridgeFrom(second, hear)];
    const running = { broadcaster: { server, store, deliveries: null, auth } };
    const source = await TopicSource.start(bridges, posing({ running }));
    await using _closing = { [Symbol.asyncDispose]: () => source.close() };
    assert.equal(bridges[0]?.status.lastProblem, 'No subscription yet.');
    await using publisher = await Subscriber.connect({ broadcasters: server.address });
    await until(async () => (await publisher.notify('b/first', 'x')).notified > 0);
    assert.equal(bridges[1]?.status.lastProblem, '', 'what is over is not told any more');
    await publisher.notify('a/second', 'x');
    await publisher.notify('b/last', 'x');
    await heard.until('the last', (route) => route === '/b/last');
    assert.deepEqual(
      heard.entries.filter((route) => route !== '/b/first'),
      ['/a/second', '/b/last'],
    );
  });
});

describe('from a webhook to a topic', () => {
  test('goes on from there over another bridge', async () => {
    const secretFile = join(folder, 'chain.secret');
    const secret = randomBytes(24).toString('hex');
    await writeFile(secretFile, secret, { mode: 0o600 });
    const from = { webhook: '/fire', listen: 'http://127.0.0.1:0', secretFile };
    await using node = await nodeWith(
      [
        { name: 'in', from, to: { topic: 'alarms/fire' } },
        { name: 'on', from: { topic: 'alarms/*' }, to: { topic: 'out/*' } },
      ],
      randomUdpPort(),
      { peers: false },
    );
    const { subscriber, heard } = await listener(node);
    await using _subscriber = subscriber;
    const url = `${addressOf(node, 'http', 'bridges')}/fire`;
    const headers = { authorization: `Bearer ${secret}` };
    assert.equal((await fetch(url, { method: 'POST', body: 'help', headers })).status, 204);
    await heard.until('what was carried on', ({ name }) => name === 'out/fire');
    assert.equal(bridgeOf(node, 1).loops, 0);
  });
});

describe('a target that changes while the node runs', () => {
  test('is asked with the key that the node has now', async () => {
    const app = createApp().on('/who', (ctx) => ctx.sender?.toString());
    const identity = Identity.generate();
    await using server = await RequestServer.start(app, { identity, listen: ['tcp://127.0.0.1:0'] });
    const [request = ''] = server.addresses;
    const serverKey = server.publicKey.toString();
    const node = { identity: Identity.generate() };
    const target = openTarget(
      { from: webhook, to: { request, serverKey, route: '/who', as: 'node' } },
      posing(node),
      new LoopGuard(),
    );
    await using _closing = { [Symbol.asyncDispose]: () => target.close() };
    for (const key of [node.identity, Identity.generate()]) {
      node.identity = key;
      assert.equal(await target.deliver(carried), key.publicKey.toString());
    }
  });

  test('is asked at an address that leads there, where its broadcaster listens at all', async () => {
    const running = {
      broadcaster: { server: { address: 'http://0.0.0.0:1' }, auth: noneAuth() } as RunningBroadcaster,
    };
    const target = openTarget({ from: webhook, to: { topic: 'x' } }, posing({ running }), new LoopGuard());
    await assert.rejects(target.deliver(carried), /http:\/\/127\.0\.0\.1:1/);
    const bridge = bridgeFrom({ topic: 'x' }, async () => {});
    const source = await TopicSource.start([bridge], posing({ running }));
    await Promise.all([source.close(), target.close()]);
    assert.match(bridge.status.lastProblem, /127\.0\.0\.1:1/);
  });

  test('is told topics with the secrets that its broadcaster has now', async () => {
    const secrets = ['the first secret there', 'the secret after that'];
    const auths = secrets.map((token) => tokenAuth({ toBroadcaster: token, toSubscriber: token }));
    let listen = 'http://127.0.0.1:0';
    const running: { broadcaster: RunningBroadcaster | null } = { broadcaster: null };
    const target = openTarget({ from: webhook, to: { topic: 'x' } }, posing({ running }), new LoopGuard());
    await using _closing = { [Symbol.asyncDispose]: () => target.close() };
    for (const auth of auths) {
      const store = new SqliteSubscriptionStore(join(folder, 'shared.db'));
      await using server = await Broadcaster.start({ listen, store, auth, drainTime: 1 });
      listen = server.address;
      running.broadcaster = { server, store, deliveries: null, auth };
      await target.deliver(carried);
    }
  });
});

describe('from a webhook', () => {
  test('signed posts are pushed to sessions, once; others are refused', async () => {
    const secretFile = join(folder, 'hook.secret');
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    await writeFile(secretFile, `${secret}\n`, { mode: 0o600 });
    const from = { webhook: '/hooks/deploy', listen: 'http://127.0.0.1:0', secretFile };
    const bridges = [{ name: 'deploys', from, to: { sessions: '/deployed' } }];
    await using node = await nodeWith(bridges, randomUdpPort(), { peers: false, broadcaster: false });
    const url = `${addressOf(node, 'http', 'bridges')}/hooks/deploy`;
    const pushed = new Journal<unknown>();
    const serverKey = node.publicKey;
    await using client = await SessionClient.connect(addressOf(node, 'ws', 'sessions'), { serverKey });
    client.on('/deployed', (ctx) => pushed.add(ctx.body));
    const body = JSON.stringify({ version: 7 });
    const post = async (headers: Record<string, string>, content = body): Promise<number> =>
      (
        await fetch(url, {
          method: 'POST',
          body: content,
          headers: { 'content-type': 'application/json', ...headers },
        })
      ).status;

    assert.equal(await post(signed(secret, 'msg_1', body)), 204);
    assert.deepEqual(await pushed.until('the push', () => true), { version: 7 });
    assert.equal(await post(signed(secret, 'msg_1', body)), 204);
    assert.equal(await post({ authorization: `Bearer ${secret}` }, '"by token"'), 204);
    await pushed.until('the other push', (each) => each === 'by token');
    assert.equal(pushed.entries.length, 2);

    for (const headers of [
      {},
      { authorization: 'Bearer nonsense' },
      signed(secret, 'msg_2', `${body} `),
      signed(`whsec_${randomBytes(32).toString('base64')}`, 'msg_3', body),
      signed(secret, 'msg_4', body, Date.now() - 600_000),
      { ...signed(secret, 'msg_5', body), 'webhook-signature': 'v1,%%%' },
    ]) {
      assert.equal(await post(headers), 401);
    }
    assert.equal((await fetch(url)).status, 405);
    assert.equal((await fetch(`${url}/other`, { method: 'POST' })).status, 404);
    assert.equal(await post({}, 'x'.repeat(1024 * 1024 + 1)), 413);
    assert.equal(pushed.entries.length, 2);
  });

  test('a post is carried once at each path, and what is refused for good is not asked for again', async () => {
    const secret = randomBytes(24).toString('hex');
    const asked: string[] = [];
    const answers = Promise.withResolvers<void>();
    const pathTo = (name: string, answer: () => Promise<unknown>): [string, WebhookPath] => {
      const from = { webhook: `/${name}`, listen: '', secretFile: '' };
      const deliver = async (): Promise<unknown> => {
        asked.push(name);
        return answer();
      };
      return [`/${name}`, { bridge: bridgeFrom(from, deliver), secret }];
    };
    const fails = (status: number) => () => Promise.reject(new StatusError(status, 'No.'));
    const source = await WebhookSource.start(
      'http://127.0.0.1:0',
      new Map([
        pathTo('slow', () => answers.promise),
        pathTo('away', () => Promise.reject(new Error('away'))),
        pathTo('refuses', fails(422)),
        pathTo('busy', fails(429)),
      ]),
    );
    await using _closing = { [Symbol.asyncDispose]: () => source.close() };
    const post = async (path: string, id: string): Promise<number> => {
      const headers = { authorization: `Bearer ${secret}`, 'webhook-id': id };
      return (await fetch(`${source.address}/${path}`, { method: 'POST', body: 'x', headers })).status;
    };
    const atOnce = Array.from({ length: 5 }, () => post('slow', 'one'));
    await until(() => asked.length > 0);
    assert.equal(await post('away', 'one'), 503, 'carried at another path only');
    assert.equal(await post('away', 'one'), 503, 'and again, since it was not carried');
    answers.resolve();
    assert.deepEqual(await Promise.all(atOnce), [204, 204, 204, 204, 204]);
    assert.deepEqual(asked, ['slow', 'away', 'away']);
    const long = 'i'.repeat(300);
    assert.deepEqual([await post('slow', `${long}1`), await post('slow', `${long}2`)], [204, 204]);
    assert.equal(asked.filter((name) => name === 'slow').length, 3, 'ids that begin alike are two');
    assert.deepEqual([await post('refuses', 'x'), await post('busy', 'x')], [422, 503]);
  });

  test('a secret that others can read, or that is short, keeps the bridges down and nothing else', async () => {
    const secretFile = join(folder, 'short.secret');
    await writeFile(secretFile, 'short', { mode: 0o600 });
    const from = { webhook: '/x', listen: 'http://127.0.0.1:0', secretFile };
    const bridges = [{ name: 'x', from, to: { sessions: '/x' } }];
    await using node = await nodeWith(bridges, randomUdpPort(), { peers: false, broadcaster: false });
    const states = node.parts.map(({ name, state, why }) => [name, state, why]);
    assert.match(
      String(states.find(([name]) => name === 'bridges')),
      /failed,The secret for \/x is too short/,
    );
    assert.equal(states.find(([name]) => name === 'sessions')?.[1], 'up');
  });
});

test('a problem is told when it begins, is over with what is carried, and is told again when it is back', async () => {
  let isAway = true;
  const warned: string[] = [];
  const log = { ...SILENT, warn: (_fields: object, text: string) => warned.push(text) };
  const deliver = async (): Promise<void> => {
    if (isAway) throw new Error('It is away.');
  };
  const bridge = bridgeFrom(webhook, deliver, log);
  for (const away of [true, true, false, true]) {
    isAway = away;
    await bridge.carry(carried.message);
    assert.equal(bridge.status.lastProblem, away ? 'It is away.' : '');
  }
  assert.equal(warned.length, 2);
});

describe('names', () => {
  test('what the star stood for goes on', () => {
    assert.equal(starOf('/a/*', '/a/b/c'), 'b/c');
    assert.equal(starOf('/a', '/a'), '');
    assert.equal(starOf('/a', '/b'), null);
    assert.equal(starOf('/a/*', '/b/c'), null);
    assert.equal(starOfTopic('a/*', 'a/b'), 'b');
    assert.equal(starOfTopic('[ab]*/x', 'alarm/x'), 'alarm/x');
    assert.equal(named('/house/*', 'a$&b'), '/house/a$&b');
  });
});

describe('the guard against loops', () => {
  test('lets messages through that only look alike, and stops what goes round', () => {
    let now = 0;
    const guard = new LoopGuard(() => now);
    const body = new Uint8Array([1]);
    const is = (wire: 'topic' | 'lan'): boolean => guard.isLoop('b', wire, '/x', body);
    assert.equal(is('topic'), false);
    guard.sends('topic', '/x', body);
    assert.equal(is('topic'), true);
    assert.equal(is('lan'), false);
    assert.equal(guard.isLoop('b', 'topic', '/x', new Uint8Array([2])), false);
    now = 2001;
    assert.equal(is('topic'), false);
    // Round through others, whom it cannot know: after a few it is dropped, and may go on when it has become quiet.
    const times = Array.from({ length: 9 }, () => is('lan')).filter((isLoop) => !isLoop).length;
    assert.equal(times, 4);
    now = 5000;
    assert.equal(is('lan'), false);
  });
});

function signed(secret: string, id: string, body: string, at = Date.now()): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
