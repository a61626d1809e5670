/** What the console shows of a whole node, and does with it: each endpoint, over real sockets. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type * as C from '../../src/console/contract.ts';
import { equivalentsOf } from '../../src/console/equivalents.ts';
import { createApp, Identity, type Node, serve } from '../../src/index.ts';
import type { PartialNodeConfig } from '../../src/node/config.ts';
import { demoApp } from '../../src/node/demo.ts';
import { PeerNode, type SealedPeer } from '../../src/peers/index.ts';
import { RequestClient } from '../../src/request/index.ts';
import { SessionClient } from '../../src/session/index.ts';
import { type Answered, Browser, CONSOLE, consoleOf, type Question } from '../support/console.ts';
import { until } from '../support/lookup.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DAY = 86_400_000;
const udpPort = randomInt(20_000, 50_000);
const folder = mkdtempSync(join(tmpdir(), 'sotto-console-'));
const data = join(folder, 'data');
const configFile = join(folder, 'sotto.config.json');
/** As it is in force. */
let config: PartialNodeConfig & { readonly peers: { readonly interfaces: string[] } } = {
  data,
  request: { listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0'] },
  lookup: { port: 0 },
  broadcaster: { listen: 'http://127.0.0.1:0' },
  sessions: { listen: ['ws://127.0.0.1:0'] },
  peers: { user: 'host', hostname: 'desk', interfaces: ['127.0.0.1'], udpPort, tcpPort: 0 },
  console: CONSOLE,
};

let node: Node;
let browser: Browser;
let ada: PeerNode;
/** What ada hears. */
const heard: { readonly route: string; readonly body: unknown }[] = [];

before(async () => {
  node = await serve(
    demoApp(() => node.running.lookup),
    config,
    { configFile },
  );
  browser = new Browser(consoleOf(node).address);
  await browser.enter(consoleOf(node).link());
  const app = createApp().on('/*', ({ route, body }) => void heard.push({ route, body }));
  const { peers } = config;
  ada = await PeerNode.start(
    app.on('/echo', (ctx) => ctx.body),
    {
      ...{ identity: Identity.generate(), user: 'ada', hostname: 'attic', tcpPort: 0 },
      ...{ interfaces: peers.interfaces, udpPort },
    },
  );
});
after(async () => {
  await ada.close();
  await node.close();
  rmSync(folder, { recursive: true });
});

async function get<View>(path: string): Promise<View> {
  const { status, json, text } = await browser.ask(path);
  assert.equal(status, 200, `${path} ${text}`);
  return json as View;
}

function send(path: string, body: unknown = {}, method: Question['method'] = 'POST'): Promise<Answered> {
  return browser.ask(path, { method: method ?? 'POST', body });
}

async function done(path: string, body: unknown = {}): Promise<void> {
  const { status, text } = await send(path, body);
  assert.equal(status, 204, `${path} ${text}`);
}

async function tried(form: C.TryRequest): Promise<C.TryReply> {
  const { status, json, text } = await send('/api/try', form);
  assert.equal(status, 200, text);
  return json as C.TryReply;
}

/** Reads the events of a stream until one fits. */
class Events {
  readonly seen: C.ConsoleEvent[] = [];
  readonly stream: IncomingMessage;
  #rest = '';

  static async open(): Promise<Events> {
    return new Events(await browser.open('/api/events'));
  }

  constructor(stream: IncomingMessage) {
    this.stream = stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#take(text));
    stream.on('error', () => {}); // cut at the end
  }

  async until<Type extends C.ConsoleEvent['type']>(
    type: Type,
    fits: (event: Extract<C.ConsoleEvent, { type: Type }>) => boolean,
  ): Promise<Extract<C.ConsoleEvent, { type: Type }>> {
    const isIt = (event: C.ConsoleEvent): event is Extract<C.ConsoleEvent, { type: Type }> =>
      event.type === type && fits(event as Extract<C.ConsoleEvent, { type: Type }>);
    await until(() => this.seen.some(isIt));
    return this.seen.find(isIt) as Extract<C.ConsoleEvent, { type: Type }>;
  }

  #take(text: string): void {
    const frames = (this.#rest + text).split('\n\n');
    this.#rest = frames.pop() ?? '';
    for (const frame of frames) {
      const [, type = '', json = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(frame) ?? [];
      if (type !== '') this.seen.push({ ...(JSON.parse(json) as object), type } as C.ConsoleEvent);
    }
  }
}

function addressOf(part: C.PartName, index = 0): string {
  return node.parts.find(({ name }) => name === part)?.addresses[index] ?? '';
}

const ANONYMOUS = { as: 'anonymous', body: '' } as const;

describe('the console shows', () => {
  test('the node', async () => {
    const { parts, routes, words, publicKey, ...view } = await get<C.NodeView>('/api/node');
    assert.deepEqual(
      parts.filter(({ state }) => state === 'up').map(({ name }) => name),
      ['request', 'lookup', 'broadcaster', 'sessions', 'peers', 'console'],
    );
    assert.deepEqual([publicKey, words], [String(node.publicKey), node.publicKey.words]);
    assert.ok(routes.includes('/where/:thing') && view.memory.rss > 0);
    assert.deepEqual([view.name, view.app, view.data, view.topicsAuth], ['host@desk', 'demo', data, null]);
    assert.deepEqual(await get('/api/bridges'), { bridges: [] });
  });

  test('what goes through, page by page and as it happens', async () => {
    const events = await Events.open();
    const url = addressOf('request', 1); // by UDP an answer without room is asked for twice
    for (const thing of ['drill', 'nothing'])
      await tried({ ...ANONYMOUS, job: 'request', url, route: `/where/${thing}` });
    const told = await events.until('traffic', ({ records }) => records.some(({ status }) => status === 404));
    assert.equal(told.skipped, 0);
    await events.until('second', ({ second }) => (second.jobs.request?.handled ?? 0) > 0);
    const { records, next } = await get<C.TrafficPage>('/api/traffic?limit=1');
    const [newest] = records;
    assert.deepEqual([newest?.route, newest?.isSealed, newest?.proof], ['/where/nothing', true, 'none']);
    assert.equal(next, newest?.id);
    const older = await get<C.TrafficPage>(`/api/traffic?before=${next}&limit=500`);
    assert.deepEqual([older.records[0]?.route, older.next], ['/where/drill', null]);
    const { seconds } = await get<C.Series>('/api/series');
    assert.equal(
      seconds.reduce((sum, { jobs }) => sum + (jobs.request?.handled ?? 0), 0),
      2,
    );
    events.stream.destroy();
  });

  test('no more to more pages than it can, and room again when one is gone', async () => {
    const pages = await Promise.all(Array.from({ length: 16 }, () => browser.open('/api/events')));
    assert.equal((await browser.ask('/api/events')).status, 503);
    for (const page of pages) page.on('error', () => {}).destroy();
    await until(async () => {
      const again = await browser.open('/api/events');
      again.on('error', () => {}).destroy();
      return again.statusCode === 200;
    });
  });

  test('limits, what was refused, and what the log warns of', async () => {
    node.log.warn({ error: new Error('why') }, 'something is odd');
    const socket = createSocket('udp4');
    socket.send('garbage', Number(new URL(addressOf('request')).port), '127.0.0.1', () => socket.close());
    await until(() => node.running.request?.counters.unsupported_cipher === 1);
    const { limits, counters, log } = await get<C.LimitsView>('/api/limits');
    const rate = limits.find(({ part, name }) => part === 'request' && name === 'rate');
    assert.deepEqual([rate?.value, rate?.unit], [5000, 'packets a second']);
    assert.ok(limits.some(({ part, name }) => part === 'sessions' && name === 'maxSessions'));
    assert.ok(
      counters.some(
        ({ part, name, count }) => part === 'request' && name === 'unsupported_cipher' && count === 1,
      ),
    );
    assert.ok(!counters.some(({ name }) => name === 'received'));
    assert.equal(log.at(-1)?.text, 'something is odd (error: why)');
  });
});

describe('a form asks', () => {
  test('by every job, as the node or as nobody', async () => {
    const url = addressOf('request');
    const who = await tried({ job: 'request', as: 'node', url, route: '/whoami', body: '' });
    assert.equal((JSON.parse(who.value) as { key: string }).key, String(node.publicKey));
    const session = addressOf('sessions');
    const nobody = await tried({ ...ANONYMOUS, job: 'session', url: session, route: '/whoami' });
    assert.deepEqual(
      [(JSON.parse(nobody.value) as { key: null }).key, nobody.ok, nobody.status],
      [null, true, 0],
    );
    const echo = await tried({ ...ANONYMOUS, job: 'request', url, route: '/echo', body: '{"a":[1]}' });
    assert.equal(echo.value, '{\n  "a": [\n    1\n  ]\n}');
    const lost = await tried({ ...ANONYMOUS, job: 'request', url, route: '/where/love' });
    assert.deepEqual([lost.ok, lost.status, /Nobody has seen a love/.test(lost.value)], [false, 404, true]);
    for (const tcp of [false, true]) {
      const row = await tried({ as: 'node', job: 'lookup', query: 'drill', tcp });
      assert.match(row.value, /"place": "the cellar/);
    }
    const notified = await tried({ ...ANONYMOUS, job: 'pubsub', topic: 'echo', body: 'hello' });
    assert.match(notified.value, /"notified": 1/, 'the demo hears of it');
  });

  test('and what cannot be asked so is a sentence, not an answer', async () => {
    const wrong: readonly C.TryRequest[] = [
      { ...ANONYMOUS, job: 'request', url: 'nowhere', route: '/' },
      { ...ANONYMOUS, job: 'request', url: 'udp://127.0.0.1:1', route: '/', serverKey: 'sotto1typo' },
      { ...ANONYMOUS, job: 'session', url: 'udp://127.0.0.1:1', route: '/' },
      { ...ANONYMOUS, job: 'peers', peer: 'nobody', route: '/' },
      { ...ANONYMOUS, job: 'broadcast', route: '/x', body: JSON.stringify('x'.repeat(65_500)) },
    ];
    for (const form of wrong) {
      const { status, json } = await send('/api/try', form);
      assert.ok(status >= 400 && status < 500, `${JSON.stringify(form).slice(0, 200)} ${status}`);
      assert.ok((json as C.Problem).text.length > 10);
    }
    const away = await tried({ ...ANONYMOUS, job: 'session', url: 'ws://127.0.0.1:9', route: '/' });
    assert.deepEqual([away.ok, away.status], [false, 502]);
  });

  test('and shows a command and a program which do the same', async () => {
    const shownNode = await get<C.NodeView>('/api/node');
    const body = `it's "hot"`;
    const forms: readonly C.TryRequest[] = [
      { job: 'request', as: 'node', url: addressOf('request'), route: '/echo', body },
      { job: 'lookup', as: 'anonymous', query: 'drill' },
      { job: 'session', as: 'node', url: addressOf('sessions'), route: '/echo', body },
      { job: 'pubsub', as: 'anonymous', topic: 'echo', body },
    ];
    const shown = forms.map((form) => equivalentsOf(form, shownNode));
    const files = shown.map(({ code }, index) => {
      const file = join(folder, `form-${index}.mjs`);
      writeFileSync(
        file,
        code.replaceAll(/from '(sotto[^']*)'/g, (_, name: string) => `from '${sourceOf(name)}'`),
      );
      return file;
    });
    const program = files.map((file) => `await import('${pathToFileURL(file)}');`).join('\n');
    const run = promisify(execFile);
    const bash = `sotto() { "${process.execPath}" "${ROOT}bin/sotto.js" "$@"; }\n${shown[0]?.command}`;
    const [programs, command] = await Promise.all([
      run(process.execPath, ['--input-type=module', '-e', program]),
      run('bash', ['-c', bash]),
    ]);
    assert.match(programs.stdout, /^it's "hot"\n\{\s+thing: 'drill'.*\}\nit's "hot"\n\{ notified: 1 \}\n$/s);
    assert.equal(command.stdout, `${body}\n`);
  });
});

/** The source of an entry point. */
function sourceOf(name: string): string {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, { default: string }>;
  };
  const built = exports[`.${name.slice('sotto'.length)}`]?.default ?? '';
  return pathToFileURL(join(ROOT, built.replace('./dist/', 'src/').replace(/\.js$/, '.ts'))).href;
}

describe('topics', () => {
  test('of globs that no broadcaster takes are refused at once', async () => {
    assert.equal((await send('/api/topics/watch', { glob: '€'.repeat(400) })).status, 400);
  });

  test('are listened to, with what became of each delivery', async () => {
    const events = await Events.open();
    const before = await get<C.TopicsView>('/api/topics');
    await done('/api/topics/watch', { glob: 'news/*' });
    await done('/api/topics/watch', { glob: 'news/*' });
    await tried({ ...ANONYMOUS, job: 'pubsub', topic: 'news/today', body: 'ä'.repeat(4000) });
    const { message } = await events.until('topic', ({ message: { topic } }) => topic === 'news/today');
    assert.deepEqual([message.body.length, message.bytes], [2048, 8000], 'the beginning is shown');
    for (const topic of ['topics', 'deliveries'] as const) {
      await events.until('changed', ({ what }) => what.includes(topic));
    }
    const view = await get<C.TopicsView>('/api/topics');
    assert.deepEqual([view.watched, view.webSockets], [['news/*'], before.webSockets + 1]);
    assert.ok((view.counters.delivery_received ?? 0) > 0);
    const log = (query: string): Promise<C.DeliveriesPage> => get(`/api/deliveries?${query}`);
    await until(async () => (await log('topic=news/today&status=received')).deliveries.length === 1);
    const { deliveries, next } = await log('topic=news/today&limit=1');
    assert.deepEqual([deliveries[0]?.bytes, deliveries[0]?.why], [8000, '']);
    assert.deepEqual(await log(`before=${deliveries[0]?.id}&topic=news/today`), {
      deliveries: [],
      next: null,
    });
    assert.ok(next === null || next > 0);
    config = { ...config, broadcaster: { listen: 'http://127.0.0.1:0', drainTime: 1 } };
    await node.reload(config);
    await until(async () => {
      const reply = await tried({ ...ANONYMOUS, job: 'pubsub', topic: 'news/later', body: 'again' });
      return /"notified": 1/.test(reply.value);
    });
    await events.until('topic', ({ message: { topic } }) => topic === 'news/later');
    await done('/api/topics/unwatch', { glob: 'news/*' });
    assert.deepEqual((await get<C.TopicsView>('/api/topics')).watched, []);
    await until(async () => (await get<C.TopicsView>('/api/topics')).webSockets === before.webSockets);
    events.stream.destroy();
  });
});

describe('peers', () => {
  const seen = async (): Promise<C.PeerView | undefined> =>
    (await get<C.PeersView>('/api/peers')).peers.find(({ name }) => name === 'ada@attic');

  test('are shown with their words, judged, and asked', async () => {
    await until(async () => (await seen())?.isVerified === true);
    const [there, { self, events, isGroupSealed }] = [await seen(), await get<C.PeersView>('/api/peers')];
    assert.deepEqual([there?.words, there?.id], [ada.publicKey.words, ada.publicKey.fingerprint]);
    assert.deepEqual([self.name, self.id, isGroupSealed], ['host@desk', node.publicKey.fingerprint, false]);
    assert.ok(events.some(({ text }) => text.includes('ada@attic has proved its key')));
    const judge = (verb: string, id = there?.id): Promise<void> => done(`/api/peers/${id}/${verb}`);
    await judge('trust');
    assert.equal((await seen())?.isTrusted, true);
    await judge('untrust');
    assert.equal((await seen())?.isTrusted, false);
    const answer = await tried({ ...ANONYMOUS, job: 'peers', peer: 'ada', route: '/echo', body: 'hello' });
    assert.deepEqual([answer.ok, answer.value], [true, 'hello']);
    await judge('block');
    await until(async () => (await get<C.PeersView>('/api/peers')).known.some(({ isBlocked }) => isBlocked));
    await judge('unblock');
    await judge('forget');
    assert.equal((await send(`/api/peers/${there?.id}/accept`)).status, 404, 'its key has not changed');
  });

  test('and terminals chat together', async () => {
    const events = await Events.open();
    await done('/api/chat/rooms', { name: 'kitchen' });
    await done('/api/chat', { room: 'kitchen', text: 'tea is ready' });
    await until(() => heard.some(({ route }) => route === '/chat/kitchen'));
    const [tea] = heard.filter(({ route }) => route === '/chat/kitchen');
    assert.deepEqual({ ...(tea?.body as object) }, { user: 'host', text: 'tea is ready' });
    ada.broadcast('/chat/attic', { user: 'ada', text: 'coming\u202e' });
    const { line } = await events.until('chat', ({ line: { room } }) => room === 'attic');
    assert.deepEqual([line.from, line.seal, line.isOwn, line.peer], ['~ada', 'plain', false, null]);
    assert.deepEqual([line.text, line.mark], ['coming', null]);
    const host = await peerOf(ada, node.publicKey.fingerprint);
    await ada.tell(host, '/chat-message', 'between us');
    const { line: secret } = await events.until('chat', ({ line: { seal } }) => seal === 'sealed');
    assert.deepEqual(
      [secret.room, secret.peer, secret.text],
      [null, ada.publicKey.fingerprint, 'between us'],
    );
    assert.match(secret.mark ?? '', /^(claimed|verified)$/);
    await until(async () => (await seen())?.isVerified === true);
    await done(`/api/peers/${ada.publicKey.fingerprint}/trust`);
    await ada.tell(host, '/chat-message', 'once more');
    await events.until('chat', ({ line: { mark } }) => mark === 'trusted');
    await done('/api/chat', { peer: ada.publicKey.fingerprint, text: 'yes' });
    assert.ok(heard.some(({ route, body }) => route === '/chat-message' && body === 'yes'));
    const { rooms, lines } = await get<C.ChatView>('/api/chat');
    assert.deepEqual(rooms, ['lobby', 'kitchen', 'attic']);
    assert.deepEqual(
      lines.map(({ isOwn }) => isOwn),
      [true, false, false, false, true],
    );
    events.stream.destroy();
  });
});

async function peerOf(node: PeerNode, id: string): Promise<SealedPeer> {
  const find = (): SealedPeer | undefined =>
    node.peers.find(
      (peer): peer is SealedPeer => peer.kind === 'sealed' && peer.id === id && peer.isVerified,
    );
  await until(() => find() !== undefined);
  return find() as SealedPeer;
}

test('lookups: files, completions, and an answer', async () => {
  const { files } = await get<C.LookupView>('/api/lookup');
  assert.deepEqual(
    [files[0]?.name, files[0]?.rows, files[0]?.state, files[0]?.problem],
    ['things.csv', 5, 'current', ''],
  );
  const keys = (query: string): Promise<unknown> => get(`/api/lookup/complete?${query}`);
  assert.deepEqual(await keys('prefix=S&file=things.csv'), { keys: ['spade'] });
  assert.deepEqual(await keys(''), { keys: ['drill', 'ladder', 'passport', 'spade', 'torch'] });
  const { json } = await send('/api/lookup/query', { text: 'torch' });
  assert.match((json as C.TryReply).value, /hall drawer/);
});

test('sessions: who is there, a word to them, and goodbye', async () => {
  const pushed: unknown[] = [];
  const identity = Identity.generate();
  const client = await SessionClient.connect(addressOf('sessions'), {
    serverKey: node.publicKey,
    identity,
  });
  client.on('/news', ({ body }) => void pushed.push(body));
  const closed = new Promise((resolve) => client.on('closed', resolve));
  const find = async (): Promise<C.SessionView | undefined> =>
    (await get<C.SessionsView>('/api/sessions')).sessions.find(
      ({ key }) => key === String(identity.publicKey),
    );
  const session = await find();
  assert.deepEqual([session?.id, session?.isConnected, session?.transport], [client.id, true, 'ws']);
  await done(`/api/sessions/${client.id}/push`, { route: '/news', body: '{"a":1}' });
  await until(() => pushed.length === 1);
  assert.deepEqual(pushed, [{ a: 1 }]);
  await done(`/api/sessions/${client.id}/close`);
  await closed;
  assert.equal(await find(), undefined);
  assert.equal((await send(`/api/sessions/${client.id}/close`)).status, 404);
  await client.close();
});

test('keys: made for their owner alone, by names and no paths; shown as a picture; changed for new ones', async () => {
  await done('/api/keys', { name: 'phone' });
  assert.equal((await send('/api/keys', { name: 'phone' })).status, 409);
  for (const name of ['../evil', 'a/b', '..', '.hidden', 'a.b', '', 'A', 'x\0', 'ä', 'x'.repeat(65), 7]) {
    assert.equal((await send('/api/keys', { name })).status, 400, String(name));
  }
  assert.equal(statSync(join(data, 'keys', 'phone.key')).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(data, 'keys')), ['phone.key']);
  await Identity.generate().save(join(data, 'keys', 'sealed.key'), { passphrase: 'open sesame' });
  await Identity.generate().save(join(data, 'keys', 'shown.key'));
  chmodSync(join(data, 'keys', 'shown.key'), 0o644);
  const { keys, unusable } = await get<C.KeysView>('/api/keys');
  assert.deepEqual(
    keys.map(({ name, role }) => `${name} ${role}`),
    ['node node', 'phone other', 'sealed other'],
  );
  assert.match(unusable[0]?.why ?? '', /can be used by others/);
  const phone = await Identity.load(join(data, 'keys', 'phone.key'));
  assert.deepEqual([keys[1]?.publicKey, keys[1]?.words], [String(phone.publicKey), phone.publicKey.words]);
  const { qr = [] } = keys[1] ?? {};
  assert.ok(qr.length >= 21 && qr.every((row) => row.length === qr.length));
  const corner = [qr[0], qr[1], qr[2]].map((row) => row?.slice(0, 7).map(Number).join(''));
  assert.deepEqual(corner, ['1111111', '1000001', '1011101'], 'a finder of a QR code');
});

test('keys: the node gets a new one, and whoever knows the old one goes on until that ends', async () => {
  const [first, url] = [node.publicKey, addressOf('request', 1)];
  const asking = { timeout: 500, retries: 0 };
  await using old = await RequestClient.connect(url, { serverKey: first, ...asking });
  const begun = Date.now();
  await done('/api/keys/rotate', { overlapDays: 30 });
  const second = node.publicKey;
  assert.notEqual(String(second), String(first));
  assert.equal(String((await Identity.load(join(data, 'identity.key'))).publicKey), String(second));
  assert.equal((await get<C.NodeView>('/api/node')).publicKey, String(second));
  const [current, before] = (await get<C.KeysView>('/api/keys')).keys;
  assert.deepEqual([current?.publicKey, current?.until], [String(second), null]);
  assert.deepEqual(
    [before?.role, before?.publicKey, before?.file],
    ['previous', String(first), join(data, 'identity.key.previous')],
  );
  const lasts = (before?.until ?? 0) - 30 * DAY;
  assert.ok(lasts >= begun && lasts <= Date.now(), 'thirty days');
  assert.equal(await old.request('/echo', 'hello'), 'hello');
  await using middle = await RequestClient.connect(url, { serverKey: second, ...asking });
  assert.equal(await middle.request('/echo', 'hello'), 'hello');
  await done('/api/keys/rotate', { overlapDays: 0 });
  await assert.rejects(middle.request('/echo', 'hello'), 'it ended at once');
  assert.equal(await old.request('/echo', 'hello'), 'hello', 'and the first goes on');
  const roles = (await get<C.KeysView>('/api/keys')).keys.map(
    ({ role, publicKey }) => `${role} ${publicKey}`,
  );
  assert.deepEqual(roles.slice(0, 2), [`node ${node.publicKey}`, `previous ${first}`]);
});

test('the config: checked, put in force, written; what is wrong changes nothing', async () => {
  const events = await Events.open();
  const { text, file, schema } = await get<C.ConfigView>('/api/config');
  assert.deepEqual([text, file, typeof schema], ['{}\n', configFile, 'object']);
  const put = (content: unknown): Promise<Answered> =>
    send('/api/config', { text: typeof content === 'string' ? content : JSON.stringify(content) }, 'PUT');
  for (const wrong of ['{', 'null', { ...config, sessions: { listen: 7 } }, { data, nothing: true }]) {
    const { status, json } = await put(wrong);
    assert.deepEqual([status, (json as C.Problem).code], [422, 'invalid_config']);
  }
  assert.equal(existsSync(configFile), false);
  const changed = {
    ...config,
    sessions: { ...(config.sessions as object), allow: [String(Identity.generate().publicKey)] },
  };
  const { status, json } = await put(changed);
  assert.deepEqual([status, json], [200, { restarted: [], applied: ['sessions'], failed: [] }]);
  assert.equal(readFileSync(configFile, 'utf8'), JSON.stringify(changed));
  assert.equal(statSync(configFile).mode & 0o777, 0o600);
  assert.equal((await get<C.ConfigView>('/api/config')).text, JSON.stringify(changed));
  await events.until('changed', ({ what }) => what.includes('config'));
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.new')),
    [],
  );
  chmodSync(configFile, 0o640);
  assert.equal((await put(config)).status, 200);
  assert.equal(statSync(configFile).mode & 0o777, 0o640, 'a file stays whose it was');
  const both = [{ ...config, access: { '/a': [] } }, config];
  const answers = await Promise.all(both.map(put));
  assert.deepEqual(
    answers.map((each) => each.status),
    [200, 200],
  );
  const kept = JSON.parse(readFileSync(configFile, 'utf8')) as PartialNodeConfig;
  assert.deepEqual(kept.access ?? {}, node.config.access);
  events.stream.destroy();
});

test('garbage is answered with a sentence, whatever it is and wherever it goes', async () => {
  const queries = ['/api/traffic', '/api/deliveries', '/api/lookup/complete'];
  const odd = [
    'before=-1',
    'before=x',
    'limit=0',
    'limit=1e9',
    'limit[]=1',
    'nothing=1',
    'status=%00',
    `x=${'y'.repeat(5000)}`,
  ];
  const posts = [
    ...['try', 'topics/watch', 'topics/unwatch', 'chat', 'chat/rooms', 'lookup/query', 'keys', 'keys/rotate'],
    ...[
      'enter',
      'sessions/x/push',
      'sessions/x/close',
      'peers/x/trust',
      `peers/${'0'.repeat(64)}/nothing`,
      'nothing',
    ],
  ];
  const bodies = [
    ...[
      '',
      '{',
      'null',
      '[]',
      '"x"',
      '7',
      '{"a":1}',
      '\u0000',
      '{"__proto__":{}}',
      '{"glob":""}',
      '{"glob":7}',
    ],
    ...[
      '{"name":{}}',
      '{"room":"/sotto/x","text":"x"}',
      '{"room":"a b","text":"x"}',
      '{"peer":"nobody","text":"x"}',
    ],
    ...['{"overlapDays":-1}', '{"overlapDays":1e999}', '{"job":"request"}', '{"job":"nothing","as":"node"}'],
    ...[
      '{"route":"x","body":""}',
      '{"text":7}',
      `{"text":"${'x'.repeat(70_000)}"}`,
      '{"token":7}',
      '['.repeat(10_000),
    ],
  ];
  const asked = [
    ...queries.flatMap((path) => odd.map((query) => ['GET', `${path}?${query}`, undefined] as const)),
    ...posts.flatMap((path) => bodies.map((body) => ['POST', `/api/${path}`, body] as const)),
    ...bodies.map((body) => ['PUT', '/api/config', body] as const),
    ...(['POST', 'PUT', 'DELETE'] as const).map((method) => [method, '/api/node', '{}'] as const),
  ];
  const other = (await get<C.ChatView>('/api/chat')).rooms;
  for (const [method, path, body] of asked) {
    if (path === '/api/peers/x/trust' && body === undefined) continue;
    // As somebody new each time, who has not asked too much yet.
    const { status, json, text } = await guest(path, { method, ...(body === undefined ? {} : { body }) });
    const { code, text: sentence } = (json ?? {}) as Partial<C.Problem>;
    assert.ok(
      status >= 400 && status < 500 && code && sentence,
      `${method} ${path} ${body?.slice(0, 80)}: ${status} ${text}`,
    );
  }
  assert.deepEqual((await get<C.ChatView>('/api/chat')).rooms, other);
});

let guests: Browser | null = null;
let asks = 0;

async function guest(path: string, question: Question): Promise<Answered> {
  asks += 1;
  if (guests === null || asks % 100 === 0) {
    guests = new Browser(consoleOf(node).address);
    await guests.enter(consoleOf(node).link());
  }
  return guests.ask(path, question);
}
